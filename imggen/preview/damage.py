"""Detection of damaged variants: images that are clipped, blank, mostly cut off or unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.preview.explanation import Explanation

# Judged by eye on photographs: up to these limits, people still recognize what is shown.
_MAX_CLIPPED = 0.3
_MIN_VISIBLE = 0.25
# In gray levels, of 0 to 255.
_CLIPPED_WITHIN = 2
_FLAT = 4.0


def find_damage(explanation: Explanation) -> tuple[str, ...]:
    """Returns what looks wrong with a variant, each as "kind: amount" or "kind".

    - clipped: more than 30% of the image turned black or white.
    - mostly cut off: less than 25% of the original is inside the image.
    - blank: the image has a single color, unlike the original.
    - no visible change: every pixel, and each mask, box and keypoint, is as before augmentation.

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
    if explanation.steps and _is_drawn_alike(explanation.before, explanation.after):
        found.append("no visible change")
    return tuple(found)


def _is_drawn_alike(before: Sample, after: Sample) -> bool:
    """Whether two samples have the same pixels, mask, boxes and keypoints."""
    pairs: list[tuple[Any, Any]] = [
        (_without_alpha(before.image), _without_alpha(after.image)),
        *zip(before.masks, after.masks, strict=False),
        *zip(before.positions, after.positions, strict=False),
    ]
    return all(np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f") for pair in pairs)


def _without_alpha(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the image without its alpha channel."""
    return image[:, :, :3]


def _contrast(image: npt.NDArray[Any]) -> float:
    return float(image.std(axis=(0, 1)).max())


def _clipped(image: npt.NDArray[Any]) -> float:
    black = (image <= _CLIPPED_WITHIN).all(axis=2)
    white = (image >= 255 - _CLIPPED_WITHIN).all(axis=2)
    return float((black | white).mean())
