"""Assignment by hash: the split of a sample depends on its key, the ratios and the seed only."""

from __future__ import annotations

import functools
import hashlib
import itertools

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, number_strings

_ROWS_PER_CHUNK = 65536


def assign_stable(
    keys: StringColumn, ratios: npt.NDArray[np.float64], seed: int
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
    below = np.array([edge for edge in edges if edge < 2**64], np.uint64)  # no hash is above others
    numbers, first_rows = number_strings(keys)
    hashes = _hash_keys(keys.take(first_rows), seed)
    return np.searchsorted(below, hashes, side="right")[numbers]


def _hash_keys(keys: StringColumn, seed: int) -> npt.NDArray[np.uint64]:
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
    digest = functools.partial(hashlib.blake2b, digest_size=8, salt=salt)
    hashes = np.empty(len(keys), np.uint64)
    for first in range(0, len(keys), _ROWS_PER_CHUNK):
        offsets = keys.offsets[first : first + _ROWS_PER_CHUNK + 1]
        encoded = keys.data[offsets[0] : offsets[-1]].tobytes()
        ends = itertools.pairwise((offsets - offsets[0]).tolist())
        digests = b"".join([digest(encoded[start:stop]).digest() for start, stop in ends])
        hashes[first : first + len(offsets) - 1] = np.frombuffer(digests, ">u8")
    return hashes
