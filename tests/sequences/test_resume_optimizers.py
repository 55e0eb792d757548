"""``Resume`` with optimizers that cannot tell their settings, or tell them in other words."""

from pathlib import Path
from typing import Any

import keras
import pytest

import imggen
from imggen.errors import ResumeError
from tests.helpers.cases import case
from tests.helpers.images import write_images

# Keras reads the learning rate in a way that NumPy will not support.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule as users write it, without ``get_config``."""

    def __call__(self, step: Any) -> Any:
        del step
        return 0.01


class Tagged(keras.optimizers.SGD):
    """An optimizer whose settings hold an object."""

    def get_config(self) -> Any:
        return {**super().get_config(), "tag": object()}


def fit(folder: Path, sequence: imggen.ImageSequence, optimizer: Any, epochs: int) -> list[int]:
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile(optimizer, "categorical_crossentropy", run_eagerly=True)
    callbacks = [imggen.Resume(folder, sequence)]
    history = model.fit(sequence, epochs=epochs, callbacks=callbacks, verbose=0)
    return list(history.epoch)


def test_the_same_optimizer_goes_on_whatever_it_tells_of_its_settings(tmp_path: Path) -> None:
    root = write_images(tmp_path / "photos", {"cat": 2, "dog": 2}, size=(8, 8))
    optimizers = keras.optimizers
    makers = {
        "schedule": lambda: optimizers.SGD(Constant()),
        "function": lambda: optimizers.SGD(lambda: 0.01),
        "object": Tagged,
        # Of which the inner one has a number in its name.
        "wrapper": lambda: optimizers.LossScaleOptimizer(optimizers.SGD()),
    }
    for name, make in makers.items():
        with case(name):
            for epochs in (1, 2):
                sequence = imggen.ImageSequence(imggen.scan(root), image_size=8, seed=1, workers=0)
                found = fit(tmp_path / name, sequence, make(), epochs)
            assert found == [0, 1]
    other = optimizers.LossScaleOptimizer(optimizers.SGD(momentum=0.5))
    with pytest.raises(ResumeError, match=r"LossScaleOptimizer\(inner_optimizer="):
        fit(tmp_path / "wrapper", sequence, other, 3)
