"""Tests with the fast resizer and without it."""

import contextlib
import sys
from collections.abc import Iterator
from unittest import mock

import numpy as np

from imggen.decode.resizing import find_resizer


@contextlib.contextmanager
def without_cykooz() -> Iterator[None]:
    """Runs as where cykooz-resizer cannot be imported: Pillow resizes."""
    find_resizer.cache_clear()
    try:
        with mock.patch.dict(sys.modules, {"cykooz_resizer": None}):
            assert find_resizer() is None
            yield
    finally:
        find_resizer.cache_clear()


def assert_within_a_level(got: np.ndarray, wanted: np.ndarray) -> None:
    """Asserts that images are equal, or a gray level apart where cykooz-resizer resizes."""
    levels = 0 if find_resizer() is None else 1
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted).max(initial=0) <= levels
