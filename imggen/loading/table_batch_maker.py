"""Makes the batches of ``TableSequence``: the arrays of one table file each."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, generator, shorten
from imggen.data import Column
from imggen.errors import TableError
from imggen.loading.shards import Shard

if TYPE_CHECKING:
    import pandas as pd

TableReader = Callable[[str], "pd.DataFrame"]
TableTransform = Callable[["pd.DataFrame"], Any]


class TableBatch(NamedTuple):
    """The arrays of one table file.

    Attributes:
        x: Numbers of shape (rows, columns).
        y: Targets of shape (rows,) or (rows, k), or None.
        weights: For a shard, float32 of shape (rows,), 0 for the rows that pad the file.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None
    weights: npt.NDArray[np.float32] | None = None

    def served(self) -> Any:
        """Returns x, (x, y) or (x, y, weights)."""
        if self.y is None:
            return self.x
        return (self.x, self.y) if self.weights is None else (self.x, self.y, self.weights)


@final
@dataclass(frozen=True)
class TableBatchMaker:
    """Reads the file that is batch ``index`` of ``epoch``; see ``TableSequence``."""

    files: tuple[str, ...]
    targets: tuple[Column, ...]
    is_single: bool
    reader: TableReader
    transform: TableTransform | None
    shuffle: bool
    replace: bool
    seed: int
    dtype: str
    columns: tuple[object, ...]
    shard: Shard | None = None

    def served(self, epoch: int) -> npt.NDArray[np.int64]:
        """Returns the indices of the files in the serving order of ``epoch``."""
        count = len(self.files)
        if not self.shuffle:
            return np.arange(count)
        rng = generator(self.seed, Stream.SHUFFLE, epoch)
        return rng.integers(count, size=count) if self.replace else rng.permutation(count)

    def read(self, file: str) -> pd.DataFrame:
        """Reads a file and checks its rows, its column names and its target."""
        import pandas as pd

        if _is_stream(file):
            raise TableError(f"{shorten(file)} is a pipe or a device; expected a file.")
        try:
            frame = self.reader(file)
        except Exception as err:
            who = "" if self.reader is pd.read_csv else "reader= raised "
            raise TableError(
                f"Cannot read {shorten(file)}: {who}{type(err).__name__}: {err}"
            ) from err
        if not isinstance(frame, pd.DataFrame):
            raise TableError(
                f"The reader returned a {type(frame).__name__} for {shorten(file)}; expected a "
                "DataFrame."
            )
        columns = list(frame.columns)
        if len(set(columns)) < len(columns):
            duplicates = sorted({str(name) for name in columns if columns.count(name) > 1})
            raise TableError(
                f"{shorten(file)} has duplicate columns {shorten(duplicates)}; expected different "
                "names."
            )
        if len(frame) == 0:
            raise TableError(
                f"{shorten(file)} has no rows; expected at least one. Remove it from files."
            )
        for target in self.targets:
            if target not in columns:
                raise TableError(
                    f"{shorten(file)} has no target column {shorten(target)}; its columns are "
                    f"{shorten(columns)}."
                )
        return frame

    def __call__(self, epoch: int, index: int) -> TableBatch:
        """Returns the batch of one file."""
        file = self.files[self.served(epoch)[index]]
        frame = self.read(file)
        missing = [column for column in self.columns if column not in frame.columns]
        unexpected = [column for column in frame.columns if column not in self.columns]
        if missing or unexpected:
            raise TableError(
                f"{shorten(file)} does not have the same columns as {self.files[0]!r}: missing "
                f"{shorten(missing)}, unexpected {shorten(unexpected)}."
            )
        frame = frame[list(self.columns)]
        y = None
        if self.targets:
            y = self._to_array(frame[list(self.targets)], file)
            y = y[:, 0] if self.is_single else y
            frame = frame.drop(columns=list(self.targets))
        x = frame if self.transform is None else self._transform(frame, file)
        x = self._to_array(x, file) if hasattr(x, "columns") else np.asarray(x)
        if x.dtype.kind not in "buif" or np.isnan(x).any():
            raise TableError(
                f"The transform returned {x.dtype} for {shorten(file)}, with values that are not "
                "numbers; expected an array of numbers without missing values."
            )
        if x.shape[:1] != (len(frame),):
            raise TableError(
                f"The transform returned shape {x.shape} for the {len(frame)} rows of "
                f"{shorten(file)}; expected one row per input row."
            )
        batch = TableBatch(x.astype(self.dtype), y)
        return batch if self.shard is None else _take_part(batch, self.shard)

    def _transform(self, frame: pd.DataFrame, file: str) -> Any:
        try:
            return None if self.transform is None else self.transform(frame)
        except Exception as err:
            raise TableError(
                f"transform= raised {type(err).__name__} for {shorten(file)}: {err}"
            ) from err

    def _to_array(self, frame: pd.DataFrame, file: str) -> npt.NDArray[Any]:
        from pandas.api.types import is_numeric_dtype

        for column in frame.columns:
            values = frame[column]
            if not is_numeric_dtype(values):
                raise TableError(
                    f"The column {shorten(column)} of {shorten(file)} holds {values.dtype}, not "
                    "numbers. Convert it into numbers or drop it, in transform= or reader=."
                )
            if values.isna().any():
                raise TableError(
                    f"The column {shorten(column)} of {shorten(file)} has no value in "
                    f"{int(values.isna().sum())} of {len(values)} rows. Fill or drop them, in "
                    "transform= or reader=."
                )
        return frame.to_numpy(dtype=self.dtype)


def _take_part(batch: TableBatch, shard: Shard) -> TableBatch:
    """Returns the rows of a shard; those of a file are padded to a multiple of the shards."""
    rows = len(batch.x)
    part = shard.part(rows, -(-rows // shard.count) * shard.count)
    x, y = part.take(
        (batch.x[part.positions], None if batch.y is None else batch.y[part.positions])
    )
    return TableBatch(x, y, part.weigh(np.ones(part.num_rows, np.float32)))


def _is_stream(file: str) -> bool:
    """Whether reading a path may never end. False for what only its reader knows, such as URLs."""
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
