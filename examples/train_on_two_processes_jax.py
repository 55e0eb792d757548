"""Trains on two processes with JAX, and compares the result with that of one process.

    python examples/train_on_two_processes_jax.py photos

Each process has one device here and serves its half of every batch. On a cluster, call
``run_one_of_two`` once per machine instead, with the address of the first one.
"""

import argparse
import multiprocessing
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

import imggen
from imggen.augment import RandomFlip

EPOCHS, BATCH_SIZE, SIZE = 5, 16, (32, 32)


def train(folder: str, shard: tuple[int, int] | None) -> tuple[list[Any], list[float]]:
    """Returns the weights, and the loss and the accuracy of an evaluation."""
    random.seed(0)  # Keras draws the seeds of the first weights from it
    options = {"image_size": SIZE, "batch_size": BATCH_SIZE, "seed": 7, "shard": shard}
    data = imggen.from_directory(folder, augment=RandomFlip(), **options)
    val = imggen.from_directory(folder, shuffle=False, **options)
    # Linear, so that differences of rounding do not grow while it learns.
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Flatten(),
            keras.layers.Dense(data.num_classes, activation="softmax"),
        ]
    )
    # Plain metrics= would count the rows that pad the last batch.
    model.compile(
        keras.optimizers.SGD(0.01), "categorical_crossentropy", weighted_metrics=["accuracy"]
    )
    model.fit(data, epochs=EPOCHS, verbose=0)
    return model.get_weights(), model.evaluate(val, verbose=0)


def run_one_of_two(index: int, folder: str, port: int, result: Path) -> None:
    """Trains as one of two processes."""
    address = f"127.0.0.1:{port}"
    jax.distributed.initialize(address, 2, index, coordinator_bind_address=address)
    # The sequence divides the batches, so Keras does not have to.
    data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(data_parallel)
    weights, measured = train(folder, shard=(jax.process_index(), jax.process_count()))
    if index == 0:
        np.savez(result, *weights, measured)


def main() -> None:
    """Trains on two processes, and then on this one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    spawning = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        result = Path(temporary) / "weights.npz"
        processes = [
            spawning.Process(target=run_one_of_two, args=(index, folder, port, result))
            for index in range(2)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        with np.load(result) as arrays:
            *two, measured = arrays.values()
    one, expected = train(folder, shard=None)
    largest = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
    print(f"two processes: loss {measured[0]:.6f}, accuracy {measured[1]:.6f}")
    print(f"one process:   loss {expected[0]:.6f}, accuracy {expected[1]:.6f}")
    print(f"largest difference of a weight {largest:.1e}")


if __name__ == "__main__":
    main()
