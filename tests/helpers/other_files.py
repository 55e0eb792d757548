"""Writers of BMP, GIF and Netpbm files of every layout.

Source: Microsoft's documentation of BITMAPINFOHEADER and BITMAPV4HEADER; GIF89a; ppm(5).
"""

import struct

import numpy as np

from tests.helpers.tiff_files import pack_bits


def bmp(
    rows: list[bytes],
    width: int,
    bits: int,
    *,
    palette: np.ndarray | None = None,
    masks: tuple[int, ...] = (),
    compression: int = 0,
    top_down: bool = False,
    data: bytes | None = None,
) -> bytes:
    """Writes rows of packed pixels, the upper one first.

    Args:
        palette: Colors, shape (n, 3).
        masks: The bits of red, green, blue and, with a header of version 4, opacity.
        compression: 0 for none, 1 for RLE8, 2 for RLE4, 3 for bit fields.
        data: The compressed pixels, in place of ``rows``.
    """
    if data is None:
        padded = [row + bytes(-len(row) % 4) for row in rows]
        data = b"".join(padded if top_down else padded[::-1])
    colors = np.zeros((0, 3), np.uint8) if palette is None else palette
    table = np.hstack([colors[:, ::-1], np.zeros((len(colors), 1), np.uint8)]).astype(np.uint8)
    size = 108 if len(masks) == 4 else 40
    fields = struct.pack(f"<{len(masks)}I", *masks)
    height = -len(rows) if top_down else len(rows)
    info = struct.pack(
        "<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 0, 0, len(colors), 0
    )
    info += (fields if size > 40 else b"").ljust(size - 40, b"\0")
    info += b"" if size > 40 else fields
    start = 14 + len(info) + table.nbytes
    return (
        struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
        + info
        + table.tobytes()
        + data
    )


def gif(
    frames: list[np.ndarray],
    palette: np.ndarray,
    *,
    transparent: int | None = None,
    interlaced: bool = False,
) -> bytes:
    """Writes indices of a palette of 2, 4, ... 256 colors, each frame of shape (height, width)."""
    height, width = frames[0].shape
    bits = max(1, (len(palette) - 1).bit_length())
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0 | bits - 1, 0, 0)
    out += palette.astype(np.uint8).tobytes()
    for frame in frames:
        flags = 0 if transparent is None else 1
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, 5, transparent or 0, 0)
        out += b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0x40 if interlaced else 0)
        order = [
            row
            for start, step in ((0, 8), (4, 8), (2, 4), (1, 2))
            for row in range(start, height, step)
        ]
        out += _gif_data(frame[order] if interlaced else frame, max(2, bits))
    return out + b"\x3b"


def _gif_data(indices: np.ndarray, bits: int) -> bytes:
    """LZW without any matches: a clear code before codes need another bit."""
    clear = 1 << bits
    codes = []
    for at, index in enumerate(indices.ravel().tolist()):
        if at % (clear - 2) == 0:
            codes.append(clear)
        codes.append(index)
    text = "".join(f"{code:0{bits + 1}b}" for code in [*codes, clear + 1][::-1])
    data = int(text, 2).to_bytes(-(-len(text) // 8), "little")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def netpbm(samples: np.ndarray, max_value: int, *, as_text: bool = False) -> bytes:
    """Writes samples, shape (height, width, channels), as a PGM or PPM; bools as a PBM."""
    height, width, channels = samples.shape
    is_bitmap = samples.dtype == bool
    number = (1 if is_bitmap else 2 if channels == 1 else 3) + (0 if as_text else 3)
    limit = "" if is_bitmap else f"{max_value}\n"
    head = f"P{number}\n# a comment\n{width} {height}\n{limit}".encode()
    if as_text:
        numbers = (~samples if is_bitmap else samples).astype(int)
        return head + b"\n".join(b" ".join(b"%d" % n for n in row.ravel()) for row in numbers)
    if is_bitmap:
        return head + b"".join(pack_bits(~samples[:, :, 0], 1))
    return head + samples.astype(">u2" if max_value > 255 else "u1").tobytes()
