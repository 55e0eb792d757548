"""Training with the batches of a contender: a small network, or a stand-in for an accelerator."""

import functools
import os
import time
from collections.abc import Callable
from typing import Any

from peers.contenders import CLOSE, Epoch, Job


def fit_small(job: Job, *, loader: Callable[[Job], functools.partial[int]]) -> Epoch:
    """Training of a small network on this machine's processor."""
    import keras

    data = loader(job).args[0]
    model = keras.Sequential(
        [
            keras.Input((*job.size, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 3, strides=4, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(os.listdir(job.directory)), activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")

    def epoch() -> int:
        model.fit(data, epochs=2, verbose=0)
        return 2 * len(job.files)

    return epoch


def fit(job: Job, *, loader: Callable[[Job], functools.partial[int]]) -> dict[str, Epoch]:
    """Training with a stand-in for an accelerator that takes as long as the loader.

    A step sleeps, as the CPU does while a real accelerator works. "Model alone" is ``fit`` on the
    same batch repeatedly, so that it includes Keras's overhead per step.
    """
    import keras

    load = loader(job)
    data = load.args[0]
    num_batches, num_images = len(data), len(job.files)

    class StandIn(keras.Model):  # type: ignore[misc]  # Keras is untyped
        seconds = 0.0

        def train_step(self, data: Any) -> dict[str, float]:  # noqa: ARG002
            time.sleep(self.seconds)
            return {"loss": 0.0}

    class Repeated(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
        batch = data[0]

        def __len__(self) -> int:
            return num_batches

        def __getitem__(self, index: int) -> Any:
            return self.batch

    model = StandIn()
    model.compile(run_eagerly=True)
    epochs = max(2, 60 // num_batches)  # so that start and end have little weight

    def close() -> int:
        # Prefetching for the next epoch must not run during the next row.
        getattr(data, "close", int)()
        return 0

    def load_alone() -> int:
        started = time.perf_counter()
        images = load()
        model.seconds = (time.perf_counter() - started) / num_batches
        return images

    def train(on: Any) -> int:
        model.fit(on, epochs=epochs, verbose=0)
        return epochs * num_images

    return {
        "loader alone": load_alone,
        f"loader {CLOSE}": close,
        "model alone": lambda: train(Repeated()),
        "fit": lambda: train(data),
        f"fit {CLOSE}": close,
    }
