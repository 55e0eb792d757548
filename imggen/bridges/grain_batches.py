"""The dataset that ``to_grain`` returns. Imports Grain, so it is imported late."""

from __future__ import annotations

import operator
from typing import Any, final

import grain
import numpy as np

from imggen.bridges.batch_source import BatchSource, map_arrays
from imggen.workers import usable_cores

# Grain's own default, 16 threads and 500 elements, is for single samples: 500 batches of 32 float32
# images of 224 x 224 take 9.6 GB, and 16 threads on two cores take a third more processor time.
_BATCHES_PER_THREAD = 2


@final
class GrainBatches(grain.MapDataset):  # type: ignore[misc]  # Grain is untyped
    """A ``grain.MapDataset`` of ready batches.

    Grain numbers the elements of a repeated dataset beyond its length, so the number of an element
    tells its epoch: nothing depends on who asked for which batch before, in whichever thread or
    process of Grain.

    Args:
        source: The batches; its current epoch is the first one.
    """

    def __init__(self, source: BatchSource) -> None:
        super().__init__()
        self._make = source.batch_function()
        self._num_batches = len(source)
        self._first_epoch = source.epoch

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self._num_batches

    def __getitem__(self, index: Any) -> Any:
        """Returns batch ``index``; from ``len`` on, those of the next epochs. Or a slice.

        A negative index counts from the end of the first epoch.
        """
        if isinstance(index, slice):
            return self.slice(index)
        index = operator.index(index)
        # As in Grain's own datasets, a negative index counts from the end.
        epochs, position = divmod(index if index >= 0 else index % len(self), len(self))
        return map_arrays(np.asarray, self._make(self._first_epoch + epochs, position))

    def to_iter_dataset(
        self, read_options: grain.ReadOptions | None = None, *, allow_nones: bool = False
    ) -> Any:
        """Converts this dataset to an ``IterDataset``, as iterating over it does.

        Args:
            read_options: The threads that make batches, and the number of batches that they
                prefetch. None: one thread per usable core, and twice as many batches.
            allow_nones: See ``grain.MapDataset``. No batch is None.
        """
        if read_options is None:
            cores = usable_cores()
            read_options = grain.ReadOptions(
                num_threads=cores, prefetch_buffer_size=_BATCHES_PER_THREAD * cores
            )
        return super().to_iter_dataset(read_options, allow_nones=allow_nones)
