"""Memory does not grow with the number of epochs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_images

SCRIPT = """
import sys
import imggen

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

def noise(image, rng):
    return rng.integers(0, 256, image.shape, dtype="uint8")

sequence = imggen.from_directory(
    sys.argv[1], image_size=(96, 96), batch_size=8, augment=noise, workers=2, max_queue_size=3
)
for epoch in range(20):
    for batch in sequence:
        pass
    if epoch in (2, 19):
        print(resident())
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads its own memory from /proc")
def test_twenty_epochs_take_no_more_memory_than_three(tmp_path):
    folder = write_images(tmp_path, {"cat": 40, "dog": 40})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    third, twentieth = map(int, done.stdout.split())
    assert twentieth <= 1.05 * third
