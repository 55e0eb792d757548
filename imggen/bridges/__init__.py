"""Bridges from batches to the datasets of other libraries: ``tf.data``, torch and Grain.

In: anything that serves batches by (epoch, index), as ``BatchSource`` describes it. Out: a dataset
of the other library with the same batches. Each library is imported when its function is called,
and has a file of its own, which can be changed without the others.
"""

from typing import TYPE_CHECKING

from imggen.bridges.batch_source import BatchSource
from imggen.bridges.grain_data import to_grain
from imggen.bridges.tf_data import to_tf_dataset
from imggen.bridges.torch_data import to_torch

if TYPE_CHECKING:
    from imggen.bridges.torch_batches import TorchBatches

__all__ = ["BatchSource", "TorchBatches", "to_grain", "to_tf_dataset", "to_torch"]
