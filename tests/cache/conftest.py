"""Images that tests of caches share."""

import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import imggen


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Eight crops of real photographs, of different sizes, in two classes."""
    folder = tmp_path_factory.mktemp("shots")
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir()
        for number in range(4):
            part = pixels[20 * number :, 30 * number :]
            Image.fromarray(part).save(folder / name / f"{number}.png", compress_level=1)
    return imggen.scan(folder)
