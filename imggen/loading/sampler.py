"""An epoch to the order in which its samples are served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, generator


@final
@dataclass(frozen=True)
class EpochSampler:
    """Decides which draws make up an epoch, and in what order.

    A draw is one use of a sample. With ``repeats=1`` draw ``i`` is sample ``i``; with more, draw
    ``i`` is sample ``i % num_samples``, and each repeat is augmented on its own.

    Attributes:
        num_samples: The number of samples.
        shuffle: Serve each epoch in an order of its own.
        repeats: How many times an epoch serves each sample.
        seed: Decides the orders.
    """

    num_samples: int
    shuffle: bool
    repeats: int
    seed: int
    # The latest orders by epoch: prefetching asks for the next epoch before this one has ended.
    _kept: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def num_draws(self) -> int:
        """The number of draws in an epoch."""
        return self.num_samples * self.repeats

    def draws(self, epoch: int) -> npt.NDArray[np.int64]:
        """All draws of an epoch, in the order served; shape (num_draws,).

        Example:
            >>> order = Order(num_samples=4, shuffle=True, repeats=1, seed=7)
            >>> sorted(order.draws(epoch=3).tolist())
            [0, 1, 2, 3]
        """
        draws = self._kept.get(epoch)
        if draws is None:
            if self.shuffle:
                draws = generator(self.seed, Stream.SHUFFLE, epoch).permutation(self.num_draws)
            else:
                draws = np.arange(self.num_draws)
            draws.flags.writeable = False
            # Replaced as a whole, so that threads never see a dict that is being changed.
            latest = dict(list(self._kept.items())[-1:])
            object.__setattr__(self, "_kept", {**latest, epoch: draws})
        return draws

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}
