"""Targets of several outputs and of several classes: the losses of each backend are NumPy's."""

import pytest

from tests.helpers.backends import seen_by

BACKENDS = ["tensorflow", "jax", "torch"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return lambda backend: seen_by(backend, tmp_path_factory)["targets"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_loss_is_that_of_numpy(seen, backend):
    errors = seen(backend)["errors"]

    assert len(errors) == 7
    assert all(error < 1e-5 for error in errors.values()), errors


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_keras_would_pair_wrongly_is_refused(seen, backend):
    refused = seen(backend)["refused"]

    assert refused.pop("dict of weights for a list").startswith("The model returns a list of")
    assert len(refused) == 3
    for message in refused.values():
        assert message.startswith("The model returns a dictionary with the outputs")
        assert 'targets_as="dict"' in message


@pytest.mark.parametrize("backend", BACKENDS)
def test_predictions_have_the_columns_of_each_output(seen, backend):
    classes = [f"zeta_p_class {index}" for index in range(3)]
    expected = ["path", "zeta_true", "zeta_predicted", *classes, "alpha_true", "alpha_predicted"]
    assert seen(backend)["columns"] == expected
