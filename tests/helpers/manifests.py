"""Manifests without files, and checks of their splits."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from imggen import Manifest, split
from imggen.core import StringColumn
from imggen.errors import ImggenWarning


def manifest_of(labels, **columns) -> Manifest:
    """Samples "0", "1", ... with these labels; classes "c0", "c1", ..."""
    names = tuple(f"c{index}" for index in range(max(labels, default=-1) + 1))
    paths = StringColumn.of(map(str, range(len(labels))))
    return Manifest(".", paths, np.array(labels, np.int32), names, **columns)


def rows_of(part) -> list[int]:
    return [int(path) for path in part.paths]


def split_quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImggenWarning)
        return split(*args, **kwargs)


def printed(code: str, folder: Path) -> set[str]:
    """The output of code in processes with different string hashes: one text or two."""
    return {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
