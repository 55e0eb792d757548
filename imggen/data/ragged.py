"""Columns with several entries per row, such as the boxes of each sample."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt


@final
@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows with different numbers of entries.

    Attributes:
        values: The entries of all rows, concatenated; shape (num_entries, width).
        offsets: The index of each row's first entry, followed by num_entries; int64, shape
            (num_rows + 1,).
    """

    values: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def pack(cls, rows: Sequence[npt.NDArray[np.float64]], width: int) -> Ragged:
        """Packs one array of shape (entries, width) per row."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return cls(np.concatenate([np.empty((0, width)), *rows]), offsets)

    @classmethod
    def concatenate(cls, columns: Sequence[Ragged]) -> Ragged:
        """Concatenates the rows of several columns."""
        lengths = np.concatenate([np.diff(column.offsets) for column in columns])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(np.concatenate([column.values for column in columns]), offsets)

    @property
    def max_length(self) -> int:
        """The number of entries in the longest row."""
        return int(np.diff(self.offsets).max(initial=0))

    def take(self, rows: npt.NDArray[np.int64]) -> Ragged:
        """Returns the rows at ``rows``, in that order."""
        starts = self.offsets[:-1][rows]
        lengths = self.offsets[1:][rows] - starts
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # Each entry keeps its distance from the start of its row.
        shifts = np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[np.arange(offsets[-1]) + shifts], offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.float64]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]


def to_json(rows: Iterable[npt.NDArray[np.float64]]) -> list[str]:
    """Returns each row as JSON text."""
    return [json.dumps(row.tolist()) for row in rows]
