"""Interrupts ``fit`` in forked processes, which share one import of TensorFlow.

python -m tests.helpers.interrupted_fit FOLDER SECONDS...

Prints one line per class and number of seconds after ``fit`` has begun: how the process ended, as a
signal (negative) or an exit status, or "hung".
"""

import os
import signal
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np

import imggen

SECONDS_PER_IMAGE = 0.1
HANGS_AFTER = 40  # seconds; exiting takes less than one where nothing hangs


def slow(image, rng=None):
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
            os.write(write, b"x")

    model.fit(batches, epochs=50, verbose=0, callbacks=[Begun()])


def interrupt(make, folder, seconds):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        fit(make(folder), write)
        sys.exit(9)  # not interrupted
    os.close(write)
    os.read(read, 1)
    time.sleep(seconds)
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


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by a background shell
    folder, *moments = sys.argv[1:]
    for seconds in moments:
        print("drop-in", interrupt(drop_in, folder, float(seconds)), flush=True)
    print("sequence", interrupt(sequence, folder, float(moments[0])), flush=True)
