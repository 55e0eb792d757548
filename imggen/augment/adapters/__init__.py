"""Anything that can augment, made into an Augmentation: one module a package it may come from."""

from imggen.augment.adapters.dispatch import Augment, adapt, unadapted
from imggen.augment.adapters.registry import register_adapter

__all__ = ["Augment", "adapt", "register_adapter", "unadapted"]
