"""RandomCrop and CenterCrop: patches of large images, and the center for evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import imggen
from imggen.augment import CenterCrop, RandomCrop, RandomFlip
from imggen.decode import ImageSpec, convert_pixels
from imggen.errors import OptionError

Pixels = npt.NDArray[np.uint8]


class Model:
    """Keeps the batches that it is asked to predict."""

    def predict(self, data: Any, *, verbose: Any) -> Any:
        del verbose
        self.seen = [data[index] for index in range(len(data))]
        return np.full((sum(map(len, self.seen)), 2), 0.5, np.float32)


def draw(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def positions_of(patch: Pixels, image: Pixels) -> list[tuple[int, int]]:
    """Finds every (top, left) at which an image has exactly these pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(image, patch.shape)[..., 0, :, :, :]
    return [(int(a), int(b)) for a, b in np.argwhere((windows == patch).all(axis=(2, 3, 4)))]


def test_patches_are_pixels_of_the_image_anywhere_in_it() -> None:
    images = draw(4, 20, 30, 3)
    sequence = imggen.from_arrays(
        images, augment=RandomCrop(), image_size=(8, 6), shuffle=False, seed=1, label_mode=None
    )
    seen: set[tuple[int, int]] = set()
    for _ in range(60):
        for patch, image in zip(sequence[0].astype(np.uint8), images, strict=True):
            assert patch.shape == (8, 6, 3)
            seen.update(positions_of(patch, image))
    tops, lefts = ({position[axis] for position in seen} for axis in (0, 1))
    assert tops == set(range(13))
    assert lefts == set(range(25))


def test_masks_follow_and_flips_come_after() -> None:
    images = draw(3, 16, 16, 1)
    sequence = imggen.from_arrays(
        images, masks=images, augment=[RandomCrop(), RandomFlip()], image_size=(8, 8), seed=2
    )
    for _ in range(3):
        x, y = sequence[0]
        np.testing.assert_array_equal(x, y)
    step = sequence.explain(0, 1).steps[0]
    assert step.name == "RandomCrop"
    assert set(step.parameters) == {"x", "y"}


@pytest.mark.parametrize("crop", [RandomCrop(), CenterCrop()])
def test_the_center_is_for_predictions_and_other_splits(crop: Any) -> None:
    images = draw(8, 20, 30, 3)
    train, val = imggen.from_arrays(
        images,
        np.arange(8) % 2,
        split={"train": 0.5, "val": 0.5},
        augment=crop,
        image_size=(8, 6),
        seed=3,
    )
    for sequence in (train, val):
        rows = [int(name[2:-1]) for name in sequence.manifest.paths]
        centers = images[rows, 6:14, 12:18]
        if sequence is val:
            np.testing.assert_array_equal(val[0][0], centers)
        model = Model()
        sequence.predict(model)
        np.testing.assert_array_equal(np.concatenate(model.seen), centers)


def test_an_augmented_split_keeps_its_own_augmentation() -> None:
    images = draw(4, 20, 30, 3)
    _, val = imggen.from_arrays(
        images,
        [0, 1, 0, 1],
        split={"train": 0.5, "val": 0.5},
        augment={"train": RandomCrop(), "val": RandomCrop()},
        image_size=(8, 6),
        seed=3,
    )
    assert [step.name for step in val.explain(0, 0).steps] == ["RandomCrop"]


def test_larger_images_are_shrunk_first_and_smaller_ones_enlarged(tmp_path: Path) -> None:
    step = np.repeat(np.repeat(draw(10, 15, 3), 2, axis=0), 2, axis=1)
    Image.fromarray(step).save(tmp_path / "large.png")  # shrinks to half exactly
    Image.fromarray(draw(4, 40, 3)).save(tmp_path / "low.png")
    for name, source_size in (("large.png", 10), ("low.png", None)):
        for crop in (RandomCrop(source_size), CenterCrop(source_size)):
            sequence = imggen.from_files(
                [name],
                root=tmp_path,
                augment=crop,
                image_size=(8, 8),
                seed=0,
                label_mode=None,
                interpolation="box",
            )
            (patch,) = sequence[0].astype(np.uint8)
            assert patch.shape == (8, 8, 3)
            if name == "large.png" and isinstance(crop, RandomCrop):
                assert positions_of(patch, step[::2, ::2])


def test_the_center_of_a_spec() -> None:
    image = draw(20, 30, 3)
    center = convert_pixels(image, ImageSpec((8, 6), fit="center"))
    np.testing.assert_array_equal(center, image[6:14, 12:18])
    shrunk = convert_pixels(image, ImageSpec((10, 10), fit="center", shorter_side=10))
    wanted = np.asarray(Image.fromarray(image[:, 5:25]).resize((10, 10), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(shrunk, wanted, atol=1)
    with pytest.raises(OptionError, match="center"):
        ImageSpec((8, 6), shorter_side=10)


@pytest.mark.parametrize("crop", [RandomCrop(), CenterCrop()])
def test_where_a_crop_cannot_be(crop: Any) -> None:
    images = draw(2, 20, 30, 3)
    for message, options in (
        ("must be the first", {"augment": [RandomFlip(), crop]}),
        ("aspect ratio", {"augment": crop, "image_size": (4, 4), "pad_to_aspect_ratio": True}),
    ):
        with pytest.raises(OptionError, match=message):
            imggen.from_arrays(images, **options)
    with pytest.raises(OptionError, match="image_size"):
        imggen.from_files(["a"], loader=np.load, augment=crop, label_mode=None)
    for size in (0, -1, 2.5, "a", True):
        with pytest.raises(OptionError, match="source_size"):
            type(crop)(size)


def test_policy_files_keep_them(tmp_path: Path) -> None:
    for crop in (RandomCrop(256), CenterCrop()):
        imggen.save_policy(tmp_path / "policy.yaml", [crop, RandomFlip()], overwrite=True)
        assert list(imggen.load_policy(tmp_path / "policy.yaml")) == [crop, RandomFlip()]
