"""``TableSequence``: one batch per table file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import (
    Stream,
    check_arguments,
    check_choice,
    check_optional_whole,
    check_seed,
    generator,
    shorten,
)
from imggen.data import Column, to_paths, to_values
from imggen.errors import OptionError, TableError
from imggen.sequences.base import EpochSequence
from imggen.workers import WorkerOptions

if TYPE_CHECKING:
    import pandas as pd

Reader = Callable[[str], "pd.DataFrame"]
Transform = Callable[["pd.DataFrame"], Any]


_DTYPES = ("float32", "float64", "float16")


class TableBatch(NamedTuple):
    """The arrays of one table file: x of shape (rows, columns); y of shape (rows,) or (rows, k)."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None


@check_arguments
@final
class TableSequence(EpochSequence[TableBatch]):
    r"""A ``keras.utils.PyDataset`` with one batch per file.

    Use it for tables that together do not fit into memory. The first file is read once when the
    sequence is created; all others must have the same columns, in any order. Epochs advance as in
    ``ImageSequence``.

    Args:
        files: Paths of CSV files, or of other files that ``reader`` reads.
        target: The column to predict, or a list of columns, which are removed from ``x``. ``y`` has
            the shape (rows,) for one column and (rows, k) for a list. None: no target.
        reader: A function from path to DataFrame, such as ``pandas.read_parquet``. None:
            ``pandas.read_csv``.
        transform: A function from the DataFrame without the target to the DataFrame or array to
            train on. None: no transform.
        shuffle: Shuffle the files each epoch.
        replace: Draw files with replacement instead, as many as there are.
        seed: Random seed for the order. None: a new one, which the attribute ``seed`` holds.
        dtype: The dtype of ``x`` and ``y``: "float32", "float64" or "float16". All files have the
            same, since Keras infers it from the first batches.
        workers: As in ``ImageSequence``.
        use_multiprocessing: As in ``ImageSequence``.
        max_queue_size: As in ``ImageSequence``.

    Raises:
        OptionError: No files, an unknown dtype, or ``replace`` without ``shuffle``.
        TableError: The first file cannot be read or does not have the target. Later files raise it
            when they are read, if they have other columns, no rows, missing values or columns
            without numbers; the message names file and column.

    Attributes:
        files: The paths, in the given order.
        seed: The random seed.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = file.write_text("a,b,y\n1,2,0\n3,4,1\n")
        >>> x, y = TableSequence([file], target="y")[0]
        >>> x.tolist(), y.tolist()
        ([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])
    """

    def __init__(
        self,
        files: Sequence[str | os.PathLike[str]],
        target: Column | Sequence[Column] | None,
        *,
        reader: Reader | None = None,
        transform: Transform | None = None,
        shuffle: bool = True,
        replace: bool = False,
        seed: int | None = None,
        dtype: str = "float32",
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        import pandas as pd

        paths = to_paths(files, "files")
        if not paths:
            raise OptionError("files is empty; expected at least one file.")
        check_choice("dtype", dtype, _DTYPES)
        if replace and not shuffle:
            raise OptionError("replace=True needs shuffle=True, since files are drawn at random.")
        self.files = paths
        self.seed = check_seed(seed)
        self._target = target
        self._maker = TableBatchMaker(
            files=tuple(self.files),
            targets=_as_columns(target),
            is_single=isinstance(target, str | int),
            reader=reader or pd.read_csv,
            transform=transform,
            shuffle=shuffle,
            replace=replace,
            seed=self.seed,
            dtype=dtype,
            columns=(),
        )
        columns = self._maker.read(self.files[0]).columns
        self._maker = dataclasses.replace(self._maker, columns=tuple(columns))
        options = WorkerOptions(workers, use_multiprocessing, max_queue_size)
        super().__init__(self._maker, len(self.files), options)

    @check_arguments
    def served(self, epoch: int | None = None) -> list[str]:
        """Returns the files of an epoch in serving order.

        Args:
            epoch: The epoch, from 0. None: the one that was served last; before the first batch,
                the current one.
        """
        epoch = check_optional_whole("epoch", epoch, 0)
        order = self._maker.served(self._tracker.served if epoch is None else epoch)
        return [self.files[index] for index in order]

    def _serve(self, made: TableBatch) -> Any:
        return made.x if made.y is None else (made.x, made.y)

    def __repr__(self) -> str:
        return (
            f"TableSequence({len(self.files)} files; {len(self._maker.columns)} columns, "
            f"target={self._target!r}; seed={self.seed})"
        )


@final
@dataclass(frozen=True)
class TableBatchMaker:
    """Reads the file that is batch ``index`` of ``epoch``; see ``TableSequence``."""

    files: tuple[str, ...]
    targets: tuple[Column, ...]
    is_single: bool
    reader: Reader
    transform: Transform | None
    shuffle: bool
    replace: bool
    seed: int
    dtype: str
    columns: tuple[object, ...]

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
        return TableBatch(x.astype(self.dtype), y)

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


def _as_columns(target: Column | Sequence[Column] | None) -> tuple[Column, ...]:
    if target is None:
        return ()
    if isinstance(target, str | int):
        return (target,)
    columns = to_values(target, "target", OptionError)
    if not columns or not all(isinstance(column, str | int) for column in columns):
        raise OptionError(
            f"target={shorten(columns)} must be the name of a column, or a list of names."
        )
    if len(set(columns)) < len(columns):
        raise OptionError(f"target={shorten(columns)} names a column twice.")
    return tuple(columns)
