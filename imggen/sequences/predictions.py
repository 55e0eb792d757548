"""Tables of a model's predictions, one row per file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, final

import keras
import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.errors import OptionError
from imggen.loading import Batch, BatchMaker, EpochSampler, NoTargetMode
from imggen.sequences.base import EpochSequence
from imggen.sequences.model_output import select_output
from imggen.workers import WorkerOptions

if TYPE_CHECKING:
    import pandas as pd


def prediction_table(
    maker: BatchMaker,
    options: WorkerOptions,
    model: keras.Model,
    *,
    output: str | int | None,
    from_logits: bool | None,
    verbose: str | int,
) -> pd.DataFrame:
    """Predicts every sample of a manifest once, in its order; see ``ImageSequence.predict``.

    Args:
        maker: The batch maker of the sequence.
        options: Which workers load the images.
        model: The model.
        output: The output of the model that the table shows; None: the only one.
        from_logits: Whether the output is logits; None: decided by the model.
        verbose: As in ``model.predict``.

    Returns:
        The column "path", and the columns that the label mode makes of the model's output.
    """
    import pandas as pd

    manifest, mode = maker.manifest, maker.label_mode
    mode.check_predictions(manifest)
    if not callable(getattr(model, "predict", None)):
        raise OptionError(
            f"model is {type(model).__name__}, which has no method predict; expected a Keras model."
        )
    in_order = dataclasses.replace(
        maker,
        samples=dataclasses.replace(maker.samples, label_mode=NoTargetMode()),
        sampler=EpochSampler(manifest.num_samples, shuffle=False, repeats=1, seed=maker.seed),
        drop_remainder=False,
        pipeline=Pipeline([]),
        on_error="raise" if maker.on_error == "raise" else "blank",
    )
    with _ImagesInOrder(in_order, options) as images:
        predicted = model.predict(images, verbose=verbose)
        unread = sorted(images.failed)
    values, meaning = select_output(model, predicted, output, from_logits)
    columns = mode.prediction_columns(values, manifest, unread, meaning=meaning)
    # As objects: paths need not be valid text, which the string dtype of pandas requires.
    paths = {"path": pd.Series(manifest.filepaths, dtype=object)}
    return pd.DataFrame(
        paths | {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
    )


@final
class _ImagesInOrder(EpochSequence[Batch]):
    """The images alone, in the manifest's order."""

    def __init__(self, maker: BatchMaker, options: WorkerOptions) -> None:
        self.failed: set[int] = set()  # rows of the manifest
        super().__init__(maker, maker.num_batches, options)

    def _serve(self, made: Batch) -> npt.NDArray[Any]:
        self.failed.update(made.failures)  # unshuffled and unrepeated, index i is row i
        x: npt.NDArray[Any] = made.x
        return x
