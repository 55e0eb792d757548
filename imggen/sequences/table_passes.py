"""Padding and weights of the passes that Keras makes over table files."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.errors import OptionError
from imggen.loading import TableBatchMaker
from imggen.sequences.pass_weights import PassWeights, Purpose, Rows, Weigh
from imggen.sequences.process_checks import count_devices
from imggen.sequences.training_checks import weigh_by_class


@final
@dataclass(frozen=True)
class _TableRows:
    """Counts the rows of files, and of the batches that are made of them; reads each file once.

    Attributes:
        maker: Reads the files.
        multiple: The number of rows of all shards together is a multiple of this.
        steps: The number of files that a pass reads; None: all.
    """

    maker: TableBatchMaker
    multiple: int
    steps: int | None
    _rows: dict[str, int] = field(default_factory=dict)
    _of_passes: dict[int, Rows] = field(default_factory=dict)

    def of_batch(self, epoch: int, index: int) -> Rows:
        """See ``CountsRows``."""
        return self._of_file(int(self.maker.served(epoch)[index]))

    def of_pass(self, epoch: int) -> Rows:
        """See ``CountsRows``."""
        if epoch not in self._of_passes:
            served = self.maker.served(epoch)[: self.steps]
            counts = [self._of_file(index) for index in served.tolist()]
            samples = sum(one.samples for one in counts)
            self._of_passes[epoch] = Rows(samples, sum(one.served for one in counts))
        return self._of_passes[epoch]

    def _of_file(self, index: int) -> Rows:
        file = self.maker.files[index]
        if file not in self._rows:
            self._rows[file] = len(self.maker.read(file))
        samples = self._rows[file]
        return Rows(samples, -(-samples // self.multiple) * self.multiple)


def plan_table_pass(
    maker: TableBatchMaker, purpose: Purpose, steps: int | None, class_weight: Any
) -> Weigh | None:
    """Decides how a pass of Keras over table files is padded and weighted.

    Raises:
        OptionError: Files may have to be padded, and there are no targets to weigh.
    """
    devices = count_devices()
    if maker.shard is None and devices == 1:
        return None
    if not maker.targets:
        raise OptionError(
            "Files whose rows cannot be divided by the processes and devices are padded with the "
            "weight 0, which needs a target. Pass target=."
        )
    count = 1 if maker.shard is None else maker.shard.count
    return PassWeights(
        _TableRows(maker, count * devices, steps),
        purpose == "evaluate",
        lambda rows: -(-rows // devices) * devices,
        _unit_weights,
        None if class_weight is None else functools.partial(weigh_by_class, dict(class_weight)),
    )


def _unit_weights(num_rows: int) -> npt.NDArray[np.float32]:
    return np.ones(num_rows, np.float32)
