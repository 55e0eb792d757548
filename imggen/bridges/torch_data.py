"""Batches as a map-style dataset for torch's ``DataLoader``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imggen.bridges.batch_source import BatchSource
from imggen.core import import_library

if TYPE_CHECKING:
    from imggen.bridges.torch_batches import TorchBatches

_OLDEST = "2.5"


def to_torch(source: BatchSource) -> TorchBatches:
    """Returns a map-style dataset whose items are batches; see ``TorchBatches``.

    Args:
        source: The batches; nothing else may read them.

    Raises:
        MissingExtraError: torch is not installed, or too old.
    """
    import_library("torch", _OLDEST, "to_torch()")
    from imggen.bridges.torch_batches import TorchBatches

    return TorchBatches(source)
