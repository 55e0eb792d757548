"""Trains on two processes with torch's DistributedDataParallel, and compares with one process.

    python examples/train_on_two_processes_torch.py photos

Each process serves its half of every batch. On a cluster, ``torchrun`` starts the processes and
sets what ``init_process_group`` needs.
"""

import argparse
import os
import random
import tempfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

import imggen
from imggen.augment import RandomFlip

EPOCHS, BATCH_SIZE, SIZE = 5, 16, (32, 32)


def train(folder: str, shard: tuple[int, int] | None) -> tuple[list[Any], float]:
    """Returns the weights, and the share of images that the model then knows."""
    random.seed(0)  # Keras draws the seeds of the first weights from it
    torch.set_num_threads(1)
    data = imggen.from_directory(
        folder,
        label_mode="int",
        augment=RandomFlip(),
        image_size=SIZE,
        batch_size=BATCH_SIZE,  # of all processes together
        seed=7,
        rescale="-1to1",
        shard=shard,
    )
    # Linear, so that differences of rounding do not grow while it learns.
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(data.num_classes),
        ]
    )
    trained = model if shard is None else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(data.to_torch(), batch_size=None)
    for _ in range(EPOCHS):
        for x, y, *weights in loader:
            losses = torch.nn.functional.cross_entropy(trained(x), y.long(), reduction="none")
            # Rows that pad the last batch have the weight 0.
            loss = (losses * weights[0]).mean() if weights else losses.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    options = {"image_size": SIZE, "rescale": "-1to1", "label_mode": "int"}
    images = imggen.from_directory(folder, shuffle=False, **options)
    predicted = model.predict(images, verbose=0).argmax(axis=1)
    return model.get_weights(), (predicted == images.labels).mean()


def run_one_of_two(index: int, folder: str, temporary: str) -> None:
    """Trains as one of two processes."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = torch.distributed.FileStore(str(Path(temporary) / "store"), 2)
    torch.distributed.init_process_group("gloo", rank=index, world_size=2, store=store)
    shard = (torch.distributed.get_rank(), torch.distributed.get_world_size())
    weights, accuracy = train(folder, shard)
    if index == 0:
        np.savez(Path(temporary) / "weights.npz", *weights, accuracy)
    torch.distributed.destroy_process_group()


def main() -> None:
    """Trains on two processes, and then on this one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        torch.multiprocessing.spawn(run_one_of_two, (folder, temporary), nprocs=2)
        with np.load(Path(temporary) / "weights.npz") as arrays:
            *two, accuracy = arrays.values()
    one, expected = train(folder, shard=None)
    largest = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
    print(f"two processes: accuracy {accuracy:.6f}")
    print(f"one process:   accuracy {expected:.6f}")
    print(f"largest difference of a weight {largest:.1e}")


if __name__ == "__main__":
    main()
