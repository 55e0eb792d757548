"""Where an image is placed in the array that is made of it."""

from __future__ import annotations

from typing import NamedTuple

from imggen.decode.spec import ImageSpec


class Placement(NamedTuple):
    """Which window of an image goes where in the array; sizes are (width, height), as in Pillow.

    Attributes:
        window: (left, top, right, bottom) of the pixels that are used, in pixels of the image.
        size: The size of the window once it is resized.
        offset: (left, top) of the resized window in the array.
    """

    window: tuple[int, int, int, int]
    size: tuple[int, int]
    offset: tuple[int, int]


def compute_placement(image_width: int, image_height: int, spec: ImageSpec) -> Placement:
    """Computes how an upright image fits into the array that ``spec`` asks for."""
    whole = (image_width, image_height)
    if spec.image_size is None:
        shrinkage = max(1.0, min(whole) / (spec.shorter_side or min(whole)))
        size = (max(1, round(image_width / shrinkage)), max(1, round(image_height / shrinkage)))
        return Placement((0, 0, *whole), size, (0, 0))
    height, width = spec.image_size
    if spec.fit == "crop":
        # Rounded as in smart_resize, keras/src/utils/image_utils.py, Keras 3.15.
        crop_width = max(1, min(image_width, image_height * width // height))
        crop_height = max(1, min(image_height, image_width * height // width))
        left, top = (image_width - crop_width) // 2, (image_height - crop_height) // 2
        window = (left, top, left + crop_width, top + crop_height)
        return Placement(window, (width, height), (0, 0))
    if spec.fit == "center":
        shrinkage = max(1.0, min(whole) / (spec.shorter_side or min(whole)))
        shrinkage = min(shrinkage, image_width / width, image_height / height)
        sides = (max(1, round(width * shrinkage)), max(1, round(height * shrinkage)))
        left, top = (image_width - sides[0]) // 2, (image_height - sides[1]) // 2
        window = (left, top, left + sides[0], top + sides[1])
        return Placement(window, (width, height), (0, 0))
    if spec.fit == "stretch":
        return Placement((0, 0, *whole), (width, height), (0, 0))
    scale = min(width / image_width, height / image_height)
    size = (
        min(width, max(1, round(image_width * scale))),
        min(height, max(1, round(image_height * scale))),
    )
    return Placement((0, 0, *whole), size, ((width - size[0]) // 2, (height - size[1]) // 2))
