"""How many images a second a Keras model takes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

from imggen.benchmark.clock import LEAST_ROUNDS
from imggen.errors import OptionError
from imggen.loading import Batch

if TYPE_CHECKING:
    import keras


def time_model(model: keras.Model, batch: Batch, seconds: float) -> tuple[float, str]:
    """How many images a second a model takes, and by which of its methods."""
    _require_shape(model, batch)
    train: Callable[[], object] | None = None
    if model.compiled and batch.y is not None:
        try:
            train = _training_of_clone(model, batch)
            train()
        except Exception:  # noqa: BLE001 - whatever Keras meets in a model that cannot be cloned
            train = None
    step = train or functools.partial(model.predict_on_batch, batch.x)
    taken: list[float] = []
    try:
        step()  # which compiles it
    except Exception as err:
        reason = f"{err}".partition("\n")[0]
        raise OptionError(
            f"The model cannot take a batch of the sequence, of shape {batch.x.shape}: {reason}"
        ) from err
    end = time.perf_counter() + seconds
    while len(taken) < LEAST_ROUNDS or time.perf_counter() < end:
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return len(batch.x) / median(taken), "predict_on_batch" if train is None else "train_on_batch"


def _training_of_clone(model: keras.Model, batch: Batch) -> Callable[[], object]:
    import keras

    clone = keras.models.clone_model(model)
    clone.compile_from_config(model.get_compile_config())
    return functools.partial(clone.train_on_batch, batch.x, batch.y, batch.weights)


def _require_shape(model: keras.Model, batch: Batch) -> None:
    try:
        wanted = model.input_shape
    except (AttributeError, ValueError):  # not built yet, so it takes any
        return
    got = batch.x.shape
    if isinstance(wanted, tuple) and (
        len(wanted) != len(got)
        or any(side not in (None, found) for side, found in zip(wanted[1:], got[1:], strict=True))
    ):
        raise OptionError(
            f"The model takes inputs of shape {wanted}, and the sequence's batches have shape "
            f"{got}. Make the sequence with the model's image_size and color_mode."
        )
