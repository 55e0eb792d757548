"""Batches written out as pictures, under the names that Keras gives them."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.legacy.draws import Source
from imggen.legacy.threads import Threads


def save_batch(
    batch_x: npt.NDArray[Any],
    samples: npt.NDArray[np.int64],
    *,
    folder: str | os.PathLike[str],
    prefix: str,
    save_format: str,
    data_format: str,
    num_names: int,
    source: Source,
    threads: Threads,
) -> None:
    """Writes ``<prefix>_<sample>_<random number>.<save_format>`` for each image.

    Args:
        batch_x: The images; each is spread over 0 to 255.
        samples: Their numbers.
        folder: Where to; must exist.
        prefix: What names begin with.
        save_format: The extension, which decides the format.
        data_format: "channels_last" or "channels_first".
        num_names: Random numbers lie below this.
        source: Where they come from; moves on.
        threads: Who encodes.
    """
    names = [f"{prefix}_{sample}_{source.randint(num_names)}.{save_format}" for sample in samples]

    def save(position: int) -> None:
        picture = keras.utils.array_to_img(batch_x[position], data_format, scale=True)
        picture.save(os.path.join(folder, names[position]))

    threads.map(save, range(len(names)))
