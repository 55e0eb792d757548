"""Training and evaluating shards with Keras, and refusals of runs without them."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.augment import RandomFlip
from imggen.errors import OptionError
from tests.helpers.backends import seen_by

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (22, 4, 4, 3), dtype=np.uint8)
Y = RNG.integers(0, 3, 22)


def make(x=X, y=Y, **options):
    return imggen.from_arrays(x, y, **{"batch_size": 8, "seed": 3, "workers": 0, **options})


def linear_model(inputs=(4, 4, 3), units=3, loss="categorical_crossentropy"):
    activation = "softmax" if units > 1 else None
    init = keras.initializers.GlorotUniform(seed=1)
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation, kernel_initializer=init),
    ]
    model = keras.Sequential([keras.Input(inputs), *layers])
    metrics = ["accuracy"] if units > 1 else ["mae"]
    model.compile(keras.optimizers.SGD(1e-4), loss, weighted_metrics=metrics)
    return model


class Joined(keras.utils.PyDataset):
    """The batches of all shards as the devices of all processes see them."""

    def __init__(self, shards):
        super().__init__()
        self.views = [
            (shard, shard.begin_training(None, {0: 1.0, 1: 2.0, 2: 0.5})) for shard in shards
        ]

    def __len__(self):
        return len(self.views[0][0])

    def __getitem__(self, index):
        batches = [weigh(shard[index], 0, index) for shard, weigh in self.views]
        return tuple(np.concatenate(arrays) for arrays in zip(*batches, strict=True))


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_evaluate_is_exact_on_every_backend(tmp_path_factory, backend):
    seen = seen_by(backend, tmp_path_factory)["shards"]
    for loss, accuracy in seen["sharded"]:
        assert (loss, accuracy) == pytest.approx(seen["whole"], abs=1e-6)
    assert seen["validation"] == pytest.approx(seen["whole"][0], abs=1e-6)


def test_devices_that_cannot_divide_the_last_batch_train_on_padding(tmp_path_factory):
    seen = seen_by("jax", tmp_path_factory)["shards"]["devices"]
    assert seen["weights"] < 1e-6
    assert seen["evaluated"] == pytest.approx(seen["expected"], abs=1e-6)
    assert seen["predicted"] < 1e-6
    assert "last batch of 6 cannot be divided by 4 devices" in seen["predict"]
    assert "Batches of 6 cannot be divided by 4 devices" in seen["batch"]
    assert "which needs targets" in seen["no targets"]


def test_training_on_all_shards_is_training_on_the_whole_batches():
    trained = []
    for data in (make(augment=RandomFlip()), Joined([make(shard=(i, 4)) for i in range(4)])):
        model = linear_model()
        is_whole = isinstance(data, imggen.ImageSequence)
        data = make() if is_whole else data
        given = {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}} if is_whole else {}
        model.fit(data, verbose=0, shuffle=False, **given)
        trained.append(model.get_weights())
    for ours, theirs in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_an_evaluation_of_some_batches_is_exact():
    model, first = linear_model(), X[:16]
    expected = model.evaluate(make(first, Y[:16], shuffle=False), verbose=0)
    shards = [make(shard=(index, 2), shuffle=False) for index in range(2)]
    found = [model.evaluate(shard, steps=2, verbose=0) for shard in shards]
    np.testing.assert_allclose(np.mean(found, axis=0), expected, atol=1e-6)


def test_a_list_of_outputs_needs_a_tuple_of_weights():
    inputs = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(inputs)
    outputs = [keras.layers.Dense(1, name=name)(flat) for name in "ab"]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", ["mse", "mse"])
    options = {"y": {"a": Y, "b": Y}, "targets": {"a": "regression", "b": "regression"}}
    with pytest.raises(OptionError, match='targets_as="tuple"'):
        model.fit(make(shard=(0, 2), **options), verbose=0)
    model.fit(make(shard=(0, 2), targets_as="tuple", **options), verbose=0)


def test_class_weights_multiply_the_weights_of_padding():
    shard = make(shard=(1, 2), shuffle=False)
    model = linear_model()
    assert np.isfinite(model.fit(shard, class_weight={0: 3.0}, verbose=0).history["loss"][0])
    weigh = shard.begin_training(model, {0: 3.0})
    plain, weighed = shard[2][2], weigh(shard[2], 0, 2)[2]
    classes = np.append(Y[20:22], Y[20:22])
    np.testing.assert_allclose(weighed, plain * np.where(classes == 0, 3, 1))
    assert make(shard=(0, 2), drop_remainder=True).begin_training(model, {0: 3.0}) is None
    for options, given, message in [
        ({"sample_weight": np.ones(22)}, {0: 3.0}, "cannot be used together"),
        ({"label_mode": None, "y": None}, None, "6 samples and is padded to 8 rows.*needs targets"),
    ]:
        with pytest.raises(OptionError, match=message):
            make(shard=(0, 2), **options).begin_training(model, given)


def test_pairs_have_the_weights_of_padding():
    options = {"y": None, "label_mode": None, "shard": (0, 2), "shuffle": False}
    pairs = imggen.zip_sequences(make(**options), make(255 - X, **options))
    x, y, weights = pairs[2]
    np.testing.assert_array_equal(x, 255 - y)
    np.testing.assert_allclose(weights, [8 / 6] * 4)
    assert len(pairs.example(0)) == 3
    assert pairs.begin_training(None, None, "evaluate") is not None
    with pytest.raises(OptionError, match=r"a has shard=\(0, 2\) and b has shard=None"):
        imggen.zip_sequences(make(**options), make(**{**options, "shard": None}))


def test_a_shard_of_tables_serves_its_rows_of_each_file(tmp_path):
    files = []
    for number, rows in enumerate((5, 8, 3)):
        frame = pd.DataFrame(RNG.random((rows, 3)), columns=list("aby"))
        files.append(tmp_path / f"{number}.csv")
        frame.to_csv(files[-1], index=False)

    def tables(**options):
        return imggen.TableSequence(files, "y", seed=1, workers=0, **options)

    whole, shards = tables(), [tables(shard=(index, 2)) for index in range(2)]
    for index in range(3):
        parts = [shard[index] for shard in shards]
        assert parts[0][0].shape == parts[1][0].shape
        for position in (0, 1):
            joined = np.concatenate([part[position][part[2] > 0] for part in parts])
            np.testing.assert_array_equal(joined, whole[index][position])
    model = linear_model((2,), units=1, loss="mse")
    losses = [model.evaluate(shard, verbose=0)[0] for shard in shards]
    assert np.mean(losses) == pytest.approx(model.evaluate(tables(), verbose=0)[0], abs=1e-6)
    assert np.isfinite(model.fit(shards[0], verbose=0).history["loss"][0])
    assert tables(shard=(0, 1)).begin_training(model, None) is None
    without = imggen.TableSequence(files, None, shard=(0, 2))
    with pytest.raises(OptionError, match="needs a target"):
        without.begin_training(model, None)
    with pytest.raises(OptionError, match="out of range"):
        tables(shard=(2, 2))


def test_views_of_a_shard_show_its_rows_and_tables_are_refused():
    shard = make(shard=(1, 2), shuffle=False)
    assert shard.show_batch(2, cell=4).size == make(X[:2], Y[:2]).show_batch(cell=4).size
    assert "shard 1 of 2; x (4, 4, 4, 3)" in repr(shard)
    assert shard.explain(0, 0).path == "x[0]"
    with pytest.raises(OptionError, match=r"this sequence has shard=\(1, 2\)"):
        shard.predict(linear_model())
    assert shard.show_results(linear_model(), num_images=4, cell=8).mode == "RGB"


def test_a_run_of_several_processes_needs_a_shard():
    torch = pytest.importorskip("torch")
    from torch.testing._internal.distributed.fake_pg import FakeStore

    model = linear_model()
    torch.distributed.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    try:
        line = r"shard=\(torch.distributed.get_rank\(\), torch.distributed.get_world_size\(\)\)"
        with pytest.raises(OptionError, match=f"has 2 processes.*{line}"):
            model.fit(make(), verbose=0)
        with pytest.raises(OptionError, match="has 2 processes"):
            model.fit(make(shard=(1, 2)), validation_data=make(), verbose=0)
        with pytest.raises(OptionError, match="has 2 processes"):
            model.evaluate(make(), verbose=0)
        for read in (make().generator, make().to_torch):
            with pytest.raises(OptionError, match="has 2 processes"):
                read()
        with pytest.raises(OptionError, match="one of 11 parts, and this run has 2 processes"):
            model.fit(make(shard=(1, 11), batch_size=11), verbose=0)
        for shard in ((1, 2), (0, 1)):
            model.fit(make(shard=shard), verbose=0)
            make(shard=shard).to_torch()
        assert len(model.predict(make(), verbose=0)) == 22
    finally:
        torch.distributed.destroy_process_group()
    model.fit(make(), verbose=0)


def test_several_processes_of_tensorflow_are_refused():
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    spec = SimpleNamespace(as_dict=lambda: cluster)
    resolver = SimpleNamespace(cluster_spec=lambda: spec)
    strategy = SimpleNamespace(cluster_resolver=resolver)
    for shard in (None, (0, 2)):
        with pytest.raises(OptionError, match="not supported by Keras 3"):
            make(shard=shard).begin_training(SimpleNamespace(_distribute_strategy=strategy), None)
    cluster["worker"] = []
    make().begin_training(SimpleNamespace(_distribute_strategy=strategy), None)


def test_one_process_goes_on_with_the_save_of_two_that_were_killed():
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.shard_resume"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout.rpartition(" ")[2]) < 1e-6
