"""Trains in two processes that are killed, goes on in one, and prints how far the weights are off.

    python -m tests.helpers.shard_resume

Processes are forked from one that has imported Keras with JAX, and killed with SIGKILL.
"""

import os
import signal
import socket
import sys
import tempfile
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

# Batches of 4 of 10 images: 3 in an epoch. Saves are due every 2 batches, the kill is between.
BATCH_SIZE, SAVE_FREQ, EPOCHS, KILL = 4, 2, 3, 5


def train(photos, shard, saves, out, kill=0):
    """Trains, and writes all variables to a file.

    Args:
        photos: The folder of images.
        shard: (index, count), or None.
        saves: The folder for ``Resume``; None: without it.
        out: The file to write.
        kill: The number of batches after which the process kills itself; 0: it does not.
    """
    import keras
    import numpy as np

    import imggen
    from imggen.augment import MixUp
    from tests.helpers.resume_matrix import make_killer

    options = {"image_size": 8, "batch_size": BATCH_SIZE, "rescale": 1 / 255, "shard": shard}
    data = imggen.from_directory(photos, augment=["light", MixUp()], seed=7, workers=0, **options)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(1e-2), "categorical_crossentropy")
    callbacks = [make_killer(kill)] if kill else []
    if saves is not None:
        callbacks.append(imggen.Resume(saves, data, save_freq=SAVE_FREQ))
    model.fit(data, epochs=EPOCHS, callbacks=callbacks, verbose=0)
    np.savez(
        out, *(np.asarray(one.value) for one in [*model.variables, *model.optimizer.variables])
    )


def train_as_one_of_two(index, port, photos, *arguments):
    import jax
    import keras

    address = f"127.0.0.1:{port}"
    jax.distributed.initialize(address, 2, index, coordinator_bind_address=address)
    data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(data_parallel)
    train(photos, (index, 2), *arguments)


def train_twice(photos, saves, resumed, uninterrupted):
    train(photos, None, saves, resumed)
    train(photos, None, None, uninterrupted)


def run(target, calls):
    """Runs a function in processes until one of them ends; kills the others.

    Returns:
        The exit codes.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.helpers.resume_matrix_imports"])
    processes = [context.Process(target=target, args=arguments) for arguments in calls]
    for process in processes:
        process.start()
    wait([process.sentinel for process in processes])
    for process in processes:
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def main():
    import numpy as np

    os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
    from tests.helpers.images import write_images

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saves, resumed, uninterrupted = (folder / end for end in ("saves", "a.npz", "b.npz"))
        photos = write_images(folder / "photos", {"cat": 5, "dog": 5}, size=(8, 8))
        calls = [(index, port, photos, saves, resumed, KILL) for index in range(2)]
        assert run(train_as_one_of_two, calls) == [-signal.SIGKILL] * 2
        assert sorted(saves.glob("*.zip"))
        assert not resumed.exists()
        assert run(train_twice, [(photos, saves, resumed, uninterrupted)]) == [0]
        with np.load(resumed) as found, np.load(uninterrupted) as expected:
            largest = max(np.abs(found[key] - expected[key]).max() for key in expected.files)
    print(f"saved with 2 processes, resumed with 1: largest difference {largest:.1e}")


if __name__ == "__main__":
    sys.exit(main())
