"""The dataset that ``to_torch`` returns. Imports torch, so it is imported late."""

from __future__ import annotations

import operator
from multiprocessing import context
from typing import Any, final

import cv2
import numpy as np
import numpy.typing as npt
import torch

from imggen.bridges.batch_source import BatchSource, map_arrays
from imggen.bridges.torch_passes import LoaderPasses, SharedEpoch
from imggen.errors import OptionError, WorkerError
from imggen.workers import SharedPickle, pickle_function, register_after_fork, register_before_fork


@final
class TorchBatches(torch.utils.data.Dataset[Any]):
    """A map-style dataset of ready batches, for ``DataLoader(dataset, batch_size=None)``.

    Each pass of a loader serves the next epoch, with any number of workers; a pass that breaks off
    is repeated. Without workers of the loader, the source's own workers read ahead.

    Args:
        source: The batches; nothing else may read them.

    Attributes:
        class_names: The name of each class, if the source has them.
    """

    def __init__(self, source: BatchSource) -> None:
        self._num_batches = len(source)
        self._make = source.batch_function()
        if hasattr(source, "class_names"):
            self.class_names: tuple[str, ...] = source.class_names
        self._start(source, None)

    def _start(self, source: BatchSource | None, shared_epoch: SharedEpoch | None) -> None:
        """Starts as the original or, with ``shared_epoch``, as the copy in a worker."""
        self._source = source
        self._shared_epoch = shared_epoch
        self._passes = None if source is None else LoaderPasses(source)
        self._epoch_at_fork: SharedEpoch | None = None
        self._shared_function: tuple[SharedEpoch, SharedPickle] | None = None
        register_before_fork(self)
        register_after_fork(self)

    def before_fork(self) -> None:
        """Finds the epoch of a worker that is about to be forked."""
        self._epoch_at_fork = None if self._passes is None else self._passes.find_worker_epoch()

    def after_fork(self) -> None:
        """Becomes the copy in a worker."""
        self._start(self._source, self._epoch_at_fork)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self._num_batches

    def __getitem__(self, index: int) -> Any:
        """Returns batch ``index`` as tensors: x, (x, y) or (x, y, weights)."""
        index = operator.index(index)
        if not -self._num_batches <= index < self._num_batches:
            raise IndexError(f"batch {index} of a dataset with {self._num_batches} batches")
        return _to_tensors(self._read(index))

    def __getitems__(self, indices: Any) -> Any:
        """Refuses to group batches; called by a ``DataLoader`` that has a ``batch_size``.

        Raises:
            OptionError: Always.
        """
        raise OptionError(
            "The DataLoader has a batch_size (1 by default), which would group batches that are "
            "complete already. Pass DataLoader(dataset, batch_size=None); the number of images per "
            "batch is batch_size= of the sequence."
        )

    def _read(self, index: int) -> Any:
        if self._shared_epoch is not None:
            # Several workers share the cores, so each of them uses one thread.
            return self._make(self._shared_epoch.read(), index % self._num_batches)
        source, passes = self._originals()
        current = passes.find_current()
        if current is None:  # a loop of the user's own
            return source[index]
        index %= self._num_batches
        is_in_order = index == current.next_index
        batch = source.take(current.epoch, index, is_in_order=is_in_order)
        passes.note_asked(current, index)
        return batch

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next pass, from 0; later ones go on from there.

        Not needed for loops over all batches. Call it before each pass where passes break off
        early, since the next one would be a repetition.

        Raises:
            OptionError: It is not a whole number, or negative.
        """
        source, passes = self._originals()
        passes.forget()
        source.epoch = epoch

    def _originals(self) -> tuple[BatchSource, LoaderPasses]:
        if self._source is None or self._passes is None:
            raise WorkerError("This copy belongs to a worker of a DataLoader, which has ended.")
        return self._source, self._passes

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "_passes": None, "_epoch_at_fork": None, "_shared_function": None}
        is_spawning = context.get_spawning_popen() is not None
        if is_spawning and self._passes is not None:
            state["_shared_epoch"] = self._passes.find_worker_epoch()
        if state["_shared_epoch"] is not None:
            state["_source"] = None  # so that workers do not import Keras
            state["_make"] = self._share_function(state["_shared_epoch"])
        elif self._source is not None:
            state["_source"] = self._source.independent_copy()
        return state

    def _share_function(self, shared_epoch: SharedEpoch) -> SharedPickle:
        """Pickles the function that makes batches, once for all workers of a pass."""
        if self._shared_function is None or self._shared_function[0] is not shared_epoch:
            shared = pickle_function(
                self._make, "A DataLoader that spawns its workers", "num_workers=0"
            )
            self._shared_function = (shared_epoch, shared)
        return self._shared_function[1]

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._shared_epoch is not None:
            self._make = state["_make"].load()
            state["_make"].close()
            cv2.setNumThreads(1)
        self._start(self._source, self._shared_epoch)


def _to_tensors(batch: Any) -> Any:
    shared: set[int] = set()

    def convert(array: npt.NDArray[Any]) -> torch.Tensor:
        # An array that is input and target becomes two tensors, since tensors are changed in place.
        is_free = id(array) not in shared and array.flags.writeable and array.dtype.isnative
        shared.add(id(array))
        if not is_free or min(array.strides, default=0) < 0:
            array = np.array(array, array.dtype.newbyteorder("="), order="C")
        return torch.from_numpy(array)

    return map_arrays(convert, batch)
