"""Oversampling of rare classes."""

from __future__ import annotations

import numpy as np

from imggen.core import Stream, check_arguments, check_seed, generator, number_strings, shorten
from imggen.data import Manifest, Source, as_manifest, split_name
from imggen.errors import SplitError


@check_arguments
def oversample(manifest: Source, *, seed: int = 0) -> Manifest:
    """Repeats samples of rare classes until every class has as many as the largest.

    For training splits, after splitting: repeats made before would all stay in one split, and
    validation metrics would count repeated samples several times.

    Args:
        manifest: The samples to balance, as in ``split``. A class without samples stays empty.
        seed: Random seed; it selects the samples that are repeated once more than others of their
            class.

    Returns:
        A manifest in the same order, repeats next to each other.

    Raises:
        SplitError: The samples have no classes, or are not a training split.

    Example:
        >>> manifest = Manifest.from_files([*"abcde"], ["cat"] * 4 + ["dog"])
        >>> oversample(manifest).class_counts
        {'cat': 4, 'dog': 4}
    """
    manifest = as_manifest(manifest)
    if manifest.multi_labels is not None or manifest.outputs:
        raise SplitError(
            "These samples have several classes or targets for several outputs, and repeating one "
            "of them repeats all of its classes. Pass class_weight=train.class_weight() to fit, or "
            "weight_col= for several outputs."
        )
    if manifest.labels is None:
        raise SplitError("The samples have no classes; expected a manifest with labels.")
    splits: set[str] = set()
    if manifest.splits is not None:
        first_rows = number_strings(manifest.splits).first_rows
        splits = set(map(split_name, manifest.splits.take(first_rows)))
    if len(splits) > 1 or splits & {"val", "test"}:
        raise SplitError(
            f"The manifest holds the splits {shorten(sorted(splits))}; only a training split can "
            "be oversampled, or metrics would count samples several times. Split first, and pass "
            "splits.train."
        )
    seed = check_seed(seed)
    counts = np.bincount(manifest.labels, minlength=manifest.num_classes)
    largest = int(counts.max(initial=0))
    repeats = np.zeros(manifest.num_samples, dtype=np.int64)
    by_label = np.argsort(manifest.labels, kind="stable")
    ends = np.cumsum(counts)
    for label in np.flatnonzero(counts):
        members = by_label[ends[label] - counts[label] : ends[label]]
        times, left = divmod(largest, len(members))
        repeats[members] = times
        shuffled = generator(seed, Stream.OVERSAMPLE, index=int(label)).permutation(members)
        repeats[shuffled[:left]] += 1
    return manifest.take(np.repeat(np.arange(manifest.num_samples), repeats))
