"""Small masks of known classes, as files of several modes, with images of the same size."""

import numpy as np
from PIL import Image

import imggen

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 2, (8, 6)).astype(np.uint8)  # as served
THREE = np.arange(48, dtype=np.uint8).reshape(8, 6) % 3
COLORS = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 255)], np.uint8)
TWO = {0: 0, 255: 1}
OF_COLORS = {tuple(color): number for number, color in enumerate(COLORS.tolist())}


def write(folder, masks, ending=".png", **options):
    """images/<n>.png and masks/<n><ending>; returns the folder of images."""
    for number, mask in enumerate(masks):
        picture = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", picture.size, (number,) * 3).save(folder / "images" / f"{number}.png")
        picture.save(folder / "masks" / f"{number}{ending}", **options)
    return folder / "images"


def sequence_of(images, **options):
    chosen = {"image_size": (8, 6), "batch_size": 4, "workers": 0, "shuffle": False, **options}
    return imggen.from_directory(images, labels=None, mask_dir=images.parent / "masks", **chosen)


def served(images, mask_values=None, **options):
    y = sequence_of(images, mask_values=mask_values, **options)[0][1]
    assert y.dtype == np.uint8
    return y[0, :, :, 0]


def gray(mask):
    return mask * np.uint8(255)


def palette_picture(mask, colors):
    picture = Image.fromarray(mask).convert("P")
    picture.putdata(mask.ravel().tolist())
    picture.putpalette(colors.ravel().tolist())
    return picture
