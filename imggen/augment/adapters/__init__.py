"""Adapters: one module per package whose augmentations can be used.

In: whatever the user passed as ``augment=``. Out: steps that follow the protocol ``Augmentation``.
An adapter can be changed or added here alone, as long as its steps keep to the protocol.
"""

from imggen.augment.adapters.dispatch import Augment, adapt, unwrap_steps
from imggen.augment.adapters.registry import register_adapter

__all__ = ["Augment", "adapt", "register_adapter", "unwrap_steps"]
