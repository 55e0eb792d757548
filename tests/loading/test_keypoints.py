"""Keypoints as targets: read with their files, moved as the images are, and told apart."""

import dataclasses
import math

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

import imggen
from imggen import ImageSequence, Keypoints, Manifest
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
from imggen.errors import AugmentationError, ImggenWarning, OptionError
from imggen.preview import make_preview
from imggen.preview.sample_drawing import draw_sample
from imggen.reports.preview_page import preview_page
from tests.helpers.augmenting import WHERE, applied
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

FORMATS = ["xy", "yx", "xya", "xys", "xyas", "xysa"]
all_formats = pytest.mark.parametrize("keypoint_format", FORMATS)


def disc(size, x, y, radius) -> np.ndarray:
    """How much of each pixel is in a disc, 0 to 1; (0, 0) is the middle of the first pixel."""
    down, across = np.mgrid[: size[0], : size[1]]
    return np.clip(0.5 + radius - np.hypot(across - x, down - y), 0, 1)


def painted(size, points, radius=5.0) -> np.ndarray:
    """An image with a disc about each of up to three points, in a color of its own."""
    image = np.full((*size, 3), DARK, np.uint8)
    for channel, (x, y) in enumerate(points):
        share = disc(size, x, y, radius)
        image[..., channel] = np.rint(DARK + (BRIGHT - DARK) * share)
    return image


def layout(seed, size=SIZE, margin=12) -> list[list[float]]:
    """Where the three points of an image are, none at the edge."""
    rng = np.random.default_rng([29, seed])
    height, width = size
    return rng.uniform([margin, margin], [width - margin, height - margin], (3, 2)).tolist()


def angles_of(points) -> list[float]:
    """In degrees, from each point to the next, as its direction."""
    following = points[1:] + points[:1]
    return [
        math.degrees(math.atan2(after[1] - before[1], after[0] - before[0]))
        for before, after in zip(points, following, strict=True)
    ]


def in_format(points, keypoint_format) -> list[list[float]]:
    """Points with a direction each to the next one, and the scales 1, 2, 3."""
    rows = []
    for number, ((x, y), angle) in enumerate(zip(points, angles_of(points), strict=True), 1):
        letters = {"x": x, "y": y, "a": angle % 360, "s": number}
        rows.append([letters[letter] for letter in keypoint_format])
    return rows


def column(y, keypoint_format, letter) -> np.ndarray:
    return np.asarray(y)[..., keypoint_format.index(letter)]


def table_of(scenes, keypoint_format="xy", ending=".png") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "path": [f"{row}{ending}" for row in range(len(scenes))],
            "points": [in_format(points, keypoint_format) for points in scenes],
            "label": ["ab"[row % 2] for row in range(len(scenes))],
        }
    )


@pytest.fixture
def folder(tmp_path):
    """0.png to 5.png, each with three points."""
    for number in range(6):
        save_turned(painted(SIZE, layout(number)), tmp_path / f"{number}.png")
    return tmp_path


def sequence_of(folder, frame=None, keypoint_format="xy", **options) -> ImageSequence:
    frame = table_of([layout(row) for row in range(6)], keypoint_format) if frame is None else frame
    chosen = {"image_size": SIZE, "batch_size": 4, "seed": 5, "workers": 0, "y_col": None}
    chosen |= {"keypoints": Keypoints(col="points", format=keypoint_format)}
    return imggen.from_dataframe(frame, root=folder, **{**chosen, **options})


def alone(folder, pixels, points, *, ending=".png", orientation=1, **options):
    """A sequence of one image."""
    save_turned(pixels, folder / f"0{ending}", orientation)
    keypoint_format = options.setdefault("keypoint_format", "xy")
    options.setdefault("image_size", pixels.shape[:2])
    return sequence_of(folder, table_of([points], keypoint_format, ending), **options)


def check_in_step(x, y, keypoint_format="xy", *, within=0.12) -> int:
    """Holds each point to the middle of the disc of its color; returns how many are compared."""
    compared = 0
    for image, of_image in zip(x, y, strict=True):
        height, width = image.shape[:2]
        for channel, point in enumerate(of_image):
            across, down = (column(point, keypoint_format, letter) for letter in "xy")
            share = (np.asarray(image[..., channel], np.float64) - DARK) / (BRIGHT - DARK)
            share = np.where(share < 0.04, 0, share)
            rim = np.concatenate([share[[0, -1]].ravel(), share[:, [0, -1]].ravel()])
            if rim.any() or not (share > 0.5).any():
                continue  # cut off in part
            rows, columns = np.mgrid[:height, :width]
            found = [(share * columns).sum() / share.sum(), (share * rows).sum() / share.sum()]
            np.testing.assert_allclose([across, down], found, atol=within)
            compared += 1
    return compared


def check_directions(y, keypoint_format, within=0.01) -> None:
    """Holds the angle of each point to the way to the next point."""
    for points in np.asarray(y, np.float64):
        across, down, angle = (column(points, keypoint_format, letter) for letter in "xya")
        ways = np.arctan2(np.roll(down, -1) - down, np.roll(across, -1) - across)
        apart = (np.radians(angle) - ways + np.pi) % (2 * np.pi) - np.pi
        assert (np.abs(apart) < within).all()
        assert ((angle >= 0) & (angle < 360)).all()


def both_of(sequence, epochs=1):
    pairs = [batch for _ in range(epochs) for batch in sequence]
    return [np.concatenate(parts) for parts in zip(*pairs, strict=True)]


# Files and how they are fitted.


@all_formats
def test_keypoints_are_those_of_the_table_where_nothing_changes(folder, keypoint_format):
    x, y = both_of(sequence_of(folder, keypoint_format=keypoint_format, shuffle=False))

    assert (y.shape, y.dtype) == ((6, 3, len(keypoint_format)), np.float32)
    expected = [in_format(layout(row), keypoint_format) for row in range(6)]
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    assert check_in_step(x, y, keypoint_format, within=0.05) == 18


@FITS
@pytest.mark.parametrize("image_size", [(64, 64), (45, 71), (130, 96)])
@pytest.mark.parametrize("keypoint_format", ["yx", "xyas"])
def test_keypoints_are_fitted_as_their_image(folder, fit, image_size, keypoint_format):
    options = {"keypoint_format": keypoint_format, "image_size": image_size, **fit}
    x, y = both_of(sequence_of(folder, **options))

    # What a crop cuts off may be far beyond the edge.
    assert check_in_step(x, y, keypoint_format) >= (9 if "crop_to_aspect_ratio" in fit else 18)
    if keypoint_format == "xyas":
        check_directions(y, keypoint_format)


@pytest.mark.parametrize(
    ("image_size", "grown"), [((120, 160), 2), ((60, 320), 2), ((15, 80), 0.5)]
)
def test_scales_grow_with_the_image(folder, image_size, grown):
    _, y = both_of(sequence_of(folder, keypoint_format="xys", image_size=image_size))

    np.testing.assert_allclose(y[:, :, 2], [[grown, 2 * grown, 3 * grown]] * 6, rtol=1e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "bicubic", "area", "lanczos3"])
def test_keypoints_are_fitted_however_pixels_are_interpolated(folder, interpolation):
    within = 0.3 if interpolation in ("nearest", "area") else 0.12
    x, y = both_of(sequence_of(folder, image_size=(97, 41), interpolation=interpolation))

    assert check_in_step(x, y, within=within) == 18


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_keypoints_fit_a_photograph_that_is_turned_upright(tmp_path, ending, orientation):
    points = layout(1)
    options = {"ending": ending, "orientation": orientation, "keypoint_format": "xya"}
    for image_size in (SIZE, (48, 48)):
        x, y = alone(tmp_path, painted(SIZE, points), points, image_size=image_size, **options)[0]
        assert check_in_step(x, y, "xya", within=0.2) == 3
        check_directions(y, "xya")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_keypoints_as_stored_fit_a_photograph_that_is_not_turned(tmp_path, ending, orientation):
    points = layout(1)
    # Where the discs are as stored, whatever that is.
    stored = save_turned(painted(SIZE, points), tmp_path / f"0{ending}", orientation)
    rows, columns = np.mgrid[: stored.shape[0], : stored.shape[1]]
    as_stored = []
    for channel in range(3):
        share = np.where(stored[..., channel] > 40, stored[..., channel] - float(DARK), 0)
        as_stored.append(
            [(share * columns).sum() / share.sum(), (share * rows).sum() / share.sum()]
        )
    frame = table_of([as_stored], "xy", ending)
    for image_size in (stored.shape[:2], (75, 50)):
        sequence = sequence_of(tmp_path, frame, exif_orientation=False, image_size=image_size)
        assert check_in_step(*sequence[0], within=0.25) == 3


@FITS
@pytest.mark.parametrize("image_size", [(60, 80), (75, 75), (149, 200)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_keypoints_keep_step_with_a_large_jpeg_that_is_decoded_at_reduced_size(
    tmp_path, fit, image_size, orientation
):
    size = (605, 803)  # which no reduction divides
    points = layout(2, size, margin=150)
    options = {"ending": ".jpg", "image_size": image_size, "orientation": orientation, **fit}
    x, y = alone(tmp_path, painted(size, points, 45), points, **options)[0]

    assert check_in_step(x, y, within=0.1) == 3


def test_keypoints_of_a_pixel_are_in_its_middle_whatever_the_size(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    # The corners of the image are half a pixel from the middles of its first and last pixels.
    frame = pd.DataFrame({"path": ["0.png"], "points": [[[-0.5, -0.5], [3.5, 2.5], [0, 0]]]})
    save_turned(pixels, tmp_path / "0.png")
    _, y = sequence_of(tmp_path, frame, image_size=(30, 40))[0]

    np.testing.assert_allclose(y[0], [[-0.5, -0.5], [39.5, 29.5], [4.5, 4.5]], atol=1e-5)


def test_arrays_of_a_loader_have_keypoints_in_their_own_pixels(tmp_path):
    scenes = [layout(row, (40, 56)) for row in range(3)]
    for row, points in enumerate(scenes):
        np.save(tmp_path / f"{row}.npy", painted((40, 56), points))
    frame = table_of(scenes, "xya", ".npy")
    options = {"loader": np.load, "image_size": None, "augment": RandomFlip()}
    x, y = both_of(sequence_of(tmp_path, frame, "xya", **options), epochs=2)

    assert check_in_step(x, y, "xya", within=0.05) == 18
    check_directions(y, "xya")


# Augmentations of our own.


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
@all_formats
def test_flips_keep_keypoints_in_step(folder, mode, keypoint_format):
    options = {"keypoint_format": keypoint_format, "augment": RandomFlip(mode)}
    x, y = both_of(sequence_of(folder, **options), epochs=3)

    assert check_in_step(x, y, keypoint_format, within=0.05) == 54
    assert len({points.tobytes() for points in y}) > 8
    if "a" in keypoint_format:
        check_directions(y, keypoint_format)
    if "s" in keypoint_format:
        np.testing.assert_allclose(column(y, keypoint_format, "s"), [[1, 2, 3]] * 18)


MOVES = {
    "rotation": RandomRotation((-180, 180), **EDGE),
    "right angles": RandomRotation((90, 90), **EDGE),
    "shift": RandomTranslation((-0.3, 0.3), (-0.3, 0.3), **EDGE),
    "shear": RandomShear((-30, 30), (-20, 20), **EDGE),
    "zoom": RandomZoom((0.6, 1.8), (0.7, 1.4), **EDGE),
    "crop": RandomResizedCrop((0.4, 1.0)),
    "all": [RandomFlip(), RandomRotation(**EDGE), RandomShear(**EDGE), RandomZoom(**EDGE)],
    "perspective": RandomPerspective((0.2, 0.5), **EDGE),
}


@pytest.mark.parametrize("name", MOVES)
def test_whatever_moves_the_image_moves_its_keypoints(folder, name):
    sequence = sequence_of(folder, keypoint_format="xyas", augment=MOVES[name])
    x, y = both_of(sequence, epochs=4)

    # Of a disc that is seen from aside, the middle is not quite in the middle.
    assert check_in_step(x, y, "xyas", within=0.4 if name == "perspective" else 0.15) > 12
    assert len({points.tobytes() for points in y}) > (5 if name == "right angles" else 20)
    if name != "perspective":  # where straight ways stay straight and evenly long
        check_directions(y, "xyas")


def test_a_turn_turns_angles_and_a_zoom_grows_scales(folder):
    augment = [RandomRotation((30, 30)), RandomZoom((1.5, 1.5))]
    _, y = both_of(sequence_of(folder, keypoint_format="xysa", augment=augment, shuffle=False))
    _, plain = both_of(sequence_of(folder, keypoint_format="xysa", shuffle=False))

    np.testing.assert_allclose(y[..., 2], 1.5 * plain[..., 2], rtol=1e-6)
    # Counter-clockwise, and angles run from x towards y, which is down.
    np.testing.assert_allclose((plain[..., 3] - y[..., 3]) % 360, 30, atol=1e-3)


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("source_size", [None, 60, 150])
def test_a_crop_that_comes_first_cuts_keypoints_with_the_image(tmp_path, ending, source_size):
    size = (241, 323)
    scenes = [layout(row, size, margin=70) for row in range(4)]
    for row, points in enumerate(scenes):
        save_turned(painted(size, points, 20), tmp_path / f"{row}{ending}", [1, 6, 8, 3][row])
    frame = table_of(scenes, "xya", ending)
    augment = [RandomResizedCrop((0.3, 1.0), source_size=source_size), RandomFlip()]
    options = {"keypoint_format": "xya", "augment": augment, "image_size": (64, 64)}
    x, y = both_of(sequence_of(tmp_path, frame, **options), epochs=4)

    assert y.shape == (16, 3, 3)
    assert check_in_step(x, y, "xya", within=0.25) > 20
    check_directions(y, "xya")


def test_points_beyond_the_edge_stay_where_they_would_be(tmp_path):
    points = [[10.0, 10], [40, 30], [70, 50]]
    shift = RandomTranslation((0, 0), (0.5, 0.5), **EDGE)
    _, y = alone(tmp_path, painted(SIZE, points), points, augment=shift)[0]

    np.testing.assert_allclose(y[0], [[50, 10], [80, 30], [110, 50]], atol=1e-4)


def test_points_that_are_not_known_stay_unknown_and_the_others_in_their_place(folder):
    frame = table_of([layout(row) for row in range(6)])
    cells = frame["points"].tolist()
    cells[1] = [cells[1][0], [None, None], cells[1][2]]
    cells[2] = cells[2][:1]
    cells[3] = None
    frame["points"] = pd.Series(cells, dtype=object)
    expected = np.isnan(np.zeros((6, 3)))
    expected[1, 1] = expected[2, 1:] = expected[3] = True
    compose = A.Compose([A.HorizontalFlip()], keypoint_params=A.KeypointParams("xy"))
    for augment in (None, RandomFlip(), A.VerticalFlip(), compose):
        x, y = both_of(sequence_of(folder, frame, augment=augment, shuffle=False))
        np.testing.assert_array_equal(np.isnan(y), np.stack([expected] * 2, axis=2))
        assert check_in_step(x[~expected.any(1)], y[~expected.any(1)], within=0.05) == 9
        assert check_in_step(x[1:2, ..., ::2], y[1:2, ::2], within=0.05) == 2


def test_angles_and_scales_that_are_not_known_stay_unknown(folder):
    frame = table_of([layout(row) for row in range(6)], "xyas")
    cells = frame["points"].tolist()
    for cell in cells:
        cell[0][2], cell[1][3] = None, None
    frame["points"] = pd.Series(cells, index=frame.index, dtype=object)
    unknown = np.zeros((6, 3, 4), bool)
    unknown[:, 0, 2] = unknown[:, 1, 3] = True
    compose = A.Compose([A.HorizontalFlip(p=1.0)], keypoint_params=A.KeypointParams("xyas"))
    for augment in (None, RandomRotation(), A.VerticalFlip(), compose):
        x, y = both_of(sequence_of(folder, frame, "xyas", augment=augment))
        np.testing.assert_array_equal(np.isnan(y), unknown)
        assert check_in_step(x, y, "xyas", within=0.15) > 9


# albumentations.


def params(keypoint_format="xy", **options):
    return A.KeypointParams(keypoint_format, **options)


THEIRS = {
    "a flip": A.HorizontalFlip(p=0.5),
    "Affine": A.Affine(**AFFINE),
    "Perspective": A.Perspective(p=1.0),
    "OneOf": A.OneOf([A.Affine(**AFFINE), A.VerticalFlip(p=1.0)], p=0.9),
    "SomeOf": A.SomeOf([A.Affine(**AFFINE), A.VerticalFlip(p=1.0)], n=1, p=0.9),
    "Sequential": A.Sequential([A.HorizontalFlip(), A.Affine(**AFFINE)], p=1.0),
    "Compose": A.Compose([A.HorizontalFlip(), A.Affine(**AFFINE)]),
    "Compose, at times": A.Compose([A.Affine(**AFFINE)], p=0.5),
    "with xy": A.Compose([A.Affine(**AFFINE)], keypoint_params=params()),
    "with yx": A.Compose([A.Affine(**AFFINE)], keypoint_params=params("yx"), p=0.7),
    "with a field": A.Compose([A.Affine(**AFFINE)], keypoint_params=params(label_fields=["ids"])),
    "all are kept": A.Compose(
        [A.Affine(**AFFINE)], keypoint_params=params("xyas", remove_invisible=False)
    ),
    "both params": A.Compose(
        [A.Affine(**AFFINE)],
        bbox_params=A.BboxParams("coco", label_fields=["classes"]),
        keypoint_params=params("yx", label_fields=["points"]),
    ),
    "ReplayCompose": A.ReplayCompose([A.Affine(**AFFINE)], keypoint_params=params()),
}
all_theirs = pytest.mark.parametrize("name", THEIRS)


@all_theirs
def test_albumentations_moves_keypoints_with_their_image(folder, name):
    x, y = both_of(sequence_of(folder, augment=THEIRS[name]), epochs=4)

    assert check_in_step(x, y, within=0.5 if name == "Perspective" else 0.2) > 30
    assert len({points.tobytes() for points in y}) > 8


@all_theirs
def test_albumentations_makes_the_same_image_with_and_without_keypoints(folder, name):
    with_points = sequence_of(folder, augment=THEIRS[name])
    without = sequence_of(folder, augment=THEIRS[name], label_mode=None)

    for (x, _), alone_x in zip(with_points, without, strict=True):
        np.testing.assert_array_equal(x, alone_x)


def test_albumentations_goes_with_ours_on_both_sides(folder):
    augment = [RandomFlip(), A.Affine(**AFFINE), RandomHue((-1, 1)), RandomFlip("vertical")]
    x, y = both_of(sequence_of(folder, augment=augment), epochs=4)

    assert check_in_step(x, y, within=0.3) > 30


def keypoints_of(points) -> np.ndarray:
    """As samples have them: with the direction to the next one, and the scales 1, 2, 3."""
    return np.column_stack([points, np.radians(angles_of(points)), [1.0, 2, 3]])


SCENE = layout(3)


def scene() -> Sample:
    return Sample(painted(SIZE, SCENE), keypoints=keypoints_of(SCENE))


@pytest.mark.parametrize("kind", [A.HorizontalFlip, A.VerticalFlip, A.Transpose, A.RandomRotate90])
@pytest.mark.parametrize("composed", [False, True], ids=["bare", "in a Compose"])
def test_albumentations_turns_angles_by_right_angles(kind, composed):
    if kind is A.Transpose and composed:
        pytest.skip("it turns angles above 180 the wrong way by itself, in albumentations 2.0.8")
    size = (60, 60)
    points = layout(4, size)
    sample = Sample(painted(size, points), keypoints=keypoints_of(points))
    augment = kind(p=1.0)
    if composed:
        augment = A.Compose([augment], keypoint_params=params("xysa", remove_invisible=False))
    for seed in range(6):
        made = applied(augment, sample, seed).sample
        rows = np.column_stack([made.keypoints[:, :2], np.degrees(made.keypoints[:, 2]) % 360])
        check_directions(rows[None], "xya")
        assert check_in_step(made.image[None], rows[None], "xya", within=0.05) == 3
        np.testing.assert_allclose(made.keypoints[:, 3], [1, 2, 3], rtol=1e-6)


def check_same_points(one, other, within=1e-3) -> None:
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    np.testing.assert_allclose(one[:, [0, 1, 3]], other[:, [0, 1, 3]], atol=within)
    apart = (one[:, 2] - other[:, 2] + np.pi) % (2 * np.pi) - np.pi
    assert (np.abs(apart[~np.isnan(apart)]) < within).all()


@all_formats
@pytest.mark.parametrize(
    "options", [{}, {"label_fields": ["a"]}, {"label_fields": ["a", "b"]}], ids=str
)
def test_the_parameters_of_a_compose_may_have_any_format(keypoint_format, options):
    kept = [0, 1, *(column for letter, column in (("a", 2), ("s", 3)) if letter in keypoint_format)]
    points = np.zeros((3, 4))
    points[:, kept] = keypoints_of(SCENE)[:, kept]
    sample = Sample(scene().image, keypoints=points)
    plain = A.Compose([A.Affine(**AFFINE)])
    with_params = A.Compose(
        [A.Affine(**AFFINE)],
        keypoint_params=params(keypoint_format, remove_invisible=False, **options),
    )
    for seed in range(6):
        one, other = (applied(augment, sample, seed).sample for augment in (plain, with_params))
        np.testing.assert_array_equal(one.image, other.image)
        check_same_points(
            one.keypoints[:, kept + [0] * (4 - len(kept))],
            other.keypoints[:, kept + [0] * (4 - len(kept))],
        )


def test_angles_of_a_compose_may_be_in_radians():
    plain = A.Compose([A.Affine(**AFFINE)])
    radians = A.Compose(
        [A.Affine(**AFFINE)],
        keypoint_params=params("xyas", angle_in_degrees=False, remove_invisible=False),
    )
    for seed in range(6):
        one, other = (applied(augment, scene(), seed).sample for augment in (plain, radians))
        check_same_points(one.keypoints, other.keypoints)


@all_formats
@pytest.mark.parametrize("removes", [False, True], ids=["all", "the visible"])
def test_a_compose_gives_what_it_gives_when_called_by_hand(keypoint_format, removes):
    kept = [0, 1, *(column for letter, column in (("a", 2), ("s", 3)) if letter in keypoint_format)]
    points = np.zeros((3, 4))
    points[:, kept] = keypoints_of(SCENE)[:, kept]
    steps = [A.Affine(**{**AFFINE, "translate_percent": (-0.4, 0.4)}), A.HorizontalFlip()]
    of_points = params(keypoint_format, label_fields=["names"], remove_invisible=removes)
    transform = A.Compose(steps, keypoint_params=of_points)
    lost = 0
    for seed in range(10):
        made = applied(transform, Sample(scene().image, keypoints=points), seed).sample
        expected = by_hand(
            transform,
            seed,
            image=scene().image,
            keypoints=in_format(SCENE, keypoint_format),
            names=["first", "second", "third"],
        )
        np.testing.assert_array_equal(made.image, expected["image"])
        there = [["first", "second", "third"].index(name) for name in expected["names"]]
        lost += 3 - len(there)
        assert np.flatnonzero(~np.isnan(made.keypoints[:, 0])).tolist() == there
        for row, point in zip(there, expected["keypoints"], strict=True):
            found = dict(zip("xyas", made.keypoints[row], strict=True))
            found["a"] = math.degrees(found["a"])
            for letter, value in zip(keypoint_format, point, strict=True):
                apart = abs(found[letter] - value)
                assert min(apart, abs(360 - apart) if letter == "a" else apart) < 0.01
    assert (lost > 0) == removes


SHIFT = A.Affine(translate_px={"x": (30, 30), "y": (0, 0)}, p=1.0)


@pytest.mark.parametrize("fields", [None, ["names"]], ids=["alone", "with a field"])
def test_points_that_are_removed_are_not_known_and_the_others_keep_their_place(fields):
    points = np.array([[60.0, 10, 0, 0], [10, 20, 0, 0], [70, 30, 0, 0], [30, 40, 0, 0]])
    for removes in (True, False):
        of_points = params(label_fields=fields, remove_invisible=removes)
        sample = Sample(scene().image, keypoints=points)
        made = applied(A.Compose([SHIFT], keypoint_params=of_points), sample).sample.keypoints
        expected = points + np.array([30, 0, 0, 0])
        if removes:
            expected[[0, 2]] = np.nan
        np.testing.assert_allclose(made, expected, atol=1e-3)


def test_points_beyond_the_edge_go_through_albumentations():
    points = np.array([[-7.0, 5, 0, 0], [20, 99, 0, 0], [30, 30, 0, 0]])
    sample = Sample(scene().image, keypoints=points)
    for augment in (A.HorizontalFlip(p=1.0), flipping(params(remove_invisible=False))):
        made = applied(augment, sample).sample.keypoints
        np.testing.assert_allclose(made[:, :2], [[86, 5], [59, 99], [49, 30]], atol=1e-4)

    removed = applied(flipping(params()), sample).sample.keypoints
    assert np.isnan(removed[:2]).all()
    np.testing.assert_allclose(removed[2, :2], [49, 30])


def flipping(of_points):
    return A.Compose([A.HorizontalFlip(p=1.0)], keypoint_params=of_points)


def test_a_transform_that_is_part_of_a_compose_too_works_alone():
    flip = A.HorizontalFlip(p=1.0)
    A.Compose([flip], keypoint_params=params("yx"))
    made = applied(flip, scene()).sample

    expected = [[79 - x, y] for x, y in SCENE]
    np.testing.assert_allclose(made.keypoints[:, :2], expected, atol=1e-4)


def test_without_any_known_point_a_compose_gives_none():
    for of_points in (params(), params("yx", label_fields=["a"]), params("xysa")):
        augment = A.Compose([A.Affine(**AFFINE)], keypoint_params=of_points)
        for points in (np.full((3, 4), np.nan), np.empty((0, 4))):
            made = applied(augment, Sample(scene().image, keypoints=points)).sample
            assert made.keypoints.shape == points.shape
            assert np.isnan(made.keypoints).all()


@pytest.mark.parametrize(
    ("keypoint_format", "left_out", "letter"),
    [("xy", "angles", "a"), ("yx", "angles", "a"), ("xys", "angles", "a"), ("xya", "scales", "s")],
)
def test_a_format_that_leaves_angles_or_scales_out_is_refused_with_the_remedy(
    folder, keypoint_format, left_out, letter
):
    augment = A.Compose([A.HorizontalFlip()], keypoint_params=params(keypoint_format))
    sequence = sequence_of(folder, keypoint_format="xyas", augment=augment)

    with pytest.raises(
        AugmentationError,
        match=rf"keypoint_params have the format '{keypoint_format}', which has no {left_out}"
        rf"\. Add '{letter}' to the format",
    ):
        sequence[0]


@pytest.mark.parametrize("keypoint_format", ["xy", "yx", "xys"])
@pytest.mark.parametrize(
    "before",
    [RandomRotation((10, 20)), RandomFlip(p=1.0), A.HorizontalFlip(p=1.0)],
    ids=["rotation", "flip", "their flip"],
)
def test_points_without_angles_need_none_in_a_compose_that_comes_later(
    folder, keypoint_format, before
):
    compose = A.Compose([A.VerticalFlip(p=1.0)], keypoint_params=params(keypoint_format))
    options = {"keypoint_format": keypoint_format, "augment": [before, compose]}
    x, y = both_of(sequence_of(folder, **options))

    assert check_in_step(x, y, keypoint_format, within=0.2) > 9


def test_an_angle_of_180_goes_through_flips_and_a_compose(folder):
    cells = [[[30.0, 20, 180], [40, 30, 180], [50, 40, 180]]] * 6
    frame = pd.DataFrame({"path": [f"{row}.png" for row in range(6)], "points": cells})
    compose = A.Compose([A.HorizontalFlip(p=1.0)], keypoint_params=params("xya"))
    augment = [RandomFlip("horizontal_and_vertical", p=1.0), compose]
    _, y = both_of(sequence_of(folder, frame, "xya", augment=augment))

    np.testing.assert_allclose(y[:, :, 2] % 360, 180, atol=1e-3)


def test_a_point_that_is_all_but_at_the_edge_is_no_error_for_a_compose():
    points = np.array([[80 - 1e-9, 10, 0, 0], [20, 60 - 1e-9, 0, 0], [30, 30, 0, 0]])
    augment = A.Compose([A.HorizontalFlip(p=1.0)], keypoint_params=params())
    made = applied(augment, Sample(scene().image, keypoints=points)).sample.keypoints

    np.testing.assert_allclose(made[2, :2], [49, 30])


@pytest.mark.parametrize("kind", [A.OneOf, A.SomeOf, A.Sequential])
def test_a_compose_with_parameters_inside_of_another_container_is_refused(kind):
    options = {"n": 1} if kind is A.SomeOf else {}
    augment = kind([flipping(params("yx", remove_invisible=False))], p=1.0, **options)
    points = np.column_stack([SCENE, np.full((3, 2), np.nan)])

    with pytest.raises((AugmentationError, OptionError), match="keypoint_params"):
        applied(augment, Sample(scene().image, keypoints=points))


@pytest.mark.parametrize("border", [cv2.BORDER_REFLECT_101, cv2.BORDER_REFLECT])
@pytest.mark.parametrize("composed", [False, True], ids=["bare", "in a Compose"])
def test_of_a_point_and_its_images_in_the_mirror_one_is_kept(border, composed):
    augment = A.Affine(translate_px={"x": (26, 26), "y": (9, 9)}, border_mode=border, p=1.0)
    if composed:
        augment = A.Compose([augment], keypoint_params=params(label_fields=["names"]))
    points = [[9.0, 11], [40, 30], [30, 40]]
    sample = Sample(painted(SIZE, points), keypoints=np.column_stack([points, np.zeros((3, 2))]))
    made = applied(augment, sample).sample

    assert made.keypoints.shape == (3, 4)
    for channel, (x, y) in enumerate(made.keypoints[:, :2]):
        assert made.image[round(y), round(x), channel] > 200


# What cannot keep keypoints aligned.


REFUSED = {
    "a function": (mirrored, "mirrored", "cannot keep boxes and keypoints aligned. Write a cla"),
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
def test_what_cannot_keep_keypoints_in_step_is_refused_when_the_sequence_is_built(folder, name):
    augment, called, said = REFUSED[name]

    with pytest.raises(AugmentationError) as caught:
        sequence_of(folder, augment=augment)
    message = str(caught.value)
    assert f"{called!r} failed on samples with keypoints: " in message
    assert said in message


def test_torchvision_cannot_keep_keypoints_in_step(folder):
    pytest.importorskip("torch")
    try:
        from torchvision.transforms import v2
    except (ImportError, RuntimeError) as err:
        pytest.skip(f"torchvision does not go with this torch: {err}")

    with pytest.raises(AugmentationError, match="aligned, but not boxes and keypoints"):
        sequence_of(folder, augment=v2.RandomHorizontalFlip())


@pytest.mark.parametrize("mixer", [MixUp(), CutMix()], ids=["MixUp", "CutMix"])
def test_keypoints_cannot_be_mixed(folder, mixer):
    with pytest.raises(
        OptionError, match=f"{mixer.name} blends .*label_mode='keypoints' cannot be blended"
    ):
        sequence_of(folder, augment=mixer)


def test_keypoints_as_targets_need_keypoints(folder):
    with pytest.raises(
        OptionError,
        match=r"label_mode='keypoints' needs keypoints, .* Pass keypoints=Keypoints\(.*\) with",
    ):
        sequence_of(folder, keypoints=None, label_mode="keypoints")


# The contract.


class Changing:
    """An augmentation of somebody's own that does something to points, and nothing to images."""

    name = "Changing"

    def __init__(self, change):
        self.change = change

    def augment(self, sample, rng):
        return dataclasses.replace(sample, keypoints=self.change(sample.keypoints)), {}


BROKEN = {
    "one lost": (lambda points: points[1:], r"float64 of shape \(2, 4\)"),
    "all lost": (lambda points: points[:0], r"float64 of shape \(0, 4\)"),
    "one more": (lambda points: points[[0, 0, 1, 2]], r"float64 of shape \(4, 4\)"),
    "none at all": (lambda points: None, "None"),
    "without angles": (lambda points: points[:, :2], r"float64 of shape \(3, 2\)"),
    "another dtype": (lambda points: points.astype(np.float32), r"float32 of shape \(3, 4\)"),
    "a list": (lambda points: points.tolist(), r"a builtins\.list"),
    "one flat point": (lambda points: points[0], r"float64 of shape \(4,\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_step_that_returns_other_points_is_named_with_the_file(name):
    change, came = BROKEN[name]
    with pytest.raises(
        AugmentationError,
        match=rf"'Changing' returned {came} as keypoints for .*expected float64 of shape \(3, 4\)",
    ) as caught:
        applied([RandomFlip(), Changing(change)], scene())

    assert WHERE in str(caught.value)


def test_a_step_that_makes_up_points_is_named():
    with pytest.raises(
        AugmentationError, match="as keypoints for .*expected none, as in its input"
    ):
        applied(Changing(lambda points: np.zeros((1, 4))), Sample(scene().image))


def test_a_step_that_loses_a_point_is_named_with_the_file_the_epoch_and_the_index(folder):
    sequence = sequence_of(folder, augment=Changing(lambda points: points[1:]), shuffle=False)

    with pytest.raises(AugmentationError, match=r"'Changing' .*/0\.png' \(epoch 0, index 0\); exp"):
        sequence[0]
    with pytest.raises(AugmentationError, match=r"'Changing' .*/5\.png' \(epoch 3, index 5\); exp"):
        sequence.explain(3, 5)


class Mirror:
    """An augmentation of somebody's own that knows of points."""

    name = "Mirror"

    def augment(self, sample, rng):
        points = sample.keypoints.copy()
        points[:, 0] = sample.size[1] - 1 - points[:, 0]
        points[1] = np.nan
        image = np.ascontiguousarray(sample.image[:, ::-1])
        return dataclasses.replace(sample, image=image, keypoints=points), {}


def test_a_step_of_somebody_else_may_move_points_and_say_that_one_is_not_known(folder):
    x, y = both_of(sequence_of(folder, augment=[RandomFlip(), Mirror(), RandomFlip("vertical")]))

    assert np.isnan(y[:, 1]).all()
    assert check_in_step(x[..., ::2], y[:, ::2], within=0.05) == 12


# Whole sequences.


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 2},
        {"workers": 8, "max_queue_size": 2, "cache": "ram"},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=["two threads", "eight threads, cached", "two processes"],
)
def test_keypoints_do_not_depend_on_who_loads_them(folder, options):
    augment = [*MOVES["all"], RandomHue()]
    if "use_multiprocessing" not in options:  # which would import albumentations anew
        augment.append(THEIRS["all are kept"])

    def served(**how):
        with sequence_of(folder, keypoint_format="xyas", augment=augment, **how) as sequence:
            return both_of(sequence, epochs=2)

    for one, other in zip(served(workers=0), served(**options), strict=True):
        np.testing.assert_array_equal(one, other)


def test_with_the_channels_first_keypoints_are_the_same(folder):
    last, first = (
        both_of(sequence_of(folder, data_format=data_format, augment=MOVES["rotation"]))
        for data_format in ("channels_last", "channels_first")
    )

    assert first[0].shape == (6, 3, *SIZE)
    np.testing.assert_array_equal(np.moveaxis(first[0], 1, -1), last[0])
    np.testing.assert_array_equal(first[1], last[1])


def test_keypoints_are_neither_rescaled_nor_cast(folder):
    (_, plain), (x, scaled) = (
        both_of(sequence_of(folder, **options))
        for options in ({}, {"rescale": 1 / 255, "dtype": "float16"})
    )

    assert x.dtype == np.float16
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(plain, scaled)


def test_a_remainder_that_is_dropped_takes_its_keypoints_along(folder):
    x, y = both_of(sequence_of(folder, drop_remainder=True))

    assert y.shape == (4, 3, 2)
    assert check_in_step(x, y, within=0.05) == 12


def test_with_a_broken_file_its_keypoints_are_left_out(folder):
    (folder / "3.png").write_bytes(b"")
    sequence = sequence_of(folder, on_error="skip", shuffle=False, augment=RandomFlip())
    with pytest.warns(ImggenWarning, match=r"1 of 6 images could not be .*3\.png"):
        x, y = both_of(sequence)

    assert len(x) == len(y) == 5
    assert check_in_step(x, y, within=0.05) == 15


def test_with_a_broken_file_another_with_its_keypoints_takes_its_place(folder):
    (folder / "3.png").write_bytes(b"")
    sequence = sequence_of(folder, on_error="substitute", shuffle=False)
    with pytest.warns(ImggenWarning, match="1 of 6 images could not be read and were substituted"):
        x, y = both_of(sequence)

    assert check_in_step(x, y, within=0.05) == 18
    assert any(np.array_equal(y[3], y[row]) for row in range(6) if row != 3)


def test_images_without_any_point_have_targets_without_room(folder):
    frame = pd.DataFrame({"path": ["0.png", "1.png"], "points": [None, []]})
    augment = [RandomFlip(), THEIRS["with a field"], RandomRotation()]
    x, y = sequence_of(folder, frame, augment=augment)[0]

    assert x.shape == (2, *SIZE, 3)
    assert y.shape == (2, 0, 2)


def test_parts_of_a_split_have_keypoints_in_the_same_room(folder):
    frame = table_of([layout(row) for row in range(6)])
    frame["points"] = pd.Series([cell[: row % 3 + 1] for row, cell in enumerate(frame["points"])])
    parts = sequence_of(folder, frame, split=(0.5, 0.5), shuffle=False)

    for part in parts:
        y = both_of(part)[1]
        assert y.shape == (3, 3, 2)
        for path, points in zip(part.filepaths, y, strict=True):
            known = int(path[-5]) % 3 + 1
            np.testing.assert_allclose(points[:known], layout(int(path[-5]))[:known], rtol=1e-5)
            assert np.isnan(points[known:]).all()


def test_a_saved_manifest_serves_the_same_keypoints(folder):
    sequence = sequence_of(folder, keypoint_format="xyas", shuffle=False)
    sequence.manifest.save(folder / "m.csv")
    options = {"label_mode": "keypoints", "image_size": SIZE, "workers": 0, "shuffle": False}
    loaded = ImageSequence(Manifest.load(folder / "m.csv"), **options)

    for one, other in zip(both_of(loaded), both_of(sequence), strict=True):
        np.testing.assert_array_equal(one, other)


# Pictures and explanations.


def test_a_drawn_point_is_about_its_place():
    image = np.full((*SIZE, 3), 90, np.uint8)
    points = np.array([[30.0, 20, 0, 0], [60, 45, 0, 0], [np.nan] * 4])
    for cell, scale in ((80, 1), (320, 4)):
        plain, drawn = (
            np.asarray(draw_sample(sample, cell)).astype(int)
            for sample in (Sample(image), Sample(image, keypoints=points))
        )
        changed = (plain != drawn).any(axis=2)
        for (x, y), part in (((30, 20), np.s_[: 32 * scale]), ((60, 45), np.s_[32 * scale :])):
            rows, columns = np.nonzero(changed[part])
            middle = (columns.mean() + 0.5) / scale, (rows.mean() + 0.5) / scale
            expected = (x + 0.5, y + 0.5 - (32 if y > 32 else 0))
            np.testing.assert_allclose(middle, expected, atol=0.6 / scale + 0.1)


def test_points_have_colors_of_their_own():
    image = np.full((*SIZE, 3), 90, np.uint8)

    def color_of(place):
        points = np.full((4, 4), np.nan)
        points[place] = [30, 20, 0, 0]
        return tuple(np.asarray(draw_sample(Sample(image, keypoints=points), 320))[82, 122])

    assert len({color_of(place) for place in range(4)}) == 4


@pytest.mark.parametrize(
    "options",
    [{}, {"data_format": "channels_first"}, {"rescale": 1 / 255}, {"color_mode": "grayscale"}],
    ids=["plain", "channels first", "rescaled", "grey"],
)
@all_formats
def test_a_batch_is_shown_with_its_keypoints(folder, options, keypoint_format):
    plain, shown = (
        np.asarray(
            sequence_of(
                folder, keypoint_format=keypoint_format, label_mode=mode, **options
            ).show_batch()
        )
        for mode in (None, "keypoints")
    )

    assert plain.shape == shown.shape
    assert 0.0005 < (plain != shown).any(axis=2).mean() < 0.1


def test_contact_sheets_and_pages_show_keypoints(folder):
    def made(mode):
        sequence = sequence_of(folder, label_mode=mode, augment=MOVES["all"], y_col="label")
        sheet = np.asarray(imggen.contact_sheet(sequence, variants=2, cell=80))
        return sheet, preview_page(make_preview(sequence, variants=2), str(folder))

    (plain, plain_page), (sheet, page) = made(None), made("keypoints")
    assert plain.shape == sheet.shape
    assert (plain != sheet).any()
    assert plain_page != page


def test_an_explanation_has_the_points_before_and_after(folder):
    sequence = sequence_of(folder, augment=MOVES["all"], keypoint_format="xya", shuffle=False)
    x, y = both_of(sequence)
    for index in range(6):
        explained = sequence.explain(0, index)
        np.testing.assert_allclose(explained.before.keypoints[:, :2], layout(index), rtol=1e-9)
        np.testing.assert_array_equal(explained.image, x[index])
        np.testing.assert_allclose(explained.after.keypoints[:, :2], y[index, :, :2], rtol=1e-5)
        angles = np.degrees(explained.after.keypoints[:, 2]) % 360
        np.testing.assert_allclose(angles, y[index, :, 2], atol=1e-3)
        assert 0 < explained.visible <= 1


# Models.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_predictions_are_made_without_keypoints(folder):
    layers = [keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
    augment = [RandomResizedCrop(), Mirror()]  # which needs points, and is left out
    one, other = (
        sequence_of(folder, y_col="label", augment=augment, label_mode=mode).predict(model)
        for mode in ("keypoints", "categorical")
    )

    pd.testing.assert_frame_equal(one, other)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_learns_where_points_are(folder):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.AveragePooling2D(6),
            keras.layers.Flatten(),
            keras.layers.Dense(6),
            keras.layers.Reshape((3, 2)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    shift = RandomTranslation((-0.1, 0.1), (-0.1, 0.1), **EDGE)
    sequence = sequence_of(folder, rescale=1 / 255, augment=[RandomFlip(), shift], repeats=4)

    losses = model.fit(sequence, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] / 2
