"""The kind of an image file, as its header states it, and the reading of uncommon kinds.

Pillow decides about every kind that this module does not know.
"""

from __future__ import annotations

import io
import os
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, final

import numpy as np

from imggen.decode.formats import JPEG, find_format
from imggen.decode.jpeg2000 import read_jpeg2000, read_jpeg2000_header
from imggen.decode.netpbm import read_netpbm, read_netpbm_header
from imggen.decode.old_formats import find_old_kind, identify_psd, read_tga
from imggen.decode.orientation import keep_as_stored, read_orientation, turn_upright
from imggen.decode.png import keep_needed_chunks, read_png_header, read_wide_png
from imggen.decode.rasters import Raster, check_num_bytes
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.tiff import read_tiff
from imggen.decode.tiff_header import UNCOMPRESSED, read_tiff_header
from imggen.errors import StoreError
from imggen.stores import is_elsewhere, open_file, read

if TYPE_CHECKING:
    from PIL import Image

Source = str | os.PathLike[str] | bytes

# The start-of-frame markers of JPEG by coding.
_FRAMES = {
    **dict.fromkeys((0xC0, 0xC1, 0xC2), ""),
    **dict.fromkeys((0xC9, 0xCA), "arithmetic-coded "),
    **dict.fromkeys((0xC3, 0xCB), "lossless "),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical "),
}
_JPEG_LS = 0xF7
# The factors by which Pillow multiplies gray values of 2 and 4 bits, by the start of the raw mode.
_GRAY_FACTORS = {"L;2": 85, "L;4": 17}
_ADVICE = "convert it, or read it with a loader= of your own"


@final
class FileKind(NamedTuple):
    """The kind of an image file.

    Attributes:
        name: In words, such as "16-bit planar RGB TIFF"; empty if the format is not recognized.
        is_supported: Whether ``load_image`` reads such files.
    """

    name: str
    is_supported: bool


class _Kind(NamedTuple):
    name: str
    is_for_pillow: bool
    is_readable: bool


def identify_kind(source: Source) -> FileKind:
    """Identifies the kind of a file by its header, without reading its pixels.

    Args:
        source: A path, or the bytes of a file.

    Raises:
        ImageError: The file cannot be read.
    """
    from PIL import Image

    kind = _Kind("", is_for_pillow=True, is_readable=False)
    path = describe_source(source)
    try:
        if not isinstance(source, bytes) and is_elsewhere(source):
            source = read(source)
        with open_binary(source) as file:
            kind = _identify_by_header(file) or kind
        if kind.is_readable or not kind.is_for_pillow:
            return FileKind(kind.name, kind.is_readable)
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            with open_binary(source) as file:
                if old := find_old_kind(image, file):
                    return FileKind(old, False)
            name = kind.name or f"{image.format} of mode {image.mode}"
            return FileKind(name, find_format(image.format).decoder is not None)
    except Exception as err:
        if not concerns_file(err):
            raise
        if isinstance(err, OSError) and err.errno is not None:
            raise build_image_error(path, err) from err
        return FileKind(kind.name, False)


def read_raster(image: Image.Image | None, source: Source) -> Raster | None:
    """Reads the samples of a file of a kind that Pillow reads wrongly, or not at all.

    Args:
        image: The file, opened by Pillow; None if Pillow cannot open it.
        source: The file.

    Returns:
        The samples; None if Pillow decides.

    Raises:
        ValueError: No decoder reads such files, and the message names their kind; or the file is
            damaged or too large.
    """
    with open_binary(source) as file:
        return _read_raster(image, file)


def reopen(source: Source, err: Exception, *, is_opened: bool) -> Image.Image | Raster:
    """Opens a file that Pillow has failed to open or load, as far as its pixels allow it.

    Args:
        source: The file.
        err: The error of Pillow.
        is_opened: Whether Pillow has opened it, and failed to load it.

    Raises:
        Exception: ``err``, or one that names the kind of file.
    """
    from PIL import Image

    if isinstance(err, Image.DecompressionBombError | FileNotFoundError | StoreError):
        raise err
    with open_binary(source) as file:
        header = read_png_header(file)
        if header is not None and header.is_readable:
            file.seek(0)
            image = Image.open(io.BytesIO(keep_needed_chunks(file)))
            return read_raster(image, source) or image
        file.seek(0)
        tiff = read_tiff_header(file)
    if is_opened and tiff is not None and isinstance(err, OSError) and err.errno is None:
        raise ValueError(f"{err} ({tiff.kind})")  # libtiff says little, such as "decoder error -2"
    raster = None if is_opened else read_raster(None, source)
    if raster is None:
        raise err
    return raster


def open_stored(
    source: Source, *, upright: bool | None = None, max_pixels: int | None = None
) -> Image.Image | Raster:
    """Reads the first image of a file with the values that it stores.

    Args:
        source: The file.
        upright: Turn it upright, or keep the orientation of the file. None: as Pillow does.
        max_pixels: The most pixels to decode; None for no limit besides Pillow's.

    Returns:
        A loaded image; or the samples of a file whose values Pillow would change.

    Raises:
        DecompressionBombError: The image is larger.
        Exception: No decoder reads it.
    """
    from PIL import Image

    is_opened = False
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            is_opened = True
            if max_pixels is not None:
                _check_pixels(image, max_pixels)
            is_plain = image.format == "JPEG" or (image.tile and image.tile[0][3] == image.mode)
            raster = None if is_plain else read_raster(image, source)
            return _load_stored(image if raster is None else raster, upright)
    except Exception as err:
        if not concerns_file(err):
            raise
        if not is_opened and isinstance(err, OSError) and not isinstance(source, bytes):
            is_local = not is_elsewhere(source, err)
            if not is_local:
                return open_stored(read(source), upright=upright, max_pixels=max_pixels)
        opened = reopen(source, err, is_opened=is_opened)
        if max_pixels is not None:
            _check_pixels(opened, max_pixels)
        return _load_stored(opened, upright)


def _check_pixels(opened: Image.Image | Raster, max_pixels: int) -> None:
    from PIL import Image

    height, width = opened.values.shape[:2] if isinstance(opened, Raster) else opened.size[::-1]
    if width * height > max_pixels:
        raise Image.DecompressionBombError(f"it has more than {max_pixels} pixels")


def open_binary(source: Source) -> BinaryIO:
    """Opens a path, or bytes, for reading."""
    return io.BytesIO(source) if isinstance(source, bytes) else open_file(source)


def describe_source(source: Source) -> str:
    """Returns the path of a source for messages."""
    return "bytes in memory" if isinstance(source, bytes) else os.fspath(source)


def _read_raster(image: Image.Image | None, file: BinaryIO) -> Raster | None:
    from PIL import Image

    name = None if image is None else image.format
    if name == "PNG" and image is not None:
        return _read_png(image, file)
    if name == "TGA" and image is not None:
        return read_tga(image, file)
    if name in {"SUN", "FITS"} and image is not None:
        if old := find_old_kind(image, file):
            raise _unsupported(old)
        return None
    if name in {None, "TIFF"} and (tiff := read_tiff_header(file)) is not None:
        check_num_bytes(tiff.num_excess_bytes)
        if tiff.is_readable and not (image is not None and tiff.is_for_pillow):
            try:
                return read_tiff(file, tiff)
            except Image.DecompressionBombError:
                if image is None or not tiff.is_close_in_pillow:
                    raise
                return None
        if image is None or not (tiff.is_for_pillow or image.mode in {"I", "F"}):
            raise _unsupported(tiff.kind)
        if tiff.compression == UNCOMPRESSED and tiff.num_missing > 0:  # Pillow leaves them black
            raise ValueError("some of its strips or tiles are missing")
        return None
    if name == "TIFF":
        raise ValueError("its header is damaged")
    file.seek(0)
    if name in {None, "JPEG2000"} and (jpeg2000 := read_jpeg2000_header(file)) is not None:
        if jpeg2000.is_readable and not jpeg2000.is_for_pillow:
            return read_jpeg2000(file, jpeg2000)
        if image is None or not jpeg2000.is_for_pillow:
            raise _unsupported(jpeg2000.kind)
        return None
    file.seek(0)
    if name == "PPM" and (netpbm := read_netpbm_header(file)) is not None:
        return None if netpbm.is_for_pillow else read_netpbm(file, netpbm)
    if image is None:
        file.seek(0)
        kind = _identify_by_header(file)
        if kind is not None and not (kind.is_for_pillow or kind.is_readable):
            raise _unsupported(kind.name)
    return None


def _read_png(image: Image.Image, file: BinaryIO) -> Raster | None:
    from PIL import Image

    header = read_png_header(file)
    if header is None:
        return None
    transparent = image.info.get("transparency")
    if header.bits in {2, 4} and header.color_type == 0 and isinstance(transparent, int):
        # Pillow scales the gray values to 8 bits, and not the one that is transparent, of which
        # only the lowest bits count.
        max_value = (1 << header.bits) - 1
        image.info["transparency"] = (transparent & max_value) * (255 // max_value)
    if header.is_for_pillow:
        return None
    file.seek(0)
    try:
        raster = read_wide_png(file, header, partial(read_orientation, image))
    except Image.DecompressionBombError:
        raster = None  # and Pillow reads it rightly, but for rounding and the transparent color
        if transparent is not None:
            raise
    if raster is None and transparent is not None:  # which Pillow would not see
        raise ValueError("broken data stream")
    return raster


def _find_gray_factor(args: object) -> int:
    """Returns the factor by which a decoder of Pillow multiplies gray values."""
    raw_mode = args[0] if isinstance(args, tuple) and args else args
    return _GRAY_FACTORS.get(str(raw_mode)[:3], 1)


def _load_stored(opened: Image.Image | Raster, upright: bool | None) -> Image.Image | Raster:
    if isinstance(opened, Raster):
        return opened.turn_upright() if upright else opened
    tile: Any = getattr(opened, "tile", None)
    is_scaled = opened.mode == "L" and tile and tile[0][3] != "L"
    factor = _find_gray_factor(tile[0][3]) if is_scaled else 1
    if upright is not None:
        opened = turn_upright(opened) if upright else keep_as_stored(opened)
    if factor > 1:
        return Raster(np.asarray(opened)[:, :, np.newaxis] // np.uint8(factor), 255 // factor, "L")
    opened.load()
    return opened


def _unsupported(kind: str) -> ValueError:
    return ValueError(f"{kind} is not supported; {_ADVICE}")


def _identify_by_header(file: BinaryIO) -> _Kind | None:
    """Identifies a kind that has a name here."""
    if (jpeg := _identify_jpeg(file)) is not None:
        return jpeg
    file.seek(0)
    if (psd := identify_psd(file)) is not None:
        return _Kind(psd[0], psd[1], False)
    for read_header in (
        read_png_header,
        read_tiff_header,
        read_jpeg2000_header,
        read_netpbm_header,
    ):
        file.seek(0)
        if (header := read_header(file)) is not None:
            return _Kind(header.kind, header.is_for_pillow, header.is_readable)
    return None


def _identify_jpeg(file: BinaryIO) -> _Kind | None:
    if file.read(2) != JPEG.signature[:2]:
        return None
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        marker, length = head[1], int.from_bytes(head[2:])
        if marker in _FRAMES or marker == _JPEG_LS:
            body = file.read(6)
            if len(body) < 6:
                return None
            coding, bits, channels = _FRAMES.get(marker, ""), body[0], body[5]
            name = "JPEG-LS" if marker == _JPEG_LS else "JPEG"
            of_channels = "" if channels in (1, 3, 4) else f" of {channels} channels"
            is_for_pillow = (
                bits == 8
                and channels in (1, 3, 4)
                and marker != _JPEG_LS
                and coding != "hierarchical "
            )
            return _Kind(f"{bits}-bit {coding}{name}{of_channels}", is_for_pillow, False)
        file.seek(max(0, length - 2), os.SEEK_CUR)
    return None
