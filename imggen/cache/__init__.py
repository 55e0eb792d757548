"""Loaded images kept, so that later epochs do not decode: in memory, or in a folder."""

from imggen.cache.disk import DiskCache, Store, clear_stores, stores
from imggen.cache.opening import open_cache
from imggen.cache.options import Cache, CacheLike, cache_of
from imggen.cache.packed import ImageCache, pack_as_jpeg
from imggen.cache.ram import RamCache

__all__ = [
    "Cache",
    "CacheLike",
    "DiskCache",
    "ImageCache",
    "RamCache",
    "Store",
    "cache_of",
    "clear_stores",
    "open_cache",
    "pack_as_jpeg",
    "stores",
]
