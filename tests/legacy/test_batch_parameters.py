"""The parameters of a batch are the numbers that Keras draws for one image after another."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import numpy as np
import pytest

import imggen
from imggen.legacy.random_parameters import draw_batch
from tests.helpers.legacy_oracle import keras_image

RANGES = {
    "rotation_range": [0, 20, 7.5],
    "width_shift_range": [0, 0.1, 1.5, 1.0, 2, [-3, 1]],
    "height_shift_range": [0.2, 0, 3.0],
    "shear_range": [0, 0.3],
    "zoom_range": [0, 0.2, (0.5, 1), [1, 1]],
    "horizontal_flip": [False, True, 1],
    "vertical_flip": [True, False],
    "channel_shift_range": [0.0, 20],
    "brightness_range": [None, (0.5, 1.5), [1, 1]],
    "data_format": ["channels_last", "channels_first"],
}


@pytest.mark.filterwarnings("ignore::imggen.errors.KerasTrapWarning")
def test_a_batch_draws_what_keras_draws_and_leaves_the_state_where_keras_does():
    shape = (30, 20, 3)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        options = {name: values[rng.integers(len(values))] for name, values in RANGES.items()}
        ours, theirs = (make.ImageDataGenerator(**options) for make in (imggen, keras_image))
        source = np.random.RandomState(seed)
        drawn = draw_batch(ours, shape, source, 3)
        np.random.seed(seed)
        expected = [theirs.get_random_transform(shape) for _ in range(3)]
        assert drawn == expected, options
        assert source.random() == np.random.random(), options
