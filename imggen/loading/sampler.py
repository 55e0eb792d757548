"""The order in which an epoch serves its samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, generator


@final
@dataclass(frozen=True)
class EpochSampler:
    """Decides which indices make up an epoch, and in which order.

    An index is one use of a sample. With ``repeats=1`` index ``i`` is sample ``i``; with more,
    index ``i`` is sample ``i % num_samples``, and each repeat is augmented differently.

    Attributes:
        num_samples: The number of samples.
        shuffle: Serve each epoch in a new random order.
        repeats: How many times an epoch serves each sample.
        seed: Decides the orders.
        selection: Serve only these indices, in this order. None: all.
    """

    num_samples: int
    shuffle: bool
    repeats: int
    seed: int
    selection: tuple[int, ...] | None = None
    # The latest orders by epoch: prefetching asks for the next epoch before this one has ended.
    _cached: dict[int, npt.NDArray[np.int64]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def num_indices(self) -> int:
        """The number of indices in an epoch."""
        return self.num_samples * self.repeats if self.selection is None else len(self.selection)

    def indices(self, epoch: int) -> npt.NDArray[np.int64]:
        """Returns all indices of an epoch, in the order served; shape (num_indices,).

        Example:
            >>> sampler = EpochSampler(num_samples=4, shuffle=True, repeats=1, seed=7)
            >>> sorted(sampler.indices(epoch=3).tolist())
            [0, 1, 2, 3]
        """
        indices = self._cached.get(epoch)
        if indices is None:
            if self.selection is not None:
                indices = np.array(self.selection, np.int64)
            elif self.shuffle:
                indices = generator(self.seed, Stream.SHUFFLE, epoch).permutation(self.num_indices)
            else:
                indices = np.arange(self.num_indices)
            indices.flags.writeable = False
            # Replaced as a whole, so that threads never see a dict that is being changed.
            latest = dict(list(self._cached.items())[-1:])
            object.__setattr__(self, "_cached", {**latest, epoch: indices})
        return indices

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cached": {}}
