"""Images and masks that are in memory, read by the names that a manifest gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from imggen.cache import StackedRows
from imggen.core import shorten
from imggen.data import to_array
from imggen.decode import (
    ColorMode,
    ImageSpec,
    MaskValues,
    convert_pixels,
    keeps_pixels,
    resize_mask,
)
from imggen.errors import ImageError, OptionError
from imggen.loading.image_store import ImageStore

Arrays = npt.NDArray[Any] | Sequence[npt.NDArray[Any]]

_COLOR_MODES: dict[int, ColorMode] = {1: "grayscale", 3: "rgb", 4: "rgba"}
_LARGEST_CLASS = 65535
# Values are checked in pieces, so that no array of the size of the whole is made.
_PIECE = 2**24


@final
@dataclass(frozen=True, eq=False)
class ArrayImages(ImageStore):
    """Images in memory, and their masks. Arrays are not copied unless their dtype is converted.

    Attributes:
        images: uint8, of shape (height, width, channels) each: one array, or one for each image.
        further: Such images by model input, as many as there are ``images``.
        masks: uint8 or uint16, of shape (height, width) each, or (height, width, channels) for
            colors; or None.
    """

    keeps_size = True

    images: Arrays
    further: Mapping[str, Arrays]
    masks: Arrays | None

    @classmethod
    def parse(
        cls, x: Any, masks: Any = None, further: Mapping[str, Any] | None = None
    ) -> ArrayImages:
        """Checks the arrays of ``from_arrays``.

        Args:
            x: The images.
            masks: The masks, or None.
            further: Further images by model input, or None.

        Raises:
            OptionError: Arrays of another shape, with other values, or that do not belong together.
        """
        images = _parse_images(x, "x")
        others = {name: _parse_images(one, name) for name, one in (further or {}).items()}
        for name, one in others.items():
            if len(one) != len(images):
                raise OptionError(
                    f"x has {len(images)} images and inputs[{name!r}] has {len(one)}; expected one "
                    "for each image."
                )
        if masks is None:
            return cls(images, others, None)
        values = parse_masks(masks)
        if len(values) != len(images):
            raise OptionError(
                f"x has {len(images)} images and masks has {len(values)}; expected one mask for "
                "each image."
            )
        for index, (image, mask) in enumerate(zip(images, values, strict=True)):
            if image.shape[:2] != mask.shape[:2]:
                raise OptionError(
                    f"masks[{index}] has {mask.shape[:2]} pixels and x[{index}] has "
                    f"{image.shape[:2]}; expected the same height and width."
                )
        return cls(images, others, values)

    @property
    def image_names(self) -> list[str]:
        """The name of each image, as messages and tables show it: "x[0]", "x[1]", ..."""
        return [f"x[{index}]" for index in range(len(self.images))]

    def further_names(self, name: str) -> list[str]:
        """Returns the name of each image of a further input, such as "depth[0]"."""
        return [f"{name}[{index}]" for index in range(len(self.further[name]))]

    @property
    def mask_names(self) -> list[str] | None:
        """The name of each mask, such as "masks[0]"; or None."""
        masks = self.masks
        return None if masks is None else [f"masks[{index}]" for index in range(len(masks))]

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of all images; None if they may differ."""
        images = self.images
        return images.shape[1:3] if isinstance(images, np.ndarray) else None

    @property
    def color_mode(self) -> ColorMode:
        """The color mode with as many channels as the images have."""
        return _COLOR_MODES[max({image.shape[2] for image in _distinct(self.images)})]

    def __call__(self, name: str) -> npt.NDArray[np.uint8]:
        """Returns an image as it is, as a ``loader=`` does."""
        key = name[: name.rindex("[")]
        images = self.images if key == "x" else self.further[key]
        image: npt.NDArray[np.uint8] = images[_index(name)]
        return image

    def as_cache(self, names: Iterable[str], spec: ImageSpec) -> ArrayCache | None:
        """Returns the images of these names as a filled cache, if ``spec`` keeps their pixels."""
        images = self.images
        if not isinstance(images, np.ndarray) or not keeps_pixels(images.shape[1:], spec):
            return None
        return ArrayCache(images, np.array([_index(name) for name in names], np.int64))

    def read(self, name: str, spec: ImageSpec) -> npt.NDArray[np.uint8]:
        """Reads an image as ``spec`` asks for it; the array must not be written to."""
        pixels = self(name)
        return pixels if keeps_pixels(pixels.shape, spec) else convert_pixels(pixels, spec)

    def read_mask(
        self, name: str, image_name: str, spec: ImageSpec, mask_values: MaskValues | None
    ) -> npt.NDArray[Any]:
        """Reads a mask, resized like its image; see ``imggen.decode.load_mask``.

        Raises:
            ImageError: It has a value that ``mask_values`` does not have.
        """
        del image_name  # sizes are compared in ``parse``
        assert self.masks is not None  # noqa: S101 - only then has the manifest masks
        values = self.masks[_index(name)]
        is_color = mask_values is not None and mask_values.is_color
        try:
            if is_color != (values.ndim == 3):
                raise ValueError(
                    f"it has shape {values.shape}; a mask has shape (height, width), or "
                    "(height, width, 3) with mask_values= of colors"
                )
            return resize_mask(values, spec, mask_values)
        except ValueError as err:
            raise ImageError.of(name, str(err)) from err


def parse_image(pixels: Any, name: str) -> npt.NDArray[np.uint8]:
    """Checks a single image, and returns it as uint8, shape (height, width, channels).

    Args:
        pixels: As one image of ``from_arrays``.
        name: The image, for messages.

    Raises:
        OptionError: An array of another shape, or with other values.
    """
    array = to_array(pixels, name, OptionError)
    _check_channels(array, name)
    _check_values(array, name, 255)
    image = array.astype(np.uint8, copy=False)
    return image[..., np.newaxis] if image.ndim == 2 else image


def parse_masks(masks: Any) -> Arrays:
    """Checks masks, and returns them as uint8 or uint16, without an axis of one channel.

    Args:
        masks: As in ``from_arrays``.

    Raises:
        OptionError: Arrays of another shape, or with other values.
    """
    return _without_channel(_parse(masks, "masks", _LARGEST_CLASS))


@final
@dataclass(frozen=True, eq=False)
class ArrayCache:
    """An array of images as a cache that holds all of them.

    Attributes:
        images: uint8, shape (number of images, height, width, channels).
        indices: The image of each sample; int64, shape (num_samples,).
        is_full: Whether there is no space for more samples, as of other caches.
    """

    images: npt.NDArray[np.uint8]
    indices: npt.NDArray[np.int64]
    is_full: ClassVar[bool] = False

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``; not to be written to."""
        del load
        image: npt.NDArray[np.uint8] = self.images[self.indices[index]]
        return image

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows:
        """Returns samples as rows of the array, without a copy."""
        return StackedRows(self.images, self.indices[indices])

    def holds(self, index: int) -> bool:
        """Returns True."""
        return 0 <= index < len(self.indices)

    def flush(self) -> None:
        """Does nothing: there is nothing to write."""

    def clear(self) -> None:
        """Does nothing: the arrays belong to the caller."""


def _index(name: str) -> int:
    return int(name[name.rindex("[") + 1 : -1])


def _distinct(arrays: Arrays) -> list[npt.NDArray[Any]]:
    """Returns arrays of all shapes that occur."""
    return list(arrays[:1] if isinstance(arrays, np.ndarray) else arrays)


def _parse_images(arrays: Any, name: str) -> Arrays:
    images = _parse(arrays, name, 255)
    for index, image in enumerate(_distinct(images)):
        _check_channels(image, f"{name}[{index}]")
    if isinstance(images, np.ndarray):
        return images[..., np.newaxis] if images.ndim == 3 else images
    return [image[..., np.newaxis] if image.ndim == 2 else image for image in images]


def _parse(arrays: Any, name: str, largest: int) -> Arrays:
    """Converts arrays of whole numbers to the smallest dtype, uint8 or uint16."""
    if isinstance(arrays, list | tuple) and len({np.shape(array) for array in arrays}) > 1:
        listed = [to_array(array, f"{name}[{i}]", OptionError) for i, array in enumerate(arrays)]
        is_wide = any(
            _check_values(array, f"{name}[{i}]", largest) for i, array in enumerate(listed)
        )
        return [array.astype(_dtype(is_wide), copy=False) for array in listed]
    array = to_array(arrays, name, OptionError)
    if array.ndim < 3 or len(array) == 0:
        raise OptionError(
            f"{name} has shape {array.shape}; expected (number of images, height, width) or "
            "(number of images, height, width, channels), or a list of arrays without the first "
            "axis."
        )
    is_wide = _check_values(array, name, largest)
    return array.astype(_dtype(is_wide), copy=False)


def _dtype(is_wide: bool) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if is_wide else np.uint8


def _check_values(array: npt.NDArray[Any], name: str, largest: int) -> bool:
    """Checks for whole numbers from 0 to ``largest``; returns whether any is over 255.

    Raises:
        OptionError: Other values.
    """
    is_image = largest == 255
    if array.dtype.kind not in ("uif" if is_image else "buif"):
        raise OptionError(f"{name} has the dtype {array.dtype}; expected uint8, 0 to 255.")
    if array.dtype in (np.uint8, np.bool_):
        return False
    flat = array.reshape(-1)
    low, high, is_whole = np.inf, -np.inf, True
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        # NumPy's minimum and maximum, which propagate NaN.
        low = float(np.minimum(low, piece.min()))
        high = float(np.maximum(high, piece.max()))
        is_whole = is_whole and (array.dtype.kind != "f" or bool((piece == np.rint(piece)).all()))
    # Floats of an image that are all 0 or 1 are black and white on a scale from 0 to 1.
    is_scaled = is_image and array.dtype.kind == "f" and high <= 1
    if is_whole and low >= 0 and high <= largest and not is_scaled:
        return high > 255
    advice = (
        f"Pass ({name} * 255).round().astype('uint8'), and rescale=1 / 255"
        if low >= 0 and high <= 1
        else "Scale and round them to that range, or use from_files with a loader= of your own, "
        "which serves arrays as they are"
    )
    raise OptionError(
        f"{name} is {array.dtype} with values from {low:.6g} to {high:.6g}; expected whole numbers "
        f"from 0 to {largest}, such as uint8. {advice}."
    )


def _check_channels(image: npt.NDArray[Any], name: str) -> None:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in _COLOR_MODES):
        raise OptionError(
            f"{name} has shape {shorten(image.shape)}; expected (height, width) or "
            "(height, width, channels) with 1, 3 or 4 channels, which come last."
        )
    if 0 in image.shape:
        raise OptionError(f"{name} has shape {image.shape}: it has no pixels.")


def _without_channel(masks: Arrays) -> Arrays:
    if isinstance(masks, np.ndarray):
        return masks[..., 0] if masks.ndim == 4 and masks.shape[3] == 1 else masks
    return [mask[..., 0] if mask.ndim == 3 and mask.shape[2] == 1 else mask for mask in masks]
