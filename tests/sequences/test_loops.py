"""Every kind of loop: each sample once per epoch, with another augmentation in the next."""

import pytest

from tests.helpers.backends import seen_by
from tests.helpers.loop_cases import SAMPLES

BACKENDS = ["tensorflow", "jax", "torch"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_loop_serves_each_sample_once_an_epoch(backend, tmp_path_factory):
    loops = seen_by(backend, tmp_path_factory)["loops"]
    assert len(loops) == {"tensorflow": 23, "jax": 21, "torch": 23}[backend]
    for name, epochs in loops.items():
        assert len(epochs) == 2, name
        for epoch in epochs:
            assert sorted(sample for sample, _ in epoch) == list(range(SAMPLES)), name
        first, second = (dict(epoch) for epoch in epochs)
        assert sum(first[sample] == second[sample] for sample in range(SAMPLES)) < 4, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_zip_pairs_two_sequences_of_one_seed(backend, tmp_path_factory):
    loops = seen_by(backend, tmp_path_factory)["loops"]
    assert loops["zip: images"] == loops["zip: masks"]


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_loops_serve_the_same_on_all_backends(backend, tmp_path_factory):
    def in_known_order(backend):
        loops = seen_by(backend, tmp_path_factory)["loops"]
        others = ("wrapper", "tf.data", "DataLoader")  # in an order drawn by Keras, or not on all
        return {name: loop for name, loop in loops.items() if not name.startswith(others)}

    assert in_known_order(backend) == in_known_order(BACKENDS[0])
