"""Training on every Keras backend: one process per backend serves all tests that ask for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from tests.helpers.images import write_images

ROOT = Path(__file__).parents[2]


def write_photos(folder):
    """Writes the images that all backends train on."""
    return write_images(folder, {"cat": 11, "dog": 11}, size=(16, 16))


def seen_by(backend, tmp_path_factory):
    """Returns the observations of ``backend_script`` under a backend.

    The process starts when its result is first asked for, by whichever of pytest-xdist's workers.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    result = shared / f"seen-by-{backend}.json"
    with FileLock(f"{result}.lock"):
        if not result.exists():
            folder = write_photos(tmp_path_factory.mktemp("photos"))
            done = subprocess.run(
                [sys.executable, "-m", "tests.helpers.backend_script", backend, folder],
                capture_output=True,
                text=True,
                timeout=280,
                cwd=ROOT,
                env={
                    **os.environ,
                    "CUDA_VISIBLE_DEVICES": "",
                    "JAX_PLATFORMS": "cpu",
                    "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
                    "OMP_NUM_THREADS": "1",  # arrays are tiny
                },
            )
            assert done.returncode == 0, done.stderr[-3000:]
            result.write_text(done.stdout.splitlines()[-1])
    return json.loads(result.read_text())
