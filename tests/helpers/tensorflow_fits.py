"""Fits on TensorFlow: interrupted ones, in forked processes, and batches that hold lists.

python -m tests.helpers.tensorflow_fits FOLDER IMAGE...

Interrupts ``fit`` while a slow function runs, for the given image since the training began. Prints
one line per class and image: how the process ended, as a signal (negative) or an exit status, or
"hung". Then one line per kind of batch: the types of its parts as the user gets them, once it was
trained on.
"""

import os
import signal
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import pandas as pd

import imggen

SECONDS_PER_IMAGE = 0.1
HANGS_AFTER = 40  # seconds; exiting takes less than one where nothing hangs

calls = None  # the pipe that gets one byte per call of the slow function while a model is trained


def slow(image, rng=None):
    if calls is not None:
        os.write(calls, b"x")
    time.sleep(SECONDS_PER_IMAGE)
    return image


def drop_in(_):
    generator = imggen.ImageDataGenerator(preprocessing_function=slow)
    return generator.flow(np.zeros((64, 8, 8, 3)), np.zeros(64), batch_size=8, workers=0)


def sequence(folder):
    options = {"image_size": (8, 8), "label_mode": "binary", "batch_size": 8, "workers": 0}
    return imggen.from_directory(folder, augment=slow, seed=0, **options)


def fit(batches, write):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", run_eagerly=True)

    class Begun(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            global calls
            calls = write

    model.fit(batches, epochs=50, verbose=0, callbacks=[Begun()])


def interrupt(make, folder, image):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        fit(make(folder), write)
        sys.exit(9)  # not interrupted
    os.close(write)
    for _ in range(image):
        assert os.read(read, 1)
    os.kill(child, signal.SIGINT)
    deadline = time.monotonic() + HANGS_AFTER
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def lists(folder):
    """Trains on batches that hold lists; yields the types in a batch as the user gets it."""
    frame = pd.DataFrame({"f": sorted(os.listdir(f"{folder}/cat")), "v": 0.5, "w": 1.0})
    columns = {"x_col": "f", "y_col": ["v", "w"], "class_mode": "multi_output"}
    several = imggen.ImageDataGenerator().flow_from_dataframe(
        frame, f"{folder}/cat", **columns, target_size=(8, 8), batch_size=8
    )
    beside = imggen.ImageDataGenerator().flow(
        (np.zeros((9, 8, 8, 3)), np.ones((9, 2))), np.arange(9.0), batch_size=4
    )

    class Own(type(beside)):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return [x[0], x[1] * 2], y

    own = Own((beside.x, beside.x_misc), beside.y, imggen.ImageDataGenerator(), batch_size=4)
    image, table = keras.Input((8, 8, 3)), keras.Input((2,))
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    dense = keras.layers.Dense
    two_outputs = keras.Model(image, [dense(1)(pooled), dense(1)(pooled)])
    two_outputs.compile("sgd", ["mse", "mse"])
    two_inputs = keras.Model([image, table], dense(1)(keras.layers.Concatenate()([pooled, table])))
    two_inputs.compile("sgd", "mse")
    for model, batches in ((two_outputs, several), (two_inputs, beside), (two_inputs, own)):
        model.fit(batches, validation_data=batches, verbose=0)
        yield [type(part).__name__ for part in batches[0]]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by a background shell
    folder, *images = sys.argv[1:]
    for image in images:
        print("drop-in", interrupt(drop_in, folder, int(image)), flush=True)
    print("sequence", interrupt(sequence, folder, int(images[0])), flush=True)
    keras.config.disable_interactive_logging()
    for types in lists(folder):
        print(*types, flush=True)
