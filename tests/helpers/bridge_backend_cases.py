"""Training on bridges under the backend of this process; see backend_script."""

import keras
import numpy as np
from torch.utils.data import DataLoader

import imggen


def train(data, epochs):
    """Returns the weights of a model after training; Keras looks at a batch to build it."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(data, epochs=epochs, shuffle=False, verbose=0)
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def run(folder):
    """Compares weights after two epochs of each bridge with those of the sequence."""
    options = {"image_size": (16, 16), "rescale": 1 / 255, "seed": 7, "augment": "light"}
    # Two batches: TensorFlow looks at as many.
    sequence = imggen.from_directory(folder, batch_size=11, **options)
    expected = train(imggen.from_directory(folder, batch_size=11, **options), 2)
    backend = keras.backend.backend()

    def error_of(data):
        return float(np.abs(train(data, 2) - expected).max())

    errors = {"torch": error_of(DataLoader(sequence.to_torch(), batch_size=None))}
    if backend == "torch":
        kept = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "fork"}
        loader = DataLoader(sequence.to_torch(), batch_size=None, **kept)
        errors["torch, persistent"] = error_of(loader)
    if backend == "tensorflow":
        errors["tf.data"] = error_of(sequence.to_tf_dataset())
    return errors
