"""The names of the most likely classes for the scores of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import check_whole
from imggen.data import to_array
from imggen.errors import OptionError

_TOLERANCE = 1e-3  # of half-precision scores


def rank_classes(
    scores: Any, class_names: tuple[str, ...], top: int
) -> list[list[tuple[str, float]]]:
    """Returns the most likely classes of each image; see ``Preprocessing.decode_predictions``."""
    top = check_whole("top", top, 1)
    if not class_names:
        raise OptionError(
            "These settings have no class names, so scores cannot be named. Make the sequence with "
            "labels or class_names=."
        )
    rows = _complete(to_array(scores, "scores", OptionError), class_names)
    if not ((rows >= -_TOLERANCE) & (rows <= 1 + _TOLERANCE)).all():
        raise OptionError(
            f"scores run from {rows.min():.3g} to {rows.max():.3g}; expected probabilities, from 0 "
            "to 1. Apply a softmax (or a sigmoid) to logits first; ImageSequence.predict does."
        )
    order = np.argsort(-rows, axis=1, kind="stable")[:, :top]
    return [
        [(class_names[index], float(row[index])) for index in indices.tolist()]
        for row, indices in zip(rows, order, strict=True)
    ]


def _complete(scores: npt.NDArray[Any], class_names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Returns scores of shape (n, classes)."""
    count = len(class_names)
    rows = scores[np.newaxis] if scores.shape == (count,) else scores
    is_numeric = rows.dtype.kind in "uif"
    if is_numeric and count == 2 and (rows.ndim == 1 or rows.shape[1:] == (1,)):
        second = rows.reshape(-1).astype(np.float64)
        return np.stack([1 - second, second], axis=1)
    if rows.ndim != 2 or rows.shape[1] != count or not is_numeric:
        raise OptionError(
            f"scores are {scores.dtype} of shape {scores.shape}; expected ({count},) for one image "
            f"or (n, {count}) for several: one score for each of the classes {list(class_names)}."
        )
    return rows.astype(np.float64)
