"""Tables in files, of which text is read without a Python string per cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, final

from imggen.core.string_column import StringColumn, is_arrow_text

if TYPE_CHECKING:
    import pandas as pd

_ROWS_PER_BATCH = 1 << 20


@final
@dataclass(frozen=True, eq=False)
class ColumnTable:
    """A table that is read like a DataFrame: by ``columns`` and ``table[name]``.

    Attributes:
        columns: The names of the columns.
        num_rows: The number of rows.
        read: Reads a column: a ``StringColumn``, an Arrow array of text, a ``Series`` or a list.
    """

    columns: Sequence[Any]
    num_rows: int
    read: Callable[[Any], Any]

    def __getitem__(self, name: Any) -> Any:
        return self.read(name)

    def __len__(self) -> int:
        return self.num_rows


Table: TypeAlias = "pd.DataFrame | ColumnTable"


def to_frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Makes a DataFrame; text in a ``StringColumn`` or an array of objects becomes objects."""
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=object) if _is_text(column) else column
            for name, column in columns.items()
        }
    )


def join_frames(frames: Iterator[pd.DataFrame]) -> ColumnTable:
    """Joins the parts of a table, packing each column that holds nothing but text.

    Args:
        frames: The parts, from the first row to the last; at least one.
    """
    names: list[Any] = []
    parts: list[list[StringColumn | list[Any]]] = []
    for frame in frames:
        if not parts:
            names = list(frame.columns)
            parts = [[] for _ in names]
        for number, part in enumerate(parts):
            part.append(_pack_cells(frame.iloc[:, number].tolist()))
    columns = {name: _join_parts(part) for name, part in zip(names, parts, strict=True)}
    num_rows = len(next(iter(columns.values()), ()))
    return ColumnTable(names, num_rows, columns.__getitem__)


def read_parquet_columns(file: Any) -> ColumnTable | None:
    """Makes a table of an open ``pyarrow.parquet.ParquetFile``; each use of a column reads it.

    Returns:
        None if a column cannot be read by its name alone.
    """
    import pyarrow as pa

    schema = file.schema_arrow
    names = list(schema.empty_table().to_pandas().columns)  # without the index of a DataFrame
    stored = [name for name in schema.names if schema.names.count(name) == 1]
    if not set(names) <= set(stored) or "." in "".join(stored):  # which selects inside of a column
        return None

    def read(name: Any) -> Any:
        if is_arrow_text(schema.empty_table().column(name)):
            return pa.chunked_array(_read_parts(file, name), schema.field(name).type)
        return file.read(columns=[name]).to_pandas()[name]

    return ColumnTable(names, file.metadata.num_rows, read)


def _read_parts(file: Any, name: str) -> Iterator[Any]:
    """Yields the rows of a column of a Parquet file, some at a time: in all, Arrow takes more."""
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(_ROWS_PER_BATCH, row_groups=[group], columns=[name]):
            yield batch.column(0)


def _is_text(column: Any) -> bool:
    return isinstance(column, StringColumn) or str(getattr(column, "dtype", "")) == "object"


def _pack_cells(cells: list[Any]) -> StringColumn | list[Any]:
    return StringColumn.of(cells) if set(map(type, cells)) <= {str} else cells


def _join_parts(parts: list[StringColumn | list[Any]]) -> StringColumn | list[Any]:
    packed = [part for part in parts if isinstance(part, StringColumn)]
    if len(packed) == len(parts):
        return StringColumn.concatenate(packed)
    return [cell for part in parts for cell in part]
