"""albumentations' transforms, of version 2.0 or newer, and those of AlbumentationsX."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.adapters.thread_copies import ThreadCopies
from imggen.augment.base import Drawn
from imggen.augment.positions import clipped_boxes
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

Floats = npt.NDArray[np.float64]
Processors = Mapping[str, Any]
_TURN = np.float32(2 * np.pi)


@final
class AlbumentationsStep:
    """A transform or Compose as an Augmentation.

    A transform keeps its random state in itself, so every thread works on a copy of its own, and
    the state is set from the sample's generator before each call.
    """

    def __init__(self, transform: Any) -> None:
        if not hasattr(transform, "set_random_state"):
            raise OptionError(
                f"augment={type(transform).__name__} comes from an albumentations that cannot be "
                "seeded from outside. Install 2.0 or newer: pip install 'albumentations>=2.0'"
            )
        self.name = f"albumentations.{type(transform).__name__}"
        self.transform = transform
        followed = copy.deepcopy(transform)
        if hasattr(followed, "save_applied_params"):
            followed.save_applied_params = True
        self._copies = ThreadCopies((followed, random.Random(0)))  # noqa: S311
        # Compose keeps a list of what was applied; OneOf and the like fill one that they are given.
        kinds = _kinds(transform)
        self._needs_list = "BaseCompose" in kinds and "Compose" not in kinds
        # What bbox_params and keypoint_params ask for, by target. A Compose gives it to its
        # transforms too, which do not use it.
        self._processors: Processors = transform.processors if "Compose" in kinds else {}
        self._hides_params = "Compose" not in kinds and _has_params(transform)

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds this thread's copy from ``rng`` and calls it."""
        transform, old_fashioned = self._copies.own()
        old_fashioned.seed(int(rng.integers(2**63)))
        transform.set_random_state(rng, old_fashioned)
        given: dict[str, npt.NDArray[Any]] = {"image": sample.image}
        given |= {f"mask{number}": mask for number, mask in enumerate(sample.masks)}
        given |= {f"image{number}": image for number, image in enumerate(sample.images)}
        if len(given) > 1:
            others = [name for name in given if name != "image"]
            transform.add_targets({name: name.rstrip("0123456789") for name in others})
        boxes, keypoints = sample.boxes, sample.keypoints
        if sample.positions and self._hides_params:
            raise AugmentationError(
                "a Compose in it has bbox_params or keypoint_params, which only an outermost "
                "Compose can use. Leave them out, or put a Compose around all of it"
            )
        if boxes is not None:
            boxes = clipped_boxes(boxes, sample.size)  # which albumentations insists on
        result = transform(
            **given,
            **_positions_for(self._processors, boxes, keypoints, sample.size),
            **({"applied_transforms": []} if self._needs_list else {}),
        )
        changed = [_with_channels(result[name], array) for name, array in given.items()]
        first = 1 + len(sample.masks)
        done = Sample(
            changed[0],
            tuple(changed[1:first]),
            tuple(changed[first:]),
            None if boxes is None else _boxes_of(self._processors, result, boxes),
            None if keypoints is None else _keypoints_of(self._processors, result, keypoints),
        )
        return done, _drawn(transform, result)


def _kinds(transform: Any) -> list[str]:
    """The names of a transform's classes: those of albumentations and of AlbumentationsX alike."""
    return [base.__name__ for base in type(transform).__mro__]


def _has_params(transform: Any) -> bool:
    """Whether a Compose anywhere in a container has bbox_params or keypoint_params."""
    return any(
        ("Compose" in _kinds(inner) and inner.processors) or _has_params(inner)
        for inner in getattr(transform, "transforms", ())
    )


def _with_channels(result: Any, image: npt.NDArray[Any]) -> Any:
    """Puts an axis of one channel back, which OpenCV drops."""
    if isinstance(result, np.ndarray) and result.shape == image.shape[:2]:
        return result.reshape(image.shape) if image.shape[2:] == (1,) else result
    return result


def _positions_for(
    processors: Processors, boxes: Floats | None, keypoints: Floats | None, size: tuple[int, int]
) -> dict[str, Any]:
    """Boxes and keypoints in the formats that a Compose asks for, or in albumentations' own.

    Behind the columns of the format stands the number of each box or keypoint, which albumentations
    carries along: it tells what was left out, and what is there several times.
    """
    given: dict[str, Any] = {}
    height, width = size
    # A Compose insists on the fields of labels, with or without boxes.
    for processor in processors.values():
        given |= {field: [] for field in processor.params.label_fields or ()}
    if boxes is not None:
        fractions = boxes[:, :4] / [width, height, width, height]
        own = np.column_stack([fractions, np.arange(len(boxes))])
        given |= _in_format(processors, "bboxes", own, size, boxes[:, 4])
    if keypoints is not None:
        numbers = _taken(processors, keypoints, size)
        x, y, angle, scale = keypoints[numbers].astype(np.float32).T
        angle = np.nan_to_num(angle) % _TURN
        angle[angle >= _TURN] = 0  # what is a little less than nothing is rounded to a whole turn
        if processors.get("keypoints") is None:
            # Below 180 degrees: beyond, Transpose of 2.0.8 turns angles the wrong way.
            angle[angle > _TURN / 2] -= _TURN
        own = np.column_stack([x, y, np.zeros_like(x), angle, np.nan_to_num(scale), numbers])
        given |= _in_format(processors, "keypoints", own, size, numbers)
    return given


def _in_format(
    processors: Processors,
    target: str,
    own: Floats,
    size: tuple[int, int],
    labels: npt.NDArray[Any],
) -> dict[str, Any]:
    own = own.astype(np.float32)  # as albumentations has them
    processor = processors.get(target)
    if processor is None:
        return {target: own}
    shape = {"height": size[0], "width": size[1]}
    fields = processor.params.label_fields or ()
    is_own = processor.params.format == "albumentations"
    return {
        target: own if is_own else processor.convert_from_albumentations(own, shape),
        **{field: labels.astype(int).tolist() for field in fields},
    }


def _out_of_format(
    processors: Processors, target: str, result: dict[str, Any], width: int
) -> Floats:
    """What came of boxes or keypoints, in so many columns of albumentations' own."""
    changed = np.asarray(result[target])
    if not changed.size:
        return np.empty((0, width))
    processor = processors.get(target)
    if processor is not None and processor.params.format != "albumentations":
        height, across = result["image"].shape[:2]
        changed = processor.convert_to_albumentations(changed, {"height": height, "width": across})
    return changed.astype(np.float64)


def _boxes_of(processors: Processors, result: dict[str, Any], given: Floats) -> Floats:
    """Boxes as samples have them. Of mirrored images of one, the largest is kept."""
    changed = _out_of_format(processors, "bboxes", result, 5)
    height, width = result["image"].shape[:2]
    numbers = changed[:, 4].astype(np.int64)
    corners = changed[:, :4] * [width, height, width, height]
    boxes = np.column_stack([corners, given[numbers, 4], numbers])
    boxes = clipped_boxes(boxes, (height, width))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[_first_of_each(boxes[:, 5], -areas), :5]


def _keypoints_of(processors: Processors, result: dict[str, Any], given: Floats) -> Floats:
    """Points as samples have them. Of mirrored images of one, that nearest the middle is kept."""
    changed = _out_of_format(processors, "keypoints", result, 6)
    height, width = result["image"].shape[:2]
    distances = np.hypot(changed[:, 0] - (width - 1) / 2, changed[:, 1] - (height - 1) / 2)
    chosen = changed[_first_of_each(changed[:, 5], distances)]
    numbers = chosen[:, 5].astype(np.int64)
    points = np.full_like(given, np.nan)
    # Angles and scales, if points have them.
    points[numbers] = np.where(np.isnan(given[numbers]), np.nan, chosen[:, [0, 1, 3, 4]])
    return points


def _taken(
    processors: Processors, keypoints: Floats, size: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """The numbers of the points that albumentations takes: known ones, and not beyond the edge."""
    known = ~np.isnan(keypoints[:, :2]).any(axis=1)
    processor = processors.get("keypoints")
    if processor is None:
        return np.flatnonzero(known)
    params = processor.params
    for letter, column, what in (("a", 2, "angles"), ("s", 3, "scales")):
        if letter not in params.format and np.nan_to_num(keypoints[known, column]).any():
            raise AugmentationError(
                f"its keypoint_params have the format {params.format!r}, which leaves {what} out. "
                f"Add {letter!r} to it"
            )
    if params.remove_invisible:
        positions = keypoints[:, :2].astype(np.float32)  # as albumentations will have them
        inside = (positions >= 0) & (positions < size[::-1])
        known &= inside.all(axis=1)
    return np.flatnonzero(known)


def _first_of_each(numbers: Floats, ranks: Floats) -> npt.NDArray[np.int64]:
    """For each number that occurs, in order, the place where its rank is least."""
    order = np.lexsort([ranks, numbers])
    _, first = np.unique(numbers[order], return_index=True)
    return order[first]


def _drawn(transform: Any, result: dict[str, Any]) -> Drawn:
    """What the transforms drew, each by its name, as far as albumentations says."""
    if "applied_transforms" in result:
        applied = [{name: _own(drawn)} for name, drawn in result["applied_transforms"]]
        return {"applied": applied} if applied else None
    parameters = getattr(transform, "params", None)
    return _own(parameters) if parameters else None


def _own(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without the shape of the image, which albumentations counts among them."""
    return {name: value for name, value in parameters.items() if name != "shape"}
