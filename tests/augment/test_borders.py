"""The area outside the image: no object is shown there that has no box or keypoint."""

import dataclasses
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import imggen
from imggen.augment import (
    BUILT_INS,
    AugMix,
    Sample,
    load_policy,
    preset,
    save_policy,
)
from imggen.augment.resampling import resample
from imggen.errors import BorderWarning
from tests.helpers.augmenting import PIXELS, applied
from tests.helpers.cases import case

A = pytest.importorskip("albumentations")

# Each moves an object that is near the edge of the image.
MOVING = {
    "RandomRotation": {"degrees": 30},
    "RandomTranslation": {"height": 0.4, "width": 0.4},
    "RandomShear": {"x": 25, "y": 25},
    "RandomZoom": {"scale": (0.4, 0.6)},
    "RandomPerspective": {"distortion": (0.5, 0.9)},
    "RandAugment": {"num_ops": 3, "magnitude": 20},
    "TrivialAugment": {},
}


def scene(dark: bool) -> Sample:
    """One object, two pixels from the edge, with a keypoint in its center."""
    image = np.full((60, 60, 3), 255 if dark else 0, np.uint8)
    image[20:40, 2:18] = 0 if dark else 255
    return Sample(
        image,
        boxes=np.array([[2.0, 20, 18, 40, 5]]),
        keypoints=np.array([[9.5, 29.5, np.nan, np.nan]]),
    )


def count_objects(image: np.ndarray, dark: bool) -> int:
    gray = image.mean(axis=2)
    middle = (gray.min() + gray.max()) / 2
    labels, count = ndimage.label(gray < middle if dark else gray > middle)
    return int(sum((labels == number).sum() > 12 for number in range(1, count + 1)))


def test_no_object_is_shown_without_a_box_by_default():
    steps = {name: BUILT_INS[name](**options) for name, options in MOVING.items()}
    steps |= {"light": "light", "medium": "medium"}
    for name, step in steps.items():
        for seed in range(25):
            dark = seed % 2 == 0
            with case(name, seed):
                made = applied(step, scene(dark), seed).sample
                if made.image.std() > 20:  # not solarized or equalized to one color
                    assert count_objects(made.image, dark) <= max(1, len(made.boxes))


def test_a_mirrored_object_would_be_noticed():
    shift = imggen.augment.RandomTranslation((0, 0), (0.5, 0.5), fill_mode="reflect")

    assert count_objects(applied(shift, scene(dark=True)).sample.image, dark=True) == 2


def test_without_boxes_and_keypoints_the_default_is_to_reflect():
    mask = (PIXELS[..., 0] > 128).astype(np.uint8)
    for name in (*MOVING, "AugMix"):
        step = BUILT_INS[name](**MOVING.get(name, {}))
        masks = () if name == "AugMix" else (mask,)
        explicit = dataclasses.replace(step, fill_mode="reflect")
        for seed in range(5):
            with case(name, seed):
                one = applied(step, Sample(PIXELS, masks=masks), seed).sample
                other = applied(explicit, Sample(PIXELS, masks=masks), seed).sample
                for got, expected in zip(one.arrays, other.arrays, strict=True):
                    np.testing.assert_array_equal(got, expected)


def test_without_boxes_the_default_and_reflect_share_one_resampling():
    turn, shift = imggen.augment.RandomRotation(20), imggen.augment.RandomTranslation(0.2)
    mixed = [turn, dataclasses.replace(shift, fill_mode="reflect")]

    one = applied([turn, shift], Sample(PIXELS), 3).sample.image
    np.testing.assert_array_equal(applied(mixed, Sample(PIXELS), 3).sample.image, one)


def test_boxes_alone_and_keypoints_alone_change_the_default():
    shift = imggen.augment.RandomTranslation((0, 0), (0.5, 0.5))
    both = scene(dark=True)
    for sample in (
        dataclasses.replace(both, boxes=None),
        dataclasses.replace(both, keypoints=None),
        dataclasses.replace(both, boxes=np.empty((0, 5)), keypoints=None),
    ):
        made = applied(shift, sample).sample.image
        assert len(np.unique(made[:, :29].reshape(-1, 3), axis=0)) == 1


def test_the_border_has_the_mean_of_each_channel():
    right = np.array([[1.0, 0, -8], [0, 1, 0], [0, 0, 1]])
    for channels, dtype in (
        (1, "uint8"),
        (2, "uint16"),
        (3, "uint8"),
        (4, "float32"),
        (7, "uint8"),
    ):
        rng = np.random.default_rng(channels)
        image = rng.uniform(0, 200, (16, 20, channels)).astype(dtype)
        made = resample(image, right, (16, 20), fill_mode="mean")
        expected = image.reshape(-1, channels).mean(axis=0)
        with case(channels, dtype):
            np.testing.assert_array_equal(made[:, 8:], image[:, :12])
            np.testing.assert_allclose(made[:, :7], expected + np.zeros((16, 7, 1)), atol=0.51)


def sequence_of(tmp_path, augment, **options):
    file = tmp_path / "a.png"
    if not file.exists():
        cv2.imwrite(str(file), scene(dark=True).image)
    table = pd.DataFrame({"path": ["a.png"], "box": [[[2, 20, 18, 40]]], "points": [[[9.5, 29.5]]]})
    options |= {"root": tmp_path, "image_size": (60, 60), "batch_size": 1, "augment": augment}
    return imggen.from_dataframe(table, y_col=None, **options)


BOXES = {"boxes": imggen.Boxes("box", "pascal_voc")}
KEYPOINTS = {"keypoints": imggen.Keypoints("points")}


def test_a_mirrored_or_wrapped_border_is_warned_of_once(tmp_path):
    save_policy(tmp_path / "wrap.yaml", [imggen.augment.RandomShear(fill_mode="wrap")])
    mirrored = A.Affine(rotate=20, border_mode=cv2.BORDER_REFLECT_101, p=1.0)
    cases = [
        (imggen.augment.RandomRotation(fill_mode="reflect"), "RandomRotation may repeat", BOXES),
        (imggen.augment.RandAugment(fill_mode="wrap"), "copies have no keypoints", KEYPOINTS),
        (str(tmp_path / "wrap.yaml"), "RandomShear may repeat", BOXES),
        (mirrored, "albumentations.Affine may", KEYPOINTS),
        (A.Affine(rotate=20, border_mode=cv2.BORDER_WRAP), "albumentations.Affine may", BOXES),
        (A.Compose([A.GridDistortion(border_mode=cv2.BORDER_WRAP)]), "GridDistortion may", BOXES),
    ]
    for augment, message, target in cases:
        with case(message), pytest.warns(BorderWarning, match=message) as told:
            sequence_of(tmp_path, augment, **target)[0]
        assert len(told) == 1
        assert told[0].filename == __file__


def test_other_borders_are_not_warned_of(tmp_path):
    rotation = imggen.augment.RandomRotation
    with warnings.catch_warnings():
        warnings.simplefilter("error", BorderWarning)
        for augment in ("medium", "strong", rotation(fill_mode="nearest"), rotation(cval=7)):
            sequence_of(tmp_path, augment, **BOXES)[0]
        mirrored = A.Affine(rotate=20, border_mode=cv2.BORDER_REFLECT_101, p=1.0)
        sequence_of(tmp_path, mirrored, **BOXES)[0]
        sequence_of(tmp_path, A.RandomCrop(60, 60, border_mode=4), **BOXES)[0]
        sequence_of(tmp_path, rotation(fill_mode="reflect"))[0]


def test_targets_have_room_for_the_boxes_of_mirrored_objects(tmp_path):
    shift = A.Affine(translate_px={"x": 30, "y": 0}, border_mode=cv2.BORDER_REFLECT, p=1.0)
    sequence = sequence_of(tmp_path, shift, **BOXES)
    x, y = sequence[0]
    valid = y["boxes"][0][y["labels"][0] >= 0]

    np.testing.assert_allclose(valid, [[12, 20, 28, 40], [32, 20, 48, 40]], atol=0.01)
    assert count_objects(np.asarray(x[0]), dark=True) == 2
    assert sequence.explain(index=0, epoch=0).after.boxes.shape == (2, 5)


def test_more_boxes_than_targets_have_room_for_are_dropped_with_a_warning(tmp_path):
    shrink = A.Affine(scale=0.2, border_mode=cv2.BORDER_REFLECT, p=1.0)
    sequence = sequence_of(tmp_path, shrink, **BOXES)
    with pytest.warns(BorderWarning, match="more boxes than targets have room for"):
        _, y = sequence[0]

    assert y["labels"].tolist() == [[0] * 9]


def test_a_saved_preset_has_the_same_border(tmp_path):
    save_policy(tmp_path / "medium.yaml", "medium")
    loaded = load_policy(tmp_path / "medium.yaml")

    assert loaded == list(preset("medium"))
    for seed in range(5):
        one, other = (applied(each, scene(dark=False), seed).sample for each in ("medium", loaded))
        np.testing.assert_array_equal(one.image, other.image)


def test_augmix_still_refuses_boxes():
    with pytest.raises(imggen.errors.AugmentationError, match="cannot follow"):
        applied(AugMix(), scene(dark=True))
