"""What looks wrong with an augmented image: nothing is left of it, or nothing was changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.preview.explanation import Explanation

# Judged by eye on photographs: below these shares, people still recognise what is shown.
_MOST_CLIPPED = 0.3
_LEAST_VISIBLE = 0.25
# In grey levels.
_CLIPPED_WITHIN = 2
_FLAT = 4.0
_UNCHANGED = 1.0


def damage(explanation: Explanation) -> tuple[str, ...]:
    """Says what looks wrong; each as "what it is: how much", or only what it is.

    - black or white: of a share of the image that was neither before.
    - little is left: all but a part of the original is beyond the edge.
    - nothing to be seen: the image is one colour, and was not.
    - no visible change: though there are augmentations.

    Example:
        >>> damage(sequence.explain(epoch=0, index=3))
        ()
    """
    before, after = _colors(explanation.original), _colors(explanation.image)
    found = []
    clipped = _clipped(after) - _clipped(before)
    if clipped > _MOST_CLIPPED:
        found.append(f"black or white: {clipped:.0%} of it")
    if explanation.visible is not None and explanation.visible < _LEAST_VISIBLE:
        found.append(f"little is left: {explanation.visible:.0%} of the original")
    if _contrast(after) < _FLAT <= _contrast(before):
        found.append("nothing to be seen")
    if explanation.steps and before.shape == after.shape:
        difference = np.abs(after.astype(np.int16) - before).mean()
        if difference < _UNCHANGED:
            found.append("no visible change")
    return tuple(found)


def _colors(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Without alpha."""
    return image[:, :, :3]


def _contrast(image: npt.NDArray[Any]) -> float:
    return float(image.std(axis=(0, 1)).max())


def _clipped(image: npt.NDArray[Any]) -> float:
    black = (image <= _CLIPPED_WITHIN).all(axis=2)
    white = (image >= 255 - _CLIPPED_WITHIN).all(axis=2)
    return float((black | white).mean())
