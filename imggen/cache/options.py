"""Where decoded images are kept, and how: what users pass as ``cache=``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, final, get_args

from imggen.core import check_choice, check_whole
from imggen.errors import OptionError

Pack = Literal["raw", "jpeg"]


@final
@dataclass(frozen=True)
class Cache:
    """Where decoded images are kept, and how.

    ``cache="ram"`` stands for ``cache=Cache("ram")``, and a folder for ``Cache(folder)``.

    Attributes:
        where: "ram", or a folder, which is made if it is not there.
        pack: "raw" keeps pixels: height × width × channels bytes an image, and the quickest epochs.
            "jpeg" encodes them anew after resizing, for sets that are too large otherwise: at
            quality 90 a fifth to a tenth of the bytes. They are decoded in every epoch, which is
            several times as quick as from the files. It is lossy: every epoch, the first one too,
            is served what comes out of the JPEG, on average two or three grey levels from what went
            in. Only for "rgb" and "grayscale".
        quality: Of the JPEGs, 1 to 100.
        limit: The most bytes that images may take: in memory those of one sequence, in a folder
            all of one kind. None: 80 % of this machine's memory, or 95 % of what is free on the
            disk. Images of one size that would not fit together are an error before the first is
            kept; what else does not fit is decoded anew in each epoch.

    Raises:
        OptionError: A value outside its legal set.

    Example:
        >>> Cache("ram", pack="jpeg", limit=2 * 2**30).quality
        90
    """

    where: str | os.PathLike[str]
    pack: Pack = "raw"
    quality: int = 90
    limit: int | None = None

    def __post_init__(self) -> None:
        # Words that other libraries take would make folders of such names.
        if not isinstance(self.where, str | os.PathLike) or (
            self.where != "ram" and str(self.where).lower() in {"", "ram", "disk"}
        ):
            raise OptionError(
                f'cache={self.where!r} is neither "ram", nor a folder such as "cached" or '
                '"./disk", nor None.'
            )
        check_choice("pack", self.pack, get_args(Pack))
        check_whole("quality", self.quality, 1, 100)
        check_whole("limit", self.limit, 1, allow_none=True)

    @property
    def is_in_memory(self) -> bool:
        """Whether images are kept in memory, which other processes do not share."""
        return self.where == "ram"


# What users pass: a Cache, "ram", a folder, or None.
CacheLike = Cache | str | os.PathLike[str] | None


def cache_of(cache: CacheLike) -> Cache | None:
    """What a user passed, as a ``Cache``."""
    return cache if cache is None or isinstance(cache, Cache) else Cache(cache)
