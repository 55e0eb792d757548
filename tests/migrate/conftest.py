"""Fixtures for tests that train what migrated scripts train."""

import keras
import pytest


@pytest.fixture
def quiet_keras():
    """Keras prints no progress, until the test ends."""
    keras.utils.disable_interactive_logging()
    yield
    keras.utils.enable_interactive_logging()
