"""The drop-in on TensorFlow: Ctrl+C during fit, and batches that hold lists."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.images import write_images

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the process forks")


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("photos"), {"cat": 20, "dog": 20})
    # The images 3, 15 and 23 are far from the end of a batch, when the model takes a step.
    command = ["-m", "tests.helpers.tensorflow_fits", folder, "3", "15", "23"]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_an_interrupt_during_a_slow_function_ends_the_process(lines):
    interrupted = str(-signal.SIGINT)
    assert lines[:4] == [f"{name} {interrupted}" for name in [*["drop-in"] * 3, "sequence"]]


def test_batches_that_hold_lists_train_and_are_lists_for_the_user(lines):
    assert lines[4:] == ["ndarray list", "list ndarray", "list ndarray"]
