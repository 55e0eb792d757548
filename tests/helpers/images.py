"""Folders of small images with known pixels."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, counts: dict[str, int], *, size=(24, 20), suffix=".png") -> Path:
    """Writes ``folder/<class>/<number><suffix>``, every image with different noise."""
    for class_number, (class_name, count) in enumerate(counts.items()):
        (folder / class_name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([class_number, number])
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / class_name / f"{number:03d}{suffix}")
    return folder


def pixels_of(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def places(sheet: np.ndarray, pixels: np.ndarray) -> list[tuple[int, int]]:
    """The upper left corner of every occurrence of ``pixels`` in ``sheet``."""
    height, width = pixels.shape[:2]
    corners = np.argwhere((sheet == pixels[0, 0]).all(axis=2)).tolist()
    return [
        (top, left)
        for top, left in corners
        if np.array_equal(sheet[top : top + height, left : left + width], pixels)
    ]


def through_jpeg(array, quality=90):
    """The image after a round trip through Pillow's JPEG encoder and decoder."""
    file = io.BytesIO()
    flat = array[:, :, 0] if array.shape[2] == 1 else array
    Image.fromarray(flat).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file)).reshape(array.shape)
