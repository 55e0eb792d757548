"""Shards under one backend, and with several devices under JAX; see ``backend_script``."""

import keras
import numpy as np

import imggen
from imggen.errors import OptionError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (22, 4, 4, 3), dtype=np.uint8)
Y = RNG.integers(0, 3, 22)


def make(x=X, y=Y, **options):
    return imggen.from_arrays(
        x, y, **{"batch_size": 8, "seed": 3, "workers": 0, "rescale": 1 / 255, **options}
    )


def make_model():
    init = keras.initializers.GlorotUniform(seed=1)
    dense = keras.layers.Dense(3, "softmax", kernel_initializer=init)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), dense])
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer, "categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def run():
    """The loss and the accuracy of the whole set, and of 2 and 4 shards together."""
    model = make_model()
    seen = {"whole": model.evaluate(make(), verbose=0), "sharded": []}
    for count in (2, 4):
        shards = [make(shard=(index, count)) for index in range(count)]
        found = np.array([model.evaluate(shard, verbose=0) for shard in shards])
        sizes = [len(shard.served()) for shard in shards]
        together = found[:, 0].mean(), np.average(found[:, 1], weights=sizes)
        seen["sharded"].append([float(value) for value in together])
    losses = []
    for index in range(2):
        model = make_model()
        model.optimizer.learning_rate = 0.0
        shard = make(shard=(index, 2))
        losses += model.fit(shard, validation_data=shard, verbose=0).history["val_loss"]
    seen["validation"] = float(np.mean(losses))
    if keras.backend.backend() == "jax":
        seen["devices"] = _run_on_devices()
    return seen


def _run_on_devices():
    one = make_model()
    one.fit(make(), verbose=0, epochs=2)
    expected, table = one.evaluate(make(), verbose=0), make().predict(one)
    # Another model cannot be read once the distribution has changed.
    weights = one.get_weights()
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        model = make_model()
        model.fit(make(), verbose=0, epochs=2)
        return {
            "weights": max(
                float(np.abs(a - b).max())
                for a, b in zip(weights, model.get_weights(), strict=True)
            ),
            "evaluated": model.evaluate(make(), verbose=0),
            "expected": expected,
            "predicted": float(np.abs(make().predict(model)["p_0"] - table["p_0"]).max()),
            "predict": _error(lambda: model.predict(make(), verbose=0)),
            "batch": _error(lambda: model.fit(make(batch_size=6), verbose=0)),
            "no targets": _error(lambda: model.fit(make(y=None, label_mode=None), verbose=0)),
        }
    finally:
        keras.distribution.set_distribution(None)


def _error(call):
    try:
        call()
    except OptionError as err:
        return str(err)
    return None
