"""Helpers for tests of caches: sequences that use them, and the bytes that they store."""

from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen import ImageSequence, ImageSpec

SIZE = (96, 128)
BOTH = pytest.mark.parametrize("where", ["ram", "folder"])


def resized(manifest, color_mode="rgb"):
    spec = ImageSpec(SIZE, color_mode)
    return [imggen.load_image(path, spec) for path in manifest.filepaths]


def sequence_of(manifest, cache, **options):
    options = {"image_size": SIZE, "batch_size": 3, "shuffle": False, "dtype": "uint8", **options}
    return ImageSequence(manifest, cache=cache, **options)


def served(manifest, cache, epochs=2, **options):
    """The images of each epoch."""
    with sequence_of(manifest, cache, **options) as sequence:
        return [np.concatenate([x for x, _ in sequence]) for _ in range(epochs)]


def place(where, tmp_path):
    return "ram" if where == "ram" else tmp_path / "kept"


def bytes_kept(folder):
    return sum(file.stat().st_size for file in Path(folder).glob("*/pixels.bin"))


def store_in(folder):
    (store,) = Path(folder).glob("[!.]*")
    return store
