"""The drop-in and Keras's own class under the backend of this process; see backend_script."""

import hashlib
import warnings

import keras
import numpy as np
from keras.src.legacy.preprocessing import image as theirs

from imggen import legacy as ours

SIZE = (16, 16)
TRAIN = {"rotation_range": 20, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255}


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def plus_one(image):
    return image + 1


def run(folder):
    # Keras asks SciPy for affine_transform by an old name.
    warnings.filterwarnings("ignore", "Please import `affine_transform`", DeprecationWarning)

    def iterator(module, options=None, *, shuffle=True, batch_size=4, **more):
        """A DirectoryIterator that records the requested batches."""

        class Noting(module.DirectoryIterator):
            asked = ()

            def __getitem__(self, index):
                batch = super().__getitem__(index)
                self.asked += ((index, digest(*batch)),)
                return batch

        exact = {"exact": True} if module is ours else {}
        generator = module.ImageDataGenerator(**(options or {}), **exact)
        return Noting(
            *(folder, generator, SIZE),
            **{"shuffle": shuffle, "batch_size": batch_size, "seed": 5, **more},
        )

    def compiled():
        model = keras.Sequential(
            [keras.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
        )
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
        return model

    # Compiling takes most of the time, so most fits share a model, which is built already.
    shared = compiled()
    shared.fit(np.zeros((4, *SIZE, 3)), np.zeros((4, 2)), verbose=0)

    def start(model=None):
        """Seeds everything; returns a new model, or the shared one with its initial weights."""
        keras.utils.set_random_seed(1)
        if model is None:
            return compiled()
        model.set_weights(initial)
        return model

    initial = [weights.copy() for weights in start().get_weights()]  # torch returns views

    def fitted(module=ours, options=TRAIN, *, model=shared, batch_size=4, fit=(), **more):
        model = start(model)
        train = iterator(module, options, batch_size=batch_size, **more)
        validation = iterator(module, {"rescale": 1 / 255}, **{**more, "shuffle": False})
        options = {"epochs": 2, "verbose": 0, **dict(fit)}
        history = model.fit(train, validation_data=validation, **options)
        return {"asked": train.asked, "history": history.history, "batches": len(train)}

    def all_workers(**options):
        fits = {f"{workers} workers": fitted(workers=workers, **options) for workers in (0, 1, 8)}
        return {**fits, "keras": fitted(theirs, **options)}

    fits = {
        "plain": all_workers(model=None),
        "preprocessing": all_workers(options={**TRAIN, "preprocessing_function": plus_one}),
        "steps of an epoch": all_workers(fit={"steps_per_epoch": 6}),
        "steps within an epoch": all_workers(fit={"steps_per_epoch": 4, "epochs": 4}),
        "one batch an epoch": all_workers(batch_size=22),
    }

    def by_generator(module):
        model = start()
        batches = iterator(module, TRAIN)
        history = model.fit(
            (next(batches) for _ in range(100)), steps_per_epoch=4, epochs=2, verbose=0
        )
        return history.history["loss"]

    def scores(module, **more):
        model = start(shared)
        plain = iterator(module, {"rescale": 1 / 255}, shuffle=False, **more)
        images = iterator(module, {"rescale": 1 / 255}, shuffle=False, class_mode=None, **more)
        labels = plain.classes
        predicted = model.predict(images, verbose=0)
        by_hand = float((predicted.argmax(1) == labels).mean())
        return {
            "evaluate": model.evaluate(plain, verbose=0),
            "predict": predicted.tolist(),
            "by hand": by_hand,
        }

    return {
        "fits": fits,
        "generator": {"ours": by_generator(ours), "keras": by_generator(theirs)},
        "scores": {
            "0 workers": scores(ours, workers=0),
            "8 workers": scores(ours, workers=8),
            "keras": scores(theirs),
        },
    }
