"""Checks of numbers that users pass."""

from __future__ import annotations

import numpy as np


def is_whole(value: object, least: int | None = None) -> bool:
    """Whether it is a whole number, Python's or NumPy's, of ``least`` or more; True is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    return least is None or int(value) >= least
