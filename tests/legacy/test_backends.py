"""Training with the drop-in on every Keras backend, beside Keras's own class."""

import itertools

import pytest

from tests.helpers.backends import seen_by

# In another order than in the tests of sequences, which may run at the same time.
BACKENDS = ["torch", "jax", "tensorflow"]
FITS = ["plain", "preprocessing", "steps of an epoch", "steps within an epoch"]
FITS += ["one batch an epoch"]

# TensorFlow reads ahead while on_epoch_end shuffles, so that chance decides which batches come
# before: with steps_per_epoch other than the length, neither Keras's class nor this one repeats
# itself there.
UNCERTAIN = ("tensorflow", "steps within an epoch")
EVERY_FIT = [fit for fit in itertools.product(BACKENDS, FITS) if fit != UNCERTAIN]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return lambda backend: seen_by(backend, tmp_path_factory)["legacy"]


@pytest.mark.parametrize(("backend", "name"), EVERY_FIT)
def test_fit_is_the_same_for_all_workers(seen, backend, name):
    fits = dict(seen(backend)["fits"][name])
    del fits["keras"]
    first, *others = fits.values()
    assert len(others) == 2
    assert all(other == first for other in others)


@pytest.mark.parametrize(("backend", "name"), EVERY_FIT)
def test_fit_asks_for_the_batches_and_has_the_history_that_it_has_with_keras(seen, backend, name):
    fits = seen(backend)["fits"][name]
    assert fits["1 workers"] == fits["keras"]
    assert len(fits["keras"]["history"]["val_loss"]) == (4 if "within" in name else 2)


@pytest.mark.parametrize("name", [name for name in FITS if name != UNCERTAIN[1]])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_batches_of_fit_differ_from_epoch_to_epoch(seen, backend, name):
    fit = seen(backend)["fits"][name]["8 workers"]
    assert fit["batches"] == (1 if name == "one batch an epoch" else 6)
    digests = [batch for _, batch in fit["asked"]]
    assert len(digests) >= 2 * fit["batches"]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_takes_a_generator_of_batches(seen, backend):
    losses = seen(backend)["generator"]
    assert len(losses["ours"]) == 2
    assert losses["ours"] == losses["keras"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_evaluate_and_predict_are_the_same_for_all_workers_and_as_with_keras(seen, backend):
    scores = seen(backend)["scores"]
    assert scores["0 workers"] == scores["8 workers"] == scores["keras"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_predictions_are_in_the_order_of_the_classes(seen, backend):
    scores = seen(backend)["scores"]["8 workers"]
    assert len(scores["predict"]) == 22
    assert scores["by hand"] == pytest.approx(scores["evaluate"][1], abs=1e-6)


def test_backends_that_do_not_look_ahead_train_on_the_same_batches(seen):
    asked = [
        [fit["asked"] for fits in seen(backend)["fits"].values() for fit in fits.values()]
        for backend in ("jax", "torch")
    ]
    assert asked[0] == asked[1]
