"""Rare classes as often as the most frequent one."""

from __future__ import annotations

import numpy as np

from imggen.core import Stream, check_seed, generator
from imggen.data import Manifest, split_name
from imggen.errors import SplitError


def oversample(manifest: Manifest, *, seed: int = 0) -> Manifest:
    """Repeats samples of rare classes until every class has as many as the largest.

    For a training part, after splitting: what stands twice before splitting would be in one part
    only, and repeats among validation samples count them twice.

    Args:
        manifest: What to balance. A class without samples stays empty.
        seed: Decides which samples are repeated once more than others of their class.

    Returns:
        A manifest in the same order, repeats next to each other.

    Raises:
        SplitError: The samples have no classes, or are not a training part.

    Example:
        >>> from imggen.core.string_column import StringColumn
        >>> manifest = Manifest(".", StringColumn.of("abcde"), np.array([0, 0, 0, 0, 1]),
        ...                     ("cat", "dog"))
        >>> oversample(manifest).class_counts
        {'cat': 4, 'dog': 4}
    """
    if manifest.labels is None:
        raise SplitError("Samples without classes cannot be balanced; there is nothing to go by.")
    parts = set(map(split_name, set(manifest.splits or ())))
    if len(parts) > 1 or parts & {"val", "test"}:
        raise SplitError(
            f"The manifest holds {sorted(parts)}; only a training part is balanced, or evaluation "
            "would count samples several times. Split first, and pass parts.train."
        )
    seed = check_seed(seed)
    counts = np.bincount(manifest.labels, minlength=manifest.num_classes)
    most = int(counts.max(initial=0))
    repeats = np.zeros(manifest.num_samples, dtype=np.int64)
    for label in np.flatnonzero(counts):
        members = np.flatnonzero(manifest.labels == label)
        times, left = divmod(most, len(members))
        repeats[members] = times
        shuffled = generator(seed, Stream.OVERSAMPLE, index=int(label)).permutation(members)
        repeats[shuffled[:left]] += 1
    return manifest.take(np.repeat(np.arange(manifest.num_samples), repeats))
