"""Batches outside of a sequence: those of other libraries' workers, and examples of shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from imggen.core import shorten, warn_user
from imggen.loading.batch import Batch
from imggen.loading.batch_maker import BatchMaker
from imggen.workers import BufferPool


@final
@dataclass(frozen=True)
class ServedBatches:
    """Makes batches as a sequence serves them, in workers that do not have the sequence.

    There, nobody counts unreadable files, and the worker may end after any batch. So each worker
    warns of each of these files, and nothing waits to be written to a cache.

    Attributes:
        make: Makes batch ``index`` of ``epoch``; its results have a method ``served``.
    """

    make: Callable[[int, int], Any]
    _reported: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __call__(self, epoch: int, index: int) -> Any:
        """Makes one batch.

        Raises:
            ImggenError: See ``BatchMaker``.
        """
        made = self.make(epoch, index)
        if isinstance(made, Batch):
            for failure in made.failures.values():
                if failure.path in self._reported:
                    continue
                self._reported.add(failure.path)
                warn_user(
                    f"{shorten(failure.path)} could not be read and was skipped or substituted: "
                    f"{failure.reason}."
                )
        if isinstance(self.make, BatchMaker) and self.make.samples.cache is not None:
            self.make.samples.cache.flush()
        return made.served()


def make_example(maker: BatchMaker, epoch: int, index: int) -> Batch:
    """Makes a batch of one sample for its shapes; zeros if the sample cannot be read.

    Args:
        maker: Makes the batches.
        epoch: The epoch.
        index: The position of the sample in the epoch.

    Raises:
        ImggenError: See ``BatchMaker``.
    """
    single = copy.copy(maker)
    # Without the checks of a new maker, whose warnings were shown before.
    vars(single).update(batch_size=1, on_error="blank", buffers=BufferPool(1), shard=None)
    batch = single(epoch, index)._replace(failures={})
    if not maker.is_padded or batch.y is None or batch.weights is not None:
        return batch
    return batch._replace(weights=maker.label_mode.unit_weights(1))
