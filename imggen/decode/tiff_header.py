"""The headers of TIFF files, and which reader reads them rightly.

Pillow decides for samples of 1, 2, 4 and 8 bits in one plane, and for the compressions and color
models that ``tiff`` does not know.

Source: TIFF Revision 6.0, and its supplements; BigTIFF as in libtiff.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from imggen.decode.orientation import UPRIGHT
from imggen.decode.rasters import CHANNELS, RasterMode

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, _ORIENTATION, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, _PLANAR = 266, 274, 277, 278, 284
STRIP_OFFSETS, STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES = 273, 279, 324, 325
_TILE_WIDTH, _TILE_HEIGHT, _PREDICTOR, _COLOR_MAP, _INK_SET = 322, 323, 317, 320, 332
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _SUBSAMPLING = 338, 339, 530
_TAGS = {
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, _ORIENTATION, SAMPLES_PER_PIXEL),
    *(ROWS_PER_STRIP, _PLANAR, STRIP_OFFSETS, STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES),
    *(_TILE_WIDTH, _TILE_HEIGHT, _PREDICTOR, _COLOR_MAP, _INK_SET, _EXTRA_SAMPLES, _SAMPLE_FORMAT),
    _SUBSAMPLING,
}
# The letter of struct for each type of whole numbers.
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
UNCOMPRESSED, _LZW, _DEFLATE, _PACKBITS = 1, 5, 8, 32773
# Compressions without a loss that do not depend on the layout of samples.
_LOSSLESS = {UNCOMPRESSED, _LZW, _DEFLATE, 32946, _PACKBITS, 34925, 50000}
# For which libtiff ignores the predictor.
UNPREDICTED = {UNCOMPRESSED, _PACKBITS}
WHITE_IS_ZERO, _YCBCR = 0, 6
MODES: dict[int, RasterMode] = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK"}
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
ASSOCIATED, UNASSOCIATED = 1, 2


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
    def num_missing(self) -> int:
        """The number of strips or tiles that the header does not locate."""
        down, across = max(1, self.block[0]), max(1, self.block[1])
        per_plane = -(-self.height // down) * -(-self.width // across)
        planes = len(self.bits) if self.is_planar else 1
        return planes * per_plane - len(self.offsets)

    @property
    def num_excess_bytes(self) -> int:
        """The number of bytes by which a strip or tile is larger than the whole image."""
        down, across = self.block
        excess = down * across - self.height * self.width
        return excess * (1 if self.is_planar else len(self.bits)) * max(self.bits) // 8

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow reads such files rightly."""
        has_multiplied_gray = len(self.bits) == 2 and self.extra_samples[:1] == (ASSOCIATED,)
        # Pillow by itself ignores that color has fewer pixels than brightness; libtiff does not.
        is_raw_subsampled = (
            self.photometric == _YCBCR
            and self.compression == UNCOMPRESSED
            and self.subsampling != (1, 1)
        )
        # Where it does not call libtiff, it confuses planes, and rows of tiles in parts of a byte;
        # and it turns files that it maps into memory wrongly.
        is_confused = self.compression == UNCOMPRESSED and (
            self.is_planar
            or (self.is_tiled and set(self.bits) != {8})
            or self.orientation != UPRIGHT
        )
        # Pillow has no raw mode for these.
        is_reversed = self.photometric == WHITE_IS_ZERO and self.fill_order == 2
        has_planes = self.is_planar and len(self.bits) > 1 and self.compression in _LOSSLESS
        return (
            set(self.bits) <= {1, 2, 4, 8}
            and self.sample_formats[:1] != (2,)
            and not (has_multiplied_gray or is_raw_subsampled or is_confused or has_planes)
            and not (is_reversed and set(self.bits) == {8})
            and (not self.color_map or self.has_wide_palette)
        )

    @property
    def has_wide_palette(self) -> bool:
        """Whether the colors of the palette have 16 bits."""
        return max(self.color_map, default=0) > 255

    @property
    def is_close_in_pillow(self) -> bool:
        """Whether Pillow reads such files rightly but for rounding to 8 bits."""
        return set(self.bits) == {16} and not self.is_planar and self.photometric != WHITE_IS_ZERO

    @property
    def is_readable(self) -> bool:
        """Whether this module reads such files."""
        mode = MODES.get(self.photometric)
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
    tags, order, _ = read_tiff_tags(file)
    if not {WIDTH, HEIGHT} <= tags.keys():
        return None
    width, height = tags[WIDTH][0], tags[HEIGHT][0]
    channels = tags.get(SAMPLES_PER_PIXEL, (1,))[0]
    if not 1 <= channels <= 64:
        return None
    is_tiled = _TILE_OFFSETS in tags
    block = (
        (tags.get(_TILE_HEIGHT, (0,))[0], tags.get(_TILE_WIDTH, (0,))[0])
        if is_tiled
        else (min(height, tags.get(ROWS_PER_STRIP, (height,))[0]), width)
    )
    return TiffHeader(
        order=order,
        width=width,
        height=height,
        bits=_one_per_channel(tags.get(BITS, (1,)), channels),
        sample_formats=_one_per_channel(tags.get(_SAMPLE_FORMAT, (1,)), channels),
        compression=tags.get(COMPRESSION, (UNCOMPRESSED,))[0],
        photometric=tags.get(PHOTOMETRIC, (0,))[0],
        is_planar=tags.get(_PLANAR, (1,))[0] == 2,
        extra_samples=tags.get(_EXTRA_SAMPLES, ()),
        fill_order=tags.get(FILL_ORDER, (1,))[0],
        predictor=tags.get(_PREDICTOR, (1,))[0],
        orientation=tags.get(_ORIENTATION, (UPRIGHT,))[0],
        ink_set=tags.get(_INK_SET, (1,))[0],
        color_map=tags.get(_COLOR_MAP, ()),
        subsampling=tags.get(_SUBSAMPLING, (2, 2)),
        is_tiled=is_tiled,
        block=block,
        offsets=tags.get(_TILE_OFFSETS if is_tiled else STRIP_OFFSETS, ()),
        sizes=tags.get(_TILE_SIZES if is_tiled else STRIP_SIZES, ()),
    )


class TiffTags(NamedTuple):
    """The tags of the first page that describe its layout.

    Attributes:
        values: The numbers of each tag.
        order: The order of bytes, as in ``struct``; empty if the file is not a TIFF.
        is_complete: Whether the file does not end inside its directory.
    """

    values: dict[int, tuple[int, ...]]
    order: str
    is_complete: bool = True


def read_tiff_tags(file: BinaryIO) -> TiffTags:
    """Reads the tags of the first page that describe its layout."""
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
    if not order or len(start) < 8:
        return TiffTags({}, order, is_complete=not order)
    version = struct.unpack(order + "H", start[2:4])[0]
    if version not in (42, 43):
        return TiffTags({}, order)
    is_big = version == 43
    entry_size, inline = (20, 8) if is_big else (12, 4)
    offset = "Q" if is_big else "I"
    tags: dict[int, tuple[int, ...]] = {}
    try:
        file.seek(struct.unpack(order + offset, start[8:16] if is_big else start[4:8])[0])
        count = struct.unpack(order + ("Q" if is_big else "H"), file.read(8 if is_big else 2))[0]
        directory = file.read(entry_size * min(count, 4096))
        is_complete = len(directory) == entry_size * min(count, 4096)
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
            if len(raw) == size:  # else it is damaged, and Pillow skips it too
                tags[tag] = struct.unpack(f"{order}{number}{_TYPES[kind]}", raw)
            else:
                is_complete = False
    except (struct.error, OverflowError):
        return TiffTags({}, order, is_complete=False)
    return TiffTags(tags, order, is_complete)


def _one_per_channel(values: tuple[int, ...], channels: int) -> tuple[int, ...]:
    return values[:channels] if len(values) >= channels else values[:1] * channels
