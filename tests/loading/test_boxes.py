"""Boxes as targets: read with their files, moved as the images are, padded and drawn."""

import dataclasses

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import imggen
from imggen import Boxes, ImageSequence, Keypoints, Manifest
from imggen.augment import (
    AugMix,
    CutMix,
    MixUp,
    RandomFlip,
    RandomHue,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Sample,
)
from imggen.errors import AugmentationError, ImageError, ImggenWarning, OptionError
from imggen.preview import make_preview
from imggen.preview.sample_drawing import draw_sample
from imggen.reports.preview_page import preview_page
from tests.helpers.augmenting import WHERE, applied
from tests.helpers.cases import each_case
from tests.helpers.positions import (
    AFFINE,
    BRIGHT,
    DARK,
    EDGE,
    FITS,
    SIZE,
    TURNS,
    OldStyle,
    by_hand,
    mirrored,
    save_turned,
)

A = pytest.importorskip("albumentations")

# The classes in their order; each is the color that its boxes are painted in.
KINDS = ("green", "red", "blue")
CHANNEL = {"red": 0, "green": 1, "blue": 2}
FORMATS = ["pascal_voc", "coco", "albumentations", "yolo"]
all_formats = pytest.mark.parametrize("box_format", FORMATS)


def painted(size, boxes, kinds) -> np.ndarray:
    """An image with a filled rectangle for each box, in the color of its class."""
    image = np.full((*size, 3), DARK, np.uint8)
    for (left, top, right, bottom), kind in zip(boxes, kinds, strict=True):
        image[top:bottom, left:right, CHANNEL[kind]] = BRIGHT
    return image


def layout(seed, size=SIZE, count=None):
    """(left, top, right, bottom) and class of boxes, no class twice; as many as the seed says."""
    rng = np.random.default_rng([17, seed])
    count = seed % 4 if count is None else count
    kinds = rng.permutation(KINDS)[:count].tolist()
    boxes = []
    for _ in kinds:
        sides = (rng.uniform(0.3, 0.5, 2) * size).astype(int)
        top, left = (rng.uniform(0, 1, 2) * (np.array(size) - sides)).astype(int)
        boxes.append([int(v) for v in (left, top, left + sides[1], top + sides[0])])
    return boxes, kinds


def in_format(boxes, box_format, size):
    """(left, top, right, bottom) in another format."""
    rows = []
    for left, top, right, bottom in boxes:
        height, width = size
        row = [left, top, right, bottom]
        if box_format == "coco":
            row = [left, top, right - left, bottom - top]
        elif box_format == "albumentations":
            row = [left / width, top / height, right / width, bottom / height]
        elif box_format == "yolo":
            middle = [(left + right) / 2 / width, (top + bottom) / 2 / height]
            row = [*middle, (right - left) / width, (bottom - top) / height]
        rows.append(row)
    return rows


def corners_of(box, box_format, size):
    """The reverse of it, for one box."""
    a, b, c, d = map(float, box)
    height, width = size
    if box_format in ("albumentations", "yolo"):
        a, b, c, d = a * width, b * height, c * width, d * height
    if box_format == "yolo":
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return (a, b, a + c, b + d) if box_format == "coco" else (a, b, c, d)


def table_of(scenes, size=SIZE, box_format="pascal_voc", ending=".png") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "path": [f"{row}{ending}" for row in range(len(scenes))],
            "boxes": [in_format(boxes, box_format, size) for boxes, _ in scenes],
            "kinds": [kinds for _, kinds in scenes],
            "label": ["ab"[row % 2] for row in range(len(scenes))],
        }
    )


@pytest.fixture
def folder(tmp_path):
    """0.png to 7.png, with 0, 1, 2, 3, 0, 1, 2, 3 boxes."""
    for number in range(8):
        save_turned(painted(SIZE, *layout(number)), tmp_path / f"{number}.png")
    return tmp_path


def sequence_of(folder, frame=None, box_format="pascal_voc", **options) -> ImageSequence:
    frame = (
        table_of([layout(row) for row in range(8)], SIZE, box_format) if frame is None else frame
    )
    chosen = {"image_size": SIZE, "batch_size": 3, "seed": 5, "workers": 0, "y_col": None}
    columns = Boxes(col="boxes", format=box_format, labels="kinds", class_names=KINDS)
    return imggen.from_dataframe(frame, root=folder, boxes=columns, **{**chosen, **options})


def alone(folder, pixels, boxes, kinds, *, ending=".png", size=None, orientation=1, **options):
    """A sequence of one image."""
    save_turned(pixels, folder / f"0{ending}", orientation)
    box_format = options.setdefault("box_format", "pascal_voc")
    frame = table_of([(boxes, kinds)], size or pixels.shape[:2], box_format, ending)
    options.setdefault("image_size", pixels.shape[:2])
    return sequence_of(folder, frame, **options)


def lit(plane) -> np.ndarray:
    """How much of each pixel is painted, 0 to 1."""
    share = (np.asarray(plane, np.float64) - DARK) / (BRIGHT - DARK)
    return np.where(share < 0.08, 0, share.clip(0, 1))


def edges_of(share) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a painted rectangle, to parts of a pixel."""
    ends = []
    for axis in (0, 1):
        profile = share.sum(axis)
        profile = profile / profile.max()
        length = profile.sum()
        middle = (profile * (np.arange(len(profile)) + 0.5)).sum() / length
        ends.append((middle - length / 2, middle + length / 2))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


def extent_of(share) -> np.ndarray:
    """The same of anything painted, in whole pixels."""
    y, x = np.nonzero(share > 0.5)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def check_in_step(x, y, box_format="pascal_voc", *, within=0.15) -> int:
    """Holds upright boxes and their classes to what is painted; returns how many are compared."""
    compared = 0
    for image, boxes, labels in zip(x, y["boxes"], y["labels"], strict=True):
        shown = labels[labels >= 0].tolist()
        assert len(set(shown)) == len(shown)
        assert not boxes[labels < 0].any()
        for number, kind in enumerate(KINDS):
            share = lit(image[..., CHANNEL[kind]])
            if number not in shown:
                assert not (share > 0.5).any()
                continue
            [box] = boxes[labels == number]
            left, top, right, bottom = corners_of(box, box_format, image.shape[:2])
            assert -1e-3 <= left < right <= image.shape[1] + 1e-3
            assert -1e-3 <= top < bottom <= image.shape[0] + 1e-3
            if min(right - left, bottom - top) > 4:
                np.testing.assert_allclose(edges_of(share), (left, top, right, bottom), atol=within)
                compared += 1
    return compared


def check_around(x, y) -> int:
    """Holds boxes to what is painted, however turned; returns how many are compared in full."""
    compared = 0
    for image, boxes, labels in zip(x, y["boxes"], y["labels"], strict=True):
        height, width = image.shape[:2]
        for number, kind in enumerate(KINDS):
            share = lit(image[..., CHANNEL[kind]])
            if number not in labels:
                assert (share > 0.5).sum() <= max(height, width)  # less than a line
                continue
            [box] = boxes[labels == number]
            if not (share > 0.5).any():
                continue
            found = extent_of(share)
            # Nothing sticks out; and where all of it is to be seen, nothing is to spare.
            assert (found[:2] - box[:2] > -1).all()
            assert (box[2:] - found[2:] > -1).all()
            if found[:2].min() > 0 and found[2] < width and found[3] < height:
                assert np.abs(found - box).max() < 1.7
                compared += 1
    return compared


def both_of(sequence, epochs=1):
    batches = [batch for _ in range(epochs) for batch in sequence]
    x = np.concatenate([x for x, _ in batches])
    return x, {name: np.concatenate([y[name] for _, y in batches]) for name in ("boxes", "labels")}


def check_same(one, other) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    for name in ("boxes", "labels"):
        np.testing.assert_array_equal(one[1][name], other[1][name])


# Files and how they are fitted.


@all_formats
def test_boxes_are_those_of_the_table_where_nothing_changes(folder, box_format):
    sequence = sequence_of(folder, box_format=box_format, shuffle=False)
    x, y = both_of(sequence)

    assert (y["boxes"].shape, y["boxes"].dtype) == ((8, 3, 4), np.float32)
    assert (y["labels"].shape, y["labels"].dtype) == ((8, 3), np.int32)
    for row in range(8):
        boxes, kinds = layout(row)
        count = len(kinds)
        expected = np.reshape(in_format(boxes, box_format, SIZE), (-1, 4))
        np.testing.assert_allclose(y["boxes"][row, :count], expected, rtol=1e-6)
        assert y["labels"][row].tolist() == [KINDS.index(kind) for kind in kinds] + [-1] * (
            3 - count
        )
    assert check_in_step(x, y, box_format, within=1e-3) == 12


@all_formats
@FITS
@pytest.mark.parametrize("image_size", [(64, 64), (45, 71), (130, 96)])
def test_boxes_are_fitted_as_their_image(folder, box_format, fit, image_size):
    x, y = both_of(sequence_of(folder, box_format=box_format, image_size=image_size, **fit))

    # What is cut off may take boxes with it, and padding none.
    assert check_in_step(x, y, box_format) >= (9 if "crop_to_aspect_ratio" in fit else 12)


@pytest.mark.parametrize(
    ("interpolation", "within"),
    [("nearest", 0.7), ("area", 0.6), ("bicubic", 0.3), ("lanczos3", 0.3)],
)
def test_boxes_are_fitted_however_pixels_are_interpolated(folder, interpolation, within):
    x, y = both_of(sequence_of(folder, image_size=(97, 41), interpolation=interpolation))

    assert check_in_step(x, y, within=within) == 12


def test_a_box_beyond_the_window_of_a_crop_is_left_out(tmp_path):
    # Of 40 x 100 pixels, the crop shows the 40 in the middle.
    boxes, kinds = [[2, 5, 25, 30], [35, 5, 60, 30], [60, 5, 95, 30]], ["red", "green", "blue"]
    pixels = painted((40, 100), boxes, kinds)
    _, y = alone(tmp_path, pixels, boxes, kinds, image_size=(40, 40), crop_to_aspect_ratio=True)[0]

    assert y["boxes"][0].tolist() == [[5, 5, 30, 30], [30, 5, 40, 30], [0, 0, 0, 0]]
    assert [KINDS[number] for number in y["labels"][0, :2]] == ["green", "blue"]
    assert y["labels"][0, 2] == -1


def test_boxes_that_reach_beyond_the_image_are_clipped(tmp_path):
    given_boxes = [[-10, -20, 30, 25], [50, 40, 200, 90]]
    save_turned(
        painted(SIZE, [[0, 0, 30, 25], [50, 40, 80, 60]], ["red", "blue"]), tmp_path / "0.png"
    )
    x, y = sequence_of(tmp_path, table_of([(given_boxes, ["red", "blue"])]))[0]

    assert check_in_step(x, y, within=1e-3) == 2


@all_formats
@pytest.mark.parametrize("fit", [{}, {"crop_to_aspect_ratio": True}], ids=["stretched", "cropped"])
def test_a_box_that_is_not_in_its_image_is_named_with_the_file(folder, box_format, fit):
    scenes = [layout(row) for row in range(8)]
    scenes[5] = [[[10, 5, 40, 30], [82, 5, 99, 9]], ["red", "green"]]
    frame = table_of(scenes, SIZE, box_format)
    sequence = sequence_of(folder, frame, box_format, shuffle=False, image_size=(50, 50), **fit)

    assert len(sequence[0][0]) == 3
    with pytest.raises(ImageError, match=r"5\.png': a box lies outside the image"):
        sequence[1]


def test_a_file_with_a_box_that_is_not_in_it_can_be_left_out(folder):
    scenes = [layout(row) for row in range(8)]
    scenes[5] = [[[82, 5, 99, 9]], ["green"]]
    sequence = sequence_of(folder, table_of(scenes), shuffle=False, on_error="skip")
    with pytest.warns(ImggenWarning, match=r"1 of 8 images .*5\.png'.*outside the image"):
        x, y = both_of(sequence)

    assert len(x) == 7
    assert check_in_step(x, y, within=1e-3) == 11


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("box_format", ["coco", "yolo"])
def test_boxes_fit_a_photograph_that_is_turned_upright(tmp_path, ending, orientation, box_format):
    boxes, kinds = layout(3)
    pixels = painted(SIZE, boxes, kinds)
    options = {"ending": ending, "orientation": orientation, "box_format": box_format}
    for image_size in (SIZE, (48, 48)):
        sequence = alone(tmp_path, pixels, boxes, kinds, image_size=image_size, **options)
        assert check_in_step(*sequence[0], box_format, within=0.3) == 3


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNS)
@FITS
def test_boxes_as_stored_fit_a_photograph_that_is_not_turned(tmp_path, ending, orientation, fit):
    boxes, kinds = layout(3)
    stored = save_turned(painted(SIZE, boxes, kinds), tmp_path / f"0{ending}", orientation)
    size = stored.shape[:2]
    as_stored = [
        [round(edge) for edge in edges_of(lit(stored[..., CHANNEL[kind]]))] for kind in kinds
    ]
    for box_format in ("pascal_voc", "albumentations"):
        frame = table_of([(as_stored, kinds)], size, box_format, ending)
        options = {"exif_orientation": False, "image_size": (52, 90), "box_format": box_format}
        sequence = sequence_of(tmp_path, frame, **options, **fit)
        assert check_in_step(*sequence[0], box_format, within=0.3) >= 2


@FITS
@pytest.mark.parametrize("image_size", [(60, 80), (75, 75), (33, 44), (149, 200)])
@pytest.mark.parametrize("box_format", ["pascal_voc", "yolo"])
def test_boxes_keep_step_with_a_large_jpeg_that_is_decoded_at_reduced_size(
    tmp_path, fit, image_size, box_format
):
    size = (605, 803)  # which no reduction divides
    boxes, kinds = layout(7, size)
    options = {"ending": ".jpg", "image_size": image_size, "box_format": box_format, **fit}
    sequence = alone(tmp_path, painted(size, boxes, kinds), boxes, kinds, **options)

    assert check_in_step(*sequence[0], box_format, within=0.25) >= 2


@pytest.mark.parametrize("orientation", TURNS)
def test_boxes_keep_step_with_a_large_jpeg_that_is_turned_and_reduced(tmp_path, orientation):
    size = (403, 610)
    boxes, kinds = layout(11, size)
    options = {"ending": ".jpg", "image_size": (50, 75), "orientation": orientation}
    sequence = alone(tmp_path, painted(size, boxes, kinds), boxes, kinds, **options)

    assert check_in_step(*sequence[0], within=0.25) == 3


@all_formats
def test_arrays_of_a_loader_have_boxes_in_their_own_pixels(tmp_path, box_format):
    scenes = [layout(row, (40, 56)) for row in range(1, 4)]
    for row, scene in enumerate(scenes):
        np.save(tmp_path / f"{row}.npy", painted((40, 56), *scene))
    frame = table_of(scenes, (40, 56), box_format, ".npy")
    options = {"loader": np.load, "image_size": None, "augment": RandomFlip()}
    x, y = both_of(sequence_of(tmp_path, frame, box_format, **options), epochs=2)

    assert check_in_step(x, y, box_format, within=1e-3) == 12


def test_arrays_without_channels_have_boxes(tmp_path):
    scenes = [layout(row, (40, 56)) for row in range(4)]
    for row, scene in enumerate(scenes):
        np.save(tmp_path / f"{row}.npy", painted((40, 56), *scene)[..., 0])
    frame = table_of(scenes, (40, 56), "yolo", ".npy")
    options = {"loader": np.load, "image_size": None, "box_format": "yolo", "shuffle": False}
    x, y = both_of(sequence_of(tmp_path, frame, **options))

    assert x.shape == (4, 40, 56)
    expected = in_format(scenes[3][0], "yolo", (40, 56))
    np.testing.assert_allclose(y["boxes"][3], expected, rtol=1e-6)


# Augmentations of our own.


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
@all_formats
def test_flips_keep_boxes_in_step_to_the_pixel(folder, mode, box_format):
    flip = RandomFlip(mode)
    x, y = both_of(sequence_of(folder, box_format=box_format, augment=flip), epochs=3)

    assert check_in_step(x, y, box_format, within=1e-3) == 36
    assert len({boxes.tobytes() for boxes in y["boxes"]}) > 10


MOVES = {
    "rotation": RandomRotation((-180, 180), **EDGE),
    "right angles": RandomRotation((90, 90), **EDGE),
    "shift": RandomTranslation((-0.3, 0.3), (-0.3, 0.3), **EDGE),
    "shear": RandomShear((-30, 30), (-20, 20), **EDGE),
    "zoom": RandomZoom((0.5, 1.8), (0.7, 1.4), **EDGE),
    "perspective": RandomPerspective((0.2, 0.5), **EDGE),
    "crop": RandomResizedCrop((0.4, 1.0)),
    "all": [RandomFlip(), RandomRotation(**EDGE), RandomShear(**EDGE), RandomZoom(**EDGE)],
}


@pytest.mark.parametrize("name", MOVES)
def test_whatever_moves_the_image_moves_its_boxes(folder, name):
    x, y = both_of(sequence_of(folder, augment=MOVES[name]), epochs=4)

    assert check_around(x, y) > 8
    assert len({boxes.tobytes() for boxes in y["boxes"]}) > (6 if name == "right angles" else 20)


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("source_size", [None, 40, 150])
@pytest.mark.parametrize("box_format", ["coco", "albumentations"])
def test_a_crop_that_comes_first_cuts_boxes_with_the_image(
    tmp_path, ending, source_size, box_format
):
    scenes = [layout(row, (241, 323)) for row in range(1, 4)]
    for row, scene in enumerate(scenes):
        save_turned(painted((241, 323), *scene), tmp_path / f"{row}{ending}")
    frame = table_of(scenes, (241, 323), box_format, ending)
    augment = [RandomResizedCrop((0.2, 1.0), source_size=source_size), RandomFlip()]
    options = {"augment": augment, "image_size": (64, 64), "box_format": box_format}
    x, y = both_of(sequence_of(tmp_path, frame, **options), epochs=5)

    assert y["boxes"].shape == (15, 3, 4)
    # A crop of a shrunk image has soft edges, which is what source_size=40 is for.
    assert check_in_step(x, y, box_format, within=0.9 if source_size == 40 else 0.4) > 15


def test_a_crop_that_comes_first_keeps_step_with_turned_photographs(tmp_path):
    scenes = [layout(orientation, (121, 163), 3) for orientation in TURNS]
    for row, orientation in enumerate(TURNS):
        save_turned(painted((121, 163), *scenes[row]), tmp_path / f"{row}.jpg", orientation)
    frame = table_of(scenes, (121, 163), "pascal_voc", ".jpg")
    crop = RandomResizedCrop((0.4, 1.0))
    x, y = both_of(sequence_of(tmp_path, frame, augment=crop, image_size=(48, 48)), epochs=2)

    assert check_in_step(x, y, within=0.4) > 24


def test_targets_of_a_crop_are_in_pixels_of_what_training_sees(tmp_path):
    box = [0, 0, 400, 200]
    whole = RandomResizedCrop((1.0, 1.0), (2.0, 2.0))
    options = {"augment": whole, "image_size": (32, 48)}
    _, y = alone(tmp_path, painted((200, 400), [box], ["red"]), [box], ["red"], **options)[0]

    np.testing.assert_allclose(y["boxes"][0], [[0, 0, 48, 32]], atol=1e-4)


def test_a_box_that_is_moved_away_makes_room_for_the_next(tmp_path):
    boxes, kinds = [[60, 5, 75, 30], [5, 5, 30, 30]], ["red", "blue"]
    shift = RandomTranslation((0, 0), (0.5, 0.5), **EDGE)
    x, y = alone(tmp_path, painted(SIZE, boxes, kinds), boxes, kinds, augment=shift)[0]

    np.testing.assert_allclose(y["boxes"][0], [[45, 5, 70, 30], [0, 0, 0, 0]], atol=1e-4)
    assert y["labels"][0].tolist() == [KINDS.index("blue"), -1]
    assert check_in_step(x, y) == 1


def test_presets_and_policies_move_boxes(folder):
    for augment in (
        "light",
        "medium",
        "strong",
        imggen.augment.RandAugment(),
        imggen.augment.TrivialAugment(),
    ):
        _, y = both_of(sequence_of(folder, augment=augment), epochs=2)
        boxes = y["boxes"][y["labels"] >= 0]
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert len({box.tobytes() for box in boxes}) > 12


# albumentations.


def flipped(**options):
    return A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], **options)


def params(box_format="pascal_voc", **options):
    return A.BboxParams(box_format, **options)


THEIRS = {
    "a flip": A.HorizontalFlip(p=0.5),
    "Affine": A.Affine(**AFFINE),
    "Perspective": A.Perspective(p=1.0),
    "OneOf": A.OneOf([A.Affine(**AFFINE), A.VerticalFlip(p=1.0)], p=0.9),
    "SomeOf": A.SomeOf([A.Affine(**AFFINE), A.VerticalFlip(p=1.0)], n=1, p=0.9),
    "Sequential": A.Sequential([A.HorizontalFlip(), A.Affine(**AFFINE)], p=1.0),
    "Compose": A.Compose([A.HorizontalFlip(), A.Affine(**AFFINE)]),
    "Compose, at times": A.Compose([A.Affine(**AFFINE)], p=0.5),
    "with pascal_voc": A.Compose([A.Affine(**AFFINE)], bbox_params=params()),
    "with coco": A.Compose([A.Affine(**AFFINE)], bbox_params=params("coco"), p=0.7),
    "with yolo": A.Compose([A.Affine(**AFFINE)], bbox_params=params("yolo", label_fields=["c"])),
    "two fields": A.Compose(
        [A.Affine(**AFFINE)], bbox_params=params("coco", label_fields=["classes", "ids"])
    ),
    "both params": A.Compose(
        [A.Affine(**AFFINE)],
        bbox_params=params("coco", label_fields=["classes"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["points"]),
    ),
    "clipped": A.Compose(
        [A.Affine(**AFFINE)], bbox_params=params("yolo", clip=True, filter_invalid_bboxes=True)
    ),
    "ReplayCompose": A.ReplayCompose([A.Affine(**AFFINE)], bbox_params=params()),
    "with colors": A.Compose([A.RandomBrightnessContrast(p=0), A.Affine(**AFFINE)]),
}
all_theirs = pytest.mark.parametrize("name", THEIRS)


@all_theirs
def test_albumentations_moves_boxes_with_their_image(folder, name):
    x, y = both_of(sequence_of(folder, augment=THEIRS[name]), epochs=4)

    assert check_around(x, y) > 12
    assert len({boxes.tobytes() for boxes in y["boxes"]}) > 10


@all_theirs
def test_albumentations_makes_the_same_image_with_and_without_boxes(folder, name):
    with_boxes = sequence_of(folder, augment=THEIRS[name])
    without = sequence_of(folder, augment=THEIRS[name], label_mode=None)

    for (x, _), alone_x in zip(with_boxes, without, strict=True):
        np.testing.assert_array_equal(x, alone_x)


@pytest.mark.parametrize("name", MOVES)
def test_our_own_make_the_same_image_with_and_without_boxes(folder, name):
    with_boxes = sequence_of(folder, augment=MOVES[name])
    without = sequence_of(folder, augment=MOVES[name], label_mode=None)

    for (x, _), alone_x in zip(with_boxes, without, strict=True):
        np.testing.assert_array_equal(x, alone_x)


def test_albumentations_goes_with_ours_on_both_sides(folder):
    augment = [RandomFlip(), A.Affine(**AFFINE), RandomHue((-1, 1)), RandomFlip("vertical")]
    x, y = both_of(sequence_of(folder, augment=augment), epochs=4)

    assert check_around(x, y) > 12


SCENE = layout(3)
BOXES = np.array([[*box, KINDS.index(kind)] for box, kind in zip(*SCENE, strict=True)], float)


def scene() -> Sample:
    return Sample(painted(SIZE, *SCENE), boxes=BOXES.copy())


@all_formats
@pytest.mark.parametrize(
    "steps",
    [[A.Affine(**AFFINE)], [A.Perspective(p=0.7), A.RandomRotate90(p=1.0)]],
    ids=["Affine", "two"],
)
def test_a_compose_gives_what_it_gives_when_called_by_hand(box_format, steps):
    size = (60, 60)  # which right angles keep
    boxes, kinds = layout(3, size)
    numbers = [KINDS.index(kind) for kind in kinds]
    sample = Sample(painted(size, boxes, kinds), boxes=np.column_stack([boxes, numbers]) + 0.0)
    transform = A.Compose(steps, bbox_params=params(box_format, label_fields=["kinds"]))
    for seed in range(8):
        made = applied(transform, sample, seed).sample
        given_boxes = in_format(boxes, box_format, size)
        expected = by_hand(transform, seed, image=sample.image, bboxes=given_boxes, kinds=kinds)
        np.testing.assert_array_equal(made.image, expected["image"])
        assert [KINDS[int(number)] for number in made.boxes[:, 4]] == expected["kinds"]
        corners = [corners_of(box, box_format, size) for box in expected["bboxes"]]
        np.testing.assert_allclose(made.boxes[:, :4], np.reshape(corners, (-1, 4)), atol=1e-3)


def test_a_transform_alone_gives_what_it_gives_when_called_by_hand():
    transform = A.Affine(**AFFINE)
    for seed in range(8):
        made = applied(transform, scene(), seed).sample
        fractions = np.array(in_format(BOXES[:, :4], "albumentations", SIZE), np.float32)
        given_boxes = np.column_stack([fractions, BOXES[:, 4]])
        expected = by_hand(transform, seed, image=scene().image, bboxes=given_boxes)
        np.testing.assert_array_equal(made.image, expected["image"])
        corners = [corners_of(box, "albumentations", SIZE) for box in expected["bboxes"][:, :4]]
        corners = np.clip(corners, 0, [80, 60, 80, 60])
        np.testing.assert_allclose(made.boxes[:, :4], corners, atol=1e-3)
        assert made.boxes[:, 4].tolist() == expected["bboxes"][:, 4].tolist()


@each_case("limits", [{}, {"min_visibility": 0.4}, {"min_area": 300}, {"min_width": 15}])
def test_mirrored_boxes_are_those_that_albumentations_returns_when_called_by_hand(limits):
    mirrored = A.Affine(**{**AFFINE, "border_mode": cv2.BORDER_REFLECT_101})
    transform = A.Compose([mirrored], bbox_params=params("coco", label_fields=["kinds"], **limits))
    boxes = SCENE[0]
    sizes = set()
    for seed in range(12):
        made = applied(transform, scene(), seed).sample
        given_boxes = in_format(boxes, "coco", SIZE)
        expected = by_hand(
            transform, seed, image=scene().image, bboxes=given_boxes, kinds=BOXES[:, 4].tolist()
        )
        corners = [corners_of(box, "coco", SIZE) for box in expected["bboxes"]]
        rows = np.column_stack([np.reshape(corners, (-1, 4)), expected["kinds"]])
        # Smaller ones are dropped after every augmentation.
        rows = rows[(rows[:, 2:4] - rows[:, :2] > 0.999).all(axis=1)]
        np.testing.assert_allclose(sorted(made.boxes.tolist()), sorted(rows.tolist()), atol=1e-3)
        sizes.add(len(rows))
    assert max(sizes) > len(boxes)


@pytest.mark.parametrize("fields", [None, ["c"], ["c", "d"]], ids=["none", "one", "two"])
@all_formats
def test_the_parameters_of_a_compose_may_have_any_format(box_format, fields):
    plain = A.Compose([A.Affine(**AFFINE)])
    with_params = A.Compose(
        [A.Affine(**AFFINE)], bbox_params=params(box_format, label_fields=fields)
    )
    for seed in range(6):
        one, other = (applied(augment, scene(), seed).sample for augment in (plain, with_params))
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
        assert len(one.boxes) >= 2


@pytest.mark.parametrize(
    "box_format",
    [
        "albumentations",
        "pascal_voc",
        "coco",
        "yolo",
    ],
)
def test_a_transform_that_is_part_of_a_compose_too_works_alone(box_format):
    flip = A.HorizontalFlip(p=1.0)
    A.Compose([flip], bbox_params=params(box_format))
    made = applied(flip, scene()).sample

    expected = [[80 - right, top, 80 - left, bottom] for left, top, right, bottom in SCENE[0]]
    np.testing.assert_allclose(made.boxes[:, :4], expected, atol=1e-3)


@pytest.mark.parametrize("fields", [None, ["c"]], ids=["alone", "with a field"])
def test_without_any_box_a_compose_gives_none(fields):
    transform = A.Compose([A.Affine(**AFFINE)], bbox_params=params("coco", label_fields=fields))
    image = scene().image
    made = applied(transform, Sample(image, boxes=np.empty((0, 5))), 1).sample

    assert made.boxes.shape == (0, 5)
    np.testing.assert_array_equal(made.image, applied(transform, Sample(image), 1).sample.image)


SHIFT = A.Affine(translate_px={"x": (30, 30), "y": (0, 0)}, p=1.0)


@pytest.mark.parametrize(
    ("least", "left"),
    [(0.0, ["red", "green", "blue"]), (0.3, ["red", "green"]), (0.7, ["green"])],
)
@pytest.mark.parametrize("fields", [None, ["c"]], ids=["alone", "with a field"])
def test_a_box_that_is_hardly_visible_is_dropped_and_the_others_keep_their_class(
    least, left, fields
):
    # Of 20 pixels of width, a shift by 30 leaves 10 of the red one, all of the green, 4 of blue.
    kinds = ["blue", "red", "green"]
    boxes = [[46, 2, 66, 20], [40, 22, 60, 40], [5, 42, 25, 58]]
    numbers = [KINDS.index(kind) for kind in kinds]
    sample = Sample(painted(SIZE, boxes, kinds), boxes=np.column_stack([boxes, numbers]) + 0.0)
    bbox_params = params("coco", label_fields=fields, min_visibility=least)
    made = applied(A.Compose([SHIFT], bbox_params=bbox_params), sample).sample

    assert [KINDS[int(number)] for number in made.boxes[:, 4]] == [k for k in kinds if k in left]
    for *box, number in made.boxes:
        share = lit(made.image[..., CHANNEL[KINDS[int(number)]]])
        np.testing.assert_allclose(edges_of(share), box, atol=0.1)


def test_boxes_that_are_too_small_are_dropped_and_the_others_keep_their_class(folder):
    bbox_params = params("yolo", label_fields=["c"], min_area=250, min_width=12)
    augment = A.Compose([A.Affine(scale=(0.5, 0.9), p=1.0)], bbox_params=bbox_params)
    x, y = both_of(sequence_of(folder, augment=augment), epochs=6)
    boxes = y["boxes"][y["labels"] >= 0]
    sides = boxes[:, 2:] - boxes[:, :2]

    assert sides[:, 0].min() >= 12 - 1e-3
    assert sides.prod(axis=1).min() >= 250 - 1e-2
    assert 10 < len(boxes) < 60  # of 72
    for image, of_image, labels in zip(x, y["boxes"], y["labels"], strict=True):
        for box, number in zip(of_image, labels, strict=True):
            if number >= 0:
                share = lit(image[..., CHANNEL[KINDS[number]]])
                np.testing.assert_allclose(edges_of(share), box, atol=0.6)


@each_case("border", [cv2.BORDER_REFLECT_101, cv2.BORDER_REFLECT])
@each_case("fields", ["none", None, ["c"]])
@each_case("start", [4, 18])  # mirrored in full, and in part
def test_every_object_that_a_border_mirrors_has_a_box_of_its_class(border, fields, start):
    shift = A.Affine(translate_px={"x": (26, 26), "y": (0, 0)}, border_mode=border, p=1.0)
    bbox_params = params("coco", label_fields=None if fields == "none" else fields)
    augment = shift if fields == "none" else A.Compose([shift], bbox_params=bbox_params)
    # The blue one ends up partly beyond the edge.
    boxes, kinds = [[start, 6, start + 16, 25], [40, 30, 70, 50]], ["red", "blue"]
    numbers = [KINDS.index(kind) for kind in kinds]
    sample = Sample(painted(SIZE, boxes, kinds), boxes=np.column_stack([boxes, numbers]) + 0.0)
    made = applied(augment, sample).sample

    assert made.boxes[:, 4].tolist() == sorted(made.boxes[:, 4], key=numbers.index)
    for kind, number in zip(kinds, numbers, strict=True):
        _, shown = ndimage.label(made.image[..., CHANNEL[kind]] > 127)
        of_kind = made.boxes[made.boxes[:, 4] == number]
        assert len(of_kind) >= shown
        covered = np.zeros(SIZE, bool)
        for left, top, right, bottom in of_kind[:, :4].round().astype(int):
            covered[top:bottom, left:right] = True
        # What is painted is in a box, and what is in a box is painted.
        assert (covered == (made.image[..., CHANNEL[kind]] > 127)).mean() > 0.97


@pytest.mark.parametrize("kind", [A.OneOf, A.SomeOf, A.Sequential])
@pytest.mark.parametrize("composed", [A.Compose, A.ReplayCompose])
def test_a_compose_with_parameters_inside_of_another_container_is_refused(kind, composed):
    inner = composed([A.HorizontalFlip(p=1.0)], bbox_params=params("coco"))
    options = {"n": 1} if kind is A.SomeOf else {}

    with pytest.raises((AugmentationError, OptionError), match="bbox_params"):
        applied(kind([inner], p=1.0, **options), scene())


def test_a_compose_inside_of_a_compose_moves_boxes(folder):
    inner = A.Compose([A.HorizontalFlip(p=0.5)], bbox_params=params("coco"))
    for augment in (A.Compose([inner]), A.Compose([inner], bbox_params=params("yolo"))):
        assert check_in_step(*both_of(sequence_of(folder, augment=augment)), within=0.01) == 12


def test_crops_that_look_at_boxes_see_them(folder):
    crop = A.RandomSizedBBoxSafeCrop(*SIZE, p=1.0)
    x, y = both_of(sequence_of(folder, augment=crop), epochs=3)

    assert check_in_step(x, y, within=0.6) == 36
    assert (y["labels"] >= 0).sum() == 36  # none was cut off
    explained = sequence_of(folder, augment=crop).explain(0, 3)
    assert len(explained.after.boxes) == 3
    assert 0 < explained.visible <= 1


def test_a_sliver_of_a_box_is_no_error_for_a_compose():
    sliver = np.array([[79.999997, 10, 80, 30, 1], [10, 10, 30, 30, 0]])
    sample = Sample(scene().image, boxes=sliver)
    for box_format in ("pascal_voc", "coco", "yolo"):
        compose = A.Compose([A.HorizontalFlip(p=1.0)], bbox_params=params(box_format))
        made = applied(compose, sample).sample
        np.testing.assert_allclose(made.boxes[-1], [50, 10, 70, 30, 0], atol=1e-3)


@pytest.mark.parametrize("box_format", ["pascal_voc", "coco", "yolo"])
def test_boxes_that_fill_the_image_go_through_a_compose(box_format):
    for size in ((60, 80), (37, 53), (97, 101), (224, 224)):
        height, width = size
        whole = np.array(
            [[0, 0, width, height, 1], [width - 1, height - 1, width, height, 0]], float
        )
        sample = Sample(np.zeros((*size, 3), np.uint8), boxes=whole)
        augment = A.Compose([A.HorizontalFlip(p=1.0)], bbox_params=params(box_format))
        made = applied([RandomFlip(p=1.0), augment], sample).sample
        np.testing.assert_allclose(made.boxes, whole, atol=1e-3)


# What cannot keep boxes aligned.


def mirrored_with_mask(image, mask):
    return image[:, ::-1], mask[:, ::-1]


ALONE = "a function of the image cannot keep boxes and keypoints aligned. Write a class"
REFUSED = {
    "a function": (mirrored, "mirrored", ALONE),
    "a function of masks": (mirrored_with_mask, "mirrored_with_mask", ALONE),
    "imgaug": (OldStyle(), "tests.OldStyle", "cannot keep masks, further images, boxes and keyp"),
    "a Keras layer": (
        keras.layers.RandomFlip(seed=1),
        "keras.RandomFlip",
        "a Keras layer can keep one mask aligned, but nothing else",
    ),
    "AugMix": (
        AugMix(p=1.0),
        "AugMix",
        "boxes and keypoints cannot follow. Remove it, or use RandAug",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_keep_boxes_in_step_is_refused_when_the_sequence_is_built(folder, name):
    augment, called, said = REFUSED[name]

    with pytest.raises(AugmentationError) as caught:
        sequence_of(folder, augment=[RandomFlip(), [augment]])
    message = str(caught.value)
    assert f"{called!r} failed on samples with boxes: " in message
    assert said in message


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "a function of masks"])
def test_where_boxes_are_no_targets_anything_goes(folder, name):
    for options in ({"label_mode": None}, {"label_mode": "categorical", "y_col": "label"}):
        sequence = sequence_of(folder, augment=REFUSED[name][0], **options)
        assert len(list(sequence)) == 3


def test_torchvision_cannot_keep_boxes_in_step(folder):
    pytest.importorskip("torch")
    try:
        from torchvision.transforms import v2
    except (ImportError, RuntimeError) as err:
        pytest.skip(f"torchvision does not go with this torch: {err}")

    with pytest.raises(
        AugmentationError, match="can keep masks and further images aligned, but not"
    ):
        sequence_of(folder, augment=v2.RandomHorizontalFlip())


@pytest.mark.parametrize("mixer", [MixUp(), CutMix()], ids=["MixUp", "CutMix"])
def test_boxes_cannot_be_mixed(folder, mixer):
    with pytest.raises(
        OptionError, match=f"{mixer.name} blends .*label_mode='boxes' cannot be blended"
    ):
        sequence_of(folder, augment=mixer)

    mixed = sequence_of(folder, augment=mixer, label_mode="categorical", y_col="label")
    assert mixed[0][1].shape == (3, 2)


def test_boxes_as_targets_need_boxes(folder):
    frame = table_of([layout(row) for row in range(8)])
    with pytest.raises(OptionError, match=r"label_mode='boxes' needs boxes, .* Pass boxes=Boxes\("):
        imggen.from_dataframe(frame, root=folder, label_mode="boxes")


def test_a_table_of_boxes_and_keypoints_has_to_say_which_are_the_targets(folder):
    frame = table_of([layout(row) for row in range(8)])
    frame["points"] = [[[1, 2]]] * 8
    with pytest.raises(OptionError, match=r"boxes and keypoints, .* Pass label_mode="):
        sequence_of(folder, frame, keypoints=Keypoints(col="points"))

    _, y = sequence_of(folder, frame, keypoints=Keypoints(col="points"), label_mode="boxes")[0]
    assert set(y) == {"boxes", "labels"}


def test_copies_of_images_with_boxes_are_not_made(folder, tmp_path):
    manifest = sequence_of(folder).manifest
    with pytest.raises(OptionError, match="these have boxes, which would be lost"):
        imggen.augment_directory(manifest, tmp_path / "copies", RandomFlip(), copies=1)


# The contract.


class Changing:
    """An augmentation of somebody's own that does something to boxes, and nothing to images."""

    name = "Changing"

    def __init__(self, change):
        self.change = change

    def augment(self, sample, rng):
        return dataclasses.replace(sample, boxes=self.change(sample.boxes)), {}


def one_more(boxes):
    return np.vstack([boxes, [[1.0, 2, 3, 4, 0]]])


BROKEN = {
    "one more": (one_more, r"float64 of shape \(4, 5\)"),
    "none at all": (lambda boxes: None, "None"),
    "without classes": (lambda boxes: boxes[:, :4], r"float64 of shape \(3, 4\)"),
    "another dtype": (lambda boxes: boxes.astype(np.float32), r"float32 of shape \(3, 5\)"),
    "a list": (lambda boxes: boxes.tolist(), r"a builtins\.list"),
    "one flat box": (lambda boxes: boxes[0], r"float64 of shape \(5,\)"),
    "nested": (lambda boxes: boxes[None], r"float64 of shape \(1, 3, 5\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_step_that_returns_other_boxes_is_named_with_the_file(name):
    change, came = BROKEN[name]
    with pytest.raises(
        AugmentationError,
        match=rf"'Changing' returned {came} as boxes for .*expected float64 of shape \(3, 5\), as",
    ) as caught:
        applied([RandomFlip(), Changing(change)], scene())

    assert WHERE in str(caught.value)


def test_a_step_that_makes_up_boxes_is_named():
    with pytest.raises(AugmentationError, match="as boxes for .*expected none, as in its input"):
        applied(Changing(lambda boxes: np.zeros((1, 5))), Sample(scene().image))


def test_a_step_that_fails_is_named_with_the_file_the_epoch_and_the_index(folder):
    sequence = sequence_of(folder, augment=Changing(one_more), shuffle=False)

    with pytest.raises(AugmentationError, match=r"'Changing' .*/0\.png' \(epoch 0, index 0\); exp"):
        sequence[0]
    with pytest.raises(AugmentationError, match=r"'Changing' .*/5\.png' \(epoch 3, index 5\); exp"):
        sequence.explain(3, 5)


class DropsRed:
    """An augmentation of somebody's own that knows of boxes."""

    name = "DropsRed"

    def augment(self, sample, rng):
        image = sample.image.copy()
        image[..., CHANNEL["red"]] = DARK
        kept = sample.boxes[sample.boxes[:, 4] != KINDS.index("red")]
        return dataclasses.replace(sample, image=image, boxes=kept), {"dropped": 1}


def test_a_step_of_somebody_else_may_drop_boxes(folder):
    augment = [RandomFlip(), DropsRed(), RandomFlip("vertical")]
    x, y = both_of(sequence_of(folder, augment=augment), epochs=2)

    reds = sum("red" in layout(row)[1] for row in range(8))
    assert reds > 2
    assert check_in_step(x, y, within=1e-3) == 2 * (12 - reds)
    assert KINDS.index("red") not in y["labels"]


class WritesToItsOwn:
    name = "WritesToItsOwn"

    def augment(self, sample, rng):
        sample.boxes[:, :4] += 1
        return sample, {}


def test_a_step_may_write_to_its_boxes_and_no_others_see_it(folder):
    sequence = sequence_of(folder, augment=WritesToItsOwn(), shuffle=False, cache="ram")
    one, other = both_of(sequence), both_of(sequence)

    check_same(one, other)
    np.testing.assert_allclose(one[1]["boxes"][3, 0], np.array(layout(3)[0][0]) + 1)


# Whole sequences.


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 1},
        {"workers": 8, "max_queue_size": 2},
        {"workers": 2, "cache": "ram"},
        {"workers": 1, "use_multiprocessing": True},
    ],
    ids=["one thread", "eight threads", "cached", "one process"],
)
def test_boxes_do_not_depend_on_who_loads_them(folder, options):
    augment = [*MOVES["all"], THEIRS["with coco"]]

    def served(**how):
        with sequence_of(folder, augment=augment, **how) as sequence:
            return both_of(sequence, epochs=2)

    check_same(served(workers=0), served(**options))


def test_the_same_seed_gives_the_same_boxes_and_another_gives_others(folder):
    one, again, other = (
        both_of(sequence_of(folder, augment=MOVES["all"], seed=seed)) for seed in (1, 1, 2)
    )

    check_same(one, again)
    assert not np.array_equal(one[1]["boxes"], other[1]["boxes"])


def test_with_the_channels_first_boxes_are_the_same(folder):
    last, first = (
        both_of(sequence_of(folder, data_format=data_format, augment=MOVES["rotation"]))
        for data_format in ("channels_last", "channels_first")
    )

    assert first[0].shape == (8, 3, *SIZE)
    check_same((np.moveaxis(first[0], 1, -1), first[1]), last)


def test_boxes_are_neither_rescaled_nor_cast(folder):
    plain, scaled = (
        both_of(sequence_of(folder, **options))
        for options in ({}, {"rescale": 1 / 255, "dtype": "float16"})
    )

    assert scaled[0].dtype == np.float16
    assert scaled[1]["boxes"].dtype == np.float32
    np.testing.assert_array_equal(plain[1]["boxes"], scaled[1]["boxes"])


def test_weights_come_after_boxes(folder):
    frame = table_of([layout(row) for row in range(8)])
    frame["weight"] = np.arange(8.0)
    x, y, weights = sequence_of(folder, frame, weight_col="weight", shuffle=False)[1]

    assert weights.tolist() == [3, 4, 5]
    assert check_in_step(x, y, within=1e-3) == 4


def test_repeats_are_augmented_anew_with_their_boxes(folder):
    x, y = both_of(sequence_of(folder, repeats=3, augment=MOVES["shift"]))

    assert len(x) == 24
    assert check_around(x, y) > 6
    assert len({boxes.tobytes() for boxes in y["boxes"]}) > 15


def test_a_remainder_that_is_dropped_takes_its_boxes_along(folder):
    sequence = sequence_of(folder, drop_remainder=True)
    x, y = both_of(sequence)

    assert len(sequence) == 2
    assert y["boxes"].shape == (6, 3, 4)
    check_in_step(x, y, within=1e-3)


def test_with_a_broken_file_its_boxes_are_left_out(folder):
    (folder / "3.png").write_bytes(b"")
    sequence = sequence_of(folder, on_error="skip", shuffle=False, augment=RandomFlip())
    with pytest.warns(ImggenWarning, match=r"1 of 8 images could not be .*3\.png"):
        x, y = both_of(sequence)

    assert len(x) == len(y["boxes"]) == len(y["labels"]) == 7
    assert check_in_step(x, y, within=1e-3) == 9
    assert sum(sequence.failures.values()) == 1


def test_with_a_broken_file_another_with_its_boxes_takes_its_place(folder):
    (folder / "3.png").write_bytes(b"")
    sequence = sequence_of(folder, on_error="substitute", shuffle=False)
    with pytest.warns(ImggenWarning, match="1 of 8 images could not be read and were substituted"):
        x, y = both_of(sequence)

    assert len(x) == len(y["boxes"]) == 8
    check_in_step(x, y, within=1e-3)
    assert any(np.array_equal(x[3], x[row]) for row in range(8) if row != 3)


def test_a_broken_file_is_named(folder):
    (folder / "0.png").write_bytes(b"no image")

    with pytest.raises(ImageError, match=r"0\.png"):
        sequence_of(folder, shuffle=False)[0]


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_a_batch_of_broken_files_has_boxes_of_another(folder, on_error):
    for row in range(3):
        (folder / f"{row}.png").write_bytes(b"")
    sequence = sequence_of(folder, on_error=on_error, shuffle=False)
    x, y = sequence[0]

    assert len(x) == len(y["boxes"]) == (1 if on_error == "skip" else 3)
    check_in_step(x, y, within=1e-3)


def test_images_without_any_box_have_targets_without_room(folder):
    frame = table_of([([], [])] * 8)
    x, y = sequence_of(folder, frame, augment=[RandomFlip(), THEIRS["with yolo"]])[0]

    assert x.shape == (3, *SIZE, 3)
    assert (y["boxes"].shape, y["labels"].shape) == ((3, 0, 4), (3, 0))


def test_parts_of_a_split_have_boxes_in_the_same_room(folder):
    parts = sequence_of(folder, split=(0.5, 0.25, 0.25), augment=RandomFlip(), y_col="label")

    rows = 0
    for part in parts:
        x, y = both_of(part)
        assert y["boxes"].shape[1:] == (3, 4)
        check_in_step(x, y, within=1e-3)
        rows += len(x)
    assert rows == 8


def test_a_column_of_parts_splits_boxes_too(folder):
    frame = table_of([layout(row) for row in range(8)])
    frame["part"] = ["train"] * 6 + ["val"] * 2
    parts = sequence_of(folder, frame, split="part")

    assert check_in_step(*both_of(parts.train), within=1e-3) == 7
    assert check_in_step(*both_of(parts.val), within=1e-3) == 5


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_saved_manifest_serves_the_same_boxes(folder, ending):
    sequence = sequence_of(folder, shuffle=False)
    sequence.manifest.save(folder / f"m.{ending}")
    loaded = Manifest.load(folder / f"m.{ending}")
    options = {"label_mode": "boxes", "image_size": SIZE, "workers": 0, "shuffle": False}

    check_same(both_of(ImageSequence(loaded, **options)), both_of(sequence))


def test_boxes_and_keypoints_of_one_table_are_moved_alike(folder):
    frame = table_of([layout(row) for row in range(8)])
    # The middle of the first pixel of a box, and of its last.
    frame["points"] = [
        [
            point
            for left, top, right, bottom in boxes
            for point in ([left, top], [right - 1, bottom - 1])
        ]
        for boxes, _ in (layout(row) for row in range(8))
    ]
    options = {
        "keypoints": Keypoints(col="points"),
        "augment": RandomFlip("horizontal_and_vertical"),
    }
    boxes, points = (
        sequence_of(folder, frame, shuffle=False, label_mode=mode, **options)[1]
        for mode in ("boxes", "keypoints")
    )

    np.testing.assert_array_equal(boxes[0], points[0])
    in_pairs = points[1].reshape(3, 3, 2, 2)
    for row in range(3):
        count = (boxes[1]["labels"][row] >= 0).sum()
        pairs = in_pairs[row, :count]
        around = np.concatenate([pairs.min(axis=1), pairs.max(axis=1) + 1], axis=1)
        np.testing.assert_allclose(around, boxes[1]["boxes"][row, :count], atol=1e-4)


# Pictures and explanations.


def test_a_drawn_box_has_the_edges_of_the_box():
    image = np.full((*SIZE, 3), 90, np.uint8)
    sample = Sample(image, boxes=np.array([[10.0, 20, 50, 45, 1]]))
    for cell, scale in ((80, 1), (160, 2), (40, 0.5)):
        plain, drawn = (
            np.asarray(draw_sample(one, cell)).astype(int) for one in (Sample(image), sample)
        )
        y, x = np.nonzero((plain != drawn).any(axis=2))
        found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) / scale
        np.testing.assert_allclose(found, [10, 20, 50, 45], atol=1 / scale)
        inside = (
            slice(round(28 * scale), round(38 * scale)),
            slice(round(20 * scale), round(40 * scale)),
        )
        assert (plain == drawn)[inside].all()


def test_boxes_of_different_classes_have_different_colors_and_names():
    image = np.full((*SIZE, 3), 90, np.uint8)

    def drawn(number, names):
        sample = Sample(image, boxes=np.array([[10.0, 20, 50, 45, number]]))
        return np.asarray(draw_sample(sample, 80, names))

    assert drawn(0, ())[20, 30].tolist() != drawn(1, ())[20, 30].tolist()
    assert not np.array_equal(drawn(0, ("red", "blue")), drawn(0, ("blue", "red")))


@pytest.mark.parametrize(
    "options",
    [{}, {"data_format": "channels_first"}, {"rescale": 1 / 255}, {"color_mode": "grayscale"}],
    ids=["plain", "channels first", "rescaled", "grey"],
)
@all_formats
def test_a_batch_is_shown_with_its_boxes(folder, options, box_format):
    shown = [
        np.asarray(
            sequence_of(folder, box_format=box_format, label_mode=mode, **options).show_batch(1)
        )
        for mode in (None, "boxes")
    ]

    assert shown[0].shape == shown[1].shape
    share = (shown[0] != shown[1]).any(axis=2).mean()
    assert 0.002 < share < 0.3


@all_formats
def test_a_batch_is_shown_with_boxes_where_they_are(folder, box_format):
    options = {"box_format": box_format, "shuffle": False, "batch_size": 4}
    plain, shown = (
        np.asarray(sequence_of(folder, label_mode=mode, **options).show_batch(cell=80))
        for mode in (None, "boxes")
    )
    image = painted(SIZE, *layout(3))
    # Where in the picture the fourth image is.
    [(top, left)] = [
        (y, x)
        for y, x in np.argwhere((plain == image[0, 0]).all(axis=2)).tolist()
        if np.array_equal(plain[y : y + 60, x : x + 80], image)
    ][:1]
    changed = (plain != shown).any(axis=2)[top : top + 60, left : left + 80]
    for x0, y0, x1, y1 in layout(3)[0]:
        # Lines of two pixels, which rounding may move by one.
        assert changed[y1 - 2, x0 + 2 : x1 - 2].all()
        assert changed[y0 + 2 : y1 - 2, x0].all()
        assert changed[y0 + 2 : y1 - 2, x1 - 2].all()


@pytest.mark.parametrize(
    "augment", [None, MOVES["all"], [RandomResizedCrop((0.5, 1.0)), RandomHue()]]
)
def test_contact_sheets_and_pages_show_boxes(folder, augment):
    def made(mode):
        frame = table_of([layout(row + 1) for row in range(7)])
        frame["path"] = [f"{row + 1}.png" for row in range(7)]
        sequence = sequence_of(folder, frame, label_mode=mode, y_col="label", augment=augment)
        sheet = np.asarray(imggen.contact_sheet(sequence, variants=2, cell=80))
        return sheet, preview_page(make_preview(sequence, variants=2), str(folder))

    (plain, plain_page), (sheet, page) = made(None), made("boxes")
    assert plain.shape == sheet.shape
    assert (plain != sheet).any()
    assert plain_page != page


def test_an_explanation_has_the_boxes_before_and_after(folder):
    sequence = sequence_of(folder, augment=MOVES["all"], shuffle=False)
    x, y = both_of(sequence)
    for index in (1, 2, 3, 4):
        explained = sequence.explain(0, index)
        boxes, kinds = layout(index)
        before, after = explained.before.boxes, explained.after.boxes
        np.testing.assert_allclose(before[:, :4], np.reshape(boxes, (-1, 4)))
        assert [KINDS[int(number)] for number in before[:, 4]] == kinds
        np.testing.assert_array_equal(explained.image, x[index])
        count = len(after)
        np.testing.assert_allclose(after[:, :4], y["boxes"][index, :count], atol=1e-4)
        assert after[:, 4].tolist() == y["labels"][index, :count].tolist()
        assert (y["labels"][index, count:] == -1).all()
        assert explained.box_class_names == KINDS
        assert 0 < explained.visible <= 1


def test_a_step_that_writes_to_its_boxes_leaves_those_before_as_they_were(folder):
    augment = [RandomHue((30, 30)), WritesToItsOwn()]
    explained = sequence_of(folder, augment=augment).explain(0, 3)

    np.testing.assert_allclose(explained.before.boxes[:, :4], layout(3)[0])
    np.testing.assert_allclose(explained.after.boxes[:, :4], np.array(layout(3)[0]) + 1)


def test_before_a_crop_that_comes_first_boxes_are_those_of_the_larger_image(tmp_path):
    boxes, kinds = layout(3, (240, 320))
    crop = RandomResizedCrop((0.5, 1.0), source_size=120)
    options = {"augment": crop, "image_size": (30, 40)}
    sequence = alone(tmp_path, painted((240, 320), boxes, kinds), boxes, kinds, **options)
    explained = sequence.explain(0, 0)

    assert explained.original.shape == (120, 160, 3)
    np.testing.assert_allclose(explained.before.boxes[:, :4], np.array(boxes) / 2)
    y = {"boxes": explained.after.boxes[None, :, :4], "labels": explained.after.boxes[None, :, 4]}
    assert check_in_step(explained.image[None], y, within=0.4) >= 1


# Models.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_predictions_are_made_without_boxes(folder):
    layers = [keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
    tables = []
    for options in ({"label_mode": "boxes"}, {"label_mode": "categorical"}):
        augment = [RandomResizedCrop(), DropsRed()]  # which needs boxes, and is left out
        tables.append(sequence_of(folder, y_col="label", augment=augment, **options).predict(model))

    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["true"].tolist() == list("abababab")
    wrong = table_of([layout(row) for row in range(7)] + [([[90, 5, 99, 9]], ["red"])])
    pd.testing.assert_frame_equal(
        sequence_of(folder, wrong, y_col="label", label_mode="boxes").predict(model), tables[1]
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_model_trains_on_boxes_and_labels_by_name(folder, workers):
    inputs = keras.Input((*SIZE, 3))
    means = keras.layers.GlobalAveragePooling2D()(inputs)
    boxes = keras.layers.Reshape((3, 4), name="boxes")(keras.layers.Dense(12)(means))
    labels = keras.layers.Reshape((3, 3), name="labels")(keras.layers.Dense(9)(means))
    model = keras.Model(inputs, {"boxes": boxes, "labels": labels})
    of_labels = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile("adam", {"boxes": "mse", "labels": of_labels})
    options = {"rescale": 1 / 255, "augment": MOVES["all"], "workers": workers}
    with sequence_of(folder, box_format="yolo", **options) as sequence:
        history = model.fit(sequence, epochs=2, verbose=0).history

    assert np.isfinite(history["loss"]).all()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_boxes_reach_the_loss_of_a_model_as_they_are(folder):
    seen = []

    class Detector(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(12)

        def call(self, images):
            return self.dense(keras.ops.mean(images, (1, 2)))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            seen.append({name: np.asarray(target) for name, target in y.items()})
            there = keras.ops.cast(y["labels"] >= 0, "float32")
            off = keras.ops.reshape(y_pred, (-1, 3, 4)) - y["boxes"]
            return keras.ops.mean(keras.ops.sum(off**2, axis=-1) * there)

    model = Detector()
    model.compile("adam", run_eagerly=True)
    sequence = sequence_of(folder, box_format="coco", shuffle=False)
    history = model.fit(sequence, epochs=1, shuffle=False, verbose=0).history
    _, expected = both_of(sequence_of(folder, box_format="coco", shuffle=False))

    assert np.isfinite(history["loss"]).all()
    for name in ("boxes", "labels"):
        found = np.concatenate([batch[name] for batch in seen])
        np.testing.assert_array_equal(found[-8:], expected[name])
