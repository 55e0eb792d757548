"""A path or the bytes of a file to an array: who decodes it, and what is done about its mode."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.decode.jpeg import jpeg_pixels, read_if_jpeg
from imggen.decode.orientation import MIRRORED, TURNED, UPSIDE_DOWN
from imggen.decode.spec import FILTERS, ColorMode, ImageSpec, placement
from imggen.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image


def load_image(
    source: str | os.PathLike[str] | bytes, spec: ImageSpec | None = None
) -> npt.NDArray[np.uint8]:
    """Reads, decodes, turns upright and resizes one image.

    Of an animation or a multi-page file the first frame is taken. Transparent pixels are laid over
    white unless ``color_mode="rgba"``. Sixteen-bit grayscale is scaled to eight bits, never
    clipped.

    Args:
        source: A path, or the bytes of a file.
        spec: How to make the array. None: ``ImageSpec()``.

    Returns:
        uint8, shape (height, width, channels), values 0 to 255.

    Raises:
        ImageError: The file is missing, unreadable, broken, truncated or empty, holds values
            without an agreed range, or is so large that Pillow takes it for a decompression bomb.

    Example:
        >>> buffer = io.BytesIO()
        >>> from PIL import Image
        >>> Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
        >>> load_image(buffer.getvalue(), ImageSpec((3, 4)))[0, 0].tolist()
        [255, 0, 0]
    """
    return load_in_stages(source, spec or ImageSpec(), lambda _: None)


def load_in_stages(
    source: str | os.PathLike[str] | bytes, spec: ImageSpec, done: Callable[[str], object]
) -> npt.NDArray[np.uint8]:
    """As ``load_image``; says when it is done with "decode" and with "resize"."""
    from PIL import Image

    name = "bytes in memory" if isinstance(source, bytes) else os.fspath(source)
    try:
        pixels = _by_opencv(source, spec)
        if pixels is not None:
            done("decode")
            return pixels
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _by_pillow(image, spec, done)
    except Exception as err:
        # Pillow's readers raise whatever their parsing meets: OSError, SyntaxError, struct.error,
        # ValueError, IndexError, ... Each means that this file cannot be read.
        raise ImageError.of(name, failure(name, err)) from err


def _by_opencv(
    source: str | os.PathLike[str] | bytes, spec: ImageSpec
) -> npt.NDArray[np.uint8] | None:
    if spec.color_mode != "rgb" or spec.fit != "stretch":
        return None
    if spec.image_size is not None and spec.interpolation != "nearest":
        return None  # what antialiases is Pillow's own
    data = source if isinstance(source, bytes) else read_if_jpeg(source)
    if data is None:
        return None
    return jpeg_pixels(
        data,
        spec.image_size,
        exif_orientation=spec.exif_orientation,
        longest_shorter_side=spec.shorter_side,
    )


def _by_pillow(
    image: Image.Image, spec: ImageSpec, done: Callable[[str], object]
) -> npt.NDArray[np.uint8]:
    from PIL import ImageOps

    image_format = image.format
    reduced = _reduce(image, spec)
    image = ImageOps.exif_transpose(image) if spec.exif_orientation else _as_stored(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_eight_bits(image, image_format)
    image = _in_color_mode(image, spec.color_mode)
    image.load()
    done("decode")
    image = _resized(image, reduced, spec)
    pixels = np.array(image)  # a copy that may be written to, unlike Pillow's own buffer
    done("resize")
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _in_color_mode(image: Image.Image, color_mode: ColorMode) -> Image.Image:
    from PIL import Image

    if color_mode == "rgba":
        return image.convert("RGBA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        # The colour under a transparent pixel is arbitrary, so it must not show.
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    if image.mode == "LAB":  # which Pillow converts to no other mode but RGB
        image = image.convert("RGB")
    return image.convert("RGB" if color_mode == "rgb" else "L")


def _as_stored(image: Image.Image) -> Image.Image:
    """The pixels in the order of the file: Pillow turns TIFFs, and only those, as it loads them."""
    from PIL import ExifTags, Image

    if image.format != "TIFF":
        return image
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    image.load()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(undo[orientation]) if orientation in undo else image


def _to_eight_bits(image: Image.Image, image_format: str | None) -> Image.Image:
    """Scales 16-bit grayscale to 8 bits; Pillow's own conversion clips at 255."""
    from PIL import Image

    values = np.asarray(image)
    # Pillow gives 16-bit PGM files as 32-bit integers, scaled to 0 to 65535.
    if not image.mode.startswith("I;16") and image_format != "PPM":
        raise ValueError(
            f"its pixels (mode {image.mode}) run from {values.min()} to {values.max()}, which has "
            "no agreed range; read it with a loader= of your own"
        )
    scaled = ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    gray = Image.fromarray(scaled)
    if "transparency" in image.info:
        opaque = values != image.info["transparency"]
        gray.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return gray


class _Reduced(NamedTuple):
    """What is known of an image that is decoded at reduced size.

    Attributes:
        full_size: The (width, height) upright that it would have in full.
        factor: How many pixels became one. The last of a line may be made of fewer.
        orientation: In EXIF's numbers.
    """

    full_size: tuple[int, int]
    factor: int
    orientation: int

    def box(self, window: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        """A window of the image in full, in pixels of the reduced one."""
        left, top, right, bottom = window
        starts = []
        for length, is_last_first in zip(
            self.full_size,
            (self.orientation in MIRRORED, self.orientation in UPSIDE_DOWN),
            strict=True,
        ):
            reduced = -(-length // self.factor)
            starts.append(reduced - length / self.factor if is_last_first else 0.0)
        across, down = starts
        return (
            across + left / self.factor,
            down + top / self.factor,
            across + right / self.factor,
            down + bottom / self.factor,
        )


def _reduce(image: Image.Image, spec: ImageSpec) -> _Reduced | None:
    """Lets a JPEG be decoded at a half, a quarter or an eighth, if that is no less than needed."""
    from PIL import ExifTags, JpegImagePlugin

    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not spec.may_reduce:
        return None
    full_size, orientation = image.size, 1
    if spec.exif_orientation:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation in TURNED:
            full_size = full_size[::-1]
    (left, top, right, bottom), size, _ = placement(*full_size, spec)
    shrinks = min((right - left) // size[0], (bottom - top) // size[1])
    for factor in (8, 4, 2):
        if factor <= shrinks:
            image.draft(image.mode, (image.width // factor, image.height // factor))
            return _Reduced(full_size, factor, orientation)
    return None


def _resized(image: Image.Image, reduced: _Reduced | None, spec: ImageSpec) -> Image.Image:
    """Resizes an image upright."""
    from PIL import Image

    if spec.image_size is None and spec.shorter_side is None:
        return image
    resample = Image.Resampling[FILTERS[spec.interpolation]]
    full_size = image.size if reduced is None else reduced.full_size
    window, size, offset = placement(*full_size, spec)
    if reduced is not None:
        resized = image.resize(size, resample, reduced.box(window))
    elif window != (0, 0, *full_size):
        # Cropped first: resize(box=...) lets pixels beside the window bleed into its edge.
        resized = image.crop(window).resize(size, resample)
    else:
        resized = image.resize(size, resample)
    if spec.fit != "pad" or spec.image_size is None:
        return resized
    canvas = Image.new(image.mode, spec.image_size[::-1])
    canvas.paste(resized, offset)
    return canvas


def failure(name: str, err: Exception) -> str:
    """Says in plain words what Pillow met in a file called ``name``."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(err, FileNotFoundError):
        return "there is no such file"
    if isinstance(err, PermissionError):
        return "reading it is not permitted"
    if isinstance(err, Image.DecompressionBombError):
        return f"it is too large: {err}"
    if isinstance(err, UnidentifiedImageError):
        if os.path.isfile(name) and os.path.getsize(name) == 0:
            return "the file is empty"
        return "it is in no image format that Pillow knows, or its beginning is broken"
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()  # the text of the error itself repeats the path
    return f"{err}" if isinstance(err, OSError | ValueError) else f"{type(err).__name__}: {err}"
