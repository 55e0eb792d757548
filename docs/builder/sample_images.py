"""The images in the folder of every page: photographs that come with scikit-learn, in windows."""

import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

CLASSES = {"flower": 30, "temple": 18}


def write_sample_images(folder: Path) -> None:
    """Copies the folders ``photos`` and ``collected`` into the folder of a page."""
    shutil.copytree(_make_sample_images().name, folder, dirs_exist_ok=True)


@functools.cache
def _make_sample_images() -> tempfile.TemporaryDirectory[str]:
    """Makes ``photos``, and ``collected`` with files as they are found in the wild.

    ``photos/flower`` and ``photos/temple`` are windows of two photographs. ``collected`` has some
    of them, a copy under another name, a smaller version, a truncated file and a web page.
    """
    made = tempfile.TemporaryDirectory()
    folder = Path(made.name)
    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for number, (name, count) in enumerate(CLASSES.items()):
        picture = pictures[1 - number]
        target = folder / "photos" / name
        target.mkdir(parents=True)
        rng = np.random.default_rng(number)
        for index in range(count):
            width = int(rng.integers(200, 320))
            height = width * 3 // 4
            left = int(rng.integers(0, picture.width - width))
            top = int(rng.integers(0, picture.height - height))
            window = picture.crop((left, top, left + width, top + height))
            window.resize((160, 120)).save(target / f"{index:03d}.jpg", quality=85)
    for name in CLASSES:
        target = folder / "collected" / name
        target.mkdir(parents=True)
        for index in range(8):
            shutil.copy(folder / "photos" / name / f"{index:03d}.jpg", target)
    flowers, temples = (folder / "collected" / name for name in CLASSES)
    shutil.copy(flowers / "002.jpg", flowers / "IMG_2041.jpg")
    Image.open(temples / "003.jpg").resize((120, 90)).save(temples / "003-small.jpg", quality=70)
    (temples / "004.jpg").write_bytes((temples / "004.jpg").read_bytes()[:-800])
    (flowers / "005.jpg").write_text("<!DOCTYPE html><title>404 Not Found</title>\n")
    (flowers / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    return made
