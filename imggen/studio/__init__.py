"""A local page to tune augmentations: a ``draft`` is tuned, the ``page`` shows it, ``serve`` it."""

from imggen.studio.server import serve

__all__ = ["serve"]
