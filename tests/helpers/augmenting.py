"""Helpers for tests of augmentations: pixels, generators, samples with masks."""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from imggen.augment import AugmentedSample, Pipeline, Sample, adapt

# Without this, importing albumentations asks the network for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

WHERE = "'cats/1.jpg' (epoch 0, index 3)"
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
# The class of each pixel: 7 in the left half.
HALF = np.zeros((24, 32), np.uint8)
HALF[:, :16] = 7


def rngs(seed: int):
    """The generator of each step; the first is ``default_rng(seed)``."""
    return lambda step: np.random.default_rng([seed, step] if step else seed)


def applied(augment, sample: Sample, seed: int = 0) -> AugmentedSample:
    return Pipeline(adapt(augment))(sample, rngs(seed), WHERE)


def augmented(augment, seed: int = 0, pixels: np.ndarray = PIXELS) -> np.ndarray:
    return applied(augment, Sample(pixels.copy()), seed).sample.image


def one_after_the_other(augment, count: int) -> list[bytes]:
    """PIXELS, augmented with the generators 0, 1, ..."""
    pipeline = Pipeline(adapt(augment))
    return [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes() for seed in range(count)
    ]


def in_threads(augment, count: int) -> list[bytes]:
    """Same as above, in eight threads that share a pipeline."""
    pipeline = Pipeline(adapt(augment))

    def one(seed: int) -> bytes:
        return pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def half_plane(**options) -> Sample:
    """An image, bright where HALF is 7."""
    image = np.where(HALF == 7, 210, 40).astype(np.uint8)[:, :, np.newaxis].repeat(3, axis=2)
    return Sample(image, **options)


def check_mask_shows_what_is_bright(sample: Sample) -> None:
    """Compares the mask of a moved half-plane with its image, except for blended pixels."""
    gray = sample.image[:, :, 0].astype(int)
    mask = sample.masks[0].reshape(gray.shape)
    clear = np.abs(gray - 125) > 80
    assert clear.mean() > 0.5
    assert {*np.unique(mask)} == {0, 7}
    np.testing.assert_array_equal(mask[clear] == 7, gray[clear] > 125)


@contextmanager
def global_state(seed: int) -> Iterator[None]:
    """Seeds ``random`` and ``np.random``, and checks that nothing draws from them."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the state under test
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    yield
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
