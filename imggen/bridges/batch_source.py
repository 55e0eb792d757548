"""The protocol of the batches that bridges convert, and the structure of one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self


class BatchSource(Protocol):
    """Batches that are a function of (epoch, index).

    Attributes:
        epoch: The epoch that a new pass serves.
    """

    epoch: int

    def __len__(self) -> int:
        """The number of batches in an epoch."""

    def __getitem__(self, index: int) -> Any:
        """Returns batch ``index`` of the pass under way."""

    def __iter__(self) -> Iterator[Any]:
        """Serves the batches of the current epoch in order; with the last one, it is complete."""

    def take(self, epoch: int, index: int, *, is_in_order: bool) -> Any:
        """Returns batch ``index`` of ``epoch``; reads ahead if ``is_in_order``."""

    def finish_epoch(self, epoch: int) -> None:
        """Records that a pass over ``epoch`` is complete."""

    def example(self, index: int) -> Any:
        """Returns a batch with the dtypes and, but for the first axis, the shapes of all."""

    def batch_function(self) -> Callable[[int, int], Any]:
        """Returns a function that makes batch ``index`` of ``epoch``, for pickling."""

    def independent_copy(self) -> Self:
        """Returns a copy with an epoch and workers of its own."""


def map_arrays(function: Callable[..., Any], *batches: Any) -> Any:
    """Calls a function for the arrays at each position of batches that have the same structure.

    Args:
        function: The function.
        batches: Arrays in tuples, lists and dictionaries.

    Returns:
        The results in the same structure, with tuples in place of lists.
    """
    first = batches[0]
    if isinstance(first, dict):
        return {name: map_arrays(function, *(batch[name] for batch in batches)) for name in first}
    if isinstance(first, tuple | list):
        return tuple(map_arrays(function, *parts) for parts in zip(*batches, strict=True))
    return function(*batches)
