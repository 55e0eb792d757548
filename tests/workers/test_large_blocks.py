"""Threads do not get new memory from the system for each image, though TensorFlow asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.workers import large_blocks
from imggen.workers.large_blocks import keep_big_blocks
from tests.helpers.images import write_images

resource = pytest.importorskip("resource")


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):
        return False


class _Passes:
    """One pass of a drop-in iterator after another."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow
        self.samples = flow.samples

    def __iter__(self) -> Iterator[Any]:
        return (next(self._flow) for _ in range(len(self._flow)))


@pytest.mark.skipif(not _is_glibc(), reason="only the GNU C library has these limits")
@pytest.mark.parametrize("workers", [0, 2, "drop-in"])
def test_images_served_after_a_tensorflow_generator_cost_few_page_faults(
    tmp_path: Path, workers: int | str
) -> None:
    import tensorflow as tf

    noise = np.random.default_rng(0).integers(0, 256, (480, 600, 3), np.uint8)
    (tmp_path / "a").mkdir()
    for number in range(24):
        Image.fromarray(noise).save(tmp_path / "a" / f"{number}.jpg", quality=30)
    dataset = tf.data.Dataset.from_generator(
        lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32)
    )
    assert [int(number) for number in dataset] == [0]
    sequence: Any
    if isinstance(workers, str):
        generator = imggen.ImageDataGenerator()
        flow = generator.flow_from_directory(tmp_path, target_size=(320, 400), batch_size=8)
        sequence = _Passes(flow)
    else:
        sequence = imggen.from_directory(
            tmp_path, image_size=(320, 400), batch_size=8, workers=workers, seed=0
        )
    for _ in range(3):
        list(sequence)  # the heap grows to its size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    num_passes = 5
    for _ in range(num_passes):
        list(sequence)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    # An image has 864,000 bytes: 211 pages, and as much again in the resizer.
    assert faults / (num_passes * sequence.samples) < 60


FIT_SCRIPT = """
import resource
import sys
import keras
import imggen

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

model = keras.Sequential(
    [keras.Input((224, 224, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
)
model.compile("sgd", "mse")
for fold in range(8):
    sequence = imggen.from_directory(sys.argv[1], image_size=224, workers=2, seed=fold)
    model.fit(sequence, verbose=0)
    print(resident_mb())
"""


@pytest.mark.skipif(not _is_glibc(), reason="only the GNU C library has these limits")
def test_threads_of_tensorflow_keep_few_of_the_batches_that_they_copied(tmp_path: Path) -> None:
    folder = write_images(tmp_path, {"cat": 80, "dog": 80})
    done = subprocess.run(
        [sys.executable, "-c", FIT_SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert done.returncode == 0, done.stderr
    after_fits = list(map(float, done.stdout.split()))
    # A batch has 19 MB; the threads kept more than ten of them at twice the limit.
    assert after_fits[-1] - after_fits[0] < 130


def test_limits_are_not_touched_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    calls: list[None] = []
    monkeypatch.setattr(large_blocks, "_find_mallopt", lambda: calls.append(None))
    keep_big_blocks()
    assert not calls
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    keep_big_blocks()
    assert calls == [None]
