"""Twelve tasks from real projects, each with Keras's ImageDataGenerator and the drop-in."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from peers.contenders import Epoch, Job

Flow = Callable[[Any], Any]  # from a generator class to what serves batches
_TOLERANCE, _SHARE = 0.02, 0.999  # of 255; differences between SciPy's and OpenCV's resampling

IMAGES: dict[str, tuple[str, tuple[int, int], int, int, str]] = {
    # Name: mode, (width, height), number, number of classes, file extension.
    "faces": ("L", (48, 48), 640, 7, "png"),
    "digits": ("L", (28, 28), 640, 10, "png"),
    "pets": ("RGB", (500, 375), 120, 2, "jpg"),
    "cells": ("L", (256, 256), 40, 1, "png"),
    "masks": ("L", (256, 256), 40, 1, "png"),
    "slides": ("RGB", (1024, 1024), 16, 2, "png"),
    "thumbs": ("RGB", (100, 100), 320, 2, "jpg"),
}


@dataclasses.dataclass(frozen=True)
class Project:
    """One task.

    Attributes:
        name: The name of its row.
        build: Builds what serves batches, of a class ImageDataGenerator.
        consume: Uses one epoch of it, and returns the number of samples.
    """

    name: str
    build: Flow
    consume: Callable[[Any], int]


def write_project_images(files: list[str], folder: str, cores: int) -> None:
    """Writes the images of all projects, made of ``files``, into folders of ``folder``."""
    from PIL import Image

    tasks = [
        (name, os.path.join(folder, name, str(index % classes), f"{index}.{suffix}"), index)
        for name, (_, _, number, classes, suffix) in IMAGES.items()
        for index in range(number)
    ]

    def write(task: tuple[str, str, int]) -> None:
        name, path, index = task
        mode, size, *_ = IMAGES[name]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with Image.open(files[index % len(files)]) as image:
            image.draft("RGB", size)
            made = image.convert(mode).resize(size, Image.Resampling.BILINEAR)
        made.info.clear()  # color profiles
        if name == "masks":
            made = made.point(lambda level: 255 * (level > 127))
        made.save(path)

    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(write, tasks))


def keras_projects(job: Job) -> dict[str, Epoch]:
    """The projects with Keras's own class."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return {
        project.name: functools.partial(project.consume, project.build(ImageDataGenerator))
        for project in list_projects(job)
    }


def drop_in_projects(job: Job) -> dict[str, Epoch]:
    """The projects with imggen's class, whose first batches are compared with Keras's."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator

    from imggen import ImageDataGenerator

    for project in list_projects(job):
        pairs = zip(project.build(ImageDataGenerator), project.build(KerasGenerator), strict=True)
        for batch, expected in itertools.islice(pairs, 2):
            require_equal(batch, expected, project.name)
    return {
        project.name: functools.partial(project.consume, project.build(ImageDataGenerator))
        for project in list_projects(job)
    }


def require_equal(batch: Any, expected: Any, name: str) -> None:
    """Raises ValueError if batches differ by more than ways to resample do."""
    import numpy as np

    for one, other in zip(_arrays(batch), _arrays(expected), strict=True):
        scale = _TOLERANCE * max(1.0, float(np.abs(other).max())) / 255
        if one.shape != other.shape or np.mean(np.abs(one - other) <= scale) < _SHARE:
            raise ValueError(f"{name}: a batch of imggen differs from Keras's")


def _arrays(batch: Any) -> Iterator[Any]:
    if isinstance(batch, tuple | list):
        for part in batch:
            yield from _arrays(part)
    else:
        yield batch


def list_projects(job: Job) -> list[Project]:
    """Returns the twelve projects; ``job.directory`` is the folder of ``write_project_images``."""
    gray = {"color_mode": "grayscale", "seed": 7}
    scaled = {"rescale": 1 / 255}

    def flow(kind: str, side: int, batch_size: int, options: dict[str, Any], **others: Any) -> Flow:
        folder = os.path.join(job.directory, kind)
        return lambda make: make(**options).flow_from_directory(
            folder, (side, side), batch_size=batch_size, **others
        )

    def pairs(make: Any) -> Any:
        options = {**gray, "class_mode": None}
        flips = {**scaled, "horizontal_flip": True}
        return Pairs(*(flow(kind, 256, 2, flips, **options)(make) for kind in ("cells", "masks")))

    def table(make: Any) -> Any:
        import numpy as np
        import pandas as pd

        folder = os.path.join(job.directory, "thumbs")
        names = sorted(
            os.path.join(kind, file)
            for kind in os.listdir(folder)
            for file in os.listdir(os.path.join(folder, kind))
        )
        targets = np.random.default_rng(7).random((len(names), 2))
        frame = pd.DataFrame({"filename": names, "a": targets[:, 0], "b": targets[:, 1]})
        return make(**scaled).flow_from_dataframe(
            frame, folder, y_col=["a", "b"], class_mode="raw", target_size=(64, 64), seed=7
        )

    def arrays(make: Any) -> Any:
        import numpy as np

        x = np.random.default_rng(7).integers(0, 256, (640, 32, 32, 3)).astype("float32")
        generator = make(rotation_range=15, horizontal_flip=True, **scaled)
        return generator.flow(x, np.arange(640) % 10, batch_size=32, seed=7)

    def saving(make: Any) -> Any:
        folder = os.path.join(job.scratch, "saved", make.__module__)
        os.makedirs(folder, exist_ok=True)
        return flow("thumbs", 64, 32, scaled, seed=7, save_to_dir=folder)(make)

    centered = {"preprocessing_function": lambda x: x / 127.5 - 1}
    faces = flow("faces", 48, 64, scaled, **gray)
    pets = flow("pets", 150, 20, scaled, class_mode="binary", seed=7)
    unshuffled = {"shuffle": False, "class_mode": None}
    return [
        Project("48 × 48 gray PNG, batches of 64", faces, by_index),
        Project("28 × 28 gray PNG", flow("digits", 28, 32, scaled, **gray), by_index),
        Project("photos to 150 × 150, batches of 20", pets, by_index),
        Project("256 × 256 gray images with masks, batches of 2", pairs, by_index),
        Project("1024 × 1024 PNG, batches of 8", flow("slides", 1024, 8, scaled, seed=7), by_index),
        Project('table, class_mode="raw"', table, by_index),
        Project("arrays of 32 × 32, rotated and flipped", arrays, by_index),
        Project("save_to_dir", saving, by_index),
        Project("preprocessing_function", flow("thumbs", 64, 32, centered, seed=7), by_index),
        Project("next() in a loop", pets, by_next),
        Project("fit, 48 × 48 gray PNG", faces, Training(48, 1, 7).fit),
        Project(
            "predict, 100 × 100 to 64 × 64",
            flow("thumbs", 64, 32, scaled, **unshuffled),
            Training(64, 3, 2).predict,
        ),
    ]


class Pairs:
    """Two iterators zipped, as for images and their masks."""

    def __init__(self, images: Any, masks: Any) -> None:
        self.images, self.masks = images, masks

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.images[index], self.masks[index]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return zip(self.images, self.masks, strict=True)


class Training:
    """A small network that is trained, or predicts."""

    def __init__(self, side: int, channels: int, num_classes: int) -> None:
        self.shape = (side, side, channels)
        self.num_classes = num_classes

    @functools.cached_property
    def model(self) -> Any:
        """The network."""
        import keras

        model = keras.Sequential(
            [
                keras.Input(self.shape),
                keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(self.num_classes, activation="softmax"),
            ]
        )
        model.compile("adam", "categorical_crossentropy")
        return model

    def fit(self, flow: Any) -> int:
        """Trains for two epochs."""
        self.model.fit(flow, epochs=2, verbose=0)
        return 2 * int(flow.n)

    def predict(self, flow: Any) -> int:
        """Predicts all samples."""
        return len(self.model.predict(flow, verbose=0))


def by_index(flow: Any) -> int:
    """Requests the batches of an epoch by their numbers, as ``fit`` does."""
    return count(flow[index] for index in range(len(flow)))


def by_next(flow: Any) -> int:
    """Requests the batches of an epoch with ``next``."""
    return count(next(flow) for _ in range(len(flow)))


def count(batches: Iterable[Any]) -> int:
    """Counts the samples of batches."""
    return sum(len(next(_arrays(batch))) for batch in batches)
