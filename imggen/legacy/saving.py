"""Batches written out as pictures, under the names that Keras gives them."""

from __future__ import annotations

import os
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from imggen.legacy.draws import Source
from imggen.workers import ThreadMap


class Saving(Protocol):
    """What an iterator knows of saving."""

    save_to_dir: str | os.PathLike[str] | None
    save_prefix: str
    save_format: str
    data_format: str
    _threads: ThreadMap

    @property
    def _source(self) -> Source: ...


def save_batch(
    iterator: Saving, batch_x: npt.NDArray[Any], samples: npt.NDArray[np.int64], *, num_names: int
) -> None:
    """Writes ``<prefix>_<sample>_<random number>.<format>`` for each image, if that is asked for.

    Args:
        iterator: Says where to and how, draws the numbers, and has the threads that encode.
        batch_x: The images; each is spread over 0 to 255.
        samples: Their numbers.
        num_names: Random numbers lie below this.
    """
    folder = iterator.save_to_dir
    if not folder:
        return
    names = [
        f"{iterator.save_prefix}_{sample}_{iterator._source.randint(num_names)}"
        f".{iterator.save_format}"
        for sample in samples
    ]

    def save(position: int) -> None:
        picture = keras.utils.array_to_img(batch_x[position], iterator.data_format, scale=True)
        picture.save(os.path.join(folder, names[position]))

    iterator._threads.map(save, range(len(names)))
