"""``mask_values``: a mapping from the values or colors of mask files to classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import is_whole, shorten
from imggen.errors import OptionError

MAX_VALUE = 65535
# The most values that a message lists.
_MAX_LISTED = 16

MaskValuesLike = Mapping[Any, int] | None
Color = tuple[int, ...]


@final
@dataclass(frozen=True, eq=False)
class MaskValues:
    """A mapping from the values of mask files to classes, ready to be applied to arrays.

    Attributes:
        channels: The number of channels of the values: 1 for numbers, 3 or 4 for colors.
        keys: The values, sorted, with the channels of a color in the bits of one number; int64,
            shape (n,).
        classes: The class of each value; uint8 or uint16, shape (n,).
        table: The class of every number, -1 for those without; int32, shape (65536,). Empty for
            colors.
    """

    channels: int
    keys: npt.NDArray[np.int64]
    classes: npt.NDArray[Any]
    table: npt.NDArray[np.int32]

    @classmethod
    def parse(cls, mask_values: MaskValuesLike) -> MaskValues | None:
        """Checks ``mask_values=``; None stays None.

        Args:
            mask_values: A mapping to classes from numbers, from ``range`` objects of numbers, or
                from colors: tuples of 3 or 4 numbers.

        Raises:
            OptionError: It is not such a mapping, or a value has two classes.

        Example:
            >>> MaskValues.parse({0: 0, 255: 1}).apply(np.array([[255, 0]])).tolist()
            [[1, 0]]
        """
        if mask_values is None:
            return None
        if not isinstance(mask_values, Mapping) or not mask_values:
            raise OptionError(
                f"mask_values={shorten(mask_values)} must be a mapping from values of the masks to "
                "classes, such as {0: 0, 255: 1} or {(0, 0, 0): 0, (255, 0, 0): 1}."
            )
        classes: dict[tuple[int, int], int] = {}  # by number of channels and value
        for key, number in mask_values.items():
            if not is_whole(number, 0, MAX_VALUE):
                raise OptionError(
                    f"mask_values has the class {shorten(number)} for {shorten(key)}; expected a "
                    f"whole number from 0 to {MAX_VALUE}. For pixels without a class, use a number "
                    "such as 255, and a loss with ignore_class=255."
                )
            size, values = _parse_key(key)
            for value in values:
                known = classes.setdefault((size, value), int(number))
                if known != number:
                    raise OptionError(
                        f"mask_values has two classes for {shorten(key)}: {known} and {number}."
                    )
        channels, *others = {size for size, _ in classes}
        if others:
            raise OptionError(
                "mask_values has keys of several kinds; expected numbers and ranges alone, or "
                f"colors of the same length: {list(mask_values)[:_MAX_LISTED]}."
            )
        keys = np.array(sorted(value for _, value in classes), np.int64)
        found = np.array([classes[channels, key] for key in keys.tolist()])
        table = np.full(MAX_VALUE + 1 if channels == 1 else 0, -1, np.int32)
        if channels == 1:
            table[keys] = found
        dtype = np.uint8 if found.max() <= 255 else np.uint16
        return cls(channels, keys, found.astype(dtype), table)

    @property
    def is_color(self) -> bool:
        """Whether the keys are colors."""
        return self.channels > 1

    def has(self, value: int) -> bool:
        """Whether a number is one of the keys."""
        return not self.is_color and value in self.keys

    def apply(self, mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Replaces the values of a mask by their classes.

        Args:
            mask: Whole numbers from 0 to 65535, shape (height, width); or colors of 8 bits, shape
                (height, width, channels).

        Returns:
            uint8 or uint16, shape (height, width).

        Raises:
            ValueError: The mask has a value without a class.
        """
        values = self._pack(mask)
        if self.is_color:
            classes = self.classes[self._positions(values)]
        else:
            classes = self.table[values].astype(self.classes.dtype)
        unknown = self._is_unknown(values)
        if unknown.any():
            raise ValueError(self.describe_unknown(values[unknown]))
        return classes

    def find_unknown(self, mask: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Returns the values of a mask without a class, sorted, packed as in ``keys``."""
        values = self._pack(mask)
        return np.unique(values[self._is_unknown(values)]).astype(np.int64)

    def describe_unknown(self, packed: npt.NDArray[Any]) -> str:
        """Describes values without a class as the reason of an error."""
        return (
            f"it has {self._list(np.unique(packed))}, and mask_values has {self._list(self.keys)}. "
            "Add the class of each value of the masks"
        )

    def apply_to_array(self, mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Same as ``apply``, for an array of unknown origin, such as that of a custom loader.

        Returns:
            uint8 or uint16, shape (height, width), or (height, width, 1) if ``mask`` has a third
            axis.

        Raises:
            ValueError: The array has another shape or another type, or a value without a class.
        """
        limit = 255 if self.is_color else MAX_VALUE
        if mask.dtype.kind not in "bui" or not (
            mask.size == 0 or 0 <= mask.min() <= mask.max() <= limit
        ):
            raise ValueError(f"its values ({mask.dtype}) are not whole numbers from 0 to {limit}")
        if mask.ndim == 3 and mask.shape[2] == self.channels:
            values = mask if self.is_color else mask[:, :, 0]
            return self.apply(values.astype(np.uint16))[:, :, np.newaxis]
        if mask.ndim == 2 and not self.is_color:
            return self.apply(mask.astype(np.uint16))
        expected = f"(height, width, {self.channels})"
        raise ValueError(f"it has shape {mask.shape}, and mask_values needs {expected}")

    def _pack(self, mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return pack_colors(mask) if self.is_color else mask

    def _positions(self, packed: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        return np.searchsorted(self.keys, packed).clip(max=len(self.keys) - 1)

    def _is_unknown(self, packed: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        unknown: npt.NDArray[np.bool_]
        if self.is_color:
            unknown = self.keys[self._positions(packed)] != packed
        else:
            unknown = self.table[packed] < 0
        return unknown

    def _list(self, packed: npt.NDArray[Any]) -> str:
        if self.is_color:
            return list_values(unpack_colors(packed, self.channels))
        return list_values(packed.tolist())


def pack_colors(colors: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Packs the channels of colors, shape (..., channels), into one number each."""
    packed = np.zeros(colors.shape[:-1], np.int64)
    for channel in range(colors.shape[-1]):
        packed = packed << 8 | colors[..., channel]
    return packed


def unpack_colors(packed: npt.NDArray[np.int64], channels: int) -> list[Color]:
    """Same colors as tuples, from the numbers of ``pack_colors``; shape (n,)."""
    shifts = range(8 * (channels - 1), -1, -8)
    return [tuple(int(value) >> shift & 255 for shift in shifts) for value in packed]


def list_values(values: list[Any]) -> str:
    """Lists the first values or colors, for messages."""
    noun = "colors" if isinstance(values[0], tuple) else "values"
    noun = noun if len(values) > 1 else noun[:-1]
    listed = ", ".join(map(str, values[:_MAX_LISTED]))
    more = len(values) - _MAX_LISTED
    return f"the {noun} {listed}" + (f" and {more} more" if more > 0 else "")


def _parse_key(key: object) -> tuple[int, range | tuple[int, ...]]:
    """Returns the number of channels of a key, and its values, packed."""
    if is_whole(key, 0, MAX_VALUE):
        return 1, (int(key),)
    if isinstance(key, range) and key and min(key) >= 0 and max(key) <= MAX_VALUE:
        return 1, key
    if isinstance(key, tuple) and len(key) in (3, 4) and all(is_whole(x, 0, 255) for x in key):
        return len(key), tuple(pack_colors(np.array([key])).tolist())
    raise OptionError(
        f"mask_values has the key {shorten(key)}; expected a value of the masks: a whole number "
        f"from 0 to {MAX_VALUE}, a range of them, or a color as a tuple of 3 or 4 numbers from 0 "
        "to 255."
    )
