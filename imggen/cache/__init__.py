"""Loaded images kept, so that later epochs do not decode: in memory, or in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable

from imggen.cache.disk import DiskCache, Store, clear_stores, stores
from imggen.cache.ram import RamCache
from imggen.errors import OptionError

# What users pass: "ram", a folder, or None.
Cache = str | os.PathLike[str] | None

__all__ = ["Cache", "DiskCache", "RamCache", "Store", "clear_stores", "open_cache", "stores"]


def open_cache(
    cache: Cache, about: str | None, num_samples: int, filepath: Callable[[int], str]
) -> RamCache | DiskCache | None:
    """Opens what a user asked for.

    Args:
        cache: "ram", a folder (made if it is not there), or None.
        about: Everything but the file that decides the pixels, in words; None: not known.
        num_samples: The number of samples.
        filepath: A sample's number to its path.

    Raises:
        OptionError: ``cache`` is none of these, or a folder where ``about`` is not known.
        CacheError: The folder cannot be used.
    """
    if cache is None:
        return None
    if cache == "ram":
        return RamCache(num_samples)
    # Words that other libraries take would make folders of such names.
    if not isinstance(cache, str | os.PathLike) or str(cache).lower() in {"", "ram", "disk"}:
        raise OptionError(
            f'cache={cache!r} is neither "ram", nor a folder such as "cached" or "./disk", nor '
            "None."
        )
    if about is None:
        raise OptionError(
            f"cache={os.fspath(cache)!r} is for images that imggen decodes: what a loader= of your "
            'own returns may change without its files changing. Use cache="ram".'
        )
    return DiskCache(cache, about, num_samples, filepath)
