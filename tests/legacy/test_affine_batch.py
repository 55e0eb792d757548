"""Batches whose affine matrices are built together have the images that are made one by one."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import itertools

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.legacy import affine_batch
from imggen.legacy.transforms import _about_center, _matrix
from tests.helpers.cases import case

AFFINE = {
    "rotation_range": 30,
    "width_shift_range": 0.2,
    "height_shift_range": 0.1,
    "shear_range": 15,
    "zoom_range": 0.3,
}
FLIPS = {"horizontal_flip": True, "vertical_flip": True}


def test_matrices_are_those_that_keras_multiplies():
    rng = np.random.default_rng(1)
    values = rng.uniform(-30, 30, (60, 6)) * rng.integers(0, 2, (60, 6))
    values[:, 4:] += values[:, 4:] == 0
    for height, width in ((32, 32), (21, 50)):
        built = affine_batch.build_matrices(values, height, width)
        for matrix, each in zip(built, values.tolist(), strict=True):
            product = _matrix(*each)
            wanted = _about_center(np.eye(3) if product is None else product, height, width)
            np.testing.assert_allclose(matrix, wanted[[1, 0, 2]][:, [1, 0, 2]], atol=1e-12)


@pytest.fixture
def folder(tmp_path):
    """Five images in color and five gray ones, of another size than the batches."""
    rng = np.random.default_rng(2)
    for number in range(5):
        for name, channels in (("color", 3), ("gray", 1)):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = rng.integers(0, 256, (19, 23, channels), dtype=np.uint8).squeeze()
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def one_by_one(generator, images):
    """The batch, made by the steps that users call too."""
    made = []
    for image in images:
        chosen = generator.get_random_transform(image.shape)
        made.append(generator.standardize(generator.apply_transform(image, chosen).copy()))
    return np.stack(made)


def test_a_batch_has_the_images_that_are_made_one_by_one(folder, monkeypatch):
    warps = []
    original = affine_batch.AffineBatch.put
    monkeypatch.setattr(
        affine_batch.AffineBatch,
        "put",
        lambda self, *args: warps.append(original(self, *args)) or warps[-1],
    )
    for options, mode in itertools.product(
        (
            AFFINE,
            AFFINE | FLIPS | {"rescale": 1 / 255},
            AFFINE | FLIPS | {"fill_mode": "constant", "cval": 7.5},
            {"rotation_range": 10, "fill_mode": "reflect", "vertical_flip": True},
            {"width_shift_range": [0, 2], "horizontal_flip": True},  # some are not moved
        ),
        ("rgb", "grayscale"),
    ):
        with case(options, mode):
            make = imggen.ImageDataGenerator
            flow = {
                "color_mode": mode,
                "class_mode": None,
                "shuffle": False,
                "target_size": (17, 31),
            }
            images = next(make().flow_from_directory(str(folder), **flow))
            generator = make(**options)
            warps.clear()
            np.random.seed(4)
            batch = next(generator.flow_from_directory(str(folder), **flow))
            after = np.random.random()
            np.random.seed(4)
            assert np.array_equal(batch, one_by_one(generator, images))
            assert after == np.random.random()
            assert len(warps) == len(batch)
            assert all(warps) == ("rotation_range" in options)
            assert any(warps)


def test_what_opencv_would_not_do_precisely_is_left_to_scipy(folder):
    flow = {"class_mode": None, "shuffle": False, "target_size": (17, 31), "seed": 4}
    for options in (
        {"width_shift_range": 5000.0},
        {"rotation_range": 20, "interpolation_order": 0},
        {"rotation_range": 20, "fill_mode": "wrap"},
    ):
        with case(options):
            quick, exact = (
                next(
                    imggen.ImageDataGenerator(**options, exact=exact).flow_from_directory(
                        str(folder), **flow
                    )
                )
                for exact in (False, True)
            )
            assert np.array_equal(quick, exact)
