"""The affine resample: SciPy's bits, or OpenCV's values within a fraction of a gray level."""

import itertools

import cv2
import numpy as np
import pytest
from scipy.ndimage import affine_transform

from imggen.augment import warp
from tests.helpers.cases import each_case

FILL_MODES = ["nearest", "reflect", "constant", "wrap", "mirror", "grid-wrap", "grid-constant"]
OPENCV_MODES = ["nearest", "reflect", "constant"]
SLANTED = (np.array([[0.9, -0.3], [0.25, 1.15]]), np.array([1.7, -2.3]))

precise = pytest.mark.skipif(
    int(cv2.__version__.partition(".")[0]) < 5, reason="OpenCV 4 is not used: it rounds coordinates"
)


def by_scipy(image, matrix, offset, *, order=1, fill_mode="nearest", cval=0.0):
    return np.stack(
        [
            affine_transform(
                image[..., channel], matrix, offset, order=order, mode=fill_mode, cval=cval
            )
            for channel in range(image.shape[2])
        ],
        axis=-1,
    )


def noise(*shape, dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).uniform(0, 255, shape)
    return values.astype(dtype)


def about_the_center(matrix, shape, shift=(0, 0)):
    center = (np.array(shape[:2]) - 1) / 2
    return matrix, center - matrix @ center + shift


def drawn_affine(rng, shape):
    """A rotation by any angle, a shear, a zoom and a shift, as augmentations draw them."""
    turn, shear = rng.uniform(-np.pi, np.pi), np.deg2rad(rng.uniform(-20, 20))
    matrix = (
        np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]])
        @ np.diag(rng.uniform(0.7, 1.4, 2))
    )
    return about_the_center(matrix, shape, rng.uniform(-0.2, 0.2, 2) * shape[:2])


def share_beyond(one, other, tolerance=0.02):
    return np.mean(np.abs(one.astype(np.float64) - other) > tolerance)


def assert_same_bits(result, expected):
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result, expected)  # NaN equals NaN in there
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


# Exact: SciPy's bits


@each_case("order", range(6))
@each_case("fill_mode", FILL_MODES)
def test_exact_is_scipy_bit_for_bit_in_every_mode_and_order(fill_mode, order):
    image = noise(13, 17, 3)
    options = {"order": order, "fill_mode": fill_mode, "cval": 91.25}
    result = warp(image, *SLANTED, **options, exact=True)
    assert_same_bits(result, by_scipy(image, *SLANTED, **options))
    assert not np.array_equal(result, image)


@each_case("channels", [1, 2, 3, 4, 5])
@each_case("dtype", ["float32", "float64", "uint8", "int16", "uint16", "int32", "int64"])
def test_exact_is_scipy_bit_for_bit_for_every_dtype_and_number_of_channels(dtype, channels):
    image = noise(9, 14, channels, dtype=dtype)
    result = warp(image, *SLANTED, exact=True)
    assert result.dtype == dtype
    assert_same_bits(result, by_scipy(image, *SLANTED))


@each_case("seed", range(20))
def test_exact_is_scipy_bit_for_bit_for_drawn_matrices(seed):
    rng = np.random.default_rng(seed)
    image = noise(*rng.integers(1, 60, 2), 3, seed=seed)
    affine = drawn_affine(rng, image.shape)
    for fill_mode in OPENCV_MODES:
        result = warp(image, *affine, fill_mode=fill_mode, cval=-3, exact=True)
        assert_same_bits(result, by_scipy(image, *affine, fill_mode=fill_mode, cval=-3))


def views():
    base = noise(3, 40, 44)
    last = noise(40, 44, 4)
    return {
        "channels first, moved": np.moveaxis(base, 0, 2),
        "transposed": last.transpose(1, 0, 2),
        "turned round": last[::-1, ::-1],
        "channels turned round": last[..., ::-1],
        "every other pixel": last[::2, 1::3],
        "part of the channels": last[..., 1:3][..., :1],
        "cut out": last[5:20, 7:30, :3],
        "Fortran order": np.asfortranarray(last),
        "one row repeated": np.broadcast_to(last[:1], last.shape),
    }


@pytest.mark.parametrize("name", views())
def test_exact_is_scipy_bit_for_bit_for_views(name):
    image = views()[name]
    assert_same_bits(warp(image, *SLANTED, exact=True), by_scipy(image, *SLANTED))


@precise
@pytest.mark.parametrize("fill_mode", OPENCV_MODES)
@pytest.mark.parametrize("name", views())
def test_views_are_resampled_as_what_they_show(name, fill_mode):
    image = views()[name]
    result = warp(image, *SLANTED, fill_mode=fill_mode)
    assert_same_bits(result, warp(np.ascontiguousarray(image), *SLANTED, fill_mode=fill_mode))
    assert share_beyond(result, by_scipy(image, *SLANTED, fill_mode=fill_mode)) <= 0.001


# Not exact: close to SciPy


@precise
@pytest.mark.parametrize("fill_mode", OPENCV_MODES)
@pytest.mark.parametrize(
    "shape",
    [
        (2, 2, 1),
        (2, 9, 3),
        (31, 30, 4),
        (64, 48, 1),
        (64, 48, 3),
        (224, 224, 3),
        (300, 500, 3),
        (700, 600, 1),
        (700, 700, 4),
    ],
)
def test_opencv_stays_within_a_fraction_of_a_gray_level_of_scipy(shape, fill_mode):
    rng = np.random.default_rng(shape)
    repeats = max(2, min(40, 200_000 // (shape[0] * shape[1])))
    beyond, differs = [], False
    for repeat in range(repeats):
        image = noise(*shape, seed=repeat)
        affine = drawn_affine(rng, shape)
        result = warp(image, *affine, fill_mode=fill_mode, cval=12.5)
        expected = by_scipy(image, *affine, fill_mode=fill_mode, cval=12.5)
        assert result.dtype == np.float32
        assert result.shape == shape
        beyond.append(share_beyond(result, expected))
        differs = differs or not np.array_equal(result, expected)
    assert max(beyond) <= 0.001
    assert differs  # else OpenCV was not asked at all


@precise
def test_images_of_800_pixels_a_side_stay_close_to_scipy():
    rng, beyond = np.random.default_rng(1), []
    for seed in range(20):
        image = noise(800, 800, 1, seed=seed)
        affine = drawn_affine(rng, image.shape)
        result = warp(image, *affine, fill_mode="reflect")
        beyond.append(share_beyond(result, by_scipy(image, *affine, fill_mode="reflect")))
    assert max(beyond) <= 0.001


@precise
@pytest.mark.parametrize("fill_mode", OPENCV_MODES)
def test_two_channels_stay_within_a_fraction_of_a_gray_level_of_scipy(fill_mode):
    image = noise(64, 48, 2)
    result = warp(image, *SLANTED, fill_mode=fill_mode)
    assert share_beyond(result, by_scipy(image, *SLANTED, fill_mode=fill_mode)) <= 0.001


@precise
def test_an_image_shown_small_among_its_mirror_images_stays_close_to_scipy():
    image = noise(800, 800, 1)
    affine = about_the_center(np.array([[4.1, 0.3], [-0.2, 3.9]]), image.shape)
    result = warp(image, *affine, fill_mode="reflect")
    assert share_beyond(result, by_scipy(image, *affine, fill_mode="reflect")) <= 0.001


@precise
@pytest.mark.parametrize("fill_mode", OPENCV_MODES)
@pytest.mark.parametrize("low", [-255, -1, 0])
def test_negative_values_and_small_ranges_stay_close_too(low, fill_mode):
    image = noise(50, 60, 3) / 255 * (1 - low) + low
    result = warp(image.astype(np.float32), *SLANTED, fill_mode=fill_mode, cval=low)
    expected = by_scipy(image.astype(np.float32), *SLANTED, fill_mode=fill_mode, cval=low)
    assert share_beyond(result, expected) <= 0.001


@each_case("shift", [(3, 0), (0, -2), (-4, 5), (40, 0), (0, 0)])
@each_case("fill_mode", OPENCV_MODES)
def test_shifts_by_whole_pixels_move_the_very_values(fill_mode, shift):
    image = np.floor(noise(20, 30, 3))
    result = warp(image, np.eye(2), np.array(shift, float), fill_mode=fill_mode, cval=77)
    expected = by_scipy(image, np.eye(2), np.array(shift, float), fill_mode=fill_mode, cval=77)
    np.testing.assert_allclose(result, expected, atol=1e-3)


@pytest.mark.parametrize("exact", [True, False])
def test_pixels_from_beyond_the_edge_are_cval_and_no_others(exact):
    image = np.full((8, 10, 3), 100, np.float32)
    result = warp(
        image, np.eye(2), np.array([2.5, -1.5]), fill_mode="constant", cval=7, exact=exact
    )
    beyond = np.ones((8, 10), bool)
    beyond[:5, 2:] = False  # row 5 would lie between row 7, the last, and the border
    np.testing.assert_array_equal(result == 7, np.broadcast_to(beyond[..., None], result.shape))
    np.testing.assert_allclose(result[~beyond], 100, atol=1e-3)


# What OpenCV cannot do precisely is left to SciPy


def not_for_opencv():
    large, missing, infinite = (noise(30, 40, 3) for _ in range(3))
    large[3, 4, 1] = 255.5
    missing[3, 4, 1] = np.nan
    infinite[3, 4, 1] = -np.inf
    return {
        "order 0": (noise(30, 40, 3), {"order": 0}),
        "order 2": (noise(30, 40, 3), {"order": 2}),
        "order 3": (noise(30, 40, 3), {"order": 3}),
        "wrap": (noise(30, 40, 3), {"fill_mode": "wrap"}),
        "mirror": (noise(30, 40, 3), {"fill_mode": "mirror"}),
        "grid-wrap": (noise(30, 40, 3), {"fill_mode": "grid-wrap"}),
        "five channels": (noise(30, 40, 5), {}),
        "one row": (noise(1, 40, 3), {}),
        "one column": (noise(30, 1, 3), {}),
        "one pixel": (noise(1, 1, 3), {}),
        "float64": (noise(30, 40, 3, dtype=np.float64), {}),
        "uint8": (noise(30, 40, 3, dtype=np.uint8), {}),
        "other byte order": (noise(30, 40, 3).astype(">f4"), {}),
        "a value over 255": (large, {}),
        "a value below -255": (-large, {}),
        "NaN": (missing, {}),
        "infinity": (infinite, {}),
        "two channels": (noise(30, 40, 2), {}),
        "1,001 rows": (noise(1001, 20, 1), {}),
        "1,001 columns": (noise(20, 1001, 1), {}),
    }


@each_case("name", not_for_opencv())
def test_what_opencv_cannot_do_precisely_has_scipys_bits(name):
    image, options = not_for_opencv()[name]
    result = warp(image, *SLANTED, **options)
    assert_same_bits(result, by_scipy(image, *SLANTED, **options))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("options", "dtype"),
    [({"order": 6}, "float32"), ({"fill_mode": "sideways"}, "float32"), ({}, "float16")],
)
def test_what_scipy_refuses_is_refused_as_scipy_does(options, dtype, exact):
    image = noise(6, 7, 3, dtype=dtype)
    with pytest.raises(Exception) as theirs:
        by_scipy(image, *SLANTED, **options)
    with pytest.raises(theirs.type):
        warp(image, *SLANTED, **options, exact=exact)


# What comes in stays as it is, and what goes out is free


@each_case(
    ("exact", "fill_mode", "name"),
    list(itertools.product([True, False], OPENCV_MODES, ["as it is", "turned round", "moved"])),
)
def test_the_input_is_never_written_to_and_may_be_read_only(exact, fill_mode, name):
    base = noise(20, 21, 3)
    image = {"as it is": base, "turned round": base[::-1], "moved": np.moveaxis(base, 0, 2)}[name]
    image = image[:, :, :3]
    before = base.copy()
    writable = warp(image, *SLANTED, fill_mode=fill_mode, exact=exact)
    np.testing.assert_array_equal(base, before)
    base.flags.writeable = False
    image = image.view()
    image.flags.writeable = False
    np.testing.assert_array_equal(warp(image, *SLANTED, fill_mode=fill_mode, exact=exact), writable)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("matrix", [np.eye(2), SLANTED[0]])
def test_the_result_shares_no_memory_with_the_input_and_can_be_written_to(matrix, exact):
    image = noise(12, 13, 3)
    result = warp(image, matrix, np.zeros(2), exact=exact)
    assert not np.shares_memory(result, image)
    result *= 2  # as standardization does, in place


@pytest.mark.parametrize("exact", [True, False])
def test_the_matrix_and_offset_are_not_written_to(exact):
    matrix, offset = SLANTED[0].copy(), SLANTED[1].copy()
    warp(noise(12, 13, 3), matrix, offset, fill_mode="constant", exact=exact)
    np.testing.assert_array_equal(matrix, SLANTED[0])
    np.testing.assert_array_equal(offset, SLANTED[1])
