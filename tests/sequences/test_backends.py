"""The same batches in the same order on every Keras backend, two of them without TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.images import write_images

BACKENDS = ["tensorflow", "jax", "torch"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("photos"), {"cat": 11, "dog": 11}, size=(16, 16))


@pytest.fixture(scope="module")
def seen(folder):
    """Backend to what a process of its own saw; each is started when it is first asked for."""
    results = {}

    def run(backend):
        if backend not in results:
            done = subprocess.run(
                [sys.executable, "-m", "tests.helpers.backend_script", backend, folder],
                capture_output=True,
                text=True,
                timeout=240,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
            )
            assert done.returncode == 0, done.stderr[-3000:]
            results[backend] = json.loads(done.stdout.splitlines()[-1])
        return results[backend]

    return run


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_backend_is_the_one_asked_for_and_needs_no_other(seen, backend):
    result = seen(backend)
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
def test_the_prediction_tables_accuracy_is_that_of_evaluate(seen, backend):
    result = seen(backend)
    assert result["table"] == pytest.approx(result["evaluate"], abs=1e-6)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_all_backends_train_on_the_same_batches(seen, backend):
    def batches(result):
        fits = [*result["fits"].values(), result["one batch an epoch"]]
        return result["by_index"], [(fit["batches"], fit["epoch"]) for fit in fits]

    assert batches(seen(backend)) == batches(seen(BACKENDS[0]))


def test_a_second_process_sees_what_the_first_one_saw(seen, folder):
    script = (
        "from tests.helpers.backend_script import digest, flip_some\n"
        "import albumentations, imggen, sys\n"
        "sequence = imggen.from_directory(sys.argv[1], image_size=(16, 16), batch_size=4,\n"
        "    augment=[flip_some, albumentations.Affine(rotate=(-20, 20), p=0.8)],\n"
        "    rescale=1 / 255, seed=7)\n"
        "print(*[digest(x, y) for _ in range(2) for x, y in sequence])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "12345", "NO_ALBUMENTATIONS_UPDATE": "1"},
    )
    assert done.stdout.split() == seen("tensorflow")["by_index"]["caller"], done.stderr[-3000:]
