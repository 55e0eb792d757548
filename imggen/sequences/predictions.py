"""A model's predictions, file by file."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.data import Manifest
from imggen.errors import ImggenWarning, OptionError
from imggen.loading import Batch, BatchMaker, EpochSampler
from imggen.sequences.base import EpochSequence
from imggen.workers import WorkerOptions

if TYPE_CHECKING:
    import pandas as pd


def prediction_table(
    maker: BatchMaker, options: WorkerOptions, model: keras.Model, verbose: str | int
) -> pd.DataFrame:
    """Predicts every sample of a manifest once, in its order; see ``ImageSequence.predict``.

    Args:
        maker: Makes the batches of the sequence that is asked.
        options: Which workers load the images.
        model: The model.
        verbose: As in ``model.predict``.
    """
    import pandas as pd

    manifest = maker.manifest
    if maker.label_mode in ("boxes", "keypoints") and manifest.labels is None:
        raise OptionError(
            f"predict() makes a table of classes, and targets here are {maker.label_mode}; use "
            "model.predict(sequence), of a sequence with shuffle=False."
        )
    in_order = dataclasses.replace(
        maker,
        samples=dataclasses.replace(maker.samples, label_mode=None),
        order=EpochSampler(manifest.num_samples, shuffle=False, repeats=1, seed=maker.seed),
        drop_remainder=False,
        pipeline=Pipeline([]),
        on_error="raise" if maker.on_error == "raise" else "blank",
    )
    with _ImagesInOrder(in_order, options) as images:
        output = model.predict(images, verbose=verbose)
        if not isinstance(output, np.ndarray):
            raise OptionError(
                f"The model has several outputs, as a {type(output).__name__}; a prediction table "
                "needs one: a score for each class."
            )
        unread = sorted(images.failed)
    scores = _class_scores(output, manifest, _from_logits(model))
    names = np.array(
        manifest.class_names or [str(number) for number in range(scores.shape[1])], dtype=object
    )
    predicted = names[scores.argmax(axis=1)]
    predicted[unread] = None
    scores[unread] = np.nan
    true = np.full(len(manifest), None) if manifest.labels is None else names[manifest.labels]
    # As objects: paths need not be text that pandas' own strings can hold.
    table = pd.DataFrame(
        {
            "path": pd.Series(manifest.filepaths, dtype=object),
            "true": pd.Series(true, dtype=object),
            "predicted": pd.Series(predicted, dtype=object),
        }
    )
    by_class = pd.DataFrame(scores, columns=[f"p_{name}" for name in names])
    return pd.concat([table, by_class], axis=1)


@final
class _ImagesInOrder(EpochSequence[Batch]):
    """The images alone, in the manifest's order."""

    def __init__(self, maker: BatchMaker, options: WorkerOptions) -> None:
        self.failed: set[int] = set()  # rows of the manifest
        super().__init__(maker, maker.num_batches, options)

    def _serve(self, made: Batch) -> npt.NDArray[Any]:
        self.failed.update(made.failures)  # unshuffled and unrepeated, draw i is row i
        x: npt.NDArray[Any] = made.x
        return x


def _from_logits(model: keras.Model) -> bool:
    """Whether the model's loss takes its output for logits."""
    return bool(getattr(getattr(model, "loss", None), "from_logits", False))


def _class_scores(
    output: npt.NDArray[Any], manifest: Manifest, from_logits: bool
) -> npt.NDArray[np.float64]:
    """Scores of shape (samples, num_classes) from a model's output."""
    num_classes = manifest.num_classes
    scores = output.astype(np.float64)
    if num_classes == 2 and output.shape == (manifest.num_samples, 1):
        second = 1 / (1 + np.exp(-scores[:, 0])) if from_logits else scores[:, 0]
        scores = np.stack([1.0 - second, second], axis=1)
    elif output.ndim != 2 or num_classes not in (0, output.shape[1]):
        raise OptionError(
            f"The model's output has shape {output.shape}; a prediction table needs "
            f"{(manifest.num_samples, num_classes)}, one score for each of the classes "
            f"{list(manifest.class_names)}."
        )
    elif from_logits:
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    if not (scores.min() >= -1e-6 and scores.max() <= 1 + 1e-6):
        warnings.warn(
            f"The model's output runs from {scores.min():.3g} to {scores.max():.3g}, so its scores "
            "are no probabilities. End the model in a softmax or sigmoid, or compile it with a "
            "loss that says from_logits=True.",
            ImggenWarning,
            stacklevel=3,
        )
    return scores
