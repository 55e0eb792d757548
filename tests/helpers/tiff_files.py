"""A writer of TIFF files of any layout, also of those that Pillow and OpenCV cannot write.

Source: TIFF 6.0; BigTIFF as in libtiff; predictor 3 as in Adobe's TIFF Technical Note 3.
"""

import struct
import zlib

import numpy as np

COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_SIZES = {3: 2, 4: 4, 16: 8}


def tiff(
    samples: np.ndarray,
    bits: int,
    photometric: int,
    *,
    planar: bool = False,
    rows_per_strip: int | None = None,
    tile: tuple[int, int] | None = None,
    order: str = "<",
    big: bool = False,
    compression: str = "none",
    predictor: int = 1,
    tags: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
    """Writes samples, shape (height, width, channels), as a TIFF of one page."""
    height, width, channels = samples.shape
    planes = [samples[:, :, [c]] for c in range(channels)] if planar else [samples]
    chunks = [
        _compress(_pack(block, bits, order, predictor), compression)
        for plane in planes
        for block in _blocks(plane, rows_per_strip or height, tile)
    ]
    kind = {"f": _FLOAT, "i": _SIGNED}.get(samples.dtype.kind, _UNSIGNED)
    entries: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (bits,) * channels,
        259: (COMPRESSIONS[compression],),
        262: (photometric,),
        277: (channels,),
        284: (2 if planar else 1,),
        317: (predictor,),
        339: (kind,) * channels,
        **(tags or {}),
    }
    sizes = tuple(map(len, chunks))
    if tile is None:
        entries.update({273: sizes, 278: (rows_per_strip or height,), 279: sizes})
    else:
        entries.update({322: (tile[1],), 323: (tile[0],), 324: sizes, 325: sizes})
    return _assemble(entries, chunks, 273 if tile is None else 324, order, big)


def _blocks(plane: np.ndarray, rows: int, tile: tuple[int, int] | None) -> list[np.ndarray]:
    height, width, _ = plane.shape
    if tile is None:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    down, across = tile
    padded = np.pad(plane, ((0, -height % down), (0, -width % across), (0, 0)))
    return [
        padded[top : top + down, left : left + across]
        for top in range(0, height, down)
        for left in range(0, width, across)
    ]


def _pack(block: np.ndarray, bits: int, order: str, predictor: int) -> bytes:
    """Packs samples of ``bits`` bits; every row begins with a new byte."""
    if predictor == 2:
        block = block.copy()
        block[:, 1:] -= block[:, :-1]  # modulo 2**bits
    if predictor == 3:
        rows, _, channels = block.shape
        raw = block.astype(f">f{bits // 8}").view(np.uint8).reshape(rows, -1, bits // 8)
        planes = np.swapaxes(raw, 1, 2).reshape(rows, -1)
        shifted = planes.copy()
        shifted[:, channels:] -= planes[:, :-channels]
        return shifted.tobytes()
    if bits in (8, 16, 32, 64):
        return block.astype(block.dtype.newbyteorder(order)).tobytes()
    return b"".join(pack_bits(block, bits))


def pack_bits(rows: np.ndarray, bits: int) -> list[bytes]:
    """Packs each row of numbers of ``bits`` bits, the highest bit first."""
    values = rows.reshape(len(rows), -1).astype(np.int64)
    digits = (values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(digits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    return [row.tobytes() for row in packed]


def _compress(data: bytes, compression: str) -> bytes:
    if compression == "deflate":
        return zlib.compress(data)
    if compression == "packbits":
        pieces = (data[at : at + 128] for at in range(0, len(data), 128))
        return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
    return lzw(data) if compression == "lzw" else data


def lzw(data: bytes) -> bytes:
    """LZW without any matches: literals of 9 bits, and a clear code before they need 10."""
    codes = []
    for at, byte in enumerate(data):
        if at % 250 == 0:
            codes.append(256)
        codes.append(byte)
    text = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


def _assemble(
    entries: dict[int, tuple[int, ...]], chunks: list[bytes], offsets: int, order: str, big: bool
) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(
        order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8))
    )
    inline, entry_size = (8, 20) if big else (4, 12)
    start = len(header) + (16 if big else 6) + entry_size * len(entries)
    wide = {
        tag: 16 if big and tag == offsets else 4
        for tag in (256, 257, offsets, offsets + 6 if offsets == 273 else 325)
    }
    kinds = {tag: wide.get(tag, 3) for tag in entries}
    blob_sizes = {
        tag: size
        for tag, values in entries.items()
        if (size := _SIZES[kinds[tag]] * len(values)) > inline
    }
    position = start + sum(blob_sizes.values())
    places = []
    for chunk in chunks:
        places.append(position)
        position += len(chunk)
    entries = {**entries, offsets: tuple(places)}
    directory = struct.pack(order + ("Q" if big else "H"), len(entries))
    blobs = b""
    for tag, values in sorted(entries.items()):
        letter = {3: "H", 4: "I", 16: "Q"}[kinds[tag]]
        raw = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(raw) > inline:
            place = start + len(blobs)
            blobs += raw
            raw = struct.pack(order + ("Q" if big else "I"), place)
        count = struct.pack(order + ("HHQ" if big else "HHI"), tag, kinds[tag], len(values))
        directory += count + raw.ljust(inline, b"\0")
    return header + directory + bytes(8 if big else 4) + blobs + b"".join(chunks)
