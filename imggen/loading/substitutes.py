"""Readable samples in place of those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from imggen.errors import ImageError
from imggen.loading.sample_loader import Failure

# How many samples of each pool are tried.
_TRIES = 20

T = TypeVar("T")


def load_substitute(
    pools: Sequence[npt.NDArray[np.int64]],
    rng: np.random.Generator,
    load: Callable[[int], T],
    failure: Failure,
) -> tuple[int, T]:
    """Loads a random sample in place of one that cannot be read.

    Args:
        pools: The samples to choose from, the preferred ones first.
        rng: Decides which.
        load: Loads a sample; raises ImageError.
        failure: The file that is replaced.

    Returns:
        The sample, and what ``load`` returned for it.

    Raises:
        ImageError: None of the samples that were tried can be loaded.
    """
    for pool in pools:
        for index in rng.choice(pool, size=_TRIES).tolist():
            try:
                return index, load(index)
            except ImageError as err:
                if err.is_outage:
                    raise
    raise ImageError.of(
        failure.path,
        f"{failure.reason}; and {_TRIES * len(pools)} other files tried in its place cannot be "
        "read either",
    )
