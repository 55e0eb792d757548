"""Loading of an image from a path or bytes: the choice of the decoder and conversion of modes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imggen.core import check_arguments
from imggen.decode.formats import find_format
from imggen.decode.kinds import describe_source, read_raster, reopen
from imggen.decode.orientation import (
    UPRIGHT,
    keep_as_stored,
    oriented_size,
    read_orientation,
    turn_upright,
)
from imggen.decode.placement import Placement, compute_placement
from imggen.decode.rasters import Raster, raster_to_image, scale_to_8_bits
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.readers import (
    Decoded,
    decode_plain,
    find_resize,
    fit_array,
    read_plain_file,
)
from imggen.decode.reduction import Reduction, find_factor
from imggen.decode.spec import FILTERS, NUM_CHANNELS, ImageSpec
from imggen.decode.transparency import composite

if TYPE_CHECKING:
    from PIL import Image


# The images of Pillow are copied to resize them by another library. Of larger ones, the copies
# would take hundreds of megabytes.
_MOST_PIXELS_COPIED = 2**26


@check_arguments
def load_image(
    source: str | os.PathLike[str] | bytes, spec: ImageSpec | None = None
) -> npt.NDArray[np.uint8]:
    """Reads, decodes, turns upright and resizes one image.

    Of an animation or a multi-page file the first frame is used. Transparent pixels are composited
    onto ``spec.background`` unless ``color_mode="rgba"``. Samples of other depths than eight bits
    are scaled from their declared range (black to white, such as 0 to 4095 for 12 bits) to 0 to
    255 and rounded, never clipped; of 16-bit color images too large for that, the higher eight
    bits are used. Resized pixels may differ from Pillow's by one gray level, as ``ImageSpec``
    explains. Embedded color profiles and gamma are ignored. Files that no decoder reads
    rightly are refused with the name of their kind.

    Args:
        source: A path, or the bytes of a file.
        spec: How to make the array. None: ``ImageSpec()``.

    Returns:
        uint8, shape (height, width, channels), values 0 to 255.

    Raises:
        ImageError: The file is missing, unreadable, broken, truncated or empty, is of a kind that
            is not supported, holds values without a defined range, or is so large that Pillow
            refuses it as a decompression bomb.
        OptionError: ``source`` or ``spec`` is of another type.

    Example:
        >>> buffer = io.BytesIO()
        >>> from PIL import Image
        >>> Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
        >>> load_image(buffer.getvalue(), ImageSpec((3, 4)))[0, 0].tolist()
        [255, 0, 0]
    """
    return read_image(source, spec or ImageSpec())


def read_image(
    source: str | os.PathLike[str] | bytes,
    spec: ImageSpec,
    done: Callable[[str], object] | None = None,
) -> npt.NDArray[np.uint8]:
    """Same as ``load_image``, without checks of its arguments; for many calls.

    Calls ``done`` with "decode" and "resize" when each is complete.
    """
    is_opened, data = False, None
    try:
        data = source if isinstance(source, bytes) else read_plain_file(source)
        resize = find_resize(spec)
        if data is not None and resize is not None:
            decoded = decode_plain(data, spec)
            if decoded is not None:
                if done is not None:
                    done("decode")
                pixels = fit_array(decoded, spec, resize)
                if done is not None:
                    done("resize")
                return pixels
        from PIL import Image

        with Image.open(source if data is None else io.BytesIO(data)) as image:
            is_opened = True
            # By far most files are JPEGs or have 8 bits per channel in the order of their mode.
            is_plain = image.format == "JPEG" or (image.tile and image.tile[0][3] == image.mode)
            content = source if data is None else data
            if not is_plain and (raster := read_raster(image, content)) is not None:
                return load_opened(_convert_raster(raster, spec), spec, done)
            return load_opened(image, spec, done)
    except Exception as err:
        if not concerns_file(err):
            raise
        return _load_again(source, data, spec, done, err, is_opened)


def _load_again(
    source: str | os.PathLike[str] | bytes,
    data: bytes | None,
    spec: ImageSpec,
    done: Callable[[str], object] | None,
    first: Exception,
    is_opened: bool,
) -> npt.NDArray[np.uint8]:
    """Loads a file that Pillow has failed to load, if its pixels are readable all the same."""
    try:
        content = source if data is None else data
        opened = reopen(content, first, is_opened=is_opened)
        image = _convert_raster(opened, spec) if isinstance(opened, Raster) else opened
        with image:
            return load_opened(image, spec, done)
    except Exception as err:
        if not concerns_file(err):
            raise
        raise build_image_error(describe_source(source), err) from err


def _convert_raster(raster: Raster, spec: ImageSpec) -> Image.Image:
    return raster_to_image(raster.turn_upright() if spec.exif_orientation else raster)


def load_opened(
    image: Image.Image, spec: ImageSpec, done: Callable[[str], object] | None = None
) -> npt.NDArray[np.uint8]:
    """Decodes an image that Pillow has opened; see ``read_image``."""
    image_format = image.format
    reduced = _reduce(image, spec)
    image = turn_upright(image) if spec.exif_orientation else keep_as_stored(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _convert_16_bits(image, image_format)
    image = _convert_color(image, spec)
    image.load()
    if done is not None:
        done("decode")
    pixels = _fit_image(image, reduced, spec)
    if done is not None:
        done("resize")
    return pixels


def _convert_color(image: Image.Image, spec: ImageSpec) -> Image.Image:
    if image.mode == "LAB":  # which Pillow converts to RGB only
        image = image.convert("RGB")
    if spec.color_mode == "rgba":
        return image.convert("RGBA")
    mode = "RGB" if spec.color_mode == "rgb" else "L"
    if image.has_transparency_data:
        return composite(image, mode, spec.background)
    return image.convert(mode)


def _convert_16_bits(image: Image.Image, image_format: str | None) -> Image.Image:
    """Scales 16-bit grayscale to 8 bits, and closes it; Pillow's own conversion clips at 255."""
    from PIL import Image

    values = np.asarray(image)
    if not find_format(image_format).is_16_bit(image.mode):
        raise ValueError(
            f"its pixels (mode {image.mode}) run from {values.min()} to {values.max()}, and this "
            "mode has no defined range; read it with a loader= of your own"
        )
    transparent = image.info.get("transparency")
    image.close()  # a large one would be in memory with all that follows
    gray = Image.fromarray(scale_to_8_bits(values, 65535))
    if transparent is not None:
        opaque = (values != transparent).view(np.uint8)
        del values
        opaque *= 255
        gray.putalpha(Image.fromarray(opaque))
    return gray


def _reduce(image: Image.Image, spec: ImageSpec) -> Reduction | None:
    """Has a JPEG decoded at a half, a quarter or an eighth of its size, if that is large enough."""
    if not spec.may_reduce or not find_format(image.format).has_reduced_decoding:
        return None
    full_size = oriented_size(image, upright=spec.exif_orientation)
    orientation = read_orientation(image) if spec.exif_orientation else UPRIGHT
    factor = find_factor(compute_placement(*full_size, spec))
    if factor == 1:
        return None
    image.draft(image.mode, (image.width // factor, image.height // factor))
    return Reduction(full_size, factor, orientation)


def _fit_image(
    image: Image.Image, reduced: Reduction | None, spec: ImageSpec
) -> npt.NDArray[np.uint8]:
    """Resizes an upright image, and returns an array that may be written to."""
    full_size = image.size if reduced is None else reduced.full_size
    placement = compute_placement(*full_size, spec)
    is_large = image.width * image.height > _MOST_PIXELS_COPIED
    use_arrays = spec.resizes and spec.interpolation != "nearest" and not is_large
    resize = find_resize(spec) if use_arrays else None
    if resize is not None and image.mode == "RGBA" and _is_opaque(image):
        image = image.convert("RGB")
    if resize is not None and image.mode != "RGBA":
        box = None if reduced is None else reduced.box(placement.window)
        return fit_array(Decoded(_as_array(image), placement, box), spec, resize)
    return _as_array(_resize(image, placement, reduced, spec)).copy()


def _is_opaque(image: Image.Image) -> bool:
    return image.getchannel("A").getextrema() == (255, 255)


def _as_array(image: Image.Image) -> npt.NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels


def _resize(
    image: Image.Image, placement: Placement, reduced: Reduction | None, spec: ImageSpec
) -> Image.Image:
    """Resizes an upright image with Pillow."""
    from PIL import Image

    if not spec.resizes:
        return image
    resample = Image.Resampling[FILTERS[spec.interpolation]]
    window, size, offset = placement
    if reduced is not None:
        resized = image.resize(size, resample, reduced.box(window))
    elif window != (0, 0, *image.size):
        # Cropped first: resize(box=...) lets pixels outside the window bleed into its edge.
        resized = image.crop(window).resize(size, resample)
    else:
        resized = image.resize(size, resample)
    if spec.fit != "pad" or spec.image_size is None:
        return resized
    canvas = Image.new(image.mode, spec.image_size[::-1])
    canvas.paste(resized, offset)
    return canvas


def convert_pixels(pixels: npt.NDArray[np.uint8], spec: ImageSpec) -> npt.NDArray[np.uint8]:
    """Converts and resizes an upright image in memory as ``load_image`` does that of a file.

    Args:
        pixels: Shape (height, width) or (height, width, channels), with 1 channel (gray), 2 (gray,
            alpha), 3 (RGB) or 4 (RGB, alpha). Not changed.
        spec: How to make the array.

    Returns:
        The array that ``load_image`` returns for a PNG file of these pixels.
    """
    from PIL import Image

    gray = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return load_opened(Image.fromarray(np.ascontiguousarray(gray)), spec, None)


def keeps_pixels(shape: tuple[int, ...], spec: ImageSpec) -> bool:
    """Whether ``convert_pixels`` would return an array of (height, width, channels) unchanged."""
    height, width, channels = shape
    if channels != NUM_CHANNELS[spec.color_mode]:
        return False
    if spec.image_size is not None:
        return spec.image_size == (height, width)
    return spec.shorter_side is None or min(height, width) <= spec.shorter_side
