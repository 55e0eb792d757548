"""Columns of boxes and keypoints, in albumentations' formats: as many a sample as there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_choice, is_whole
from imggen.data.cell_parsing import classes_in, numbers_in
from imggen.errors import ManifestError, OptionError

BoxFormat = Literal["pascal_voc", "coco", "albumentations", "yolo"]
KeypointFormat = Literal["xy", "yx", "xya", "xys", "xyas", "xysa"]

_OF_BOXES = {
    "pascal_voc": "left, top, right, bottom in pixels",
    "coco": "left, top, width, height in pixels",
    "albumentations": "left, top, right, bottom as fractions of width and height",
    "yolo": "middle x, middle y, width, height as fractions of width and height",
}
# Where x, y, angle and scale stand in samples.
_PLACES = {"x": 0, "y": 1, "a": 2, "s": 3}


@final
@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of several entries each, such as the boxes of each sample.

    Attributes:
        values: All entries, one after the other; shape (num_entries, width).
        offsets: Where the entries of each row begin, and the end of the last; int64, shape
            (num_rows + 1,).
    """

    values: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[npt.NDArray[np.float64]], width: int) -> Ragged:
        """Packs one array of shape (entries, width) a row."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return cls(np.concatenate([np.empty((0, width)), *rows]), offsets)

    @classmethod
    def concatenate(cls, several: Sequence[Ragged]) -> Ragged:
        """Puts the rows of several below each other."""
        lengths = np.concatenate([np.diff(one.offsets) for one in several])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(np.concatenate([one.values for one in several]), offsets)

    @property
    def most(self) -> int:
        """The number of entries of the row that has most of them."""
        return int(np.diff(self.offsets).max(initial=0))

    def take(self, rows: npt.NDArray[np.int64]) -> Ragged:
        """The rows at ``rows``, in that order."""
        starts = self.offsets[:-1][rows]
        lengths = self.offsets[1:][rows] - starts
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # An entry stays at the same distance from the start of its row.
        shifts = np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[np.arange(offsets[-1]) + shifts], offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.float64]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]


@final
@dataclass(frozen=True, eq=False)
class BoxColumn:
    """The boxes of each sample, and their classes.

    Attributes:
        rows: Four numbers a box as ``format`` has them, and the number of its class.
        format: "pascal_voc", "coco", "albumentations" or "yolo".
        class_names: The name of each class of boxes; position is class index.
        most: How many boxes targets have room for: as many as any sample of the whole table has.
    """

    rows: Ragged
    format: BoxFormat
    class_names: tuple[str, ...]
    most: int

    def __post_init__(self) -> None:
        _check_room(self.rows, self.most)

    @classmethod
    def of(
        cls,
        cells: Sequence[Any],
        labels: Sequence[Any] | None,
        box_format: str | None,
        class_names: Sequence[str] | None,
    ) -> BoxColumn:
        """Makes a column of the cells of a table.

        Args:
            cells: The boxes of each sample: lists of four numbers, or their text; None for none.
            labels: The class of each box, in lists of the same lengths: names, or class indices.
                None: all are "object".
            box_format: See ``BoxColumn.format``.
            class_names: The classes; position is index. None: names as they are there, sorted; for
                indices "0", "1", ...

        Raises:
            ManifestError: Something else in a cell, a box without an area, or fractions for pixels
                or the reverse.
            OptionError: An unknown format.
        """
        if box_format not in _OF_BOXES:
            formats = "; ".join(f'"{name}": {text}' for name, text in _OF_BOXES.items())
            raise OptionError(f"box_format={box_format!r} must be one of {formats}.")
        boxes = [numbers_in(cell, 4, f"boxes of row {row}") for row, cell in enumerate(cells)]
        for row, array in enumerate(boxes):
            corners = _corners(array, box_format, (1, 1))  # of any size: areas stay areas
            if not (np.isfinite(array).all() and (corners[:, 2:] > corners[:, :2]).all()):
                raise ManifestError(
                    f"Row {row} has a box without an area among {array.tolist()}; expected "
                    f"{_OF_BOXES[box_format]}. Correct it, or leave it out."
                )
        _check_unit(boxes, box_format)
        if labels is None:
            numbers = [np.zeros(len(array)) for array in boxes]
            names = tuple(map(str, class_names or ("object",)))
            if len(names) != 1:
                raise OptionError(
                    f"box_class_names={list(names)} names {len(names)} classes, and without "
                    "box_label_col= all boxes are of one."
                )
        else:
            numbers, names = classes_in(boxes, labels, class_names)
        if len(set(names)) != len(names):
            raise ManifestError(f"Names of classes of boxes must differ; got {list(names)}.")
        rows = Ragged.of(
            [np.column_stack(pair) for pair in zip(boxes, numbers, strict=True)], width=5
        )
        return cls(rows, box_format, names, rows.most)  # type: ignore[arg-type]

    def check_one_row_an_image(self, paths: StringColumn, x_col: str) -> None:
        """Refuses a table with a row a box: all other boxes of an image would be background.

        Args:
            paths: The image of each row.
            x_col: What their column is called.

        Raises:
            ManifestError: An image is there twice, with other boxes.
        """
        row_of: dict[str, int] = {}
        for row, path in enumerate(paths):
            first = row_of.setdefault(path, row)
            if not np.array_equal(self.rows[first], self.rows[row]):
                raise ManifestError(
                    f"{path!r} is in rows {first} and {row}, with other boxes in each; expected a "
                    "row an image, with a list of all its boxes, as "
                    f'table.groupby("{x_col}", as_index=False).agg(list) makes it.'
                )

    @property
    def is_relative(self) -> bool:
        """Whether positions are fractions of the sides."""
        return self.format in ("albumentations", "yolo")

    def boxes(self, row: int, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        """The boxes of a sample as samples have them; see ``Sample.boxes``.

        Args:
            row: The sample.
            size: (height, width) of the image that the table means, in pixels.
        """
        entries = self.rows[row]
        return np.column_stack([_corners(entries[:, :4], self.format, size), entries[:, 4]])

    def boxes_of(
        self, targets: Mapping[str, npt.NDArray[Any]], size: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        """The reverse of ``targets``."""
        is_there = targets["labels"] >= 0
        corners = _corners(targets["boxes"][is_there].astype(np.float64), self.format, size)
        return np.column_stack([corners, targets["labels"][is_there]])

    def targets(
        self, boxes: npt.NDArray[np.float64], size: tuple[int, int]
    ) -> dict[str, npt.NDArray[Any]]:
        """Boxes of a sample as targets, in ``format``, padded to ``most``.

        Args:
            boxes: As ``Sample.boxes``, no more than ``most``.
            size: (height, width) of the image, in pixels.

        Returns:
            "boxes": float32, shape (most, 4), 0 where there is none. "labels": int32, shape
            (most,), -1 where there is none. As Keras's own layers have them.
        """
        height, width = size
        left, top, right, bottom = boxes[:, :4].T
        if self.is_relative:
            left, right, top, bottom = left / width, right / width, top / height, bottom / height
        if self.format == "coco":
            columns = left, top, right - left, bottom - top
        elif self.format == "yolo":
            columns = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        else:
            columns = left, top, right, bottom
        padded = np.zeros((self.most, 4), np.float32)
        padded[: len(boxes)] = np.column_stack(columns)
        labels = np.full(self.most, -1, np.int32)
        labels[: len(boxes)] = boxes[:, 4]
        return {"boxes": padded, "labels": labels}

    def take(self, rows: npt.NDArray[np.int64]) -> BoxColumn:
        """The samples at ``rows``; targets of parts have room for the boxes of the whole."""
        return BoxColumn(self.rows.take(rows), self.format, self.class_names, self.most)

    @classmethod
    def concatenate(cls, columns: Sequence[BoxColumn]) -> BoxColumn:
        """Puts columns of the same format and classes below each other.

        Raises:
            ManifestError: They differ in format or classes.
        """
        first = columns[0]
        for column in columns:
            if (column.format, column.class_names) != (first.format, first.class_names):
                raise ManifestError(
                    f"Boxes in the format {column.format!r} of {column.class_names} cannot follow "
                    f"those in {first.format!r} of {first.class_names}."
                )
        rows = Ragged.concatenate([column.rows for column in columns])
        return cls(rows, first.format, first.class_names, max(column.most for column in columns))

    def cells(self) -> tuple[list[str], list[str]]:
        """The boxes and the names of their classes, as text for a table."""
        rows = [self.rows[row] for row in range(len(self))]
        names = [[self.class_names[int(label)] for label in row[:, 4]] for row in rows]
        return _texts(row[:, :4] for row in rows), [json.dumps(row) for row in names]

    def __len__(self) -> int:
        return len(self.rows)


@final
@dataclass(frozen=True, eq=False)
class KeypointColumn:
    """The keypoints of each sample: point i is the same of each, such as the left eye.

    Attributes:
        rows: The numbers of each point as ``format`` has them; NaN for points that are not known.
        format: "xy", "yx", "xya", "xys", "xyas" or "xysa": x and y in pixels, from the middle of
            the first one; a, an angle in degrees; s, a scale.
        most: How many points targets have room for: as many as any sample of the whole table has.
    """

    rows: Ragged
    format: KeypointFormat
    most: int

    def __post_init__(self) -> None:
        _check_room(self.rows, self.most)

    @classmethod
    def of(cls, cells: Sequence[Any], keypoint_format: str) -> KeypointColumn:
        """Makes a column of the cells of a table.

        Args:
            cells: The points of each sample: lists of numbers, or their text; None for none.
            keypoint_format: See ``KeypointColumn.format``.

        Raises:
            ManifestError: Something else in a cell.
            OptionError: An unknown format.
        """
        check_choice("keypoint_format", keypoint_format, get_args(KeypointFormat))
        width = len(keypoint_format)
        points = [
            numbers_in(cell, width, f"keypoints of row {row}") for row, cell in enumerate(cells)
        ]
        rows = Ragged.of(points, width)
        return cls(rows, keypoint_format, rows.most)  # type: ignore[arg-type]

    def keypoints(self, row: int) -> npt.NDArray[np.float64]:
        """The points of a sample as samples have them; see ``Sample.keypoints``."""
        return self.keypoints_of(self.rows[row])

    def keypoints_of(self, entries: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Points in ``format``, of a row or of a target, as samples have them."""
        points = np.full((len(entries), len(_PLACES)), np.nan)
        for column, letter in enumerate(self.format):
            values = entries[:, column]
            points[:, _PLACES[letter]] = np.radians(values) if letter == "a" else values
        return points

    def targets(self, keypoints: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
        """Points of a sample as targets, in ``format``, padded to ``most``.

        Args:
            keypoints: As ``Sample.keypoints``.

        Returns:
            "keypoints": float32, shape (most, 2 to 4), NaN where there is none. Angles are at
            least 0 and below 360.
        """
        padded = np.full((self.most, len(self.format)), np.nan, np.float32)
        for column, letter in enumerate(self.format):
            values = keypoints[:, _PLACES[letter]].astype(np.float32)
            if letter == "a":  # rounded first, or it might be rounded up to 360
                values = np.degrees(values) % np.float32(360)
                values[values == 360] = 0  # what NumPy makes of less than nothing
            padded[: len(values), column] = values
        return {"keypoints": padded}

    def take(self, rows: npt.NDArray[np.int64]) -> KeypointColumn:
        """The samples at ``rows``; targets of parts have room for the points of the whole."""
        return KeypointColumn(self.rows.take(rows), self.format, self.most)

    @classmethod
    def concatenate(cls, columns: Sequence[KeypointColumn]) -> KeypointColumn:
        """Puts columns of the same format below each other.

        Raises:
            ManifestError: They differ in format.
        """
        first = columns[0]
        for column in columns:
            if column.format != first.format:
                raise ManifestError(
                    f"Keypoints in the format {column.format!r} cannot follow those in "
                    f"{first.format!r}."
                )
        rows = Ragged.concatenate([column.rows for column in columns])
        return cls(rows, first.format, max(column.most for column in columns))

    def cells(self) -> list[str]:
        """The points as text for a table."""
        return _texts(self.rows[row] for row in range(len(self)))

    def __len__(self) -> int:
        return len(self.rows)


def _check_room(rows: Ragged, most: object) -> None:
    if not is_whole(most, rows.most):
        raise ManifestError(
            f"There must be room for the {rows.most} boxes or keypoints of a sample; got {most!r}."
        )


def _check_unit(boxes: Sequence[npt.NDArray[np.float64]], box_format: str) -> None:
    """Refuses pixels where fractions are expected, and the reverse."""
    is_relative = box_format in ("albumentations", "yolo")
    largest = [float(np.abs(array).max(initial=0)) for array in boxes]
    row = int(np.argmax(largest)) if largest else 0
    # Fractions may be a little above 1, where a box reaches beyond the edge.
    wrong = max(largest, default=0) > 2 if is_relative else 0 < max(largest, default=0) <= 1
    if wrong:
        found, expected = ("pixels", "fractions") if is_relative else ("fractions", "pixels")
        raise ManifestError(
            f"The boxes look like {found}, such as {boxes[row].tolist()} in row {row}, and "
            f"box_format={box_format!r} means {expected}: {_OF_BOXES[box_format]}."
        )


def _corners(
    boxes: npt.NDArray[np.float64], box_format: str, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """(left, top, right, bottom) in pixels, from the corner of the image."""
    first, second = boxes[:, :2], boxes[:, 2:]
    if box_format == "coco":
        second = first + second
    elif box_format == "yolo":
        first, second = first - second / 2, first + second / 2
    corners = np.column_stack([first, second])
    if box_format in ("albumentations", "yolo"):
        corners *= [size[1], size[0], size[1], size[0]]
    return corners


def _texts(rows: Iterable[npt.NDArray[np.float64]]) -> list[str]:
    return [json.dumps(row.tolist()) for row in rows]
