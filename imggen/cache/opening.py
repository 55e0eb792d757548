"""Opening of the cache that ``cache=`` asks for."""

from __future__ import annotations

from collections.abc import Callable

from imggen.cache.disk import DiskCache
from imggen.cache.options import CacheLike, as_cache
from imggen.cache.packed import ImageCache, JpegCache
from imggen.cache.ram import RamCache
from imggen.errors import OptionError


def open_cache(
    cache: CacheLike,
    cache_key: str | None,
    num_samples: int,
    filepath: Callable[[int], str],
    *,
    color_mode: str,
    same_size: bool,
) -> ImageCache | None:
    """Opens the cache that ``cache=`` asks for.

    Args:
        cache: The value of ``cache=``.
        cache_key: Describes all that determines the pixels besides the file. None: unknown.
        num_samples: The number of samples.
        filepath: Returns the path of a sample.
        color_mode: The color mode of the images.
        same_size: Whether all images have the same size.

    Raises:
        OptionError: ``cache`` is invalid, or needs a ``cache_key`` (for a folder or JPEGs), or is
            for JPEGs of images with transparency.
        CacheError: The folder cannot be used.
    """
    wanted = as_cache(cache)
    if wanted is None:
        return None
    packs = wanted.pack == "jpeg"
    if cache_key is None and (packs or not wanted.is_in_memory):
        raise OptionError(
            f"{wanted} is for images that imggen decodes: arrays from a loader= of your own may "
            'change without their files changing, and need not be images. Use cache="ram".'
        )
    if packs and color_mode == "rgba":
        raise OptionError('pack="jpeg" cannot keep the transparency of color_mode="rgba".')
    if cache_key is None or wanted.is_in_memory:
        images: ImageCache = RamCache(num_samples, wanted.limit, same_size=same_size and not packs)
    else:
        cache_key += f"\npacked as JPEG of quality {wanted.quality}" if packs else ""
        images = DiskCache(
            wanted.where,
            cache_key,
            num_samples,
            filepath,
            wanted.limit,
            same_size=same_size and not packs,
        )
    return JpegCache(images, wanted.quality) if packs else images
