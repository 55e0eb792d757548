"""Columns of boxes and keypoints: parsing of cells, every format, and saved tables."""

import dataclasses
import json
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imggen
from imggen import Boxes, Keypoints, Manifest
from imggen.core import StringColumn
from imggen.data.boxes import BoxColumn
from imggen.data.keypoints import KeypointColumn
from imggen.data.ragged import Ragged
from imggen.errors import ManifestError, OptionError

# Without this, importing albumentations asks the network for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
pytest.importorskip("albumentations")
from albumentations.core import bbox_utils, keypoints_utils

SIZE = (60, 80)
SHAPE = {"height": 60, "width": 80}
BOX_FORMATS = ["pascal_voc", "coco", "albumentations", "yolo"]
KEYPOINT_FORMATS = ["xy", "yx", "xya", "xys", "xyas", "xysa"]

# The same three boxes of an image of SIZE in each format, calculated by hand.
SAME_BOXES = {
    "pascal_voc": [[8, 6, 24, 36], [40, 0, 80, 60], [20, 30, 60, 45]],
    "coco": [[8, 6, 16, 30], [40, 0, 40, 60], [20, 30, 40, 15]],
    "albumentations": [[0.1, 0.1, 0.3, 0.6], [0.5, 0, 1, 1], [0.25, 0.5, 0.75, 0.75]],
    "yolo": [[0.2, 0.35, 0.2, 0.5], [0.75, 0.5, 0.5, 1], [0.5, 0.625, 0.5, 0.25]],
}
all_box_formats = pytest.mark.parametrize("box_format", BOX_FORMATS)
all_keypoint_formats = pytest.mark.parametrize("keypoint_format", KEYPOINT_FORMATS)
endings = pytest.mark.parametrize("ending", ["csv", "parquet"])


def frame_of(**columns) -> pd.DataFrame:
    """A table of the images "0.png", "1.png" ..., with an index that must be ignored."""
    count = len(next(iter(columns.values())))
    paths = [f"{row}.png" for row in range(count)]
    return pd.DataFrame({"path": paths, **columns}, index=[f"id {row}" for row in range(count)])


def boxes_in(cells, labels=None, box_format="pascal_voc", class_names=None) -> BoxColumn:
    columns = {"boxes": cells} | ({} if labels is None else {"kinds": labels})
    manifest = Manifest.from_frame(
        frame_of(**columns),
        y_col=None,
        boxes=Boxes(
            col="boxes",
            format=box_format,
            labels=None if labels is None else "kinds",
            class_names=class_names,
        ),
    )
    return manifest.boxes


def keypoints_in(cells, keypoint_format="xy") -> KeypointColumn:
    manifest = Manifest.from_frame(
        frame_of(points=cells),
        y_col=None,
        keypoints=Keypoints(col="points", format=keypoint_format),
    )
    return manifest.keypoints


def names_of(column: BoxColumn) -> list[list[str]]:
    """The names of the classes of the boxes of each sample."""
    return [
        [column.class_names[int(number)] for number in column.rows[row][:, 4]]
        for row in range(len(column))
    ]


def values_in(column) -> list[list[list[float]]]:
    return [column.rows[row].tolist() for row in range(len(column))]


# Formats of boxes.


@all_box_formats
def test_samples_have_the_corners_of_boxes_in_pixels(box_format):
    boxes = boxes_in([SAME_BOXES[box_format]], box_format=box_format).boxes(0, SIZE)

    assert boxes.dtype == np.float64
    np.testing.assert_allclose(boxes[:, :4], SAME_BOXES["pascal_voc"], rtol=1e-12)


@all_box_formats
def test_boxes_mean_the_same_as_in_albumentations(box_format):
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 0.6, (20, 2))
    fractions = np.hstack([first, first + rng.uniform(0.05, 0.4, (20, 2))])
    given_boxes = fractions
    if box_format != "albumentations":
        given_boxes = bbox_utils.convert_bboxes_from_albumentations(fractions, box_format, SHAPE)
    boxes = boxes_in([given_boxes.tolist()], box_format=box_format).boxes(0, SIZE)

    expected = fractions
    if box_format != "albumentations":
        expected = bbox_utils.convert_bboxes_to_albumentations(given_boxes, box_format, SHAPE)
    np.testing.assert_allclose(boxes[:, :4] / [80, 60, 80, 60], expected, atol=1e-6)
    np.testing.assert_allclose(boxes[:, :4] / [80, 60, 80, 60], fractions, atol=1e-12)


@all_box_formats
def test_targets_have_the_numbers_of_the_table(box_format):
    cells = [SAME_BOXES[box_format], SAME_BOXES[box_format][:1], None]
    column = boxes_in(cells, [["b", "a", "b"], ["a"], None], box_format)

    for row, cell in enumerate(cells):
        targets = column.targets(column.boxes(row, SIZE), SIZE)
        count = len(cell or [])
        assert (targets["boxes"].shape, targets["boxes"].dtype) == ((3, 4), np.float32)
        assert (targets["labels"].shape, targets["labels"].dtype) == ((3,), np.int32)
        np.testing.assert_allclose(targets["boxes"][:count], cell or np.empty((0, 4)), rtol=1e-6)
        assert not targets["boxes"][count:].any()
        assert targets["labels"].tolist() == [[1, 0, 1], [0, -1, -1], [-1, -1, -1]][row]


@all_box_formats
def test_targets_of_boxes_convert_back_to_boxes(box_format):
    column = boxes_in([SAME_BOXES[box_format], []], [["b", "a", "b"], []], box_format)
    for row in range(2):
        boxes = column.boxes(row, SIZE)
        again = column.from_targets(column.targets(boxes, SIZE), SIZE)

        np.testing.assert_allclose(again, boxes, rtol=1e-6)


@all_box_formats
def test_targets_of_another_size_are_of_that_size(box_format):
    column = boxes_in([SAME_BOXES[box_format]], box_format=box_format)
    # Two times as wide and three times as high, as after a resize.
    boxes = column.boxes(0, SIZE) * [2, 3, 2, 3, 1]
    targets = column.targets(boxes, (180, 160))["boxes"]

    in_pixels = np.array([2, 3, 2, 3]) * SAME_BOXES[box_format]
    is_relative = box_format in ("albumentations", "yolo")
    np.testing.assert_allclose(
        targets, SAME_BOXES[box_format] if is_relative else in_pixels, rtol=1e-6
    )


@all_box_formats
def test_cells_of_boxes_equal_those_of_the_table(box_format):
    cells = [SAME_BOXES[box_format], None, SAME_BOXES[box_format][1:]]
    column = boxes_in(cells, [["b", "a", "b"], [], ["c", "a"]], box_format)
    texts, names = column.to_cells()
    again = boxes_in(texts, names, box_format)

    assert values_in(again) == values_in(column)
    assert again.class_names == column.class_names == ("a", "b", "c")
    assert json.loads(texts[0]) == SAME_BOXES[box_format]
    assert [json.loads(text) for text in names] == [["b", "a", "b"], [], ["c", "a"]]


# Formats of keypoints.


def angle_apart(one, other):
    """The distance of two angles in degrees, in either direction."""
    return np.abs((np.asarray(one) - other + 180) % 360 - 180)


@all_keypoint_formats
def test_keypoints_mean_the_same_as_in_albumentations(keypoint_format):
    rng = np.random.default_rng(2)
    cell = rng.uniform(0, 55, (20, len(keypoint_format)))
    points = keypoints_in([cell.tolist()], keypoint_format).keypoints(0)
    expected = keypoints_utils.convert_keypoints_to_albumentations(cell, keypoint_format, SHAPE)

    assert points.dtype == np.float64
    # In albumentations, missing angles and scales are 0.
    absent = ["xyas".index(letter) for letter in "as" if letter not in keypoint_format]
    assert np.isnan(points[:, absent]).all()
    np.testing.assert_allclose(np.nan_to_num(points), expected[:, [0, 1, 3, 4]], rtol=1e-6)


@all_keypoint_formats
def test_targets_of_keypoints_have_the_numbers_of_the_table(keypoint_format):
    rng = np.random.default_rng(3)
    cells = [rng.uniform(0, 55, (count, len(keypoint_format))).tolist() for count in (4, 2, 0)]
    column = keypoints_in(cells, keypoint_format)

    for row, cell in enumerate(cells):
        targets = column.targets(column.keypoints(row))["keypoints"]
        assert (targets.shape, targets.dtype) == ((4, len(keypoint_format)), np.float32)
        np.testing.assert_allclose(targets[: len(cell)].tolist(), cell, rtol=1e-5)
        assert np.isnan(targets[len(cell) :]).all()


@all_keypoint_formats
def test_targets_of_keypoints_convert_back_to_keypoints(keypoint_format):
    column = keypoints_in([[[3.0, 4.0, 5.0, 6.0][: len(keypoint_format)]]], keypoint_format)
    points = column.keypoints(0)
    again = column.from_target(column.targets(points)["keypoints"])

    np.testing.assert_allclose(again, points, rtol=1e-6)


@all_keypoint_formats
def test_cells_of_keypoints_equal_those_of_the_table(keypoint_format):
    width = len(keypoint_format)
    cells = [[[1.5, 2, 3, 4][:width], [None] * width], None, [[5, 6.25, 7, 8][:width]]]
    column = keypoints_in(cells, keypoint_format)
    again = keypoints_in(column.to_cells(), keypoint_format)

    for row in range(3):
        np.testing.assert_array_equal(again.rows[row], column.rows[row])
    assert np.isnan(column.rows[0][1]).all()
    assert not np.isnan(column.rows[2]).any()


@pytest.mark.parametrize(
    ("given_angle", "expected"), [(0, 0), (-90, 270), (360, 0), (725, 5), (180, 180), (359, 359)]
)
def test_angles_of_targets_are_at_least_0_and_below_360(given_angle, expected):
    column = keypoints_in([[[1, 2, given_angle]]], "xya")
    angle = column.targets(column.keypoints(0))["keypoints"][0, 2]

    assert 0 <= angle < 360
    assert angle_apart(angle, expected) < 1e-3


@pytest.mark.parametrize("turned", [-1e-9, -1e-8, 2 * np.pi - 1e-8])
def test_angles_of_targets_are_below_360_when_they_are_rounded_too(turned):
    column = keypoints_in([[[1, 2, 0]]], "xya")
    angle = column.targets(np.array([[1.0, 2, turned, 0]]))["keypoints"][0, 2]

    assert 0 <= angle < 360


# Contents of cells.

TWO = [[1.0, 2.0, 3.0, 4.0], [5.5, 6.0, 7.0, 8.0]]
CELLS = {
    "lists": TWO,
    "tuples": tuple(map(tuple, TWO)),
    "an array": np.array(TWO),
    "a list of arrays": [np.array(row) for row in TWO],
    "an array of arrays": np.array([np.array(row) for row in TWO] + [None], object)[:2],
    "JSON": json.dumps(TWO),
    "JSON with spaces": " [ [1,2,3,4] ,[5.5,6,7,8] ]\n",
    "Python": str(TWO),
    "Python's tuples": str(tuple(map(tuple, TWO))),
    "float32": np.array(TWO, np.float32),
    "text inside": [list(map(str, row)) for row in TWO],
    "numbers of NumPy": [list(np.array(row)) for row in TWO],
}
MISSING = {
    "None": None,
    "NaN": float("nan"),
    "an empty text": "",
    "an empty list": [],
    "an empty tuple": (),
    "an empty list as text": "[]",
    "an empty array": np.empty((0, 4)),
    "null": "null",
}


@pytest.mark.parametrize("name", CELLS)
def test_boxes_may_be_given_as(name):
    column = boxes_in([None, CELLS[name]])

    assert values_in(column) == [[], [[*row, 0.0] for row in TWO]]


@pytest.mark.parametrize("name", CELLS)
def test_keypoints_may_be_given_as(name):
    assert values_in(keypoints_in([None, CELLS[name]], "xyas")) == [[], TWO]


@pytest.mark.parametrize("name", MISSING)
def test_no_boxes_or_keypoints_may_be_given_as(name):
    cells = [[TWO[0]], MISSING[name]]

    assert [len(row) for row in values_in(boxes_in(cells))] == [1, 0]
    assert [len(row) for row in values_in(keypoints_in(cells, "xyas"))] == [1, 0]


@pytest.mark.parametrize("name", [name for name in MISSING if name != "null"])
def test_no_box_classes_may_be_given_as(name):
    cells = [[TWO[0]], MISSING[name]]

    assert names_of(boxes_in(cells, [["a"], MISSING[name]])) == [["a"], []]


@pytest.mark.parametrize("column", ["boxes", "kinds"])
def test_a_missing_value_of_a_nullable_column_means_no_boxes(column):
    columns = {"boxes": ["[[1, 2, 3, 4]]", None], "kinds": ['["a"]', None]}
    columns[column] = pd.array(columns[column], dtype="string[python]")
    manifest = Manifest.from_frame(
        frame_of(**columns),
        y_col=None,
        boxes=Boxes(col="boxes", format="pascal_voc", labels="kinds"),
    )

    assert [len(row) for row in values_in(manifest.boxes)] == [1, 0]


@pytest.mark.parametrize(
    "cell",
    [TWO[0], tuple(TWO[0]), np.array(TWO[0]), str(TWO[0])],
    ids=["list", "tuple", "array", "text"],
)
def test_a_single_box_needs_no_list_around_it(cell):
    assert values_in(boxes_in([cell])) == [[[*TWO[0], 0.0]]]


def test_a_single_keypoint_needs_no_list_around_it():
    assert values_in(keypoints_in([[3, 4], "[5, 6]"])) == [[[3, 4]], [[5, 6]]]


def test_missing_numbers_of_keypoints_are_unknown():
    column = keypoints_in([[[1, 2], [None, None]], "[[NaN, NaN], [3, 4]]", "[[null, null]]"])

    expected = [[[1, 2], [np.nan] * 2], [[np.nan] * 2, [3, 4]], [[np.nan] * 2]]
    for row, points in enumerate(expected):
        np.testing.assert_array_equal(column.rows[row], points)


def test_a_table_that_went_through_csv_is_the_same_table(tmp_path):
    frame = frame_of(boxes=[TWO, [], TWO[:1]], kinds=[["b", "a"], [], ["a"]], points=[TWO, TWO, []])
    frame.to_csv(tmp_path / "table.csv")
    options = {
        "y_col": None,
        "boxes": Boxes(col="boxes", format="coco", labels="kinds"),
        "keypoints": Keypoints(col="points", format="xysa"),
    }
    one = Manifest.from_frame(frame, **options)
    other = Manifest.from_frame(pd.read_csv(tmp_path / "table.csv"), **options)

    assert values_in(one.boxes) == values_in(other.boxes)
    assert one.boxes.class_names == other.boxes.class_names
    assert values_in(one.keypoints) == values_in(other.keypoints)


def test_a_table_that_went_through_parquet_is_the_same_table(tmp_path):
    pytest.importorskip("pyarrow")
    frame = frame_of(boxes=[TWO, [], TWO[:1]], kinds=[["b", "a"], [], ["a"]])
    frame.to_parquet(tmp_path / "table.parquet")  # as lists of lists
    again = pd.read_parquet(tmp_path / "table.parquet")
    one, other = (
        boxes_in(table["boxes"].tolist(), table["kinds"].tolist(), "coco")
        for table in (frame, again)
    )

    assert values_in(one) == values_in(other)
    assert one.class_names == other.class_names


# Invalid cells.

BAD_CELLS = {
    "three numbers": [[1, 2, 3]],
    "five numbers": [[1, 2, 3, 4, 5]],
    "of several lengths": [[1, 2, 3, 4], [1, 2]],
    "three numbers alone": [1, 2, 3],
    "words": "two boxes",
    "words inside": [["left", "top", "right", "bottom"]],
    "a number": 7,
    "a number as text": "7",
    "broken JSON": "[[1, 2, 3, 4]",
    "a dictionary": {"left": 1, "top": 2},
    "lists that are too deep": [[[1, 2, 3, 4]]],
    "None among boxes": [[1, 2, 3, 4], None],
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_bad_boxes_are_named_with_their_row_and_what_was_expected(name):
    with pytest.raises(
        ManifestError,
        match=r"(?s)The boxes of row 1 are .*; expected a list with 4 numbers each, such as "
        r"\[\[0\.0, 1\.0, 2\.0, 3\.0\]\], or its text\.",
    ):
        boxes_in([[[1, 2, 3, 4]], BAD_CELLS[name]])


@pytest.mark.parametrize("name", BAD_CELLS)
def test_bad_keypoints_are_named_with_their_row_and_what_was_expected(name):
    with pytest.raises(
        ManifestError, match=r"(?s)The keypoints of row 2 are .*; expected a list with 4 numbers"
    ):
        keypoints_in([None, [[1, 2, 3, 4]], BAD_CELLS[name]], "xyas")


@all_keypoint_formats
def test_keypoints_have_as_many_numbers_as_their_format(keypoint_format):
    width = len(keypoint_format)
    for wrong in {1, 2, 3, 4, 5} - {width}:
        with pytest.raises(ManifestError, match=f"expected a list with {width} numbers each"):
            keypoints_in([[[1] * wrong]], keypoint_format)


WITHOUT_AREA = {
    "pascal_voc": [[5, 5, 5, 9], [5, 5, 9, 5], [9, 5, 5, 9], [5, 9, 9, 5]],
    "coco": [[5, 5, 0, 9], [5, 5, 9, 0], [5, 5, -1, 9], [5, 5, 9, -1]],
    "albumentations": [[0.5, 0.5, 0.5, 0.9], [0.5, 0.5, 0.9, 0.5], [0.9, 0.5, 0.5, 0.9]],
    "yolo": [[0.5, 0.5, 0, 0.9], [0.5, 0.5, 0.9, 0], [0.5, 0.5, -0.1, 0.9]],
}
EXPECTED = {
    "pascal_voc": "left, top, right, bottom in pixels",
    "coco": "left, top, width, height in pixels",
    "albumentations": "left, top, right, bottom as fractions of width and height",
    "yolo": "center x, center y, width, height as fractions of width and height",
}


@all_box_formats
def test_a_box_without_an_area_is_named_with_its_row_and_its_format(box_format):
    good = SAME_BOXES[box_format][0]
    for bad in WITHOUT_AREA[box_format]:
        with pytest.raises(
            ManifestError,
            match=rf"Row 1 has a box without an area .*; expected {EXPECTED[box_format]}\. Correct",
        ):
            boxes_in([[good], [good, bad]], box_format=box_format)


@all_box_formats
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None], ids=str)
@pytest.mark.parametrize("place", range(4))
def test_a_box_with_a_number_that_is_not_finite_is_named_with_its_row(box_format, value, place):
    box = list(SAME_BOXES[box_format][0])
    box[place] = value

    with pytest.raises(ManifestError, match=rf"Row 2 has .*; expected {EXPECTED[box_format]}"):
        boxes_in([None, None, [box]], box_format=box_format)


@all_box_formats
def test_pixels_are_not_accepted_as_fractions_or_the_reverse(box_format):
    is_relative = box_format in ("albumentations", "yolo")
    cell, found = ([[40, 30, 60, 50]], "pixels") if is_relative else ([[0.1, 0.2, 0.5, 0.6]], "fra")
    with pytest.raises(
        ManifestError,
        match=rf"look like {found}.* in row 1, but format='{box_format}' means .*"
        rf"{EXPECTED[box_format]}",
    ):
        boxes_in([None, cell], box_format=box_format)


def test_boxes_may_reach_outside_the_image():
    assert values_in(boxes_in([[[-5, -5, 200, 9]]])) == [[[-5, -5, 200, 9, 0]]]


@pytest.mark.parametrize("box_format", ["voc", None, "", "YOLO"])
def test_an_unknown_format_of_boxes_is_refused_with_the_known_ones(box_format):
    with pytest.raises(OptionError, match="format=") as caught:
        boxes_in([[[1, 2, 3, 4]]], box_format=box_format)

    assert all(f'"{name}": {text}' in str(caught.value) for name, text in EXPECTED.items())


@pytest.mark.parametrize("keypoint_format", ["xyz", "ax", "", None])
def test_an_unknown_format_of_keypoints_is_refused_with_the_known_ones(keypoint_format):
    with pytest.raises(OptionError, match="format=") as caught:
        keypoints_in([[[1, 2, 3]]], keypoint_format)

    assert all(repr(name) in str(caught.value) for name in KEYPOINT_FORMATS)


@pytest.mark.parametrize(
    "options",
    [
        {"boxes": Boxes(col="bx", format="coco")},
        {"boxes": Boxes(col="boxes", format="coco", labels="bx")},
        {"keypoints": Keypoints(col="bx")},
    ],
    ids=["boxes", "labels", "keypoints"],
)
def test_a_missing_column_is_named_with_the_columns_of_the_table(options):
    frame = frame_of(boxes=[TWO], kinds=[["a", "b"]], points=[[[1, 2]]])

    with pytest.raises(ManifestError, match=r"no column 'bx'; its columns are \['path', 'boxes'"):
        Manifest.from_frame(frame, y_col=None, **options)


@pytest.mark.parametrize("option", ["boxes", "keypoints"])
def test_a_bare_column_name_is_refused_with_the_value_to_pass(option):
    with pytest.raises(OptionError, match=rf"{option}='bx' .* Pass {option.title()}\(col"):
        Manifest.from_frame(frame_of(bx=[TWO]), y_col=None, **{option: "bx"})


# Box classes.

LABELS = {
    "a list": ["cat", "dog"],
    "a tuple": ("cat", "dog"),
    "an array": np.array(["cat", "dog"]),
    "an array of objects": np.array(["cat", "dog"], object),
    "JSON": '["cat", "dog"]',
    "Python": "['cat', 'dog']",
    "Python's tuple": "('cat', 'dog')",
}


@pytest.mark.parametrize("name", LABELS)
def test_box_classes_may_be_given_as(name):
    column = boxes_in([TWO, TWO[:1]], [LABELS[name], ["dog"]])

    assert column.class_names == ("cat", "dog")
    assert names_of(column) == [["cat", "dog"], ["dog"]]


@pytest.mark.parametrize(
    "labels",
    [[[2, 0], [2]], [[2.0, 0.0], [2.0]], [np.array([2, 0]), "[2]"], ["[2, 0]", 2]],
    ids=["whole", "floats", "mixed", "alone"],
)
def test_whole_numbers_are_class_indices(labels):
    cells = [TWO, TWO[:1]]

    for names in (None, ["cat", "dog", "owl"], ["cat", "dog", "owl", "none"]):
        column = boxes_in(cells, labels, class_names=names)
        assert column.class_names == tuple(names or "012")
        assert [column.rows[row][:, 4].tolist() for row in range(2)] == [[2, 0], [2]]


def test_a_class_index_without_a_name_is_refused():
    with pytest.raises(ManifestError, match="run from 0 to 2, but there are 2 class names"):
        boxes_in([TWO], [[2, 0]], class_names=["cat", "dog"])


def test_numbers_that_are_class_names_are_names():
    column = boxes_in([TWO], [[20, 10]], class_names=["10", "20"])

    assert names_of(column) == [["20", "10"]]


@pytest.mark.parametrize("label", ["cat", "the cat", "7", "cat, dog"])
def test_the_class_of_a_single_box_needs_no_list(label):
    column = boxes_in([TWO[:1], []], [label, None])

    assert names_of(column) == [[label], []]


def test_without_a_column_of_classes_all_boxes_are_objects():
    column = boxes_in([TWO])

    assert column.class_names == ("object",)
    assert names_of(column) == [["object"] * 2]


def test_without_a_column_of_classes_the_only_name_may_be_given():
    assert names_of(boxes_in([TWO], class_names=["face"])) == [["face"] * 2]


def test_classes_are_sorted_unless_their_order_is_given():
    labels = [["dog", "cat"], ["dog"]]
    in_order = boxes_in([TWO, TWO[:1]], labels)
    given_order = boxes_in([TWO, TWO[:1]], labels, class_names=["zebra", "dog", "cat"])

    assert in_order.class_names == ("cat", "dog")
    assert [row[:, 4].tolist() for row in (in_order.rows[0], in_order.rows[1])] == [[1, 0], [1]]
    assert given_order.class_names == ("zebra", "dog", "cat")
    assert names_of(given_order) == labels
    assert given_order.rows[0][:, 4].tolist() == [1, 2]


def test_a_class_that_is_not_in_class_names_is_named():
    with pytest.raises(
        ManifestError, match=r"holds \['cow'\], which are not in class_names=\['cat'\]"
    ):
        boxes_in([TWO], [["cat", "cow"]], class_names=["cat"])


@pytest.mark.parametrize(
    ("labels", "count"),
    [(["cat"], 1), (["cat"] * 3, 3), ("cat", 1), (None, 0), ([], 0), ("", 0), ('["cat"]', 1)],
    ids=["one", "three", "a name", "None", "an empty list", "an empty text", "JSON"],
)
def test_another_number_of_classes_than_boxes_is_named_with_its_row(labels, count):
    with pytest.raises(
        ManifestError, match=rf"Row 1 has 2 boxes and {count} box classes; expected one class per"
    ):
        boxes_in([TWO, TWO], [["cat", "dog"], labels])


@pytest.mark.parametrize("labels", [[0.5, 1], [["a"], ["b"]]], ids=repr)
def test_what_cannot_be_a_class_of_a_box_is_refused(labels):
    with pytest.raises(ManifestError, match="column of box classes"):
        boxes_in([TWO], [labels])


@pytest.mark.parametrize("labels", ["[cat, dog]", '["cat"', " ", "(cat)"])
def test_classes_as_text_that_cannot_be_read_are_named_with_their_row(labels):
    with pytest.raises(ManifestError, match=r"box classes of row 1 are .*; expected a li"):
        boxes_in([TWO, TWO], [["cat", "dog"], labels])


@pytest.mark.parametrize(
    "labels",
    [["cat", None], '["cat", null]', ["cat", np.nan], [np.nan, 1.0]],
    ids=["None", "null", "NaN", "NaN among numbers"],
)
def test_a_box_whose_class_is_missing_is_named_with_its_row(labels):
    with pytest.raises(ManifestError, match="Row 1 has a box without a class"):
        boxes_in([TWO, TWO], [["cat", "dog"], labels])


def test_duplicate_names_of_box_classes_are_refused():
    with pytest.raises(OptionError, match=r"class names of boxes must differ; got \['cat', 'dog'"):
        Boxes(col="boxes", format="coco", labels="kinds", class_names=["cat", "dog", "cat"])


def test_without_a_column_of_classes_there_is_one_class():
    with pytest.raises(OptionError, match=r"class_names=\['a', 'b'\] has 2 box classes"):
        boxes_in([TWO], class_names=["a", "b"])


def test_a_table_with_one_row_per_box_is_refused_with_the_remedy():
    frame = pd.DataFrame(
        {"file": ["0.png", "1.png", "0.png"], "box": [*TWO, TWO[1]], "kind": ["a", "b", "a"]}
    )
    options = {
        "x_col": "file",
        "y_col": None,
        "boxes": Boxes(col="box", format="coco", labels="kind"),
    }
    with pytest.raises(
        ManifestError, match=r"'0\.png' is in rows 0 and 2 with different boxes.*groupby\(\"file\""
    ):
        Manifest.from_frame(frame, **options)

    gathered = frame.groupby("file", as_index=False).agg(list)
    manifest = Manifest.from_frame(gathered, **options)
    assert names_of(manifest.boxes) == [["a", "a"], ["b"]]
    assert [len(row) for row in values_in(manifest.boxes)] == [2, 1]


# Rows of different lengths.

ragged = st.lists(st.lists(st.floats(-9, 9), max_size=4), min_size=1, max_size=8)


def packed(rows) -> Ragged:
    return Ragged.pack([np.array(row, np.float64).reshape(-1, 1) for row in rows], 1)


def unpacked(column: Ragged) -> list[list[float]]:
    return [column[row].ravel().tolist() for row in range(len(column))]


@settings(max_examples=80, deadline=None)
@given(rows=ragged, data=st.data())
def test_take_selects_rows_as_a_list_does(rows, data):
    indices = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = packed(rows).take(np.array(indices, np.int64))

    assert unpacked(taken) == [rows[index] for index in indices]
    assert taken.max_length == max((len(rows[index]) for index in indices), default=0)


@settings(max_examples=50, deadline=None)
@given(several=st.lists(ragged, min_size=1, max_size=4))
def test_concatenate_joins_rows_as_lists_do(several):
    together = Ragged.concatenate([packed(rows) for rows in several])

    assert unpacked(together) == [row for rows in several for row in rows]


# Manifests.


def full(count=6) -> Manifest:
    """Samples with 0, 1, 2, 3, 0, 1 ... boxes and 0, 1, 2, 0 ... keypoints."""
    rng = np.random.default_rng(5)
    boxes, kinds, points = [], [], []
    for row in range(count):
        first = rng.uniform(0, 30, (row % 4, 2))
        boxes.append(np.hstack([first, rng.uniform(5, 20, (row % 4, 2))]).tolist())
        kinds.append(rng.choice(["lion", "007", 'a "b", c'], row % 4).tolist())
        points.append(rng.uniform(0, 50, (row % 3, 3)).tolist())
    points[2][1] = [None] * 3
    return Manifest.from_frame(
        frame_of(boxes=boxes, kinds=kinds, points=points, label=list("ab" * (count // 2))),
        boxes=Boxes(
            col="boxes",
            format="coco",
            labels="kinds",
            class_names=["none of it", "lion", 'a "b", c', "007"],
        ),
        keypoints=Keypoints(col="points", format="xya"),
    )


def check_same_rows(one: Manifest, other: Manifest, rows) -> None:
    """Compares the samples of a manifest with some samples of another."""
    assert list(one.paths) == [other.paths[row] for row in rows]
    for column in ("boxes", "keypoints"):
        mine, theirs = getattr(one, column), getattr(other, column)
        assert len(mine) == len(rows)
        for place, row in enumerate(rows):
            np.testing.assert_array_equal(mine.rows[place], theirs.rows[row])
        assert (mine.format, mine.capacity) == (theirs.format, theirs.capacity)
    assert one.boxes.class_names == other.boxes.class_names


def test_the_capacity_is_the_largest_count_of_any_sample():
    manifest = full()

    assert (manifest.boxes.capacity, manifest.keypoints.capacity) == (3, 2)


@pytest.mark.parametrize("rows", [[3, 0, 3], [0, 4], [5], []], ids=str)
def test_a_subset_keeps_its_boxes_and_the_capacity_of_all(rows):
    manifest = full()
    taken = manifest.take(rows)

    check_same_rows(taken, manifest, rows)
    if rows:
        targets = taken.boxes.targets(taken.boxes.boxes(0, SIZE), SIZE)
        assert targets["boxes"].shape == (3, 4)


def test_splits_have_the_capacity_of_the_whole():
    manifest = full(24)
    splits = imggen.split(manifest, (0.5, 0.25, 0.25), seed=2)

    for subset in splits:
        check_same_rows(subset, manifest, [int(path[:-4]) for path in subset.paths])
    assert sorted(int(path[:-4]) for subset in splits for path in subset.paths) == list(range(24))


def test_folds_and_oversampled_samples_keep_their_boxes():
    manifest = full(12)
    found = [*imggen.kfold(manifest, 3, seed=1)[0]]
    found.append(imggen.oversample(manifest.take([0, 1, 2, 3, 4, 6]), seed=1))

    for subset in found:
        check_same_rows(subset, manifest, [int(path[:-4]) for path in subset.paths])


def test_concatenated_manifests_have_capacity_for_all():
    manifest = full()
    few = Manifest.from_frame(
        frame_of(boxes=[[[1, 2, 3, 4]]], kinds=[["lion"]], points=[[[1, 2, 3]] * 5], label=["a"]),
        class_names=["a", "b"],
        boxes=Boxes(
            col="boxes",
            format="coco",
            labels="kinds",
            class_names=manifest.boxes.class_names,
        ),
        keypoints=Keypoints(col="points", format="xya"),
    )
    both = Manifest.concatenate([few, manifest.take([3, 1])])

    assert [len(row) for row in values_in(both.boxes)] == [1, 3, 1]
    assert [len(row) for row in values_in(both.keypoints)] == [5, 0, 1]
    assert (both.boxes.capacity, both.keypoints.capacity) == (3, 5)
    np.testing.assert_array_equal(both.boxes.rows[1], manifest.boxes.rows[3])


def test_boxes_of_different_formats_cannot_be_concatenated():
    manifest = full()
    other = dataclasses.replace(
        manifest, boxes=dataclasses.replace(manifest.boxes, format="pascal_voc")
    )

    with pytest.raises(
        ManifestError, match="format 'pascal_voc' of .* cannot be concatenated .* 'coco'"
    ):
        Manifest.concatenate([manifest, other])


def test_boxes_of_different_classes_cannot_be_concatenated():
    manifest = full()
    turned = manifest.boxes.class_names[::-1]
    other = dataclasses.replace(
        manifest, boxes=dataclasses.replace(manifest.boxes, class_names=turned)
    )

    with pytest.raises(ManifestError, match=r"'007', .* cannot be concatenated"):
        Manifest.concatenate([manifest, other])


def test_keypoints_of_different_formats_cannot_be_concatenated():
    manifest = full()
    other = dataclasses.replace(
        manifest, keypoints=dataclasses.replace(manifest.keypoints, format="xys")
    )

    with pytest.raises(
        ManifestError, match="Keypoints in the format 'xys' cannot be concatenated .*'xya'"
    ):
        Manifest.concatenate([manifest, other])


@pytest.mark.parametrize("column", ["boxes", "keypoints"])
def test_manifests_with_and_without_a_column_cannot_be_concatenated(column):
    manifest = full()

    with pytest.raises(ManifestError, match=f"Some of the manifests have '{column}' and some do"):
        Manifest.concatenate([manifest, dataclasses.replace(manifest, **{column: None})])


@pytest.mark.parametrize("column", ["boxes", "keypoints"])
def test_a_column_of_another_length_is_refused(column):
    with pytest.raises(ManifestError, match=f"'{column}' has 6 rows and 'paths' has 2"):
        Manifest(".", StringColumn.of("ab"), **{column: getattr(full(), column)})


# No boxes at all.


@pytest.mark.parametrize("labels", [None, [None, []]], ids=["without", "with classes"])
def test_a_column_without_boxes_has_capacity_0(labels):
    column = boxes_in([None, []], labels)
    targets = column.targets(column.boxes(1, SIZE), SIZE)

    assert (len(column), column.capacity) == (2, 0)
    assert (targets["boxes"].shape, targets["labels"].shape) == ((0, 4), (0,))


def test_a_column_without_keypoints_has_capacity_0():
    column = keypoints_in([None, ""], "xyas")

    assert column.targets(column.keypoints(0))["keypoints"].shape == (0, 4)


@endings
def test_a_table_without_any_box_is_saved(tmp_path, ending):
    pytest.importorskip("pyarrow")
    frame = frame_of(boxes=[None, None], points=[None, None])
    boxes = Boxes(col="boxes", format="yolo", class_names=["a"])
    manifest = Manifest.from_frame(
        frame, y_col=None, boxes=boxes, keypoints=Keypoints(col="points")
    )
    manifest.save(tmp_path / f"m.{ending}")

    check_same_rows(Manifest.load(tmp_path / f"m.{ending}"), manifest, [0, 1])


@pytest.mark.parametrize("label_col", [None, "kinds"], ids=["without classes", "with classes"])
def test_a_table_without_rows_makes_an_empty_manifest(label_col):
    frame = frame_of(boxes=[TWO], kinds=[["a", "b"]]).iloc[:0]
    boxes = Boxes(col="boxes", format="coco", labels=label_col)

    assert Manifest.from_frame(frame, y_col=None, boxes=boxes).num_samples == 0


# Files.


@endings
def test_a_saved_manifest_keeps_boxes_keypoints_classes_and_capacity(tmp_path, ending):
    pytest.importorskip("pyarrow")
    manifest = full().take([1, 2, 0])  # the sample with three boxes is not among them
    manifest.save(tmp_path / f"m.{ending}")
    loaded = Manifest.load(tmp_path / f"m.{ending}")

    check_same_rows(loaded, manifest, range(3))
    assert loaded.boxes.capacity == 3
    assert loaded.boxes.class_names == ("none of it", "lion", 'a "b", c', "007")


def test_a_frame_has_text_columns_from_which_the_manifest_is_read_back():
    manifest = full()
    frame = manifest.to_frame()
    again = Manifest.from_frame(
        frame,
        boxes=Boxes(
            col="boxes",
            format="coco",
            labels="box_labels",
            class_names=manifest.boxes.class_names,
        ),
        keypoints=Keypoints(col="keypoints", format="xya"),
    )

    assert list(frame.columns) == ["path", "label", "boxes", "box_labels", "keypoints"]
    assert all(isinstance(text, str) for text in frame["keypoints"])
    check_same_rows(again, manifest, range(6))


def damaged(tmp_path, change) -> None:
    """Saves a manifest and changes the metadata of its table."""
    full().save(tmp_path / "m.csv")
    beside = tmp_path / "m.csv.json"
    metadata = json.loads(beside.read_text(encoding="utf-8"))
    change(metadata)
    beside.write_text(json.dumps(metadata), encoding="utf-8")


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("boxes", "format"),
        ("boxes", "class_names"),
        ("boxes", "capacity"),
        ("keypoints", "format"),
        ("keypoints", "capacity"),
    ],
)
def test_missing_metadata_is_named(tmp_path, column, key):
    damaged(tmp_path, lambda metadata: metadata[column].pop(key))

    with pytest.raises(
        ManifestError, match=rf"m\.csv' has {column} .*; expected \[.*'{key}'.*Save"
    ):
        Manifest.load(tmp_path / "m.csv")


@pytest.mark.parametrize(
    "value", [None, 3, "boxes", ["format", "class_names", "capacity"]], ids=repr
)
@pytest.mark.parametrize("column", ["boxes", "keypoints"])
def test_metadata_of_another_type_is_refused(tmp_path, column, value):
    damaged(tmp_path, lambda metadata: metadata.update({column: value}))

    with pytest.raises(ManifestError, match=rf"The JSON file of .*m\.csv' has {column} "):
        Manifest.load(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "voc"),
        ("format", 3),
        ("class_names", ["lion"]),
        ("class_names", "lion"),
        ("format", "albumentations"),  # in which these boxes would be far outside the image
        ("class_names", 3),
        ("class_names", None),
        ("capacity", "three"),
        ("capacity", None),
        ("capacity", -1),
        ("capacity", 2),
        ("capacity", True),
    ],
)
def test_invalid_metadata_of_boxes_is_refused(tmp_path, key, value):
    damaged(tmp_path, lambda metadata: metadata["boxes"].update({key: value}))

    with pytest.raises((ManifestError, OptionError)):
        Manifest.load(tmp_path / "m.csv")


@pytest.mark.parametrize("column", ["boxes", "box_labels", "keypoints"])
def test_a_table_that_lost_a_column_is_refused(tmp_path, column):
    full().save(tmp_path / "m.csv")
    pd.read_csv(tmp_path / "m.csv").drop(columns=column).to_csv(tmp_path / "m.csv", index=False)

    with pytest.raises(ManifestError, match=f"no column '{column}'"):
        Manifest.load(tmp_path / "m.csv")


def test_a_saved_table_with_a_broken_cell_is_refused(tmp_path):
    full().save(tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text(encoding="utf-8")
    assert "[]" in text
    (tmp_path / "m.csv").write_text(text.replace("[]", "[[1, 2]]", 1), encoding="utf-8")

    with pytest.raises(ManifestError, match=r"The boxes of row 0 are"):
        Manifest.load(tmp_path / "m.csv")
