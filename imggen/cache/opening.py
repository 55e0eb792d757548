"""A user's ``cache=`` to the cache that keeps loaded images."""

from __future__ import annotations

from collections.abc import Callable

from imggen.cache.disk import DiskCache
from imggen.cache.options import CacheLike, cache_of
from imggen.cache.packed import ImageCache, JpegPacked
from imggen.cache.ram import RamCache
from imggen.errors import OptionError


def open_cache(
    cache: CacheLike,
    about: str | None,
    num_samples: int,
    filepath: Callable[[int], str],
    *,
    color_mode: str,
    same_size: bool,
) -> ImageCache | None:
    """Opens what a user asked for.

    Args:
        cache: What the user passed.
        about: Everything but the file that decides the pixels, in words; None: not known.
        num_samples: The number of samples.
        filepath: A sample's number to its path.
        color_mode: Of the images.
        same_size: Whether all have one size.

    Raises:
        OptionError: ``cache`` is none of these, or a folder or a JPEG where ``about`` is not known,
            or a JPEG of images that have transparency.
        CacheError: The folder cannot be used.
    """
    wanted = cache_of(cache)
    if wanted is None:
        return None
    packs = wanted.pack == "jpeg"
    if about is None and (packs or not wanted.is_in_memory):
        raise OptionError(
            f"{wanted} is for images that imggen decodes: what a loader= of your own returns may "
            'change without its files changing, and need not be an image. Use cache="ram".'
        )
    if packs and color_mode == "rgba":
        raise OptionError('pack="jpeg" cannot keep the transparency of color_mode="rgba".')
    if about is None or wanted.is_in_memory:
        keeper: ImageCache = RamCache(num_samples, wanted.limit, same_size=same_size and not packs)
    else:
        about += f"\npacked as JPEG of quality {wanted.quality}" if packs else ""
        keeper = DiskCache(
            wanted.where,
            about,
            num_samples,
            filepath,
            wanted.limit,
            same_size=same_size and not packs,
        )
    return JpegPacked(keeper, wanted.quality) if packs else keeper
