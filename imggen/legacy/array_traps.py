"""Traps of ``flow``; see ``traps``."""

from __future__ import annotations

from typing import Any

import numpy as np

from imggen.legacy.traps import (
    warn_of_missing_values,
    warn_of_no_images,
    warn_of_scaling_twice,
    warn_of_sorted_classes,
    warn_of_sorted_values,
    warn_of_trap,
    warn_of_unit_range,
    warn_of_unsplit,
)


def warn_of_array_traps(
    iterator: Any, subset: str | None, selected: slice, y: Any, sample_weight: Any
) -> None:
    """Warns of the traps of a NumpyArrayIterator.

    Args:
        iterator: The iterator; its arrays are set.
        subset: The argument ``subset``.
        selected: The rows of the subset.
        y: The targets of all subsets, or None.
        sample_weight: The argument ``sample_weight``.
    """
    generator = iterator.image_data_generator
    is_unsplit = warn_of_unsplit(iterator, generator, subset)
    if not len(iterator.x):
        if not is_unsplit:
            warn_of_no_images(
                iterator,
                "x is empty."
                if subset is None
                else f'the share of subset="{subset}" is less than one image. Use a larger '
                "validation_split.",
            )
        return
    warn_of_unit_range(generator, iterator.x)
    warn_of_scaling_twice(generator, iterator.x)
    for name in ("y", "sample_weight"):
        values = getattr(iterator, name)
        if values is not None and values.dtype.kind == "f" and values.ndim <= 2:
            is_missing = np.isnan(values.reshape(len(values), -1)).any(axis=1)
            warn_of_missing_values(iterator, name, is_missing)
    if subset is None or is_unsplit:
        return
    if y is not None:
        _warn_of_sorted_targets(generator, subset, selected, np.asarray(y))
    if sample_weight is not None and subset == "training":
        weights = np.asarray(sample_weight)
        num_served = len(iterator.x)
        if not np.array_equal(weights[selected], weights[:num_served]):
            warn_of_trap(
                iterator,
                "unsplit-weights",
                'subset="training" serves the last images with the first weights: Keras does not '
                "split sample_weight. Pass the weights of the training images first: "
                f"np.roll(sample_weight, -{selected.start}).",
            )


def _warn_of_sorted_targets(generator: Any, subset: str, selected: slice, y: Any) -> None:
    if y.ndim == 2 and y.shape[1] > 1:
        is_one_hot = np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1)
        if is_one_hot:
            labels = y.argmax(axis=1).tolist()
            warn_of_sorted_classes(generator, subset, labels, (selected.start, selected.stop))
    elif y.size == len(y) and y.dtype.kind == "f":
        warn_of_sorted_values(generator, subset, "y", y.ravel().tolist())
