"""The options of a cache: the value of ``cache=``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, final, get_args

from imggen.core import check_choice, check_optional_whole, check_whole
from imggen.errors import OptionError

Pack = Literal["raw", "jpeg"]


@final
@dataclass(frozen=True)
class Cache:
    """Options of a cache of decoded images.

    ``cache="ram"`` is short for ``cache=Cache("ram")``, and a folder for ``Cache(folder)``.

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
        if not isinstance(self.where, str | os.PathLike) or (
            self.where != "ram" and str(self.where).lower() in {"", "ram", "disk"}
        ):
            raise OptionError(
                f'cache={self.where!r} is neither "ram", nor a folder such as "cached" or '
                '"./disk", nor None.'
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


def as_cache(cache: CacheLike) -> Cache | None:
    """Converts a value of ``cache=`` to a ``Cache``."""
    return cache if cache is None or isinstance(cache, Cache) else Cache(cache)
