"""Training on a bridge is training on the sequence, under each backend."""

import pytest

from tests.helpers.backends import seen_by

BRIDGES = {
    "tensorflow": {"torch", "tf.data"},
    "jax": {"torch"},
    "torch": {"torch", "torch, persistent"},
}


@pytest.mark.parametrize("backend", BRIDGES)
def test_two_epochs_of_fit_give_the_weights_that_the_sequence_gives(backend, tmp_path_factory):
    errors = seen_by(backend, tmp_path_factory)["bridges"]

    assert errors.keys() == BRIDGES[backend]
    assert max(errors.values()) < 1e-6, errors
