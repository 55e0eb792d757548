"""Trains models that are killed, and prints whether they end with the bits of an unkilled run.

    KERAS_BACKEND=jax python -m tests.helpers.resume_matrix --kills-in-saves 20

Each run is a process that is forked from one that has imported Keras, and killed with SIGKILL.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

DROP_OUTS = ("none", "seeded", "unseeded")
# Batches of 4 of 26 images: 7 in an epoch. Saves are due every 4 batches, kills come in between.
SAVE_FREQ, EPOCHS, KILLS = 4, 3, (9, 6)


def train(photos, saves, out, drop_out, kill=None, kill_in_save=None):
    """Trains, and writes the digest of all bits and the history to a file.

    Args:
        photos: The folder of images.
        saves: The folder for ``Resume``; None: without it.
        out: The file to write.
        drop_out: Of ``DROP_OUTS``.
        kill: The number of batches after which the process kills itself.
        kill_in_save: (number of file operations in ``saves``, seconds) after which it does.
    """
    import keras
    import numpy as np

    import imggen

    options = {"image_size": 16, "batch_size": 4, "rescale": 1 / 255, "workers": 1}
    data = imggen.from_directory(photos, augment="light", seed=7, **options)
    validation = imggen.from_directory(photos, seed=8, **options)
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    if drop_out != "none":
        layers.append(keras.layers.Dropout(0.4, seed=5 if drop_out == "seeded" else None))
    model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(1e-2), "categorical_crossentropy", metrics=["accuracy"])
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    callbacks = [plateau, schedule, *([make_killer(kill)] if kill else [])]
    if saves is not None:
        callbacks.insert(0, imggen.Resume(saves, data, save_freq=SAVE_FREQ))
    if kill_in_save is not None:
        kill_after_file_operations(saves, *kill_in_save)
    history = model.fit(
        data, validation_data=validation, epochs=EPOCHS, callbacks=callbacks, verbose=0
    )
    sink = hashlib.sha256()
    for variable in [*model.variables, *model.optimizer.variables]:
        sink.update(np.asarray(keras.ops.convert_to_numpy(variable.value)).tobytes())
    losses = {name: [float(x).hex() for x in each] for name, each in history.history.items()}
    Path(out).write_text(json.dumps([sink.hexdigest(), history.epoch, losses]))


def make_killer(num_batches):
    """Returns a callback that kills its process after a number of batches."""
    import keras

    left = [num_batches]

    def count(batch, logs):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return keras.callbacks.LambdaCallback(on_train_batch_end=count)


def kill_after_file_operations(folder, number, seconds):
    left = [number]

    def count(event, arguments):
        if event in ("open", "os.rename", "os.remove") and str(folder) in str(arguments[0]):
            left[0] -= 1
            if left[0] == 0 and seconds:
                timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
                timer.daemon = True
                timer.start()
            elif left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def run(*arguments, **options):
    """Trains in a process, and returns its exit code."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.helpers.resume_matrix_imports"])
    process = context.Process(target=train, args=arguments, kwargs=options)
    process.start()
    process.join()
    return process.exitcode


def compare(folder, photos, drop_out):
    """Returns whether a run that was killed twice ends as one that was not."""
    expected, found, saves = (folder / f"{drop_out}{end}" for end in (".a", ".b", "-saves"))
    assert run(photos, None, expected, drop_out) == 0
    for kill in KILLS:
        assert run(photos, saves, found, drop_out, kill=kill) == -signal.SIGKILL
        assert not found.exists()
    assert run(photos, saves, found, drop_out) == 0
    return expected.read_text() == found.read_text()


def kill_in_saves(folder, photos, count):
    """Returns the number of restarts after kills within saves, and whether the end is the same."""
    expected, found, saves = (folder / f"kills{end}" for end in (".a", ".b", "-saves"))
    assert run(photos, None, expected, "seeded") == 0
    killed = 0
    for number in range(10 * count):
        if killed == count:
            break
        # The first save is made of about ten operations; restarts read and lock before.
        place = (5 + number % 12, 0 if number % 2 else 0.0003 * (number % 7))
        code = run(photos, saves, found, "seeded", kill_in_save=place)
        killed += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL), code
        if code == 0:
            assert found.read_text() == expected.read_text()
            for file in (*saves.iterdir(), found):
                file.unlink()
    assert run(photos, saves, found, "seeded") == 0
    return killed, expected.read_text() == found.read_text()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--drop-outs", nargs="*", default=DROP_OUTS)
    parser.add_argument("--kills-in-saves", type=int, default=0)
    options = parser.parse_args()
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    from tests.helpers.images import write_images

    is_right = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = write_images(folder / "photos", {"cat": 13, "dog": 13}, size=(16, 16))
        for drop_out in options.drop_outs:
            begin = time.perf_counter()
            is_same = compare(folder, photos, drop_out)
            is_right &= is_same
            words = "equal in hex" if is_same else "DIFFERENT"
            seconds = time.perf_counter() - begin
            print(f"{backend}, dropout {drop_out}: {len(KILLS)} kills, {words} ({seconds:.0f} s)")
        if options.kills_in_saves:
            killed, is_same = kill_in_saves(folder, photos, options.kills_in_saves)
            is_right &= is_same
            words = "equal in hex" if is_same else "DIFFERENT"
            print(f"{backend}: {killed} kills while saving, each restarted; {words}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
