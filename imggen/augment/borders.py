"""Borders that repeat objects: whether the copies have boxes, and a warning where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imggen.augment.adapters.albumentations import AlbumentationsStep
from imggen.augment.builtin import BuiltIn
from imggen.augment.pipeline import Pipeline
from imggen.core import warn_user
from imggen.errors import BorderWarning

# OpenCV's numbers, as options of albumentations.
_REFLECT, _WRAP, _REFLECT_101 = 2, 3, 4
# These transforms of albumentations add a box for each object that they mirror.
_ADDING_BOXES = ("Affine", "ShiftScaleRotate", "Rotate", "SafeRotate", "Pad", "PadIfNeeded")


def may_add_boxes(pipeline: Pipeline) -> bool:
    """Whether a step adds boxes, for objects that its border repeats or that it cuts in pieces."""
    return any(
        type(inner).__name__ == "RandomGridShuffle" or (_repeats(inner) and _adds_boxes(inner))
        for step in pipeline.steps
        if isinstance(step, AlbumentationsStep)
        for inner in _all_transforms(step.transform)
    )


def warn_of_repeated_objects(pipeline: Pipeline, target: str) -> None:
    """Warns if a step repeats objects outside the image without adding boxes or keypoints.

    Args:
        pipeline: The augmentations of samples with boxes or keypoints.
        target: "boxes" or "keypoints".
    """
    names = [name for step in pipeline.steps for name in _find_repeating(step, target)]
    if names:
        warn_user(
            f"{' and '.join(dict.fromkeys(names))} may repeat objects outside the image, as the "
            f"border is mirrored or wrapped, and the copies have no {target}. Use a constant "
            'border; for augmentations of imggen, fill_mode="auto" or "constant".',
            BorderWarning,
        )


def _find_repeating(step: Any, target: str) -> Iterator[str]:
    if isinstance(step, BuiltIn):
        if getattr(step, "fill_mode", None) in ("reflect", "wrap"):
            yield step.name
    elif isinstance(step, AlbumentationsStep):
        for inner in _all_transforms(step.transform):
            if _repeats(inner) and not (target == "boxes" and _adds_boxes(inner)):
                yield f"albumentations.{type(inner).__name__}"


def _repeats(transform: Any) -> bool:
    """Whether the border of an albumentations transform repeats objects."""
    # Without padding, the border of a crop has no effect.
    is_used = getattr(transform, "pad_if_needed", True)
    borders = (_REFLECT, _WRAP, _REFLECT_101)
    return bool(is_used) and getattr(transform, "border_mode", None) in borders


def _adds_boxes(transform: Any) -> bool:
    """Whether an albumentations transform adds boxes for the objects that its border repeats."""
    return type(transform).__name__ in _ADDING_BOXES and transform.border_mode != _WRAP


def _all_transforms(transform: Any) -> Iterator[Any]:
    """Yields an albumentations transform and all those that it contains."""
    yield transform
    for inner in getattr(transform, "transforms", ()):
        yield from _all_transforms(inner)
