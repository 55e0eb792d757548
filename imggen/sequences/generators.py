"""Batches without end, as tuples, for ``fit(sequence.generator(), steps_per_epoch=...)``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

import keras

from imggen.sequences.keras_compat import PeekedArray, is_peeking
from imggen.workers import BatchKey


class ServesGenerator(Protocol):
    """A sequence, as far as its generator uses it."""

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""

    def _get(self, key: BatchKey, upcoming: list[BatchKey]) -> Any: ...

    def _following(self, key: BatchKey, *, into_next: bool) -> list[BatchKey]: ...

    def _epoch_ended(self, epoch: int) -> None: ...


def generate(
    sequence: ServesGenerator, epoch: int, start: int
) -> Generator[tuple[Any, ...], None, None]:
    """Yields the batches of ``epoch``, beginning with batch ``start``, and of all later epochs."""
    while True:
        for index in range(start, sequence.num_batches):
            yield _tuple_of(sequence, (epoch, index))  # without a reference to it in this frame
        sequence._epoch_ended(epoch)
        epoch, start = epoch + 1, 0


def _tuple_of(sequence: ServesGenerator, key: BatchKey) -> tuple[Any, ...]:
    batch = sequence._get(key, sequence._following(key, into_next=True))
    # From a generator, Keras accepts only tuples.
    batch = batch if isinstance(batch, tuple) else (batch,)
    return _as_peeked(sequence, batch, key) if is_peeking() else batch


def _as_peeked(sequence: ServesGenerator, batch: tuple[Any, ...], key: BatchKey) -> tuple[Any, ...]:
    """Returns a batch of arrays that Keras may keep without their memory."""

    def wrap(position: int, array: Any) -> PeekedArray:
        return PeekedArray(array, lambda: keras.tree.flatten(_tuple_of(sequence, key))[position])

    arrays = [wrap(*item) for item in enumerate(keras.tree.flatten(batch))]
    return tuple(keras.tree.pack_sequence_as(batch, arrays))
