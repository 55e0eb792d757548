"""Two epochs of every kind of loop under the backend of this process; see backend_script.

The red channel of an image holds the number of its sample, the green one an augmentation's draw.
"""

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import imggen

SAMPLES, BATCH, BATCHES = 16, 3, 6  # the last batch holds one sample


def draw_green(image, rng):
    image = image.copy()
    image[..., 1] = rng.integers(256)
    return image


def make_sequence(folder, **options):
    files = [f"{sample}.png" for sample in range(SAMPLES)]
    for sample, file in enumerate(files):
        Image.new("RGB", (2, 2), (sample, 0, 0)).save(Path(folder) / file)
    return imggen.from_files(
        files,
        list(range(SAMPLES)),
        root=folder,
        image_size=(2, 2),
        batch_size=BATCH,
        label_mode="int",
        augment=draw_green,
        **{"seed": 7, "workers": 2, **options},
    )


def pixels(x):
    """The samples of a batch and their draws."""
    x = np.asarray(x)
    return [[int(sample), int(draw)] for sample, draw in x[:, 0, 0, :2]]


def per_epoch(batches, size=BATCHES):
    """Joins the batches of each pass."""
    return [
        [pixel for x in batches[start : start + size] for pixel in pixels(x)]
        for start in range(0, len(batches), size)
    ]


class Wrapper(keras.utils.PyDataset):
    def __init__(self, sequence, **options):
        super().__init__(**options)
        self.sequence = sequence

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        return self.sequence[index]


class InMidEpoch(keras.callbacks.Callback):
    def __init__(self, act):
        super().__init__()
        self.act = act

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            self.act()


def make_model(trained, tested):
    """An eager model that notes the images it is given to train and to test on."""
    model = keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    # Built, so that Keras looks at no batch later: with several workers, it loses that batch.
    model.fit(np.zeros((1, 2, 2, 3)), np.zeros((1, 1)), verbose=0)
    for name, seen in (("train_step", trained), ("test_step", tested)):
        step = getattr(model, name)

        def noting(*arguments, step=step, seen=seen):
            seen.append(np.array(arguments[-1][0]))
            return step(*arguments)

        setattr(model, name, noting)
    model.make_train_function(force=True)
    model.make_test_function(force=True)
    return model


def loops_of_the_users_own(folder):
    def by_index(sequence):
        return [sequence[index][0] for index in range(len(sequence))]

    def by_break(sequence):
        batches = []
        for index, (x, _) in enumerate(sequence):
            batches.append(x)
            if index == len(sequence) - 1:
                break
        return batches

    def by_iter_and_next(sequence):
        iterator = iter(sequence)
        return [next(iterator)[0] for _ in range(len(sequence))]

    def by_next(sequence):
        return [next(sequence)[0] for _ in range(len(sequence))]

    def shuffled(sequence):
        order = np.random.default_rng(sequence.epoch).permutation(len(sequence))
        return [sequence[index][0] for index in order]

    def by_threads(sequence):
        with ThreadPoolExecutor(4) as pool:
            return [x for x, _ in pool.map(sequence.__getitem__, range(len(sequence)))]

    for loop in (by_index, by_break, by_iter_and_next, by_next, shuffled, by_threads):
        sequence = make_sequence(folder)
        yield loop.__name__, per_epoch([x for _ in range(2) for x in loop(sequence)])

    images, masks = make_sequence(folder), make_sequence(folder)
    pairs = [pair for _ in range(2) for pair in zip(images, masks, strict=False)]
    yield "zip: images", per_epoch([image[0] for image, _ in pairs])
    yield "zip: masks", per_epoch([mask[0] for _, mask in pairs])

    sequence = make_sequence(folder)
    both = [pair for _ in range(2) for pair in itertools.zip_longest(sequence, sequence)]
    yield "two iterators: first", per_epoch([one[0] for one, _ in both])
    yield "two iterators: second", per_epoch([other[0] for _, other in both])


def loops_of_keras(folder):
    trained, tested = [], []
    model = make_model(trained, tested)

    def fitted(data, **options):
        trained.clear()
        tested.clear()
        model.fit(data, **{"epochs": 2, "verbose": 0, **options})
        return per_epoch(trained)

    yield "fit", fitted(make_sequence(folder))
    yield "initial_epoch", fitted(make_sequence(folder), initial_epoch=3, epochs=5)
    yield "steps_per_epoch", fitted(make_sequence(folder), steps_per_epoch=3, epochs=4)
    validation = make_sequence(folder, seed=8)
    options = {"steps_per_epoch": 3, "epochs": 4, "validation_data": validation}
    yield "validation in mid-epoch", fitted(make_sequence(folder), **options)
    yield "validation in mid-epoch: validation", per_epoch(tested)[:2]
    other = make_model([], [])  # under JAX, a model that trains cannot be evaluated within an epoch
    for name in ("evaluate", "predict"):
        sequence = make_sequence(folder)
        act = InMidEpoch(lambda name=name, data=sequence: getattr(other, name)(data, verbose=0))
        yield f"{name} in mid-epoch", fitted(sequence, callbacks=[act])
    for workers, processes in ((0, False), (1, False), (4, False), (2, True)):
        # In a fork, threads of its own would start while Keras ends the process.
        sequence = make_sequence(folder, workers=0 if processes else 2)
        wrapper = Wrapper(sequence, workers=workers, use_multiprocessing=processes)
        kind = "processes" if processes else "workers"
        yield f"wrapper, {workers} {kind}", fitted(wrapper)


def loops_of_tensorflow(folder):
    import tensorflow as tf

    signature = (tf.TensorSpec((None, 2, 2, 3)), tf.TensorSpec((None,)))
    for name, generate in {
        "tf.data of the sequence": lambda sequence: sequence,
        "tf.data by index": lambda sequence: (sequence[i] for i in range(len(sequence))),
    }.items():
        sequence = make_sequence(folder)
        data = tf.data.Dataset.from_generator(
            lambda generate=generate, sequence=sequence: generate(sequence),
            output_signature=signature,
        ).prefetch(2)
        yield name, per_epoch([x for _ in range(2) for x, _ in data])


def loops_of_torch(folder):
    from torch.utils.data import DataLoader

    for name, persistent in (("DataLoader", False), ("DataLoader, persistent workers", True)):
        loader = DataLoader(
            make_sequence(folder, workers=0),
            batch_size=None,
            shuffle=True,
            num_workers=2,
            persistent_workers=persistent,
        )
        yield name, per_epoch([x for _ in range(2) for x, _ in loader])


def run():
    with tempfile.TemporaryDirectory() as folder:
        loops = [*loops_of_the_users_own(folder), *loops_of_keras(folder)]
        if keras.backend.backend() == "tensorflow":
            loops += loops_of_tensorflow(folder)
        elif keras.backend.backend() == "torch":
            loops += loops_of_torch(folder)
        return dict(loops)
