"""Batches as a ``grain.MapDataset``."""

from __future__ import annotations

from typing import Any

from imggen.bridges.batch_source import BatchSource
from imggen.core import import_library

_OLDEST = "0.2.3"


def to_grain(source: BatchSource) -> Any:
    """Returns a dataset of ready batches whose repetitions are the epochs.

    Args:
        source: The batches; nothing else may read them.

    Raises:
        MissingExtraError: Grain is not installed, or too old.
    """
    import_library("grain", _OLDEST, "to_grain()")
    from imggen.bridges.grain_batches import GrainBatches

    return GrainBatches(source)
