"""An ImageSequence under the backend of this process; see backend_script."""

import hashlib

import albumentations
import keras
import numpy as np
from PIL import Image

import imggen
from imggen.errors import PreprocessingError
from imggen.sequences import find_new_images, predict_files
from imggen.sequences.keras_compat import uses_all_cores
from imggen.workers import usable_cores
from tests.helpers.backend_script import flip_some


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def make_sequence(folder, **options):
    return imggen.from_directory(
        folder,
        image_size=(16, 16),
        batch_size=options.pop("batch_size", 4),
        augment=[flip_some, albumentations.Affine(rotate=(-20, 20), p=0.8)],
        rescale=1 / 255,
        seed=7,
        **options,
    )


def digests_of_two_epochs(sequence):
    return [digest(x, y) for _ in range(2) for x, y in sequence]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2, activation="softmax")

    def call(self, x):
        return self.dense(keras.ops.reshape(x, (-1, 16 * 16 * 3)))


def uses_all_cores_with(num_threads):
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(num_threads)
    return uses_all_cores()


def use_preprocessing(folder, files):
    """Saves settings into a model, loads both, and predicts images with them."""
    sequence = imggen.from_directory(
        folder,
        image_size=(12, 10),
        preprocess=keras.applications.mobilenet_v2.preprocess_input,
        data_format="channels_last",
        shuffle=False,
    )
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((12, 10, 3)), *layers])
    file = f"{folder}-{keras.backend.backend()}.keras"
    model.save(file)
    sequence.preprocessing.save(file)
    prep, loaded = imggen.Preprocessing.load(file), keras.saving.load_model(file)
    x = prep(files)
    decoded = np.stack([np.asarray(Image.open(path)) for path in files]).astype("float32")
    try:
        exported = keras.ops.convert_to_tensor(decoded)
        for layer in prep.to_keras_layers():
            exported = layer(exported)
        difference = float(abs(keras.ops.convert_to_numpy(exported) - x).max())
    except PreprocessingError as err:
        difference = str(err)
    table = sequence.predict(model)
    images = find_new_images(folder, prep.class_names)
    new = predict_files(loaded, prep, images, workers=2).table
    return {
        "batch": digest(x),
        "exported": difference,
        "predicted": float(abs(new[["p_cat", "p_dog"]] - table[["p_cat", "p_dog"]]).max().max()),
        "is_same": list(new["path"]) == list(table["path"]),
    }


def run(folder):
    def fitted(first=0, epochs=3, **options):
        """The batches and losses of three epochs of fit, or from ``first`` to ``epochs``."""
        keras.utils.set_random_seed(1)
        model = Subclassed()  # not built yet: Keras looks at a batch to build it
        model.compile("sgd", "categorical_crossentropy", run_eagerly=False)
        sequence = make_sequence(folder, **options)
        served = sequence._serve
        batches = []

        def serve(made):
            batches.append(digest(made.x, made.y))
            return served(made)

        sequence._serve = serve
        history = model.fit(sequence, initial_epoch=first, epochs=epochs, verbose=0)
        # Keras may look at up to two batches before it trains.
        return {
            "batches": batches[-(epochs - first) * len(sequence) :],
            "losses": history.history["loss"],
            "epoch": sequence.epoch,
        }

    by_index = {
        name: digests_of_two_epochs(make_sequence(folder, **options))
        for name, options in {
            "caller": {"workers": 0},
            "one thread": {"workers": 1},
            "eight threads": {"workers": 8},
            "a process": {"workers": 1, "use_multiprocessing": True},
        }.items()
    }
    fits = {str(workers): fitted(workers=workers) for workers in (0, 1, 8)}

    keras.utils.set_random_seed(2)
    sequence = make_sequence(folder, workers=2)
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        sequence.generator(),
        steps_per_epoch=3,
        epochs=2,
        validation_data=make_sequence(folder, shuffle=False).generator(),
        validation_steps=2,
        shuffle=False,
        verbose=0,
    )
    plain = imggen.from_directory(folder, image_size=(16, 16), batch_size=4, rescale=1 / 255)
    _, accuracy = model.evaluate(plain, verbose=0)
    table = plain.predict(model)
    return {
        "preprocessing": use_preprocessing(folder, plain.filepaths),
        "by_index": by_index,
        "fits": fits,
        "from epoch 1": fitted(workers=2, first=1, epochs=2),
        "one batch an epoch": fitted(workers=2, batch_size=22),
        "evaluate": accuracy,
        "uses_all_cores": [
            uses_all_cores_with(num) for num in (usable_cores() + 1, usable_cores(), 1)
        ],
        "table": float((table["true"] == table["predicted"]).mean()),
    }
