"""The same batches in the same order on every Keras backend, two of them without TensorFlow."""

import os
import subprocess
import sys

import pytest

from imggen.workers import usable_cores
from tests.helpers.backends import ROOT, seen_by, write_photos

BACKENDS = ["tensorflow", "jax", "torch"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return lambda backend: seen_by(backend, tmp_path_factory)["sequences"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_backend_is_the_one_asked_for_and_needs_no_other(tmp_path_factory, backend):
    result = seen_by(backend, tmp_path_factory)
    assert result["backend"] == backend
    assert result["tensorflow"] == (backend == "tensorflow")


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_by_index_are_the_same_for_all_workers(seen, backend):
    first, *others = seen(backend)["by_index"].values()
    assert len(set(first)) == 12  # two epochs of six batches, all different
    assert all(other == first for other in others)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_trains_on_the_same_batches_for_all_workers(seen, backend):
    first, *others = seen(backend)["fits"].values()
    assert all(other == first for other in others)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_trains_on_whole_epochs_in_their_order(seen, backend):
    result = seen(backend)
    for fit in result["fits"].values():
        assert fit["batches"][:12] == result["by_index"]["caller"]
        assert fit["epoch"] == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_with_initial_epoch_begins_with_that_epoch_of_the_sequence(seen, backend):
    fit = seen(backend)["from epoch 1"]
    assert fit["batches"] == seen(backend)["by_index"]["caller"][6:]
    assert fit["epoch"] == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_torch_uses_all_cores_at_once_and_only_with_as_many_threads(seen, backend):
    is_torch = backend == "torch"
    expected = [is_torch, is_torch, is_torch and usable_cores() == 1]
    assert seen(backend)["uses_all_cores"] == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_prediction_tables_accuracy_is_that_of_evaluate(seen, backend):
    result = seen(backend)
    assert result["table"] == pytest.approx(result["evaluate"], abs=1e-6)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_all_backends_train_on_the_same_batches(seen, backend):
    def batches(result):
        fits = [*result["fits"].values(), result["one batch an epoch"]]
        return result["by_index"], [(fit["batches"], fit["epoch"]) for fit in fits]

    assert batches(seen(backend)) == batches(seen(BACKENDS[0]))


def test_a_second_process_sees_what_the_first_one_saw(seen, tmp_path):
    folder = write_photos(tmp_path / "photos")
    script = (
        "import sys\n"
        "from tests.helpers.sequence_backend_cases import digests_of_two_epochs, make_sequence\n"
        "print(*digests_of_two_epochs(make_sequence(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": "12345",
            "NO_ALBUMENTATIONS_UPDATE": "1",
            "KERAS_BACKEND": "numpy",  # starts soonest
        },
    )
    assert done.stdout.split() == seen("tensorflow")["by_index"]["caller"], done.stderr[-3000:]


@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_and_model_travel_in_one_file(seen, backend):
    result = seen(backend)["preprocessing"]
    assert result["is_same"]
    assert result["predicted"] < 1e-6
    if backend == "tensorflow":
        assert result["exported"] < 1.1 / 127.5
    else:
        assert f"needs TensorFlow, also with the backend {backend}" in result["exported"]
    assert result["batch"] == seen(BACKENDS[0])["preprocessing"]["batch"]
