"""Shards: the equal parts of each batch that the processes of one training run load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import check_seed, is_whole, shorten
from imggen.errors import OptionError

ShardLike = tuple[int, int] | None


@final
class BatchPart(NamedTuple):
    """The part of one batch that a shard loads, and how it is padded.

    Attributes:
        positions: The positions in the whole batch of the samples to load; int64. Those that are
            served come first, then those that MixUp or CutMix blends into them.
        partners: For each sample that is served, the place in ``positions`` of the one that is
            blended into it; None without MixUp or CutMix.
        num_own: The number of samples that are loaded to be served, at least 1.
        num_real: The number of these that belong to the shard; 0 if all of its rows are padding.
        num_rows: The number of rows to serve.
        factor: The rows that all shards serve, divided by the samples of the whole batch.
    """

    positions: npt.NDArray[np.int64]
    partners: list[int] | None
    num_own: int
    num_real: int
    num_rows: int
    factor: float

    def take(self, arrays: Any) -> Any:
        """Returns the rows to serve of arrays with the rows of ``positions``.

        Args:
            arrays: An array, or a dictionary, list or tuple of these; None stays None.
        """
        if self.num_own == self.num_rows == len(self.positions):
            return arrays
        return map_arrays(lambda array: repeat_rows(array[: self.num_own], self.num_rows), arrays)

    def weigh(self, weights: Any) -> Any:
        """Returns the weights of the rows to serve: 0 for padding, the others times ``factor``.

        Args:
            weights: Weights as ``take`` returns them.
        """
        factors = np.full(self.num_rows, self.factor, np.float32)
        factors[self.num_real :] = 0
        return map_arrays(lambda array: array * factors, weights)


@final
@dataclass(frozen=True)
class Shard:
    """One of several equal parts of each batch.

    Of a batch of n rows, shard i has rows i × n / count to (i + 1) × n / count. A short batch is
    padded to n rows, at its end.

    Attributes:
        index: Which part, from 0.
        count: The number of parts.

    Example:
        >>> shard = Shard(1, 2)
        >>> shard.part(num_samples=5, num_rows=8)[:1], shard.part(5, 8).num_rows
        ((array([4]),), 4)
    """

    index: int
    count: int

    @classmethod
    def parse(cls, shard: object) -> Shard | None:
        """Returns the shard of the argument ``shard=``; None for None.

        Raises:
            OptionError: It is not a pair of whole numbers, or the index is out of range.
        """
        if shard is None:
            return None
        is_pair = isinstance(shard, Sequence) and not isinstance(shard, str) and len(shard) == 2
        if not is_pair or not all(is_whole(number) for number in shard):  # type: ignore[attr-defined]
            raise OptionError(
                f"shard={shorten(shard)} is not a pair of whole numbers; expected (index, count): "
                "the index of this process, from 0, and the number of processes. Pass "
                "shard=(0, 2) in the first of two processes, (1, 2) in the second."
            )
        index, count = (int(number) for number in shard)  # type: ignore[attr-defined]
        if count < 1:
            raise OptionError(
                f"shard={shorten(shard)} has the count {count}; expected at least 1, the number of "
                "processes. Pass shard=(index, count)."
            )
        if not 0 <= index < count:
            raise OptionError(
                f"shard={shorten(shard)} has the index {index}, which is out of range; expected 0 "
                f"to {count - 1} for {count} shards. Pass the index of this process, from 0."
            )
        return cls(index, count)

    def check_batches(self, batch_size: int, on_error: str) -> None:
        """Checks that all shards have batches of the same size.

        Raises:
            OptionError: They have not.
        """
        if batch_size % self.count:
            larger = (batch_size // self.count + 1) * self.count
            raise OptionError(
                f"batch_size={batch_size} cannot be divided by {self.count} shards; it is the "
                "number of samples of all shards together. Pass a multiple of "
                f"{self.count}, such as {larger}."
            )
        if on_error == "skip" and self.count > 1:
            raise OptionError(
                'on_error="skip" makes batches of different sizes, and all shards need the same '
                'ones. Use on_error="substitute"; or "raise", and remove such files: '
                "imggen.verify finds them."
            )

    def part(
        self, num_samples: int, num_rows: int, partners: npt.NDArray[np.int64] | None = None
    ) -> BatchPart:
        """Returns the part of a batch that the shard loads.

        Args:
            num_samples: The number of samples in the whole batch.
            num_rows: The number of rows of the whole batch once it is padded.
            partners: The position in the whole batch of the sample that MixUp or CutMix blends
                into each one; None without them.
        """
        size = num_rows // self.count
        start = self.index * size
        own = np.arange(start, min(start + size, num_samples))
        num_real = len(own)
        if num_real == 0:
            own = np.array([start % num_samples])
        positions, local = own, None
        if partners is not None:
            of_own = partners[own]
            positions = np.concatenate([own, np.setdiff1d(of_own, own)])
            place = {position: index for index, position in enumerate(positions.tolist())}
            local = [place[position] for position in of_own.tolist()]
        return BatchPart(positions, local, len(own), num_real, size, num_rows / num_samples)

    def take(self, values: npt.NDArray[Any], num_rows: int) -> npt.NDArray[Any]:
        """Returns the values of the shard, of values in the order of whole batches."""
        within = np.arange(len(values)) % num_rows
        own: npt.NDArray[Any] = values[within // (num_rows // self.count) == self.index]
        return own


def choose_seed(seed: int | None, shard: ShardLike) -> int:
    """Returns the seed of a sequence; for None, a new one, or 0 for one of several shards.

    All shards need the same order and the same augmentations.

    Raises:
        OptionError: The seed is negative or not a whole number; or see ``Shard.parse``.
    """
    parsed = Shard.parse(shard)
    return 0 if seed is None and parsed is not None and parsed.count > 1 else check_seed(seed)


def map_arrays(function: Callable[[Any], Any], arrays: Any) -> Any:
    """Applies a function to an array, or to each of a dictionary, list or tuple of arrays."""
    if arrays is None:
        return None
    if isinstance(arrays, dict):
        return {name: map_arrays(function, array) for name, array in arrays.items()}
    if isinstance(arrays, list | tuple):
        return type(arrays)(map_arrays(function, array) for array in arrays)
    return function(arrays)


def repeat_rows(array: npt.NDArray[Any], num_rows: int) -> npt.NDArray[Any]:
    """Returns the rows of an array, repeated in order until there are ``num_rows``."""
    return array if len(array) == num_rows else array[np.arange(num_rows) % len(array)]
