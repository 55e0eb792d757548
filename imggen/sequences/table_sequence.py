"""``TableSequence``: one batch per table file."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any, final

from imggen.core import (
    check_arguments,
    check_choice,
    check_optional_whole,
    shorten,
)
from imggen.data import Column, to_paths, to_values
from imggen.errors import OptionError
from imggen.loading import (
    Shard,
    ShardLike,
    TableBatch,
    TableBatchMaker,
    TableReader,
    TableTransform,
    choose_seed,
)
from imggen.sequences.base import EpochSequence
from imggen.sequences.pass_weights import Purpose, Weigh
from imggen.sequences.process_checks import check_processes
from imggen.sequences.state import digest_files
from imggen.sequences.table_passes import plan_table_pass
from imggen.workers import WorkerOptions

_DTYPES = ("float32", "float64", "float16")


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
        shard: (index, count): each process serves its part of the rows of each file; see
            ``ImageSequence``. Batches are (x, y, weights) then. Each process reads all files;
            ``evaluate`` reads each of them once more, to count its rows.

    Raises:
        OptionError: No files, an unknown dtype, ``replace`` without ``shuffle``, or a shard that is
            out of range.
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
        reader: TableReader | None = None,
        transform: TableTransform | None = None,
        shuffle: bool = True,
        replace: bool = False,
        seed: int | None = None,
        dtype: str = "float32",
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
        shard: ShardLike = None,
    ) -> None:
        import pandas as pd

        paths = to_paths(files, "files")
        if not paths:
            raise OptionError("files is empty; expected at least one file.")
        check_choice("dtype", dtype, _DTYPES)
        if replace and not shuffle:
            raise OptionError("replace=True needs shuffle=True, since files are drawn at random.")
        self.files = paths
        self.seed = choose_seed(seed, shard)
        self._shard = Shard.parse(shard)
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
            shard=None if self._shard is None or self._shard.count == 1 else self._shard,
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

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose = "fit", steps: int | None = None
    ) -> Weigh | None:
        """See ``EpochSequence``."""
        if purpose == "predict":
            return None
        check_processes(model, self._shard)
        return plan_table_pass(self._maker, purpose, steps, class_weight)

    def _describe_order(self) -> dict[str, Any]:
        return {
            "kind": "TableSequence",
            "seed": self.seed,
            "batch_size": 1,
            "shuffle": self._maker.shuffle,
            "replace": self._maker.replace,
            "files": self._files_digest,
        }

    @functools.cached_property
    def _files_digest(self) -> str:
        return digest_files(self.files)

    def _serve(self, made: TableBatch) -> Any:
        return made.served()

    def __repr__(self) -> str:
        return (
            f"TableSequence({len(self.files)} files; {len(self._maker.columns)} columns, "
            f"target={self._target!r}; seed={self.seed})"
        )


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
