"""Contiguous copies of mirrored views."""

import numpy as np
import pytest

from imggen.core.memory_layout import contiguous_flip

FLIPS = [
    (slice(None), slice(None, None, -1)),
    (slice(None, None, -1), slice(None, None, -1)),
]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("flip", FLIPS, ids=["left to right", "and upside down"])
def test_a_mirrored_image_is_returned_contiguous(dtype, channels, flip):
    image = np.arange(5 * 7 * channels).reshape(5, 7, channels).astype(dtype)
    mirrored = image[flip]
    ordered = contiguous_flip(mirrored)

    assert ordered.flags.c_contiguous
    assert ordered.dtype == dtype
    assert np.array_equal(ordered, mirrored)
    assert not np.array_equal(ordered, image)


@pytest.mark.parametrize("seed", range(20))
def test_the_values_of_any_view_are_unchanged(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        dtype = rng.choice(["uint8", "float32", "float64", "int16"])
        image = rng.integers(0, 200, rng.integers(0, 7, 3)).astype(dtype)
        image = image.transpose(rng.permutation(3))
        steps = rng.choice([-2, -1, 1, 2], 3)
        view = image[:: steps[0], :: steps[1], :: steps[2]]
        ordered = contiguous_flip(view)
        assert ordered.dtype == view.dtype
        assert ordered.shape == view.shape
        assert np.array_equal(ordered, view)


def test_other_arrays_are_returned_unchanged():
    image = np.zeros((4, 4, 3), np.uint8)
    others = (image, image[::-1], image[:, :0:-1], image[..., 0], image.astype(float)[:, ::-1])
    assert all(contiguous_flip(other) is other for other in others)
