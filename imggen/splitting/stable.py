"""Who goes where, for ever: a sample's part depends on its key and the seed, and on no other."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def assign_stable(
    keys: Iterable[str], ratios: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.int64]:
    """Gives each key a part by its hash.

    Args:
        keys: The group, or the content hash, of each sample.
        ratios: The share of each part, shape (num_parts,), summing to 1.
        seed: Of another seed, other parts.

    Returns:
        The part of each sample, shape (num_samples,).
    """
    edges = [int(edge * 2**64) for edge in np.cumsum(ratios)[:-1].tolist()]
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
    part_of = []
    for key in keys:
        digest = hashlib.blake2b(
            key.encode("utf-8", "surrogateescape"), digest_size=8, salt=salt
        ).digest()
        part_of.append(bisect.bisect_right(edges, int.from_bytes(digest, "big")))
    return np.array(part_of, np.int64)
