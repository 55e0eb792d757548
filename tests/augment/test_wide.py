"""Images with sides beyond 2**15 pixels, where OpenCV 4 stops, and 65,500, where JPEG stops."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from imggen.augment import BUILT_INS, RandomGaussianBlur, RandomJPEG
from imggen.augment.resampling import resample
from tests.helpers.cases import case

SHAPES = [(1, 40_000, 1), (40_000, 1, 3), (2, 33_000, 4)]
MODES = {"reflect": "reflect", "nearest": "nearest", "constant": "grid-constant"}
MODES["wrap"] = "grid-wrap"


def smooth(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, shape).astype(float)
    return ndimage.gaussian_filter(noise, (3, 3, 0)).astype(np.uint8)


def by_scipy(image, matrix, mode, *, order):
    """The definition of ``resample``, pixel by pixel in double precision."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    x, y, depth = np.einsum("ij,jyx->iyx", matrix, np.stack([x, y, np.ones_like(x)]))
    planes = [
        ndimage.map_coordinates(
            image[..., channel].astype(float),
            [y / depth, x / depth],
            order=order,
            mode=mode,
            cval=9,
        )
        for channel in range(image.shape[2])
    ]
    return np.rint(np.stack(planes, axis=-1))


@pytest.mark.parametrize("version", [cv2.__version__, "4.12.0"])
def test_a_wide_image_is_resampled_as_by_scipy(version, monkeypatch):
    monkeypatch.setattr(cv2, "__version__", version)
    matrices = {
        "affine": np.array([[0.97, 0.21, 100.3], [1e-6, 1, 0.2], [0, 0, 1.0]]),
        "perspective": np.array([[0.97, 0.21, 100.3], [1e-6, 1, 0.2], [1e-7, 1e-7, 1.0]]),
    }
    for shape in SHAPES:
        for name, matrix in matrices.items():
            for fill_mode, mode in MODES.items():
                image = smooth(shape)
                with case(shape, name, fill_mode):
                    options = {"fill_mode": fill_mode, "cval": 9}
                    made = resample(image, matrix, shape[:2], **options)
                    expected = by_scipy(image, matrix, mode, order=1)
                    assert made.dtype == np.uint8
                    assert (np.abs(made - expected) > 1).mean() < 1e-3


def test_coordinates_beyond_the_limit_are_right_with_opencv_4(monkeypatch):
    monkeypatch.setattr(cv2, "__version__", "4.12.0")
    image = smooth((2, 500, 3))
    shrunk = np.array([[100.3711, 0, -25_000], [0, 1, 0.2], [0, 0, 1]])
    made = resample(image, shrunk, (2, 500), is_mask=True)

    np.testing.assert_array_equal(made, by_scipy(image, shrunk, "reflect", order=0))


def test_scipy_resamples_as_opencv_does(monkeypatch):
    turned = np.array([[0.9, -0.3, 4.2], [0.25, 0.95, -3.1], [1e-3, 2e-3, 1]])
    for dtype, channels in (("uint8", 3), ("uint16", 1), ("float32", 4), ("uint8", 5)):
        image = smooth((40, 50, channels)).astype(dtype)
        for is_mask in (False, True):
            options = {"fill_mode": "constant", "cval": 3, "is_mask": is_mask}
            expected = resample(image, turned, (30, 20), **options)
            with monkeypatch.context() as patched, case(dtype, channels, is_mask):
                patched.setattr(cv2, "__version__", "4.12.0")
                patched.setattr("imggen.augment.resampling._MAX_SIDE", 1)
                made = resample(image, turned, (30, 20), **options)
                assert made.dtype == expected.dtype
                assert (np.abs(made - expected.astype(float)) > 1).mean() < 0.01


@pytest.mark.parametrize("version", [cv2.__version__, "4.12.0"])
def test_every_augmentation_takes_wide_images(version, monkeypatch):
    monkeypatch.setattr(cv2, "__version__", version)
    for kind in BUILT_INS.values():
        for shape in [(1, 40_000, 3), (40_000, 1, 1)]:
            image = smooth(shape)
            for seed in range(2):
                with case(kind, shape, seed):
                    made = kind()(image, np.random.default_rng(seed))
                    assert (made.shape, made.dtype) == (shape, np.uint8)


def test_a_wide_image_is_blurred_as_its_parts_are():
    blur = RandomGaussianBlur((1.5, 1.5))
    image = smooth((3, 66_000, 3))
    made = blur(image, np.random.default_rng(0))
    part = blur(image[:, 32_000:34_000].copy(), np.random.default_rng(0))

    np.testing.assert_array_equal(made[:, 32_100:33_900], part[:, 100:-100])


def test_an_image_that_is_too_wide_for_jpeg_is_compressed_in_parts():
    jpeg = RandomJPEG((50, 50))
    wide = smooth((16, 70_000, 3))
    made = jpeg(wide, np.random.default_rng(0))
    # Around the cut, in whole blocks, without those that colors of neighbors leak into.
    for start, end in ((61_488, 65_488), (65_488, 69_488)):
        part = jpeg(wide[:, start:end].copy(), np.random.default_rng(0))
        np.testing.assert_array_equal(made[:, start + 16 : end - 16], part[:, 16:-16])
    tall = smooth((70_000, 8, 1))
    made = jpeg(tall, np.random.default_rng(0))

    assert np.abs(made.astype(int) - tall).max() < 60
