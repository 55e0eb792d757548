"""Saving of batches as image files, with the file names that Keras uses."""

from __future__ import annotations

import os
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from imggen.legacy.random_parameters import RandomSource
from imggen.workers import ThreadMap


class SavingIterator(Protocol):
    """The attributes of an iterator that saving depends on."""

    save_to_dir: str | os.PathLike[str] | None
    save_prefix: str
    save_format: str
    data_format: str
    _threads: ThreadMap

    @property
    def _source(self) -> RandomSource: ...


def save_batch(
    iterator: SavingIterator,
    batch_x: npt.NDArray[Any],
    samples: npt.NDArray[np.int64],
    *,
    num_names: int,
) -> None:
    """Writes ``<prefix>_<sample>_<random number>.<format>`` per image, if ``save_to_dir`` is set.

    Args:
        iterator: Has the options, the source of random numbers, and the threads that encode.
        batch_x: The images; each is scaled to 0 to 255.
        samples: The index of each image's sample.
        num_names: Random numbers are below this.
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
        try:
            picture.save(os.path.join(folder, names[position]))
        except FileNotFoundError as err:
            text = f"save_to_dir={os.fspath(folder)!r} must exist. Create the folder first"
            raise FileNotFoundError(err.errno, text, err.filename) from err

    iterator._threads.map(save, range(len(names)))
