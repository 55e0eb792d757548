"""TIFF files whose samples Pillow reads wrongly or not at all.

libtiff decompresses them, and this module interprets the samples. Pillow decides for samples of 1,
2, 4 and 8 bits in one plane, and for the compressions and color models that this module does not
know. All other whole numbers of up to 16 bits are read here.

Source: TIFF Revision 6.0, and its supplements; BigTIFF as in libtiff.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.orientation import UPRIGHT
from imggen.decode.rasters import CHANNELS, Raster, RasterMode, check_num_bytes

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _ORIENTATION, _CHANNELS, _ROWS_PER_STRIP, _PLANAR = 266, 274, 277, 278, 284
_STRIP_OFFSETS, _STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES = 273, 279, 324, 325
_TILE_WIDTH, _TILE_HEIGHT, _PREDICTOR, _COLOR_MAP, _INK_SET = 322, 323, 317, 320, 332
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _SUBSAMPLING = 338, 339, 530
_TAGS = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _ORIENTATION, _CHANNELS),
    *(_ROWS_PER_STRIP, _PLANAR, _STRIP_OFFSETS, _STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES),
    *(_TILE_WIDTH, _TILE_HEIGHT, _PREDICTOR, _COLOR_MAP, _INK_SET, _EXTRA_SAMPLES, _SAMPLE_FORMAT),
    _SUBSAMPLING,
}
# The letter of struct for each type of whole numbers.
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_NONE, _LZW, _DEFLATE, _PACKBITS = 1, 5, 8, 32773
# Compressions without a loss that do not depend on the layout of samples.
_LOSSLESS = {_NONE, _LZW, _DEFLATE, 32946, _PACKBITS, 34925, 50000}
# For which libtiff ignores the predictor.
_UNPREDICTED = {_NONE, _PACKBITS}
_WHITE_IS_ZERO, _YCBCR = 0, 6
_MODES: dict[int, RasterMode] = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK"}
_PHOTOMETRICS = {
    0: "WhiteIsZero",
    1: "grayscale",
    2: "RGB",
    3: "palette",
    4: "transparency mask",
    5: "CMYK",
    6: "YCbCr",
    8: "Lab",
    9: "ICC Lab",
    10: "ITU Lab",
    32803: "color filter array",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
_COMPRESSIONS = {
    2: "CCITT RLE",
    3: "CCITT group 3",
    4: "CCITT group 4",
    6: "old-style JPEG",
    7: "JPEG",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34927: "WebP",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_SAMPLE_FORMATS = {1: "", 2: " signed", 3: " floating-point", 4: "", 5: " complex", 6: " complex"}
_MAX_VALUES = 1 << 20
_AT_ONCE = 1 << 20  # bytes
_ASSOCIATED, _UNASSOCIATED = 1, 2


class TiffHeader(NamedTuple):
    """The layout of the first page of a TIFF, in the words of the specification."""

    order: str
    width: int
    height: int
    bits: tuple[int, ...]
    sample_formats: tuple[int, ...]
    compression: int
    photometric: int
    is_planar: bool
    extra_samples: tuple[int, ...]
    fill_order: int
    predictor: int
    orientation: int
    ink_set: int
    color_map: tuple[int, ...]
    subsampling: tuple[int, ...]
    is_tiled: bool
    block: tuple[int, int]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def kind(self) -> str:
        """The kind of file in words, such as "16-bit planar RGB TIFF"."""
        bits = "/".join(map(str, dict.fromkeys(self.bits)))
        formats = " and".join(
            _SAMPLE_FORMATS.get(number, "") for number in dict.fromkeys(self.sample_formats)
        )
        planar = " planar" if self.is_planar and len(self.bits) > 1 else ""
        color = _PHOTOMETRICS.get(self.photometric, f"photometric {self.photometric}")
        channels = f" of {len(self.bits)} channels" if len(self.bits) > 4 else ""
        compressed = ""
        if self.compression not in _LOSSLESS:
            name = _COMPRESSIONS.get(self.compression, f"method {self.compression}")
            compressed = f" compressed by {name}"
        return f"{bits}-bit{formats}{planar} {color} TIFF{channels}{compressed}"

    @property
    def num_excess_bytes(self) -> int:
        """The number of bytes by which a strip or tile is larger than the whole image."""
        down, across = self.block
        excess = down * across - self.height * self.width
        return excess * (1 if self.is_planar else len(self.bits)) * max(self.bits) // 8

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow reads such files rightly."""
        has_multiplied_gray = len(self.bits) == 2 and self.extra_samples[:1] == (_ASSOCIATED,)
        # Pillow by itself ignores that color has fewer pixels than brightness; libtiff does not.
        is_raw_subsampled = (
            self.photometric == _YCBCR and self.compression == _NONE and self.subsampling != (1, 1)
        )
        # Where it does not call libtiff, it confuses planes, and rows of tiles in parts of a byte;
        # and it turns files that it maps into memory wrongly.
        is_confused = self.compression == _NONE and (
            self.is_planar
            or (self.is_tiled and set(self.bits) != {8})
            or self.orientation != UPRIGHT
        )
        has_planes = self.is_planar and len(self.bits) > 1 and self.compression in _LOSSLESS
        return (
            set(self.bits) <= {1, 2, 4, 8}
            and self.sample_formats[:1] != (2,)
            and not (has_multiplied_gray or is_raw_subsampled or is_confused or has_planes)
        )

    @property
    def is_close_in_pillow(self) -> bool:
        """Whether Pillow reads such files rightly but for rounding to 8 bits."""
        return set(self.bits) == {16} and not self.is_planar and self.photometric != _WHITE_IS_ZERO

    @property
    def is_readable(self) -> bool:
        """Whether this module reads such files."""
        mode = _MODES.get(self.photometric)
        return (
            mode is not None
            and len(set(self.bits)) == 1
            and 1 <= self.bits[0] <= 16
            and set(self.sample_formats) <= {1, 4}
            and self.compression in _LOSSLESS
            and self.predictor in ({1, 2} if self.bits[0] in (8, 16) else {1})
            and self.fill_order in {1, 2}
            and len(self.bits) >= CHANNELS[mode]
            and (mode != "P" or (self.bits[0] <= 8 and len(self.color_map) == 3 << self.bits[0]))
            and (mode != "CMYK" or self.ink_set == 1)
        )


def read_tiff_header(file: BinaryIO) -> TiffHeader | None:
    """Reads the header of a TIFF; None if it is not one, or a required tag is missing."""
    tags, order = _read_tags(file)
    if not {_WIDTH, _HEIGHT} <= tags.keys():
        return None
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    channels = tags.get(_CHANNELS, (1,))[0]
    if not 1 <= channels <= 64:
        return None
    is_tiled = _TILE_OFFSETS in tags
    block = (
        (tags.get(_TILE_HEIGHT, (0,))[0], tags.get(_TILE_WIDTH, (0,))[0])
        if is_tiled
        else (min(height, tags.get(_ROWS_PER_STRIP, (height,))[0]), width)
    )
    return TiffHeader(
        order=order,
        width=width,
        height=height,
        bits=_one_per_channel(tags.get(_BITS, (1,)), channels),
        sample_formats=_one_per_channel(tags.get(_SAMPLE_FORMAT, (1,)), channels),
        compression=tags.get(_COMPRESSION, (_NONE,))[0],
        photometric=tags.get(_PHOTOMETRIC, (0,))[0],
        is_planar=tags.get(_PLANAR, (1,))[0] == 2,
        extra_samples=tags.get(_EXTRA_SAMPLES, ()),
        fill_order=tags.get(_FILL_ORDER, (1,))[0],
        predictor=tags.get(_PREDICTOR, (1,))[0],
        orientation=tags.get(_ORIENTATION, (UPRIGHT,))[0],
        ink_set=tags.get(_INK_SET, (1,))[0],
        color_map=tags.get(_COLOR_MAP, ()),
        subsampling=tags.get(_SUBSAMPLING, (2, 2)),
        is_tiled=is_tiled,
        block=block,
        offsets=tags.get(_TILE_OFFSETS if is_tiled else _STRIP_OFFSETS, ()),
        sizes=tags.get(_TILE_SIZES if is_tiled else _STRIP_SIZES, ()),
    )


def read_tiff(file: BinaryIO, header: TiffHeader) -> Raster:
    """Reads the samples of a file whose header ``is_readable``.

    Raises:
        ValueError: It is damaged, or too large.
    """
    mode = _MODES[header.photometric]
    values = _read_samples(file, header)
    max_value = (1 << header.bits[0]) - 1
    base = CHANNELS[mode]
    alpha = None
    if len(header.bits) > base:
        # Without the tag a fourth channel of RGB is opacity, as in Pillow.
        kinds = header.extra_samples or ((_UNASSOCIATED,) if mode == "RGB" else ())
        if kinds and kinds[0] in (_ASSOCIATED, _UNASSOCIATED) and mode in ("L", "RGB"):
            alpha = values[:, :, base : base + 1]
            if kinds[0] == _ASSOCIATED:
                values = _divide_by_alpha(values[:, :, :base], alpha, max_value)
    values = values[:, :, :base]
    if header.photometric == _WHITE_IS_ZERO:
        values = values.dtype.type(max_value) - values
    palette = None
    if mode == "P":
        colors = np.array(header.color_map, np.uint16).reshape(3, -1).T
        palette = (colors >> 8).astype(np.uint8)
    if alpha is not None:
        values = np.concatenate([values, alpha], axis=2)
        mode = "LA" if mode == "L" else "RGBA"
    orientation = header.orientation if 1 <= header.orientation <= 8 else UPRIGHT
    return Raster(values, max_value, mode, palette, orientation)


def _read_tags(file: BinaryIO) -> tuple[dict[int, tuple[int, ...]], str]:
    """Reads the tags of the first page that describe its layout, and the order of bytes."""
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
    if not order or len(start) < 8:
        return {}, order
    version = struct.unpack(order + "H", start[2:4])[0]
    if version not in (42, 43):
        return {}, order
    is_big = version == 43
    entry_size, inline = (20, 8) if is_big else (12, 4)
    offset = "Q" if is_big else "I"
    tags: dict[int, tuple[int, ...]] = {}
    try:
        file.seek(struct.unpack(order + offset, start[8:16] if is_big else start[4:8])[0])
        count = struct.unpack(order + ("Q" if is_big else "H"), file.read(8 if is_big else 2))[0]
        directory = file.read(entry_size * min(count, 4096))
        for at in range(0, len(directory) - entry_size + 1, entry_size):
            entry = directory[at : at + entry_size]
            tag, kind, number = struct.unpack(order + "HH" + offset, entry[:-inline])
            if tag not in _TAGS or kind not in _TYPES or not 1 <= number <= _MAX_VALUES:
                continue
            size = struct.calcsize(order + _TYPES[kind]) * number
            raw = entry[-inline:][:size]
            if size > inline:
                file.seek(struct.unpack(order + offset, entry[-inline:])[0])
                raw = file.read(size)
            tags[tag] = struct.unpack(f"{order}{number}{_TYPES[kind]}", raw)
    except (struct.error, OverflowError):
        return {}, order
    return tags, order


def _one_per_channel(values: tuple[int, ...], channels: int) -> tuple[int, ...]:
    return values[:channels] if len(values) >= channels else values[:1] * channels


def _read_samples(file: BinaryIO, header: TiffHeader) -> npt.NDArray[Any]:
    """Reads all samples, shape (height, width, channels), as stored."""
    height, width, channels = header.height, header.width, len(header.bits)
    down, across = header.block
    planes, in_chunk = (channels, 1) if header.is_planar else (1, channels)
    dtype = np.uint8 if header.bits[0] <= 8 else np.uint16
    check_num_bytes(height * width * channels * np.dtype(dtype).itemsize)
    if not (height and width and down and across):
        raise ValueError("its size, or that of its tiles, is 0")
    per_plane = -(-height // down) * -(-width // across)
    if len(header.offsets) < planes * per_plane or len(header.sizes) < planes * per_plane:
        raise ValueError("some of its strips or tiles are missing")
    samples = np.zeros((height, width, channels), dtype)
    chunks = iter(zip(header.offsets, header.sizes, strict=False))
    for plane in range(planes):
        target = samples[:, :, plane : plane + 1] if header.is_planar else samples
        for top in range(0, height, down):
            for left in range(0, width, across):
                offset, size = next(chunks)
                place = target[top : top + down, left : left + across]
                if across == width:  # a strip; the last one may have fewer rows
                    shape = (len(place), across, in_chunk)
                else:
                    shape = (down, across, in_chunk)
                _read_chunk(file, offset, size, header, shape, place)
    return samples


def _read_chunk(
    file: BinaryIO,
    offset: int,
    size: int,
    header: TiffHeader,
    shape: tuple[int, int, int],
    target: npt.NDArray[Any],
) -> None:
    """Reads a strip or tile, shape (rows, columns, channels), as far as ``target`` needs it."""
    rows, columns, channels = shape
    row_size = -(-columns * channels * header.bits[0] // 8)
    if header.compression != _NONE:
        check_num_bytes(2 * rows * row_size)  # it is copied on its way through Pillow
        file.seek(offset)
        compressed = file.read(min(size, 2 * rows * row_size + 65536))
        decompressed = _decompress(compressed, row_size, rows, header)
        values = _unpack(decompressed, row_size, header, shape)
        target[:] = values[: target.shape[0], : target.shape[1]]
        return
    at_once = max(1, 8 * _AT_ONCE // row_size)
    for top in range(0, len(target), at_once):
        part = target[top : top + at_once]
        file.seek(offset + top * row_size)
        data = file.read(len(part) * row_size)
        if header.fill_order == 2:
            digits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
            data = np.packbits(digits).tobytes()
        part[:] = _unpack(data, row_size, header, (len(part), columns, channels))[
            :, : part.shape[1]
        ]


def _decompress(data: bytes, row_size: int, rows: int, header: TiffHeader) -> bytearray:
    """Has libtiff decompress a strip or tile, as if it were an image of single bytes."""
    from PIL import Image

    tags = (
        *((_WIDTH, row_size), (_HEIGHT, rows), (_BITS, 8), (_COMPRESSION, header.compression)),
        *((_PHOTOMETRIC, 1), (_FILL_ORDER, header.fill_order), (_STRIP_OFFSETS, 0)),
        *((_CHANNELS, 1), (_ROWS_PER_STRIP, rows), (_STRIP_SIZES, len(data))),
    )
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if tag == _STRIP_OFFSETS else value)
        for tag, value in tags
    )
    wrapped = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data
    decompressed = bytearray()
    with Image.open(io.BytesIO(wrapped)) as image:
        at_once = max(1, 8 * _AT_ONCE // row_size)
        for top in range(0, rows, at_once):
            part = image.crop((0, top, row_size, min(top + at_once, rows)))
            decompressed += part.tobytes()
    return decompressed


def _unpack(
    data: bytes | bytearray, row_size: int, header: TiffHeader, shape: tuple[int, int, int]
) -> npt.NDArray[Any]:
    """Unpacks rows of samples, the highest bit first, to an array of ``shape``."""
    rows, columns, channels = shape
    bits, per_row = header.bits[0], columns * channels
    if len(data) < rows * row_size:
        raise ValueError("the file is truncated")
    raw = np.frombuffer(data, np.uint8, rows * row_size).reshape(rows, row_size)
    if bits in (8, 16):
        values: npt.NDArray[Any] = raw if bits == 8 else raw.view(header.order + "u2")
        values = values.reshape(shape)
        if header.predictor == 2 and header.compression not in _UNPREDICTED:
            values = np.cumsum(values, axis=1, dtype=np.uint8 if bits == 8 else np.uint16)
        return values
    values = np.zeros((rows, per_row), np.uint8 if bits < 8 else np.uint16)
    at_once = max(1, _AT_ONCE // row_size)
    for top in range(0, rows, at_once):  # a digit takes a byte
        part = values[top : top + at_once]
        digits = np.unpackbits(raw[top : top + at_once], axis=1)[:, : per_row * bits]
        digits = digits.reshape(len(part), per_row, bits)
        for position in range(bits):
            part <<= 1
            part |= digits[:, :, position]
    return values.reshape(shape)


def _divide_by_alpha(
    colors: npt.NDArray[Any], alpha: npt.NDArray[Any], max_value: int
) -> npt.NDArray[Any]:
    """Undoes the multiplication of colors by their opacity."""
    opacity = np.maximum(alpha, 1).astype(np.uint32)
    divided = (colors.astype(np.uint32) * max_value + opacity // 2) // opacity
    limited: npt.NDArray[Any] = np.minimum(divided, max_value).astype(colors.dtype)
    return limited
