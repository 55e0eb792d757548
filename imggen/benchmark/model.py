"""Timing of a Keras model."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

from imggen.benchmark.clock import MIN_ROUNDS
from imggen.errors import OptionError
from imggen.loading import Batch

if TYPE_CHECKING:
    import keras


def time_model(model: keras.Model, batch: Batch, seconds: float) -> tuple[float, str]:
    """Measures how many images per second a model processes, and by which of its methods."""
    _check_shape(model, batch)
    train: Callable[[], object] | None = None
    if model.compiled and batch.y is not None:
        try:
            train = _build_train_step(model, batch)
            train()
        except Exception:  # noqa: BLE001 - Keras raises many types for a model that cannot be cloned
            train = None
    step = train or functools.partial(model.predict_on_batch, batch.x)
    taken: list[float] = []
    try:
        step()  # compiles the model
    except Exception as err:
        reason = f"{err}".partition("\n")[0]
        raise OptionError(
            f"The model cannot process a batch of the sequence, of shape {batch.x.shape}: {reason}"
        ) from err
    end = time.perf_counter() + seconds
    while len(taken) < MIN_ROUNDS or time.perf_counter() < end:
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return len(batch.x) / median(taken), "predict_on_batch" if train is None else "train_on_batch"


def _build_train_step(model: keras.Model, batch: Batch) -> Callable[[], object]:
    import keras

    clone = keras.models.clone_model(model)
    clone.compile_from_config(model.get_compile_config())
    return functools.partial(clone.train_on_batch, batch.x, batch.y, batch.weights)


def _check_shape(model: keras.Model, batch: Batch) -> None:
    try:
        wanted = model.input_shape
    except (AttributeError, ValueError):  # not built yet, so it accepts any shape
        return
    got = batch.x.shape
    if isinstance(wanted, tuple) and (
        len(wanted) != len(got)
        or any(side not in (None, found) for side, found in zip(wanted[1:], got[1:], strict=True))
    ):
        raise OptionError(
            f"The model expects inputs of shape {wanted}, and the sequence's batches have shape "
            f"{got}. Use the image_size and color_mode of the model."
        )
