"""Train on arrays that are loaded by ID: volumes of shape (32, 32, 32, 1), one ``.npy`` file each.

python examples/arrays_by_id.py [--epochs 8]

The IDs and their labels come from wherever you keep them (here: a dict); ``loader`` turns an ID
into an array of any rank. The data is synthetic: spheres and boxes.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

import imggen

SIDE = 32


def load_volume(name: str, folder: Path) -> npt.NDArray[np.float32]:
    """Loads the volume of an ID; at module level, so that worker processes can import it."""
    volume: npt.NDArray[np.float32] = np.load(folder / f"{name}.npy")
    return volume


def write_volumes(folder: Path, count: int) -> dict[str, int]:
    """Writes spheres (class 0) and boxes (class 1); returns the label of each ID."""
    rng = np.random.default_rng(7)
    grid = np.indices((SIDE, SIDE, SIDE))
    labels = {}
    for number in range(count):
        center = rng.uniform(12, 20, size=(3, 1, 1, 1))
        distance = np.abs(grid - center)
        label = number % 2
        radius = rng.uniform(6, 10)
        inside = (
            np.linalg.norm(distance, axis=0) < radius
            if label == 0
            else distance.max(axis=0) < radius * 0.8
        )
        noise = rng.normal(0, 0.2, size=inside.shape)
        volume = (inside + noise).astype(np.float32)[..., None]
        np.save(folder / f"id-{number:03d}.npy", volume)
        labels[f"id-{number:03d}"] = label
    return labels


def main() -> None:
    """Writes volumes, trains on them by ID, and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--count", type=int, default=160)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels = write_volumes(folder, args.count)

        train, test = imggen.from_files(
            list(labels),
            labels,
            root="",  # IDs, not paths: they are passed to the loader unchanged
            loader=partial(load_volume, folder=folder),
            num_classes=2,
            batch_size=16,
            drop_remainder=True,
            split={"train": 0.75, "test": 0.25},
            seed=7,
        )
        x, y = train[0]
        print(f"x {x.shape} {x.dtype}, y {y.shape} {y.dtype}")

        keras.utils.set_random_seed(7)
        model = keras.Sequential(
            [
                keras.Input((SIDE, SIDE, SIDE, 1)),
                keras.layers.Conv3D(8, 5, strides=2, activation="relu"),
                keras.layers.Conv3D(16, 3, strides=2, activation="relu"),
                keras.layers.GlobalMaxPooling3D(),
                keras.layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile(
            keras.optimizers.Adam(0.005), "categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(train, epochs=args.epochs, verbose=2)
        _, accuracy = model.evaluate(test, verbose=0)
        print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
