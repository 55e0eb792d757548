"""What was drawn, in words: names, units, and nothing that does not matter."""

import albumentations as alb
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import augment
from imggen.augment import AppliedStep
from imggen.preview.step_words import describe_step
from tests.helpers.images import write_images

SIZE = (100, 200)  # height, width


def words(name, parameters) -> str:
    return "; ".join(describe_step(AppliedStep(name, parameters), SIZE))


def test_what_built_in_augmentations_drew_has_short_names_and_units():
    none = {"horizontal": False, "vertical": False}
    for name, parameters, expected in [
        ("RandomFlip", none | {"horizontal": True}, "flip left-right"),
        ("RandomFlip", none | {"vertical": True}, "flip top-bottom"),
        (
            "RandomFlip",
            {"horizontal": True, "vertical": True},
            "flip left-right and top-bottom",
        ),
        ("RandomRotation", {"degrees": 12.34}, "rotate 12.3°"),
        ("RandomTranslation", {"height": 0.0, "width": 0.04}, "shift x +8 px"),
        ("RandomTranslation", {"height": -0.034, "width": 0.04}, "shift x +8.0, y -3.4 px"),
        ("RandomShear", {"x": 6.24, "y": 0.0}, "shear x +6.2°"),
        ("RandomZoom", {"scale": 1.1, "stretch": 1.0}, "zoom 1.10x"),
        ("RandomZoom", {"scale": 1.0, "stretch": 1.2}, "stretch 1.20x"),
        ("RandomBrightness", {"factor": 1.12}, "brightness +0.12"),
        ("RandomContrast", {"factor": 0.9}, "contrast -0.10"),
        ("RandomHue", {"degrees": -5.0}, "hue -5.0°"),
        (
            "RandomErasing",
            {"top": 1, "left": 2, "height": 3, "width": 4, "seed": 5},
            "erase 4x3 px",
        ),
        ("RandomGaussianNoise", {"std": 5.2, "seed": 9}, "noise ±5/255"),
        ("MixUp", {"kind": "MixUp", "with": "a/b.png", "share": 0.7}, "mixup with 30% of b.png"),
        (
            "RandAugment",
            {"operations": [{"RandomHue": {"degrees": 9.0}}, {"Equalization": {}}]},
            "hue +9.0°; equalize",
        ),
    ]:
        assert words(name, parameters) == expected, name


def test_values_that_change_nothing_are_left_out():
    for name, parameters in [
        ("RandomFlip", None),
        ("RandomRotation", {"degrees": -0.004}),
        ("RandomTranslation", {"height": 0.0, "width": 0.0001}),
        ("RandomZoom", {"scale": 1.001, "stretch": 1.0}),
        ("RandomBrightness", {"factor": 0.999}),
        ("RandomGamma", {"gamma": 1.0}),
        ("RandomShear", {"x": 0.0, "y": 0.0}),
        ("MixUp", {"kind": "MixUp", "with": "b.png", "share": 0.999}),
    ]:
        assert words(name, parameters) == "", name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("words"), {"a": 1}, size=(24, 24))


def phrases_of(folder, step, epoch=0) -> str:
    sequence = imggen.from_directory(folder, image_size=(24, 24), augment=step, seed=3, workers=0)
    return "; ".join(sequence.explain(epoch, 0).phrases)


def test_every_built_in_augmentation_is_described_without_internals(folder):
    for name in augment.__all__:
        kind = getattr(augment, name)
        if isinstance(kind, type) and hasattr(kind, "p") and name != "RandomCrop":
            try:
                step = kind(p=1.0)
            except TypeError:
                continue
            # What one epoch draws may be too little to be mentioned.
            found = "".join(phrases_of(folder, step, epoch) for epoch in range(4))
            assert "Random" not in found, name
            assert not set(found) & set("[]{}_"), name
            assert found or name == "CenterCrop", name


def test_of_albumentations_only_what_was_drawn_is_told(folder):
    for step, expected in [
        (alb.HorizontalFlip(p=1), "flip left-right"),
        (alb.Rotate((20, 20), p=1), "rotate 20.0°"),
        (
            alb.Affine(translate_px={"x": (3, 3), "y": (-2, -2)}, p=1),
            "shift x +3, y -2 px",
        ),
        (alb.Affine(rotate=(10, 10), scale=(1.2, 1.2), p=1), "rotate 10.0°; zoom 1.20x"),
        (
            alb.ColorJitter((1.1, 1.1), (1, 1), (0.8, 0.8), (0, 0), p=1),
            "brightness +0.10; saturation -0.20",
        ),
        (alb.GaussNoise(p=1), "noise"),
        (alb.GridDistortion(p=1), "grid distortion"),
        (alb.CoarseDropout(p=1), "coarse dropout"),
        (alb.MotionBlur(p=1), "motion blur"),
        (
            alb.Compose([alb.VerticalFlip(p=1), alb.InvertImg(p=1)]),
            "flip top-bottom; invert",
        ),
        # Some have the names of built-in augmentations, with other parameters.
        (alb.Compose([alb.RandomCrop(24, 24, p=1)]), "crop"),
        (alb.Compose([alb.RandomResizedCrop((24, 24), p=1)]), "resized crop"),
        (alb.HueSaturationValue((9, 9), (-7, -7), (0, 0), p=1), "hue +18.0°; saturation -7/255"),
        (alb.Compose([alb.Posterize((4, 4), p=1)]), "posterize to 4 bits"),
    ]:
        assert phrases_of(folder, step) == expected


def test_functions_are_named(folder):
    def fade_out(image, rng):
        return (image * rng.random()).astype(np.uint8)

    assert phrases_of(folder, fade_out) == "fade out"
    assert phrases_of(folder, lambda image: image) == "lambda"


def test_a_function_with_the_name_of_a_built_in_augmentation_is_named(folder):
    def RandomFlip(image):  # noqa: N802
        return image[::-1]

    assert phrases_of(folder, RandomFlip) == "flip"


def test_quarter_turns_are_told_in_degrees():
    for factor, expected in [(0, ""), (1, "rotate 90°"), (3, "rotate 270°")]:
        assert words("albumentations.RandomRotate90", {"factor": factor}) == expected


def test_colors_of_gray_images_are_left_out(tmp_path):
    colors = write_images(tmp_path / "colors", {"a": 1}, size=(24, 24))
    grays = tmp_path / "grays"
    (grays / "a").mkdir(parents=True)
    Image.fromarray(np.arange(576, dtype=np.uint8).reshape(24, 24)).save(grays / "a" / "0.png")
    for folder, mode, is_told in (
        (colors, "rgb", True),
        (colors, "grayscale", False),
        (grays, "rgb", False),
    ):
        sequence = imggen.from_directory(
            folder, image_size=24, color_mode=mode, augment="medium", seed=3
        )
        text = "; ".join(sequence.explain(0, 0).phrases)
        assert "brightness" in text
        assert ("saturation" in text and "hue" in text) == is_told
