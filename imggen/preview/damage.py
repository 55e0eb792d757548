"""Detection of damaged variants: images that are clipped, blank, mostly cut off or unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.preview.explanation import Explanation

# Judged by eye on photographs: up to these limits, people still recognize what is shown.
_MAX_CLIPPED = 0.3
_MIN_VISIBLE = 0.25
# In gray levels, of 0 to 255.
_CLIPPED_WITHIN = 2
_FLAT = 4.0
_UNCHANGED = 1.0


def find_damage(explanation: Explanation) -> tuple[str, ...]:
    """Returns what looks wrong with a variant, each as "kind: amount" or "kind".

    - clipped: more than 30% of the image turned black or white.
    - mostly cut off: less than 25% of the original is inside the image.
    - blank: the image has a single color, and the original has not.
    - no visible change: in spite of the augmentations.

    Example:
        >>> find_damage(sequence.explain(epoch=0, index=3))
        ()
    """
    before, after = _without_alpha(explanation.original), _without_alpha(explanation.image)
    found = []
    clipped = _clipped(after) - _clipped(before)
    if clipped > _MAX_CLIPPED:
        found.append(f"clipped: {clipped:.0%} black or white")
    if explanation.visible is not None and explanation.visible < _MIN_VISIBLE:
        found.append(f"mostly cut off: {explanation.visible:.0%} of the original visible")
    if _contrast(after) < _FLAT <= _contrast(before):
        found.append("blank: a single color")
    if explanation.steps and before.shape == after.shape:
        difference = np.abs(after.astype(np.int16) - before).mean()
        if difference < _UNCHANGED:
            found.append("no visible change")
    return tuple(found)


def _without_alpha(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the image without its alpha channel."""
    return image[:, :, :3]


def _contrast(image: npt.NDArray[Any]) -> float:
    return float(image.std(axis=(0, 1)).max())


def _clipped(image: npt.NDArray[Any]) -> float:
    black = (image <= _CLIPPED_WITHIN).all(axis=2)
    white = (image >= 255 - _CLIPPED_WITHIN).all(axis=2)
    return float((black | white).mean())
