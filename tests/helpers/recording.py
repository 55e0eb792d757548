"""Sequences of made-up batches that note which (epoch, index) was made and served."""

import keras
import numpy as np

from imggen.sequences.base import EpochSequence
from imggen.workers import WorkerOptions


def key_of(epoch, index):
    return epoch, index


class Recorder(EpochSequence):
    """Serves made-up batches and notes which (epoch, index) was asked for."""

    def __init__(self, num_batches, *, workers=0):
        self.served = []
        super().__init__(key_of, num_batches, WorkerOptions(workers, False, max_queue_size=3))

    def _serve(self, made):
        self.served.append(made)
        return np.full((2, 3), made[1], np.float32), np.zeros((2, 1), np.float32)


def tiny_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fitted(sequence, model=None, **options):
    """Fits a tiny model and returns what was served after Keras's look at the shapes."""
    model = model or tiny_model()
    before = len(sequence.served)
    model.fit(sequence, verbose=0, **options)
    served = sequence.served[before:]
    # The trainer of TensorFlow asks for up to two batches to see their shapes, others for one.
    looks = 2 if keras.backend.backend() == "tensorflow" else 1
    return served[min(looks, len(sequence)) :]


def in_order(num_batches, epochs):
    return [(epoch, index) for epoch in epochs for index in range(num_batches)]


class Counting(EpochSequence):
    """Notes which batches workers have made, and which of them were served."""

    def __init__(self, num_batches, *, workers=2, max_queue_size=3):
        self.made, self.served = [], []
        super().__init__(self.make, num_batches, WorkerOptions(workers, False, max_queue_size))

    def make(self, epoch, index):
        self.made.append((epoch, index))
        return epoch, index

    def _serve(self, key):
        self.served.append(key)
        return np.full((2, 3), key[1], np.float32), np.zeros((2, 1), np.float32)

    def ahead(self):
        """What was made and not served, once the workers have nothing to do."""
        serving = self._standby or self  # generators have workers of their own
        for future in list(serving._prefetcher._pending.values()):
            future.result(timeout=20)
        return sorted(set(self.made) - set(self.served))
