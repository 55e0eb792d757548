"""The output of a model as scores of classes, in the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import shorten, warn_user
from imggen.data import Manifest
from imggen.errors import OptionError
from imggen.loading.label_modes.output_meaning import OutputMeaning

_PREDICT_WITH_OTHER_CLASSES = (
    "To predict with a model of other classes, make a sequence with labels=None and class_names=, "
    "the classes in the order of training."
)


def class_score_columns(
    output: npt.NDArray[Any], manifest: Manifest, unread: Sequence[int], meaning: OutputMeaning
) -> dict[str, npt.NDArray[Any]]:
    """Makes the columns "true", "predicted" and "p_<class name>"; see ``prediction_columns``."""
    scores = _class_scores(output, manifest, unread, meaning)
    names = np.array(
        manifest.class_names or [str(number) for number in range(scores.shape[1])], dtype=object
    )
    predicted = names[scores.argmax(axis=1)]
    scores[unread] = np.nan
    predicted[np.isnan(scores).any(axis=1)] = None
    true = np.full(len(manifest), None) if manifest.labels is None else names[manifest.labels]
    by_class = {f"p_{name}": scores[:, index] for index, name in enumerate(names)}
    return {"true": true, "predicted": predicted, **by_class}


def label_scores(
    output: npt.NDArray[Any], manifest: Manifest, unread: Sequence[int], meaning: OutputMeaning
) -> npt.NDArray[np.float64]:
    """Returns the probability of each class, where a sample may have several of them.

    Raises:
        OptionError: Another shape than (n, num_classes); a softmax; or numbers that are not
            probabilities and may not be logits either.
    """
    scores = output.astype(np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    expected = (manifest.num_samples, manifest.num_classes)
    if scores.shape != expected:
        raise OptionError(
            f"The model's output has shape {output.shape}; a prediction table needs {expected}, "
            f"one probability for each of the classes {shorten(list(manifest.class_names))}."
        )
    if meaning.is_softmax:
        raise OptionError(
            f"The model's output adds up to 1{meaning.describe()}, so it cannot predict several "
            "classes per image. End the model in a sigmoid, and train it with "
            "binary_crossentropy."
        )
    read = np.delete(np.arange(len(scores)), unread)
    if meaning.is_logits():
        return _sigmoid(scores)
    if not _are_probabilities(scores[read]):
        raise OptionError(
            f"The model's output runs from {_span(scores[read])}{meaning.describe()}, so its "
            "scores are not probabilities. Pass from_logits=True if they are logits."
        )
    return scores


def _class_scores(
    output: npt.NDArray[Any], manifest: Manifest, unread: Sequence[int], meaning: OutputMeaning
) -> npt.NDArray[np.float64]:
    """Scores of shape (samples, num_classes), or (samples, units) of a manifest without classes."""
    num_classes = manifest.num_classes
    scores = output.astype(np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    read = np.delete(np.arange(len(scores)), unread)
    units = scores.shape[1] if scores.ndim == 2 and len(scores) == manifest.num_samples else 0
    if units == 1 and num_classes <= 2 and not (num_classes == 1 and meaning.is_softmax):
        second = _second_class_scores(scores[:, 0], manifest, read, meaning)
        scores = np.stack([1.0 - second, second], axis=1)
    elif units == 0 or num_classes not in (0, units):
        expected = num_classes or "number of classes"
        names = f" {list(manifest.class_names)}" if num_classes else ""
        raise OptionError(
            f"The model's output has shape {output.shape}; a prediction table needs "
            f"({manifest.num_samples}, {expected}), one score for each of the classes{names}. "
            + (
                _PREDICT_WITH_OTHER_CLASSES
                if units
                else "For other outputs, call model.predict on a sequence with shuffle=False."
            )
        )
    elif meaning.is_logits():
        scores = _sigmoid(scores) if meaning.loss_function == "sigmoid" else _softmax(scores)
    elif not _are_probabilities(scores[read]):
        if meaning.is_logits() is None:
            raise OptionError(
                f"The model's output runs from {_span(scores[read])}{meaning.describe()}, so its "
                "scores are not probabilities. Pass from_logits=True if they are logits, or "
                "from_logits=False to tabulate them as they are."
            )
        _warn_of_scores(scores[read], meaning)
    broken = int(np.isnan(scores[read]).any(axis=1).sum())
    if broken:
        warn_user(
            f"The model's output is NaN for {broken} of {len(read)} images, which have no "
            "prediction. Find out in which layer or weight it starts.",
        )
    return scores


def _second_class_scores(
    unit: npt.NDArray[np.float64],
    manifest: Manifest,
    read: npt.NDArray[np.int64],
    meaning: OutputMeaning,
) -> npt.NDArray[np.float64]:
    """The probability of the second class from an output of one unit, shape (samples,)."""
    if meaning.is_softmax:
        raise OptionError(
            f"The model's output is one unit{meaning.describe()}, and a softmax over one unit is "
            "always 1. For two classes, end the model in a sigmoid, or in two units."
        )
    if manifest.num_classes == 1:
        raise OptionError(
            "The model's output is one score per image, which distinguishes two classes, but these "
            f"samples have the class {manifest.class_names[0]!r} only, and it may be either of the "
            "two. Make the sequence with labels=None and class_names=, the two classes in the "
            "order of training."
        )
    is_logits = meaning.is_logits()
    if manifest.num_classes == 0 and not meaning.is_binary and meaning.from_logits is None:
        raise OptionError(
            f"The model's output is one number per image{meaning.describe()}, and these samples "
            "have no classes. If it is a score for two classes, make the sequence with "
            "class_names=, the two classes in the order of training; if it is another number, "
            "call model.predict on a sequence with shuffle=False."
        )
    if is_logits:
        return _sigmoid(unit)
    if not _are_probabilities(unit[read]):
        if meaning.from_logits is None:
            raise OptionError(
                f"The model's output runs from {_span(unit[read])}{meaning.describe()}, so it is "
                f"not the probability of {manifest.class_names[1] if manifest.class_names else 1!r}"
                ". Pass from_logits=True if it is a logit, or from_logits=False to tabulate it as "
                "it is."
            )
        _warn_of_scores(unit[read], meaning)
    return unit


def _are_probabilities(scores: npt.NDArray[np.float64]) -> bool:
    """Whether all scores are between 0 and 1, or NaN."""
    return not ((scores < -1e-6) | (scores > 1 + 1e-6)).any()


def _span(scores: npt.NDArray[np.float64]) -> str:
    return f"{np.nanmin(scores):.3g} to {np.nanmax(scores):.3g}"


def _warn_of_scores(scores: npt.NDArray[np.float64], meaning: OutputMeaning) -> None:
    warn_user(
        f"The model's output runs from {_span(scores)}{meaning.describe()}, so its scores are not "
        "probabilities. End the model in a softmax or sigmoid, compile it with a loss that has "
        "from_logits=True, or pass from_logits=True.",
    )


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # exp of the negative magnitude alone, which cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
