"""The options that, together with a file, determine the pixels of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final, get_args

import numpy as np

from imggen.core import check_arguments, check_choice, check_optional_whole, is_whole, shorten
from imggen.decode.resizing import find_resizer
from imggen.errors import OptionError

ColorMode = Literal["rgb", "rgba", "grayscale"]
Fit = Literal["stretch", "crop", "pad", "center"]
ImageSize = int | tuple[int, int]
Background = Literal["checker"] | tuple[int, int, int]
BackgroundLike = str | tuple[int, int, int]
Interpolation = Literal[
    "nearest", "bilinear", "bicubic", "area", "lanczos3", "box", "hamming", "lanczos"
]

NUM_CHANNELS: dict[str, int] = {"rgb": 3, "rgba": 4, "grayscale": 1}

# Keras 3's names and Pillow's own, each with the name of Pillow's filter.
FILTERS = {
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "area": "BOX",
    "lanczos3": "LANCZOS",
    "box": "BOX",
    "hamming": "HAMMING",
    "lanczos": "LANCZOS",
}

# Part of every cache key: changed when files are read with other pixels than before.
_READING = "; files of more than 8 bits by their declared range"

_COLORS: dict[str, tuple[int, int, int]] = {"white": (255, 255, 255), "black": (0, 0, 0)}

_MAX_PIXELS = 2**28  # per image


@check_arguments
@final
@dataclass(frozen=True)
class ImageSpec:
    """The decoding and resizing of a file; together with the file, it determines every pixel.

    JPEGs at least twice as large as needed are decoded at a half, a quarter or an eighth of their
    size, and resized from there: photographs of many megapixels load several times faster. The
    result is a little sharper than from a full decode, two gray levels away on average. "nearest",
    "area" and "box" define which pixels count, so with them a file is always decoded in full.

    "bilinear" is resized by cykooz-resizer where that is installed, as pip does wherever there are
    wheels (not on Linux with ARM processors or musl): the result is the same on all processors,
    and at most one gray level from Pillow's. Pillow resizes by all other interpolations, images
    with transparent pixels in "rgba", and everything where cykooz-resizer is missing. Caches know
    what resized their images.

    Attributes:
        image_size: (height, width) in pixels; one number is passed for squares. None: keep each
            file's own size.
        color_mode: "rgb" (3 channels), "rgba" (4) or "grayscale" (1).
        interpolation: "nearest", "bilinear", "bicubic", "area" or "lanczos3", as in Keras 3, or
            Pillow's "box", "hamming" and "lanczos". All but "nearest" antialias when they shrink.
        fit: "stretch" to ``image_size``; "crop" the largest centered window of its aspect ratio
            first, as Keras's ``smart_resize`` does; "pad" with black (transparent in "rgba"); or
            cut out the "center" of the image after ``shorter_side`` (smaller images are enlarged
            until it fits).
        exif_orientation: Turn photographs upright as their EXIF tag says.
        shorter_side: With ``image_size=None`` or ``fit="center"``: shrink images so that their
            shorter side has this many pixels; smaller ones keep their size. None: keep the size of
            all images.
        background: The color under transparent pixels, unless ``color_mode`` is "rgba": "white",
            "black", another color name or "#rrggbb", or (red, green, blue) from 0 to 255; or
            "checker", a checkerboard of squares of 8 pixels of the file.

    Raises:
        OptionError: A value outside its legal set.

    Example:
        >>> ImageSpec((64, 48), color_mode="grayscale").shape
        (64, 48, 1)
    """

    argument_hint: ClassVar[str] = "Pass ImageSpec(image_size=(height, width))."

    image_size: tuple[int, int] | None = (256, 256)
    color_mode: ColorMode = "rgb"
    interpolation: Interpolation = "bilinear"
    fit: Fit = "stretch"
    exif_orientation: bool = True
    shorter_side: int | None = None
    background: BackgroundLike = "white"

    if TYPE_CHECKING:  # The constructor also accepts a single number as the size.

        def __init__(
            self,
            image_size: ImageSize | None = ...,
            color_mode: ColorMode = ...,
            interpolation: Interpolation = ...,
            fit: Fit = ...,
            exif_orientation: bool = ...,
            shorter_side: int | None = ...,
            background: BackgroundLike = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        if self.image_size is not None:
            object.__setattr__(self, "image_size", parse_image_size(self.image_size))
        check_choice("color_mode", self.color_mode, NUM_CHANNELS)
        check_choice("interpolation", self.interpolation, FILTERS)
        check_choice("fit", self.fit, get_args(Fit))
        check_optional_whole("shorter_side", self.shorter_side, 1)
        object.__setattr__(self, "background", _parse_background(self.background))
        if self.shorter_side is not None and self.image_size is not None and self.fit != "center":
            raise OptionError(
                f"shorter_side={self.shorter_side} resizes files that keep their own size; pass "
                'image_size=None or fit="center" with it.'
            )

    @property
    def resizes(self) -> bool:
        """Whether files do not keep their own size."""
        return self.image_size is not None or self.shorter_side is not None

    @property
    def may_reduce(self) -> bool:
        """Whether large JPEGs may be decoded at reduced size."""
        return self.resizes and FILTERS[self.interpolation] not in {"NEAREST", "BOX"}

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of every array, or None where files keep their size."""
        if self.image_size is None:
            return None
        return (*self.image_size, NUM_CHANNELS[self.color_mode])

    @property
    def resized_by(self) -> str:
        """The library that resizes by this interpolation, and its version."""
        import PIL

        resizer = find_resizer()
        if resizer is not None and FILTERS[self.interpolation] in resizer.filters:
            return resizer.name
        return f"Pillow {PIL.__version__}"

    def cache_key(self) -> str:
        """Describes all that determines the pixels besides the file."""
        import PIL

        reduced = ", large JPEGs at reduced size" if self.may_reduce else ""
        is_other = self.resizes and not self.resized_by.startswith("Pillow ")
        resized = f", resized by {self.resized_by}" if is_other else ""
        return f"{self}\ndecoded by Pillow {PIL.__version__}{reduced}{resized}{_READING}"


def parse_image_size(image_size: object) -> tuple[int, int]:
    """Returns the height and width in pixels of an option ``image_size``.

    Args:
        image_size: (height, width), or one number for both.

    Raises:
        OptionError: Not one or two whole numbers of 1 or more, or too many pixels.

    Example:
        >>> parse_image_size(224), parse_image_size((96, 128))
        ((224, 224), (96, 128))
    """
    given = image_size
    if isinstance(image_size, np.ndarray):
        image_size = image_size.tolist()
    if is_whole(image_size):
        image_size = (image_size, image_size)
    if (
        not isinstance(image_size, tuple | list)
        or len(image_size) != 2
        or not all(is_whole(side, 1) for side in image_size)
    ):
        raise OptionError(
            f"image_size={shorten(given)} must be a whole number of 1 or more, or two of them, "
            "(height, width)."
        )
    height, width = int(image_size[0]), int(image_size[1])
    if height * width > _MAX_PIXELS:
        raise OptionError(
            f"image_size={(height, width)} is too large: {height * width} pixels per image. Use at "
            f"most {_MAX_PIXELS}."
        )
    return height, width


def _parse_background(background: object) -> Background:
    if isinstance(background, str):
        if background == "checker":
            return "checker"
        if background in _COLORS:
            return _COLORS[background]
        from PIL import ImageColor

        try:
            parsed = ImageColor.getrgb(background)
        except ValueError:
            parsed = (0, 0, 0, 0)
        if len(parsed) == 3:
            return parsed
    elif (
        isinstance(background, tuple | list)
        and len(background) == 3
        and all(is_whole(value, 0, 255) for value in background)
    ):
        red, green, blue = map(int, background)
        return red, green, blue
    raise OptionError(
        f'background={shorten(background)} must be "white", "black", another color name or '
        '"#rrggbb", "checker", or three whole numbers from 0 to 255, (red, green, blue).'
    )
