"""Ctrl+C during fit on TensorFlow ends the process, whatever its threads are doing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.images import write_images


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_an_interrupt_during_a_slow_function_ends_the_process(tmp_path):
    write_images(tmp_path, {"cat": 20, "dog": 20})
    command = ["-m", "tests.helpers.interrupted_fit", tmp_path, "0.2", "0.9", "1.7"]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
    )
    interrupted = str(-signal.SIGINT)
    expected = [f"{name} {interrupted}" for name in [*["drop-in"] * 3, "sequence"]]
    assert done.stdout.splitlines() == expected, done.stderr[-3000:]
