"""The output of a model as scores of classes, in the columns of a table."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.data import Manifest
from imggen.errors import ImggenWarning, OptionError


def class_score_columns(
    output: npt.NDArray[Any], manifest: Manifest, unread: Sequence[int], *, from_logits: bool
) -> dict[str, npt.NDArray[Any]]:
    """Makes the columns "true", "predicted" and "p_<class name>"; see ``prediction_columns``."""
    scores = _class_scores(output, manifest, from_logits)
    names = np.array(
        manifest.class_names or [str(number) for number in range(scores.shape[1])], dtype=object
    )
    predicted = names[scores.argmax(axis=1)]
    predicted[unread] = None
    scores[unread] = np.nan
    true = np.full(len(manifest), None) if manifest.labels is None else names[manifest.labels]
    by_class = {f"p_{name}": scores[:, index] for index, name in enumerate(names)}
    return {"true": true, "predicted": predicted, **by_class}


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
            "are not probabilities. End the model in a softmax or sigmoid, or compile it with a "
            "loss that says from_logits=True.",
            ImggenWarning,
            # The line that calls ImageSequence.predict.
            stacklevel=6,
        )
    return scores
