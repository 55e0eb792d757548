"""Warning of borders that repeat objects, whose copies have no boxes or keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imggen.augment.adapters.albumentations import AlbumentationsStep
from imggen.augment.builtin import BuiltIn
from imggen.augment.pipeline import Pipeline
from imggen.core import warn_user
from imggen.errors import BorderWarning

# OpenCV's numbers, as options of albumentations: reflect, wrap, reflect 101.
_REPEATING_BORDERS = (2, 3, 4)
# These transforms of albumentations add a box for each object that they repeat.
_ADDING_BOXES = ("Affine", "ShiftScaleRotate", "Rotate", "SafeRotate", "Pad", "PadIfNeeded")


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
        yield from _find_in_albumentations(step.transform, target)


def _find_in_albumentations(transform: Any, target: str) -> Iterator[str]:
    name = type(transform).__name__
    is_complete = target == "boxes" and name in _ADDING_BOXES
    # Without padding, the border of a crop has no effect.
    if getattr(transform, "border_mode", None) in _REPEATING_BORDERS and not (
        is_complete or getattr(transform, "pad_if_needed", True) is False
    ):
        yield f"albumentations.{name}"
    for inner in getattr(transform, "transforms", ()):
        yield from _find_in_albumentations(inner, target)
