"""Caches of loaded images, in memory or in a folder, so that later epochs do not decode them.

In: the number of a sample and a function that loads it. Out: its array, read-only, as loaded before
augmentation. How and where arrays are stored may be changed here without looking elsewhere.
"""

from imggen.cache.disk import clear_stores, list_stores
from imggen.cache.options import Cache, CacheLike, as_cache, open_cache
from imggen.cache.packed import ImageCache, StackedRows, pack_as_jpeg
from imggen.cache.ram import RamCache
from imggen.cache.store_state import VersionedAddress

__all__ = [
    "Cache",
    "CacheLike",
    "ImageCache",
    "RamCache",
    "StackedRows",
    "VersionedAddress",
    "as_cache",
    "clear_stores",
    "list_stores",
    "open_cache",
    "pack_as_jpeg",
]
