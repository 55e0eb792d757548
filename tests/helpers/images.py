"""Folders of small images with known pixels."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, counts: dict[str, int], *, size=(24, 20), suffix=".png") -> Path:
    """Writes ``folder/<class>/<number><suffix>``, every image with noise of its own."""
    for class_number, (class_name, count) in enumerate(counts.items()):
        (folder / class_name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([class_number, number])
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / class_name / f"{number:03d}{suffix}")
    return folder
