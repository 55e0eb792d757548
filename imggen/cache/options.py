"""The value of ``cache=``, and the cache that it asks for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final, get_args

from imggen.cache.disk import DiskCache
from imggen.cache.packed import ImageCache, JpegCache
from imggen.cache.ram import RamCache
from imggen.cache.store_state import VersionedAddress
from imggen.core import check_arguments, check_choice, check_optional_whole, check_whole, shorten
from imggen.errors import OptionError
from imggen.stores import is_remote, parse_address

Pack = Literal["raw", "jpeg"]


@check_arguments
@final
@dataclass(frozen=True)
class Cache:
    """Options of a cache of decoded images.

    ``cache="ram"`` is short for ``cache=Cache("ram")``, and a folder for ``Cache(folder)``.

    A folder serves an image only for a file of the same content, also if size and time of another
    are equal; a dataset that was moved, copied or touched is hashed once and not decoded again. A
    file is checked when a sequence first serves it: an edit after that is seen by the next
    sequence. In memory, it is seen after ``close``. A folder that cannot be written to, such as a
    cache on a read-only disk, is only read; images that it lacks are decoded in each epoch.

    In memory, masks, boxes and keypoints are kept with their images, as far as the limit leaves
    space for them. A folder holds images only: masks are decoded in each epoch.

    Attributes:
        where: "ram", or a folder, which is created if missing.
        pack: "raw" stores pixels: height × width × channels bytes per image, and the fastest
            epochs. "jpeg" encodes images again after resizing, for sets that would be too large
            otherwise: a fifth to a tenth of the bytes at quality 90. Every epoch decodes them,
            which is several times as fast as from the original files. It is lossy: all epochs,
            including the first, use the decoded JPEG, which differs by two or three gray levels on
            average. Only for "rgb" and "grayscale".
        quality: The quality of the JPEGs, 1 to 100.
        limit: The maximum number of bytes of images: in memory those of one sequence, in a folder
            those loaded with the same settings. None: 80 % of this machine's memory, or 95 % of
            the free disk space. If images of one size do not all fit, it is an error before the
            first is stored; other images that do not fit are decoded again in each epoch.

    Raises:
        OptionError: A value is invalid.

    Example:
        >>> Cache("ram", pack="jpeg", limit=2 * 2**30).quality
        90
    """

    where: str | os.PathLike[str]
    pack: Pack = "raw"
    quality: int = 90
    limit: int | None = None

    def __post_init__(self) -> None:
        # Names that other libraries use would create folders called so.
        if self.where != "ram" and str(self.where).lower() in {"", "ram", "disk"}:
            raise OptionError(
                f'cache={shorten(self.where)} is neither "ram", nor a folder such as "cached" or '
                '"./disk", nor None.'
            )
        if is_remote(address := parse_address(self.where)):
            raise OptionError(
                f"cache={shorten(address)} is a URI; a cache is a folder of this "
                "machine. Pass a local folder, also for remote images."
            )
        check_choice("pack", self.pack, get_args(Pack))
        check_whole("quality", self.quality, 1, 100)
        check_optional_whole("limit", self.limit, 1)

    @property
    def is_in_memory(self) -> bool:
        """Whether images are stored in memory, which other processes do not share."""
        return self.where == "ram"


# Values of ``cache=``: a Cache, "ram", a folder, or None.
CacheLike = Cache | str | os.PathLike[str] | None


@check_arguments
def as_cache(cache: CacheLike) -> Cache | None:
    """Converts a value of ``cache=`` to a ``Cache``."""
    return cache if cache is None or isinstance(cache, Cache) else Cache(cache)


def open_cache(
    cache: CacheLike,
    cache_key: str | None,
    num_samples: int,
    filepath: Callable[[int], str | bytes | VersionedAddress],
    *,
    color_mode: str,
    same_size: bool,
    shape: tuple[int, ...] | None = None,
) -> ImageCache | None:
    """Opens the cache that ``cache=`` asks for.

    Args:
        cache: The value of ``cache=``.
        cache_key: Describes all that determines the pixels besides the file. None: unknown.
        num_samples: The number of samples.
        filepath: Returns the path of a sample, or the bytes of its file.
        color_mode: The color mode of the images.
        same_size: Whether all images have the same size.
        shape: The shape of every image; others in a folder are ignored. None: unknown.

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
            shape=None if packs else shape,
        )
    return JpegCache(images, wanted.quality, shape) if packs else images
