"""Batches as a ``tf.data.Dataset``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.bridges.batch_source import BatchSource, map_arrays
from imggen.core import import_library

_OLDEST = "2.18"


def to_tf_dataset(source: BatchSource) -> Any:
    """Returns a dataset whose passes are the passes of ``source``, which it keeps.

    ``source`` reads ahead. Prefetching in TensorFlow would only add to that, and would end epochs
    that a loop has broken off shortly before their end.

    Args:
        source: The batches; nothing else may read them.

    Raises:
        MissingExtraError: TensorFlow is not installed, or too old.
        ImggenError: An example of a batch cannot be made.
    """
    tf = import_library("tensorflow", _OLDEST, "to_tf_dataset()")

    def find_spec(*arrays: npt.NDArray[Any]) -> Any:
        first, last = (np.asarray(array) for array in arrays)
        sizes = zip(first.shape[1:], last.shape[1:], strict=True)
        shape = [None, *(size if size == other else None for size, other in sizes)]
        return tf.TensorSpec(shape, first.dtype)

    def serve_epoch() -> Iterator[Any]:
        return (map_arrays(np.asarray, batch) for batch in source)

    # Sizes that differ between two batches, as with a custom loader, are left open.
    spec = map_arrays(find_spec, source.example(0), source.example(len(source) - 1))
    dataset = tf.data.Dataset.from_generator(serve_epoch, output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(source)))
