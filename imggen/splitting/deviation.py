"""How near a split came to the shares that were asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from imggen.data import Manifest, Splits
from imggen.splitting.ratios import Shares


class Off(NamedTuple):
    """The class that is furthest from its share in a part.

    Attributes:
        class_name: Which class; None where the samples have none.
        part: In which part.
        got: How many samples are there.
        wanted: How many it should be, exactly.
        total: How many the class has in all.
    """

    class_name: str | None
    part: str
    got: int
    wanted: float
    total: int

    def __str__(self) -> str:
        who = "" if self.class_name is None else f"{self.class_name} in "
        return (
            f"{who}{self.part}: {self.got} of {self.total} ({self.got / self.total:.1%}) for "
            f"{self.wanted / self.total:.1%}"
        )


def furthest_off(parts: Splits[Manifest], shares: Shares) -> Off | None:
    """Finds the class and part whose share of the class is furthest from what was asked for.

    Args:
        parts: What ``split`` made, by the same shares.
        shares: What was asked for.

    Returns:
        None if there are no samples.
    """
    counts = np.array(
        [list(part.class_counts.values()) or [len(part)] for part in parts], np.int64
    ).T
    totals = counts.sum(axis=1)
    present = np.flatnonzero(totals)
    if not len(present):
        return None
    wanted = shares.exact(totals)[present]
    distance = np.abs(counts[present] - wanted) / totals[present, None]
    row, part = np.unravel_index(int(np.argmax(distance)), distance.shape)
    stratum = present[row]
    class_names = parts[0].class_names
    return Off(
        class_names[stratum] if parts[0].labels is not None else None,
        parts.names[part],
        int(counts[stratum, part]),
        float(wanted[row, part]),
        int(totals[stratum]),
    )
