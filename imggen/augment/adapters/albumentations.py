"""Adapter for transforms of albumentations 2.0 or newer, and of AlbumentationsX."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.adapters.thread_copies import ThreadCopies
from imggen.augment.base import DrawnParameters
from imggen.augment.positions import clip_boxes
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError

Floats = npt.NDArray[np.float64]
Processors = Mapping[str, Any]
_FULL_TURN = np.float32(2 * np.pi)


@final
class AlbumentationsStep:
    """Adapts a transform or Compose.

    Transforms contain their random state, so each thread uses its own copy, whose state is set from
    the sample's generator before each call.

    Attributes:
        adds_boxes: True: a border may mirror objects.
    """

    adds_boxes = True

    def __init__(self, transform: Any) -> None:
        if not hasattr(transform, "set_random_state"):
            raise OptionError(
                f"augment={type(transform).__name__} comes from a version of albumentations that "
                "cannot be seeded; expected 2.0 or newer. Run pip install 'albumentations>=2.0'"
            )
        self.name = f"albumentations.{type(transform).__name__}"
        self.transform = transform
        recording = copy.deepcopy(transform)
        if hasattr(recording, "save_applied_params"):
            recording.save_applied_params = True
        _let_move_boxes(recording)
        self._copies = ThreadCopies((recording, random.Random(0)))  # noqa: S311
        # Compose creates a list of applied transforms; OneOf and its like need to be passed one.
        class_names = _class_names(transform)
        self._needs_list = "BaseCompose" in class_names and "Compose" not in class_names
        # Created from bbox_params and keypoint_params, by target. A Compose also passes them on to
        # its transforms, which do not use them.
        self._processors: Processors = transform.processors if "Compose" in class_names else {}
        self._hides_params = "Compose" not in class_names and _has_params(transform)

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Seeds the thread's copy from ``rng`` and calls it."""
        transform, python_rng = self._copies.get()
        python_rng.seed(int(rng.integers(2**63)))
        transform.set_random_state(rng, python_rng)
        targets: dict[str, npt.NDArray[Any]] = {"image": sample.image}
        targets |= {f"mask{number}": mask for number, mask in enumerate(sample.masks)}
        targets |= {f"image{number}": image for number, image in enumerate(sample.images)}
        if len(targets) > 1:
            others = [name for name in targets if name != "image"]
            transform.add_targets({name: name.rstrip("0123456789") for name in others})
        boxes, keypoints = sample.boxes, sample.keypoints
        if self._hides_params:
            self.check_alignment(sample)
        if boxes is not None:
            boxes = clip_boxes(boxes, sample.size)  # albumentations requires it
        result = transform(
            **targets,
            **_format_positions(self._processors, boxes, keypoints, sample.size),
            **({"applied_transforms": []} if self._needs_list else {}),
        )
        changed = [_restore_channels(result[name], array) for name, array in targets.items()]
        first = 1 + len(sample.masks)
        augmented = Sample(
            changed[0],
            tuple(changed[1:first]),
            tuple(changed[first:]),
            None if boxes is None else _read_boxes(self._processors, result, boxes),
            None if keypoints is None else _read_keypoints(self._processors, result, keypoints),
        )
        return augmented, _drawn_parameters(transform, result)

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        has_positions = sample.boxes is not None or sample.keypoints is not None
        if has_positions and self._hides_params:
            raise AugmentationError(
                "a nested Compose has bbox_params or keypoint_params, which only an outermost "
                "Compose can use. Remove them, or wrap everything in a Compose"
            )


def _class_names(transform: Any) -> list[str]:
    """Returns the class names of a transform, which albumentations and AlbumentationsX share."""
    return [base.__name__ for base in type(transform).__mro__]


def _has_params(transform: Any) -> bool:
    """Whether any Compose in a container has bbox_params or keypoint_params."""
    return any(
        ("Compose" in _class_names(inner) and inner.processors) or _has_params(inner)
        for inner in getattr(transform, "transforms", ())
    )


def _let_move_boxes(transform: Any) -> None:
    """Gives RandomGridShuffle what a Compose with bbox_params gives it, to move boxes with tiles.

    Without, it moves the image only.
    """
    for inner in getattr(transform, "transforms", ()):
        _let_move_boxes(inner)
    if "RandomGridShuffle" in _class_names(transform) and "bboxes" not in transform.processors:
        from albumentations.core.bbox_utils import BboxParams, BboxProcessor

        processor = BboxProcessor(BboxParams("albumentations"))
        transform.set_processors({**transform.processors, "bboxes": processor})


def _restore_channels(result: Any, image: npt.NDArray[Any]) -> Any:
    """Restores the axis of a single channel, which OpenCV drops."""
    if isinstance(result, np.ndarray) and result.shape == image.shape[:2]:
        return result.reshape(image.shape) if image.shape[2:] == (1,) else result
    return result


def _format_positions(
    processors: Processors, boxes: Floats | None, keypoints: Floats | None, size: tuple[int, int]
) -> dict[str, Any]:
    """Converts boxes and keypoints to the formats of a Compose, or to albumentations' own.

    A further column contains the index of each box or keypoint. albumentations preserves it, so
    that dropped and duplicated ones can be recognized.
    """
    targets: dict[str, Any] = {}
    height, width = size
    # A Compose requires its label fields, with or without boxes.
    for processor in processors.values():
        targets |= {field: [] for field in processor.params.label_fields or ()}
    if boxes is not None:
        fractions = boxes[:, :4] / [width, height, width, height]
        own = np.column_stack([fractions, np.arange(len(boxes))])
        targets |= _to_format(processors, "bboxes", own, size, boxes[:, 4])
    if keypoints is not None:
        numbers = _usable_keypoints(processors, keypoints, size)
        x, y, angle, scale = keypoints[numbers].astype(np.float32).T
        angle = np.nan_to_num(angle) % _FULL_TURN
        angle[angle >= _FULL_TURN] = 0  # small negative angles are rounded to a full turn
        if processors.get("keypoints") is None:
            # At most 180 degrees: Transpose of 2.0.8 rotates larger angles the wrong way.
            angle[angle > _FULL_TURN / 2] -= _FULL_TURN
        own = np.column_stack([x, y, np.zeros_like(x), angle, np.nan_to_num(scale), numbers])
        targets |= _to_format(processors, "keypoints", own, size, numbers)
    return targets


def _to_format(
    processors: Processors,
    target: str,
    own: Floats,
    size: tuple[int, int],
    labels: npt.NDArray[Any],
) -> dict[str, Any]:
    own = own.astype(np.float32)  # albumentations' own dtype
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


def _from_format(processors: Processors, target: str, result: dict[str, Any], width: int) -> Floats:
    """Returns the resulting boxes or keypoints in albumentations' own format, ``width`` columns."""
    changed = np.asarray(result[target])
    if not changed.size:
        return np.empty((0, width))
    processor = processors.get(target)
    if processor is not None and processor.params.format != "albumentations":
        image_height, image_width = result["image"].shape[:2]
        shape = {"height": image_height, "width": image_width}
        changed = processor.convert_to_albumentations(changed, shape)
    return changed.astype(np.float64)


def _read_boxes(processors: Processors, result: dict[str, Any], given: Floats) -> Floats:
    """Converts the resulting boxes to those of a sample, in the order of the given ones.

    A box may result in several, of the same class: a border mirrors objects, and a shuffled grid
    cuts them into pieces.
    """
    changed = _from_format(processors, "bboxes", result, 5)
    height, width = result["image"].shape[:2]
    numbers = changed[:, 4].astype(np.int64)
    corners = changed[:, :4] * [width, height, width, height]
    boxes = np.column_stack([corners, given[numbers, 4]])[np.argsort(numbers, kind="stable")]
    return clip_boxes(boxes, (height, width))


def _read_keypoints(processors: Processors, result: dict[str, Any], given: Floats) -> Floats:
    """Converts the resulting keypoints to those of a sample; keeps the most central duplicate."""
    changed = _from_format(processors, "keypoints", result, 6)
    height, width = result["image"].shape[:2]
    distances = np.hypot(changed[:, 0] - (width - 1) / 2, changed[:, 1] - (height - 1) / 2)
    chosen = changed[_first_of_each(changed[:, 5], distances)]
    numbers = chosen[:, 5].astype(np.int64)
    points = np.full_like(given, np.nan)
    # Angles and scales only for points that have them.
    points[numbers] = np.where(np.isnan(given[numbers]), np.nan, chosen[:, [0, 1, 3, 4]])
    return points


def _usable_keypoints(
    processors: Processors, keypoints: Floats, size: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """Returns the indices of the points that albumentations accepts: known and inside the image."""
    known = ~np.isnan(keypoints[:, :2]).any(axis=1)
    processor = processors.get("keypoints")
    if processor is None:
        return np.flatnonzero(known)
    params = processor.params
    for letter, column, what in (("a", 2, "angles"), ("s", 3, "scales")):
        if letter not in params.format and np.nan_to_num(keypoints[known, column]).any():
            raise AugmentationError(
                f"its keypoint_params have the format {params.format!r}, which has no {what}. "
                f"Add {letter!r} to the format"
            )
    if params.remove_invisible:
        positions = keypoints[:, :2].astype(np.float32)  # albumentations' own dtype
        inside = (positions >= 0) & (positions < size[::-1])
        known &= inside.all(axis=1)
    return np.flatnonzero(known)


def _first_of_each(numbers: Floats, ranks: Floats) -> npt.NDArray[np.int64]:
    """Returns, for each distinct number in ascending order, the index with the lowest rank."""
    order = np.lexsort([ranks, numbers])
    _, first = np.unique(numbers[order], return_index=True)
    return order[first]


def _drawn_parameters(transform: Any, result: dict[str, Any]) -> DrawnParameters:
    """Returns the parameters that albumentations reports, by the name of the transform."""
    if "applied_transforms" in result:
        applied = [{name: _drop_shape(drawn)} for name, drawn in result["applied_transforms"]]
        return {"applied": applied} if applied else None
    parameters = getattr(transform, "params", None)
    return _drop_shape(parameters) if parameters else None


def _drop_shape(parameters: dict[str, Any]) -> dict[str, Any]:
    """Removes the shape of the image, which albumentations includes in the parameters."""
    return {name: value for name, value in parameters.items() if name != "shape"}
