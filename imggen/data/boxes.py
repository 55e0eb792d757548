"""Bounding boxes of samples, in albumentations' formats."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final, get_args

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_arguments, check_whole, shorten
from imggen.data.cell_parsing import parse_classes, parse_numbers
from imggen.data.class_names import ClassNames, parse_class_names
from imggen.data.ragged import Ragged, to_json
from imggen.data.validation import Column
from imggen.errors import ManifestError, OptionError

BoxFormat = Literal["pascal_voc", "coco", "albumentations", "yolo"]

_FORMATS = {
    "pascal_voc": "left, top, right, bottom in pixels",
    "coco": "left, top, width, height in pixels",
    "albumentations": "left, top, right, bottom as fractions of width and height",
    "yolo": "center x, center y, width, height as fractions of width and height",
}


@check_arguments
@final
@dataclass(frozen=True)
class Boxes:
    """The columns of a table that hold bounding boxes, and their format.

    Attributes:
        col: The name of the column of boxes: a list of four numbers per box, or its text.
        format: "pascal_voc" (left, top, right, bottom in pixels), "coco" (left, top, width, height
            in pixels), "albumentations" (like "pascal_voc", as fractions of the sides) or "yolo"
            (center x, center y, width, height as fractions of the sides). Pixels are those of the
            file, upright unless ``exif_orientation=False``; targets have the same format, in pixels
            of ``image_size``.
        labels: The name of the column of box classes: a list per sample with one class name or
            class index per box. None: every box is an "object".
        class_names: The box classes; position is index. None: for names, those in the table,
            sorted; for indices, "0", "1", ... The names in use are in
            ``manifest.boxes.class_names``.

    Raises:
        OptionError: An unknown format, a class name twice, or several classes without ``labels``.

    Example:
        >>> import pandas as pd
        >>> from imggen import Boxes, Manifest
        >>> frame = pd.DataFrame({
        ...     "path": ["1.jpg"], "box": [[[0, 0, 9, 9], [5, 5, 8, 8]]], "kind": [["cat", "dog"]]})
        >>> manifest = Manifest.from_frame(
        ...     frame, y_col=None, boxes=Boxes(col="box", format="coco", labels="kind"))
        >>> manifest.boxes.class_names, manifest.boxes.capacity
        (('cat', 'dog'), 2)
    """

    argument_hint: ClassVar[str] = "Pass Boxes(col=..., format=...)."

    col: Column
    format: BoxFormat
    labels: Column | None = None
    class_names: ClassNames | None = None

    def __post_init__(self) -> None:
        if self.format not in get_args(BoxFormat):
            formats = "; ".join(f'"{name}": {text}' for name, text in _FORMATS.items())
            raise OptionError(f"format={shorten(self.format)} must be one of {formats}.")
        if self.class_names is None:
            return
        names = parse_class_names(self.class_names)
        object.__setattr__(self, "class_names", names)
        if len(set(names)) != len(names):
            raise OptionError(f"The class names of boxes must differ; got {shorten(list(names))}.")
        if self.labels is None and len(names) != 1:
            raise OptionError(
                f"class_names={shorten(list(names))} has {len(names)} box classes, but without "
                "labels= all boxes have the same class. Pass labels= or a single name."
            )


@final
@dataclass(frozen=True, eq=False)
class BoxColumn:
    """The boxes of each sample, and their classes.

    Attributes:
        rows: Four numbers per box in ``format``, followed by its class index.
        format: See ``Boxes``.
        class_names: The name of each box class; position is class index.
        capacity: The number of boxes in padded targets: the largest number of boxes of any sample
            in the whole table.
    """

    rows: Ragged
    format: BoxFormat
    class_names: tuple[str, ...]
    capacity: int

    def __post_init__(self) -> None:
        check_whole("capacity", self.capacity, self.rows.max_length, error=ManifestError)

    @classmethod
    def parse(cls, cells: Sequence[Any], labels: Sequence[Any] | None, spec: Boxes) -> BoxColumn:
        """Parses the cells of a table.

        Args:
            cells: The boxes of each sample: lists of four numbers, or their text; None for no
                boxes.
            labels: The class of each box, in lists of the same lengths: names, or class indices.
                None: every box is an "object".
            spec: The format and the classes of the boxes.

        Raises:
            ManifestError: A cell holds something else, a box has no area, or boxes are fractions
                instead of pixels or the reverse.
        """
        boxes = [parse_numbers(cell, 4, f"boxes of row {row}") for row, cell in enumerate(cells)]
        for row, array in enumerate(boxes):
            corners = _to_corners(array, spec.format, (1, 1))  # at any size, an area stays an area
            if not (np.isfinite(array).all() and (corners[:, 2:] > corners[:, :2]).all()):
                raise ManifestError(
                    f"Row {row} has a box without an area among {array.tolist()}; expected "
                    f"{_FORMATS[spec.format]}. Correct or remove it."
                )
        _check_unit(boxes, spec.format)
        if labels is None:
            indices = [np.zeros(len(array)) for array in boxes]
            names = parse_class_names(spec.class_names) or ("object",)
        else:
            indices, names = parse_classes(boxes, labels, spec.class_names)
        rows = Ragged.pack(
            [np.column_stack(pair) for pair in zip(boxes, indices, strict=True)], width=5
        )
        return cls(rows, spec.format, names, rows.max_length)

    def check_one_row_per_image(self, paths: StringColumn, x_col: Column) -> None:
        """Rejects a table with one row per box: an image's other boxes would be background.

        Args:
            paths: The image of each row.
            x_col: The name of their column.

        Raises:
            ManifestError: Two rows have the same image and different boxes.
        """
        row_of: dict[str, int] = {}
        for row, path in enumerate(paths):
            first = row_of.setdefault(path, row)
            if not np.array_equal(self.rows[first], self.rows[row]):
                raise ManifestError(
                    f"{path!r} is in rows {first} and {row} with different boxes; expected one row "
                    "per image with a list of all its boxes. To build such a table, use "
                    f'table.groupby("{x_col}", as_index=False).agg(list).'
                )

    @property
    def is_relative(self) -> bool:
        """Whether positions are fractions of the sides."""
        return self.format in ("albumentations", "yolo")

    def boxes(self, row: int, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Returns the boxes of a sample in the layout of ``Sample.boxes``.

        Args:
            row: The sample.
            size: (height, width) in pixels of the image that the table describes.

        Returns:
            Shape (num_boxes, 5); not to be written to.
        """
        entries = self._corners[self.rows.offsets[row] : self.rows.offsets[row + 1]]
        if self.format not in ("albumentations", "yolo"):
            return entries
        height, width = size
        return np.asarray(entries * np.array([width, height, width, height, 1.0]), np.float64)

    @functools.cached_property
    def _corners(self) -> npt.NDArray[np.float64]:
        """All boxes as (left, top, right, bottom, class index), in the unit of the format."""
        values = self.rows.values
        corners = _to_corners(values[:, :4], self.format, (1, 1))
        corners = np.asarray(np.column_stack([corners, values[:, 4]]), np.float64)
        corners.flags.writeable = False
        return corners

    def from_targets(
        self, targets: Mapping[str, npt.NDArray[Any]], size: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        """Converts padded targets back into the layout of ``Sample.boxes``; see ``targets``."""
        is_box = targets["labels"] >= 0
        corners = _to_corners(targets["boxes"][is_box].astype(np.float64), self.format, size)
        return np.column_stack([corners, targets["labels"][is_box]])

    def targets(
        self, boxes: npt.NDArray[np.float64], size: tuple[int, int]
    ) -> dict[str, npt.NDArray[Any]]:
        """Converts the boxes of a sample into targets in ``format``, padded to ``capacity``.

        Args:
            boxes: As ``Sample.boxes``, no more than ``capacity``.
            size: (height, width) of the image, in pixels.

        Returns:
            "boxes": float32, shape (capacity, 4), padded with 0. "labels": int32, shape
            (capacity,), padded with -1. Keras's own layers use the same layout.
        """
        height, width = size
        left, top, right, bottom = boxes[:, :4].T
        if self.format in ("albumentations", "yolo"):
            left, right, top, bottom = left / width, right / width, top / height, bottom / height
        if self.format == "coco":
            columns = left, top, right - left, bottom - top
        elif self.format == "yolo":
            columns = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        else:
            columns = left, top, right, bottom
        num_boxes = boxes.shape[0]
        padded = np.zeros((self.capacity, 4), np.float32)
        filled = padded[:num_boxes]
        filled[:, 0], filled[:, 1], filled[:, 2], filled[:, 3] = columns
        labels = np.empty(self.capacity, np.int32)
        labels[:num_boxes] = boxes[:, 4]
        labels[num_boxes:] = -1
        return {"boxes": padded, "labels": labels}

    def take(self, rows: npt.NDArray[np.int64]) -> BoxColumn:
        """Returns the samples at ``rows``, with the capacity of the whole column."""
        return BoxColumn(self.rows.take(rows), self.format, self.class_names, self.capacity)

    @classmethod
    def concatenate(cls, columns: Sequence[BoxColumn]) -> BoxColumn:
        """Concatenates columns of the same format and classes.

        Raises:
            ManifestError: They differ in format or classes.
        """
        first = columns[0]
        for column in columns:
            if (column.format, column.class_names) != (first.format, first.class_names):
                raise ManifestError(
                    f"Boxes in the format {column.format!r} of the classes "
                    f"{shorten(column.class_names)} cannot be concatenated with boxes in "
                    f"{first.format!r} of {shorten(first.class_names)}; expected the same format "
                    "and classes."
                )
        rows = Ragged.concatenate([column.rows for column in columns])
        capacity = max(column.capacity for column in columns)
        return cls(rows, first.format, first.class_names, capacity)

    def to_cells(self) -> tuple[list[str], list[str]]:
        """Returns the boxes and the names of their classes, as text for a table."""
        rows = [self.rows[row] for row in range(len(self))]
        names = [[self.class_names[int(label)] for label in row[:, 4]] for row in rows]
        return to_json(row[:, :4] for row in rows), [json.dumps(row) for row in names]

    def __len__(self) -> int:
        return len(self.rows)


def _check_unit(boxes: Sequence[npt.NDArray[np.float64]], box_format: BoxFormat) -> None:
    """Rejects pixels where fractions are expected, and the reverse."""
    is_relative = box_format in ("albumentations", "yolo")
    largest = [float(np.abs(array).max(initial=0)) for array in boxes]
    row = int(np.argmax(largest)) if largest else 0
    # Fractions may be a little above 1 if a box reaches outside the image.
    wrong = max(largest, default=0) > 2 if is_relative else 0 < max(largest, default=0) <= 1
    if wrong:
        found, expected = ("pixels", "fractions") if is_relative else ("fractions", "pixels")
        raise ManifestError(
            f"The boxes look like {found}, such as {boxes[row].tolist()} in row {row}, but "
            f"format={shorten(box_format)} means {expected}: {_FORMATS[box_format]}. Pass another "
            "format or convert the boxes."
        )


def _to_corners(
    boxes: npt.NDArray[np.float64], box_format: BoxFormat, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Returns (left, top, right, bottom) in pixels, counted from the corner of the image."""
    first, second = boxes[:, :2], boxes[:, 2:]
    if box_format == "coco":
        second = first + second
    elif box_format == "yolo":
        first, second = first - second / 2, first + second / 2
    corners = np.column_stack([first, second])
    if box_format in ("albumentations", "yolo"):
        corners *= [size[1], size[0], size[1], size[0]]
    return corners
