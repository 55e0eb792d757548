"""An image file to a uint8 array at the target size."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.errors import ImageError, OptionError

if TYPE_CHECKING:
    from PIL import Image

ColorMode = Literal["rgb", "rgba", "grayscale"]
Fit = Literal["stretch", "crop", "pad"]
Interpolation = Literal[
    "nearest", "bilinear", "bicubic", "area", "lanczos3", "box", "hamming", "lanczos"
]

NUM_CHANNELS: dict[str, int] = {"rgb": 3, "rgba": 4, "grayscale": 1}

# Keras 3's words and Pillow's own, each with the name of Pillow's filter.
_FILTERS = {
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "area": "BOX",
    "lanczos3": "LANCZOS",
    "box": "BOX",
    "hamming": "HAMMING",
    "lanczos": "LANCZOS",
}


@final
@dataclass(frozen=True)
class ImageSpec:
    """How a file becomes an array; together with the file, it decides every pixel.

    Attributes:
        image_size: (height, width) in pixels, or None to keep each file's own size.
        color_mode: "rgb" (3 channels), "rgba" (4) or "grayscale" (1).
        interpolation: "nearest", "bilinear", "bicubic", "area" or "lanczos3", Keras 3's words, or
            Pillow's "box", "hamming" and "lanczos". All but "nearest" antialias when they shrink.
        fit: "stretch" to ``image_size``; "crop" the largest centred window of its aspect ratio
            first, as Keras's ``smart_resize`` does; or "pad" with black (transparent in "rgba").
        exif_orientation: Turn photographs upright as their EXIF tag says.

    Raises:
        OptionError: A value outside its legal set.

    Example:
        >>> ImageSpec((64, 48), color_mode="grayscale").shape
        (64, 48, 1)
    """

    image_size: tuple[int, int] | None = (256, 256)
    color_mode: ColorMode = "rgb"
    interpolation: Interpolation = "bilinear"
    fit: Fit = "stretch"
    exif_orientation: bool = True

    def __post_init__(self) -> None:
        if self.image_size is not None:
            object.__setattr__(self, "image_size", _checked_size(self.image_size))
        if self.color_mode not in NUM_CHANNELS:
            raise OptionError.unknown("color_mode", self.color_mode, NUM_CHANNELS)
        if self.interpolation not in _FILTERS:
            raise OptionError.unknown("interpolation", self.interpolation, _FILTERS)
        if self.fit not in get_args(Fit):
            raise OptionError.unknown("fit", self.fit, get_args(Fit))

    def about(self) -> str:
        """All that decides the pixels besides the file, in words."""
        import PIL

        return f"{self}\ndecoded by Pillow {PIL.__version__}"

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of every array, or None where files keep their size."""
        if self.image_size is None:
            return None
        return (*self.image_size, NUM_CHANNELS[self.color_mode])


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
    from PIL import Image

    spec = spec or ImageSpec()
    name = "bytes in memory" if isinstance(source, bytes) else os.fspath(source)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _to_array(image, spec)
    except Exception as err:
        # Pillow's readers raise whatever their parsing meets: OSError, SyntaxError, struct.error,
        # ValueError, IndexError, ... Each means that this file cannot be read.
        raise ImageError.of(name, _reason(name, err)) from err


def _to_array(image: Image.Image, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    from PIL import ImageOps

    image_format = image.format
    image = ImageOps.exif_transpose(image) if spec.exif_orientation else _as_stored(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_eight_bits(image, image_format)
    image = _in_color_mode(image, spec.color_mode)
    if spec.image_size is not None:
        image = _resized(image, spec.image_size, spec)
    pixels = np.array(image)  # a copy that may be written to, unlike Pillow's own buffer
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


def _resized(image: Image.Image, image_size: tuple[int, int], spec: ImageSpec) -> Image.Image:
    from PIL import Image

    height, width = image_size
    resample = Image.Resampling[_FILTERS[spec.interpolation]]
    if spec.fit == "stretch":
        return image.resize((width, height), resample)
    if spec.fit == "crop":
        # Rounded as in smart_resize, keras/src/utils/image_utils.py, Keras 3.15.
        crop_width = max(1, min(image.width, image.height * width // height))
        crop_height = max(1, min(image.height, image.width * height // width))
        left, top = (image.width - crop_width) // 2, (image.height - crop_height) // 2
        box = (left, top, left + crop_width, top + crop_height)
        # Cropped first: resize(box=...) lets pixels beside the window bleed into its edge.
        return image.crop(box).resize((width, height), resample)
    scale = min(width / image.width, height / image.height)
    inner = (
        min(width, max(1, round(image.width * scale))),
        min(height, max(1, round(image.height * scale))),
    )
    canvas = Image.new(image.mode, (width, height))
    canvas.paste(image.resize(inner, resample), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def _reason(name: str, err: Exception) -> str:
    """Says in plain words what Pillow met."""
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


def _checked_size(image_size: object) -> tuple[int, int]:
    if (
        not isinstance(image_size, tuple | list)
        or len(image_size) != 2
        or not all(isinstance(side, int | np.integer) and side > 0 for side in image_size)
    ):
        raise OptionError(
            f"image_size={image_size!r} must be two whole numbers above 0, (height, width)."
        )
    return int(image_size[0]), int(image_size[1])
