"""Assignment by hash: the split of a sample depends on its key, the ratios and the seed only."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def assign_stable(
    keys: Iterable[str], ratios: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.int64]:
    """Assigns each key to a split by its hash.

    Args:
        keys: The group, or the content hash, of each sample.
        ratios: The share of each split, shape (num_splits,), summing to 1.
        seed: Part of the hash; another seed gives other splits.

    Returns:
        The split of each sample, shape (num_samples,).
    """
    edges = [int(edge * 2**64) for edge in np.cumsum(ratios)[:-1].tolist()]
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
    split_of = []
    for key in keys:
        digest = hashlib.blake2b(
            key.encode("utf-8", "surrogateescape"), digest_size=8, salt=salt
        ).digest()
        split_of.append(bisect.bisect_right(edges, int.from_bytes(digest, "big")))
    return np.array(split_of, np.int64)
