"""Makes legacy.npz: what Keras's ImageDataGenerator serves, kept for the day it is no more.

python -m tests.legacy.golden.make_legacy
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FILE = Path(__file__).with_name("legacy.npz")

COUNT, HEIGHT, WIDTH = 5, 9, 8

# Name: the arguments of ImageDataGenerator, and those of the iterator. No zca_whitening: what a
# singular value decomposition returns differs from one LAPACK to the next.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {"class_mode": "categorical"}),
    "rotation": ({"rotation_range": 40}, {"class_mode": "sparse"}),
    "shifts": ({"width_shift_range": 0.3, "height_shift_range": [1, 2, -3]}, {}),
    "whole shifts": ({"width_shift_range": 3, "height_shift_range": 2.5, "cval": 9.0}, {}),
    "zoom and shear": ({"zoom_range": [0.7, 1.4], "shear_range": 15, "fill_mode": "reflect"}, {}),
    "flips": ({"horizontal_flip": True, "vertical_flip": True, "rescale": 1 / 255}, {}),
    "wrap": ({"rotation_range": 80, "fill_mode": "wrap", "interpolation_order": 3}, {}),
    "constant": ({"rotation_range": 30, "fill_mode": "constant", "cval": 77.0}, {}),
    "channels": ({"channel_shift_range": 60.0, "samplewise_center": True}, {}),
    "brightness": ({"brightness_range": (0.4, 1.6)}, {}),
    "samplewise": ({"samplewise_std_normalization": True, "samplewise_center": True}, {}),
    "featurewise": ({"featurewise_std_normalization": True, "featurewise_center": True}, {}),
    "first": ({"data_format": "channels_first", "rotation_range": 20}, {}),
    "grey": ({"rotation_range": 25, "validation_split": 0.4}, {"color_mode": "grayscale"}),
    "resized": ({"zoom_range": 0.2}, {"target_size": (6, 11), "interpolation": "bilinear"}),
    "part": ({"validation_split": 0.4, "rotation_range": 9}, {"subset": "training"}),
    "unshuffled": ({"rotation_range": 45, "horizontal_flip": True}, {"shuffle": False}),
    "binary": ({"dtype": "float64", "rotation_range": 12}, {"class_mode": "binary"}),
}


def pixels() -> np.ndarray:
    """Five images in colour, by arithmetic alone; shape (5, 9, 8, 3), uint8."""
    number, row, col, channel = np.ogrid[:COUNT, :HEIGHT, :WIDTH, :3]
    values = 41 * number + 13 * row * row + 29 * col + 67 * channel + 5 * row * col * (number + 1)
    return (values % 256).astype(np.uint8)


def write_pictures(folder: Path) -> Path:
    """Saves them without loss, as PNG and BMP, in two classes."""
    for number, image in enumerate(pixels()):
        place = folder / ("cat" if number < 3 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.{'png' if number % 2 else 'bmp'}")
    return folder


def serve(generator_class: Any, name: str, folder: Path, **own: Any) -> dict[str, np.ndarray]:
    """What a case serves: two batches by index, one of the next epoch, and two by ``next``."""
    constructor, flow = CASES[name]
    generator = generator_class(**constructor, **own)
    if generator.featurewise_center:
        generator.fit(pixels())
    flow = {"target_size": (HEIGHT, WIDTH), "class_mode": None, "batch_size": 2, "seed": 17} | flow
    iterator = generator.flow_from_directory(folder, **flow)
    batches = [iterator[0]]
    orders = [iterator.index_array]
    iterator.on_epoch_end()
    batches.append(iterator[1])
    orders.append(iterator.index_array)
    batches += [next(iterator), next(iterator)]
    orders.append(iterator.index_array)
    served = {f"{name}/order": np.stack(orders).astype(np.uint8)}
    if flow["class_mode"] is not None:
        served[f"{name}/y"] = np.concatenate([y for _, y in batches])
        batches = [x for x, _ in batches]
    # One batch whole, and of the others every fifth value: the file stays small.
    values = np.concatenate([batches[0].ravel(), *(x.ravel()[::5] for x in batches[1:])])
    return served | {f"{name}/x": values}


def serve_all(generator_class: Any, **own: Any) -> dict[str, np.ndarray]:
    """What all cases serve, by ``<case>/<what>``."""
    served: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_pictures(Path(folder))
        for name in CASES:
            served |= serve(generator_class, name, pictures, **own)
    return served


if __name__ == "__main__":
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    warnings.filterwarnings("ignore", "Please import `affine_transform`", DeprecationWarning)
    np.savez_compressed(FILE, **serve_all(ImageDataGenerator))
    print(f"{FILE}: {FILE.stat().st_size} bytes")
