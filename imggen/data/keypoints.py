"""Keypoints of samples, in albumentations' formats."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.core import check_arguments, check_choice, check_whole
from imggen.data.cell_parsing import parse_numbers
from imggen.data.ragged import Ragged, to_json
from imggen.data.validation import Column
from imggen.errors import ManifestError

KeypointFormat = Literal["xy", "yx", "xya", "xys", "xyas", "xysa"]

# The columns of x, y, angle and scale in ``Sample.keypoints``.
_SAMPLE_COLUMNS = {"x": 0, "y": 1, "a": 2, "s": 3}


@check_arguments
@final
@dataclass(frozen=True)
class Keypoints:
    """The column of a table that holds keypoints, and their format.

    Attributes:
        col: The name of the column: a list of points per sample, or its text. Point i means the
            same in every sample, such as the left eye.
        format: The numbers of each point: "xy", "yx", "xya", "xys", "xyas" or "xysa". x and y are
            pixels, counted from the center of the top left pixel; a is an angle in degrees from x
            towards y; s is a scale. (albumentations 2.0 rotates these angles in the opposite
            direction where it rotates images by other than right angles; imggen's own augmentations
            rotate them with the image.) Flips do not change the order of the points: if points are
            named by side (left eye, right eye), use augmentations without flips; every preset has
            one.

    Raises:
        OptionError: An unknown format.

    Example:
        >>> import pandas as pd
        >>> from imggen import Keypoints, Manifest
        >>> frame = pd.DataFrame({"path": ["1.jpg"], "eyes": [[[10, 20], [30, 20]]]})
        >>> manifest = Manifest.from_frame(frame, y_col=None, keypoints=Keypoints(col="eyes"))
        >>> manifest.keypoints.capacity
        2
    """

    argument_hint: ClassVar[str] = "Pass Keypoints(col=..., format=...)."

    col: Column
    format: KeypointFormat = "xy"

    def __post_init__(self) -> None:
        check_choice("format", self.format, get_args(KeypointFormat))


@final
@dataclass(frozen=True, eq=False)
class KeypointColumn:
    """The keypoints of each sample; point i means the same in every sample, such as the left eye.

    Attributes:
        rows: The numbers of each point in ``format``; NaN for unknown points.
        format: See ``Keypoints``.
        capacity: The number of points in padded targets: the largest number of points of any sample
            in the whole table.
    """

    rows: Ragged
    format: KeypointFormat
    capacity: int

    def __post_init__(self) -> None:
        check_whole("capacity", self.capacity, self.rows.max_length, error=ManifestError)

    @classmethod
    def parse(cls, cells: Sequence[Any], spec: Keypoints) -> KeypointColumn:
        """Parses the cells of a table.

        Args:
            cells: The points of each sample: lists of numbers, or their text; None for no points.
            spec: The format of the points.

        Raises:
            ManifestError: A cell holds something else.
        """
        width = len(spec.format)
        points = [
            parse_numbers(cell, width, f"keypoints of row {row}") for row, cell in enumerate(cells)
        ]
        rows = Ragged.pack(points, width)
        return cls(rows, spec.format, rows.max_length)

    def keypoints(self, row: int) -> npt.NDArray[np.float64]:
        """Returns the points of a sample in the layout of ``Sample.keypoints``; read-only."""
        return self._points[self.rows.offsets[row] : self.rows.offsets[row + 1]]

    @functools.cached_property
    def _points(self) -> npt.NDArray[np.float64]:
        """The points of all samples in the layout of ``Sample.keypoints``."""
        points = self.from_target(self.rows.values)
        points.flags.writeable = False
        return points

    def from_target(self, points: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Converts points in ``format`` into the layout of ``Sample.keypoints``."""
        converted = np.full((len(points), len(_SAMPLE_COLUMNS)), np.nan)
        for column, letter in enumerate(self.format):
            values = points[:, column]
            converted[:, _SAMPLE_COLUMNS[letter]] = np.radians(values) if letter == "a" else values
        return converted

    def to_format(self, keypoints: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Converts points in the layout of ``Sample.keypoints`` into ``format``."""
        points = keypoints[:, [_SAMPLE_COLUMNS[letter] for letter in self.format]]
        if "a" in self.format:
            index = self.format.index("a")
            points[:, index] = np.degrees(points[:, index]) % 360
        return points

    def targets(self, keypoints: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
        """Converts the points of a sample into a target in ``format``, padded to ``capacity``.

        Args:
            keypoints: As ``Sample.keypoints``.

        Returns:
            "keypoints": float32, shape (capacity, 2 to 4), padded with NaN. Angles are at least 0
            and below 360.
        """
        num_points, letters = keypoints.shape[0], self.format
        padded = np.empty((self.capacity, len(letters)), np.float32)
        padded[num_points:] = np.nan
        points = padded[:num_points]
        points[...] = keypoints[:, [_SAMPLE_COLUMNS[letter] for letter in letters]]
        if "a" in letters:  # converted to float32 first, or it could be rounded up to 360
            angles = points[:, letters.index("a")]
            angles[...] = np.degrees(angles) % np.float32(360)
            angles[angles == 360] = 0  # the remainder of a tiny negative number
        return {"keypoints": padded}

    def take(self, rows: npt.NDArray[np.int64]) -> KeypointColumn:
        """Returns the samples at ``rows``, with the capacity of the whole column."""
        return KeypointColumn(self.rows.take(rows), self.format, self.capacity)

    @classmethod
    def concatenate(cls, columns: Sequence[KeypointColumn]) -> KeypointColumn:
        """Concatenates columns of the same format.

        Raises:
            ManifestError: They differ in format.
        """
        first = columns[0]
        for column in columns:
            if column.format != first.format:
                raise ManifestError(
                    f"Keypoints in the format {column.format!r} cannot be concatenated with "
                    f"keypoints in {first.format!r}; expected the same format."
                )
        rows = Ragged.concatenate([column.rows for column in columns])
        return cls(rows, first.format, max(column.capacity for column in columns))

    def to_cells(self) -> list[str]:
        """Returns the points of each sample as text for a table."""
        return to_json(self.rows[row] for row in range(len(self)))

    def __len__(self) -> int:
        return len(self.rows)
