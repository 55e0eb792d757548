"""The one resample: SciPy's values within a gray level, and pixels as they are where none mix."""

import numpy as np
import pytest

from imggen.augment.resampling import resample
from imggen.errors import SampleError
from tests.helpers.cases import each_case
from tests.helpers.resampling import (
    PAD_MODES,
    PICTURES,
    SCIPY_MODES,
    SIZE,
    by_scipy,
    farthest,
    noise,
    precise,
    smooth,
)


def slanted(seed=0, *, bent=False):
    """An affine matrix as augmentations make them, or a perspective one."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(3)
    matrix[:2, :2] += rng.uniform(-0.4, 0.4, (2, 2))
    matrix[:2, 2] = rng.uniform(-12, 12, 2)
    if bent:
        matrix[2, :2] = rng.uniform(-1, 1, 2) * 0.004
    return matrix


def window_of(top, left, height, width, size):
    """The matrix that shows a window in all of an image of ``size``."""
    y, x = height / size[0], width / size[1]
    return np.array([[x, 0, left + x / 2 - 0.5], [0, y, top + y / 2 - 0.5], [0, 0, 1]])


# Like SciPy


@precise
@pytest.mark.parametrize("bent", [False, True], ids=["affine", "perspective"])
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
def test_what_is_shown_is_scipys_within_a_gray_level(fill_mode, picture, bent):
    image = PICTURES[picture]
    for seed in range(5):
        matrix = slanted(seed, bent=bent)
        result = resample(image, matrix, SIZE, fill_mode=fill_mode, cval=77.0)
        expected = by_scipy(image, matrix, SIZE, fill_mode=fill_mode, cval=77.0)
        assert farthest(result, expected) < 1


@precise
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
@pytest.mark.parametrize(
    ("dtype", "most"), [("uint8", 255), ("uint16", 65535), ("float32", 255)], ids=str
)
def test_every_dtype_is_scipys_within_one(dtype, most, fill_mode):
    image = noise(*SIZE, 3, dtype=dtype, most=most)
    matrix = slanted(3)
    result = resample(image, matrix, SIZE, fill_mode=fill_mode, cval=7.0)
    assert result.dtype == dtype
    expected = by_scipy(image, matrix, SIZE, fill_mode=fill_mode, cval=7.0)
    assert farthest(result, expected) < max(1, 5e-5 * most)


@precise
@pytest.mark.parametrize(
    "channels",
    [1, 2, 3, 4, 5, 6, 7],
)
def test_any_number_of_channels_is_scipys_within_a_gray_level(channels):
    image = noise(*SIZE, channels)
    matrix = slanted(3)
    result = resample(image, matrix, SIZE, fill_mode="constant", cval=50)
    expected = by_scipy(image, matrix, SIZE, fill_mode="constant", cval=50)
    assert result.shape == image.shape
    assert farthest(result, expected) < 1


@pytest.mark.parametrize("channels", [2, 5])
def test_two_and_five_channels_are_scipys_where_the_picture_is_smooth(channels):
    image = smooth(*SIZE, channels)
    matrix = slanted(3)
    assert farthest(resample(image, matrix, SIZE), by_scipy(image, matrix, SIZE)) < 2


def test_an_image_without_an_axis_of_channels_is_that_channel():
    image, matrix = PICTURES["noise"][..., 0], slanted(1)
    result = resample(image, matrix, SIZE)
    np.testing.assert_array_equal(result, resample(image[..., np.newaxis], matrix, SIZE)[..., 0])


@precise
def test_the_result_may_be_of_another_size():
    image, matrix = PICTURES["noise"], slanted(1)
    result = resample(image, matrix, (40, 100))
    assert result.shape == (40, 100, 3)
    assert farthest(result, by_scipy(image, matrix, (40, 100))) < 1


@precise
def test_a_matrix_may_be_scaled_as_a_whole():
    image, matrix = PICTURES["noise"], slanted(1)
    assert farthest(resample(image, -3 * matrix, SIZE), resample(image, matrix, SIZE)) <= 1


# Masks


@precise
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_mask_takes_scipys_nearest_pixel(dtype, fill_mode):
    mask = noise(*SIZE, dtype=dtype)
    for seed in range(5):
        matrix = slanted(seed)
        options = {"fill_mode": fill_mode, "cval": 201}
        result = resample(mask, matrix, SIZE, is_mask=True, **options)
        np.testing.assert_array_equal(result, by_scipy(mask, matrix, SIZE, order=0, **options))


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_a_mask_holds_no_value_that_was_not_there(channels):
    mask = np.array([0, 7, 200], np.uint8)[noise(*SIZE, channels, most=2)]
    for seed in range(5):
        for bent in (False, True):
            result = resample(
                mask, slanted(seed, bent=bent), SIZE, fill_mode="constant", cval=9, is_mask=True
            )
            assert set(np.unique(result)) == {0, 7, 9, 200}


def test_a_mask_that_shrinks_is_not_averaged():
    mask = np.array([0, 200], np.uint8)[np.indices((64, 64)).sum(0) % 2]
    result = resample(mask, np.diag([8.0, 8.0, 1.0]), (8, 8), is_mask=True)
    assert set(np.unique(result)) <= {0, 200}


def test_a_window_of_a_mask_is_resized_without_values_in_between():
    mask = np.array([0, 200], np.uint8)[noise(20, 30, most=1)]
    result = resample(mask, window_of(3, 5, 9, 11, SIZE), SIZE, is_mask=True)
    assert set(np.unique(result)) == {0, 200}


# Exact


@each_case("channels", [1, 2, 3, 4, 5, 150])
@each_case("dtype", ["uint8", "uint16", "float32"])
@each_case(
    ("matrix", "turned"),
    [
        (np.eye(3), np.s_[:, :]),
        ([[-1, 0, 82], [0, 1, 0], [0, 0, 1]], np.s_[:, ::-1]),
        ([[1, 0, 0], [0, -1, 60], [0, 0, 1]], np.s_[::-1]),
        ([[-1, 0, 82], [0, -1, 60], [0, 0, 1]], np.s_[::-1, ::-1]),
    ],
)
def test_flips_move_pixels_as_they_are(matrix, turned, dtype, channels):
    image = noise(*SIZE, channels, dtype=dtype)
    result = resample(image, np.array(matrix, np.float64), SIZE)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, image[turned])


@each_case("fill_mode", PAD_MODES)
@each_case(("down", "right"), [(3, 5), (-7, 2), (0, 30), (-20, -29)])
def test_whole_shifts_move_pixels_as_they_are(fill_mode, down, right):
    image = PICTURES["noise"]
    matrix = np.array([[1.0, 0, -right], [0, 1, -down], [0, 0, 1]])
    padding = {"constant_values": 0} if fill_mode == "constant" else {}
    padded = np.pad(image, ((30, 30), (30, 30), (0, 0)), PAD_MODES[fill_mode], **padding)
    expected = padded[30 - down :, 30 - right :][: SIZE[0], : SIZE[1]]
    np.testing.assert_array_equal(resample(image, matrix, SIZE, fill_mode=fill_mode), expected)


def test_a_window_of_the_same_size_is_cut_out():
    image = PICTURES["noise"]
    result = resample(image, window_of(11, 7, 20, 40, (20, 40)), (20, 40))
    np.testing.assert_array_equal(result, image[11:31, 7:47])


def test_a_mirrored_window_is_cut_out_and_mirrored():
    image = PICTURES["noise"]
    mirror = np.array([[-1.0, 0, 39], [0, 1, 0], [0, 0, 1]])
    result = resample(image, window_of(11, 7, 20, 40, (20, 40)) @ mirror, (20, 40))
    np.testing.assert_array_equal(result, image[11:31, 7:47][:, ::-1])


def test_rounding_errors_of_a_window_do_not_count():
    image = PICTURES["noise"]
    matrix = window_of(11, 7, 20, 40, (20, 40)) + 1e-9 * np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(resample(image, matrix, (20, 40)), image[11:31, 7:47])


# Shrinking


def test_a_window_that_shrinks_a_lot_is_averaged():
    image = noise(64, 96, 3)
    result = resample(image, window_of(0, 0, 64, 96, (16, 24)), (16, 24))
    expected = image.reshape(16, 4, 24, 4, 3).mean((1, 3))
    assert farthest(result, expected) <= 0.51


@pytest.mark.parametrize("factor", [2, 4])
def test_an_image_that_shrinks_within_its_frame_is_averaged_by_the_area(factor):
    image, side = noise(64, 64, 3), 64 // factor
    # So many times as much is seen: the image is in the middle.
    offset = 31.5 - factor * 31.5
    matrix = np.array([[factor, 0, offset], [0, factor, offset], [0, 0, 1]], np.float64)
    result = resample(image, matrix, (64, 64), fill_mode="constant")
    expected = image.reshape(side, factor, side, factor, 3).mean((1, 3))
    middle = slice(32 - side // 2, 32 + side // 2)
    assert farthest(result[middle, middle], expected) <= 0.51
    assert not result[: middle.start].any()


def test_a_checkerboard_that_shrinks_and_turns_becomes_gray():
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    matrix = 4 * np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 0.25]])
    result = resample(board, matrix, (128, 128))
    assert 100 <= result.min() <= result.max() <= 155


@precise
def test_an_image_that_shrinks_a_little_is_not_averaged():
    image = PICTURES["noise"]
    matrix = slanted(1) @ np.diag([1.3, 1.3, 1])
    assert farthest(resample(image, matrix, SIZE), by_scipy(image, matrix, SIZE)) < 1


def test_an_image_too_small_to_be_averaged_is_shown_all_the_same():
    image = np.full((2, 2, 1), 99, np.uint8)
    assert (resample(image, np.diag([8.0, 8.0, 1.0]), (4, 4)) == 99).all()


# What it takes


@pytest.mark.parametrize(
    "view",
    [np.s_[::-1], np.s_[:, ::-1], np.s_[::2, ::2], np.s_[5:40, 10:50], np.s_[..., ::-1]],
    ids=str,
)
@pytest.mark.parametrize(
    "matrix", [slanted(1), np.array([[-1.0, 0, 29], [0, 1, 0], [0, 0, 1]])], ids=["slant", "flip"]
)
def test_a_view_is_as_good_as_a_copy(view, matrix):
    part = PICTURES["noise"][view]
    result = resample(part, matrix, (30, 30))
    np.testing.assert_array_equal(result, resample(part.copy(), matrix, (30, 30)))


@pytest.mark.parametrize("is_mask", [False, True])
def test_what_is_given_may_be_read_only_and_is_left_as_it_is(is_mask):
    image = PICTURES["noise"].copy()
    image.flags.writeable = False
    for matrix in (slanted(1), np.diag([-1.0, 1, 1]), np.diag([4.0, 4, 1])):
        resample(image, matrix, SIZE, is_mask=is_mask)
    np.testing.assert_array_equal(image, PICTURES["noise"])


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3), np.int64), np.zeros(4, np.uint8), np.zeros((1, 4, 4, 3), np.uint8)],
    ids=["int64", "one axis", "a batch"],
)
def test_what_is_no_image_is_refused_with_what_it_is(array):
    with pytest.raises(SampleError) as err:
        resample(array, np.eye(3), (4, 4))
    assert f"got {array.dtype} of shape {array.shape}" in str(err.value)
    assert "uint8, uint16, float32" in str(err.value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "int32", "int64"])
def test_a_mask_may_be_of_any_whole_numbers(dtype):
    mask = noise(*SIZE, most=1).astype(dtype)
    result = resample(mask, np.array([[-1.0, 0, 82], [0, 1, 0], [0, 0, 1]]), SIZE, is_mask=True)
    np.testing.assert_array_equal(result, mask[:, ::-1])


@pytest.mark.parametrize("channels", [5, 10])
def test_many_channels_shrink_as_each_by_itself(channels):
    image = noise(*SIZE, channels)
    matrix = np.diag([3.0, 3.0, 1.0])
    result = resample(image, matrix, SIZE)
    for channel in range(channels):
        alone = resample(np.ascontiguousarray(image[:, :, channel]), matrix, SIZE)
        np.testing.assert_array_equal(result[:, :, channel], alone)
