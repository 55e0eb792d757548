"""Reading of images that users pass: paths, bytes, arrays, Pillow images."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from imggen.core import shorten
from imggen.decode import ImageSpec, convert_pixels, load_image
from imggen.errors import OptionTypeError, SampleError
from imggen.loading import ArrayImages

if TYPE_CHECKING:
    from PIL import Image

# Those that a PNG file holds without loss, and those that Pillow has to convert first.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_CONVERTED = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
_COLOR_MODES = ("RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def read_images(
    images: Any, spec: ImageSpec | None, loader: Callable[[str], npt.NDArray[Any]] | None
) -> list[npt.NDArray[Any]]:
    """Reads one image or several.

    Args:
        images: A path, the bytes of a file, an array, a Pillow image, or a list of them.
        spec: How to decode and resize; None with a loader.
        loader: The custom loader of the sequence, or None.

    Returns:
        The array of each image, as the sequence loads it.

    Raises:
        ImageError: A file cannot be read.
        OptionError: An array has another shape, or values other than 0 to 255.
        OptionTypeError: Something that is not an image.
    """
    is_array = hasattr(images, "__array__")
    if is_array and getattr(images, "ndim", 0) == 4 and spec is not None:
        images, is_array = list(images), False
    is_single = isinstance(images, str | os.PathLike | bytes | bytearray | memoryview)
    is_single = is_single or not isinstance(images, Iterable) or is_array
    # Mappings and sets have no order; as single images, they are refused.
    is_single = is_single or isinstance(images, Mapping | AbstractSet)
    given = [images] if is_single or _is_pillow_image(images) else list(images)
    if not given:
        raise OptionTypeError("The list of images is empty; expected at least one image.")
    if spec is None:
        return [_load_by_loader(image, loader) for image in given]
    return [_read(image, spec) for image in given]


def _read(image: Any, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    if isinstance(image, str | os.PathLike):
        return load_image(image, spec)
    if isinstance(image, bytes | bytearray | memoryview):
        return load_image(bytes(image), spec)
    if _is_pillow_image(image):
        return load_image(_encode(image), spec)
    if hasattr(image, "__array__"):
        # A copy where nothing is converted: the result may be written to.
        return convert_pixels(ArrayImages.parse([image]).images[0], spec)
    raise OptionTypeError(
        f"images={shorten(image)} is of type {type(image).__name__}; expected a path, the bytes of "
        "a file, an array of uint8, a Pillow image, or a list of these."
    )


def _load_by_loader(
    image: Any, loader: Callable[[str], npt.NDArray[Any]] | None
) -> npt.NDArray[Any]:
    if isinstance(image, str | os.PathLike) and loader is not None:
        return np.asarray(loader(os.fspath(image)))
    if isinstance(image, np.ndarray):
        return image
    raise SampleError(
        f"{shorten(image)} cannot be read: these settings have a custom loader, which takes paths. "
        "Pass a path, or an array as the loader returns it."
    )


def _is_pillow_image(value: object) -> TypeGuard[Image.Image]:
    pillow = sys.modules.get("PIL.Image")  # without it, there can be no image of it
    return pillow is not None and isinstance(value, pillow.Image)


def _encode(image: Image.Image) -> bytes:
    """Returns the bytes of a file with the image: its own file's, as long as it is not loaded.

    A loaded image may have been edited. As a PNG file, it takes the same way as all files.
    """
    data = _read_own_file(image)
    if data is not None:
        return data
    mode = _CONVERTED.get(image.mode, "RGB" if image.mode in _COLOR_MODES else image.mode)
    if mode not in _PNG_MODES:
        raise SampleError(
            f"The Pillow image has the mode {image.mode!r}, which has no defined range. Convert it "
            "to 'L' or 'RGB', or pass its path."
        )
    if mode != image.mode:
        image = image.convert(mode)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0, exif=image.getexif())
    return out.getvalue()


def _read_own_file(image: Image.Image) -> bytes | None:
    """Returns the bytes that a Pillow image is about to be decoded from; None if it was already."""
    from PIL import Image

    file = getattr(image, "fp", None)
    if file is None or not getattr(image, "tile", None) or image.tell() != 0:
        return None
    position = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(position)
    with Image.open(io.BytesIO(data)) as stored:
        is_same = (stored.size, stored.mode) == (image.size, image.mode)  # no draft() was called
    return data if is_same else None
