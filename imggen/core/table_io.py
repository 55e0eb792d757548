"""Tables and their metadata to CSV and Parquet files and back."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imggen.core.column_table import ColumnTable, join_frames, read_parquet_columns, to_frame
from imggen.core.input_file import InputFile
from imggen.core.output_check import check_output
from imggen.core.string_column import StringColumn
from imggen.core.text import format_bytes, pluralize
from imggen.errors import ManifestError, MissingExtraError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# Paths may hold bytes that are not valid UTF-8; Python represents them this way.
_ENCODING_ERRORS: Literal["surrogateescape"] = "surrogateescape"
# Rows of a table differ, at least in their paths.
_MAX_ROWS_PER_BYTE = 20
_MIN_ROWS_CHECKED = 100_000
# The rows of a CSV file that are converted at once.
_ROWS_PER_PART = 500_000


def write_table(
    file: Path,
    table: pd.DataFrame | Mapping[str, Any],
    metadata: dict[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Writes a table as CSV or Parquet, and its metadata as JSON in a file next to it.

    Both files are written in full under temporary names before either is renamed, so that a failure
    leaves earlier files intact.

    Args:
        file: The path of the table.
        table: A DataFrame, or the columns by name as in ``to_frame``.
        metadata: Values that JSON can hold; "format" names the kind of table.
        overwrite: Replace a file even if ``write_table`` did not write it.

    Raises:
        OptionError: An extension other than .csv or .parquet.
        ExportError: See ``check_table_file``.
        ManifestError: The folder is not writable, or Parquet cannot hold a file name.
        MissingExtraError: Parquet without pyarrow.
    """
    check_table_file(file, metadata["format"], overwrite=overwrite)
    write = _write_csv if file.suffix.lower() == ".csv" else _write_parquet
    text = json.dumps(metadata, indent=2, ensure_ascii=True)
    try:
        replace_files(
            {
                _metadata_file(file): lambda place: place.write_text(text, encoding="utf-8"),
                file: lambda place: write(table, place),
            }
        )
    except OSError as err:
        raise ManifestError(f"Cannot write {str(file)!r} and its metadata: {err}.") from err


def check_table_file(
    file: Path,
    table_format: str,
    *,
    overwrite: bool = False,
) -> None:
    """Checks that ``write_table`` can write a table, before there is one.

    Args:
        file: The path of the table.
        table_format: The value of "format" in its metadata.
        overwrite: As in ``write_table``.

    Raises:
        OptionError: An extension other than .csv or .parquet.
        ExportError: The table or its metadata cannot be written, or would replace a file that is
            not a table that ``write_table`` wrote.
    """
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(f"file={str(file)!r} must end in .csv or .parquet.")
    for place in (file, _metadata_file(file)):
        check_output(place, lambda _: _is_table(file, table_format), overwrite=overwrite)


def _is_table(file: Path, table_format: str) -> bool:
    try:
        metadata = InputFile(_metadata_file(file), ManifestError).read_json_object()
    except ManifestError:
        return False
    return bool(metadata.get("format") == table_format)


def read_table(file: Path) -> tuple[ColumnTable, dict[str, Any]]:
    """Reads the files of ``write_table``. From CSV, every column is text.

    Raises:
        ManifestError: A file is missing or broken.
        MissingExtraError: Parquet without pyarrow.
    """
    if not os.path.isfile(file):
        raise ManifestError(f"The manifest {str(file)!r} does not exist.")
    metadata = InputFile(
        _metadata_file(file),
        ManifestError,
        f"the class mapping of {file.name!r}",
        "Save the manifest again, or build it from the table with Manifest.from_frame.",
    ).read_json_object()
    return read_columns(file), metadata


def read_columns(file: Path) -> ColumnTable:
    """Reads a table without metadata. From CSV, every column is text.

    Raises:
        ManifestError: The file is broken; for Parquet, also when a column is read.
        MissingExtraError: Parquet without pyarrow.
    """
    source = _open_source(file)
    with source.translate_errors():
        if not _is_parquet(file):
            return join_frames(_read_csv(file))
        table = read_parquet_columns(_open_parquet(file))
        if table is None:
            return join_frames(iter([_read_parquet(file)]))

    def read(name: Any) -> Any:
        with source.translate_errors():
            return table[name]

    return dataclasses.replace(table, read=read)


def read_frame(file: Path) -> pd.DataFrame:
    """Reads a table without metadata as a DataFrame. From CSV, every column is text.

    Raises:
        ManifestError: The file is broken.
        MissingExtraError: Parquet without pyarrow.
    """
    import pandas as pd

    with _open_source(file).translate_errors():
        if _is_parquet(file):
            return _read_parquet(file)
        return pd.concat(list(_read_csv(file)))


def _open_source(file: Path) -> InputFile:
    is_parquet = _is_parquet(file)
    if is_parquet:
        require_pyarrow()
    return InputFile(
        file,
        ManifestError,
        f"a {'Parquet' if is_parquet else 'CSV'} table",
        "Save or export the table again.",
    )


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def has_metadata(file: Path) -> bool:
    """Whether a table has the metadata file that ``write_table`` writes."""
    return _metadata_file(file).is_file()


def _metadata_file(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def replace_files(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Writes files in full under temporary names, and only then renames all of them.

    Args:
        writers: By path, a function that writes the file to the path that it is given.

    Raises:
        OSError: A file cannot be written; earlier files are intact.
    """
    token = secrets.token_hex(4)
    # Short, since the names of the targets may be as long as a file system permits.
    temporaries = {
        target: target.with_name(f".imggen-{token}-{number}.tmp")
        for number, target in enumerate(writers)
    }
    try:
        for target, write in writers.items():
            write(temporaries[target])
        for target, temporary in temporaries.items():
            os.replace(temporary, target)
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _write_csv(table: pd.DataFrame | Mapping[str, Any], file: Path) -> None:
    if not isinstance(table, Mapping):
        table = {str(name): column.to_numpy() for name, column in table.items()}
    num_rows = len(next(iter(table.values())))
    for first in range(0, max(num_rows, 1), _ROWS_PER_PART):
        part = {name: column[first : first + _ROWS_PER_PART] for name, column in table.items()}
        to_frame(part).to_csv(
            file,
            mode="a",
            header=first == 0,
            index=False,
            quoting=csv.QUOTE_NONNUMERIC,
            encoding="utf-8",
            errors=_ENCODING_ERRORS,
        )


def _read_csv(file: Path) -> Iterator[pd.DataFrame]:
    """Yields the rows of a CSV file, some at a time; at least one part."""
    import pandas as pd

    # As text: the class "007" must not become 7, nor the class "NA" a missing value.
    options: dict[str, Any] = {
        "dtype": object,
        "keep_default_na": False,
        "encoding_errors": _ENCODING_ERRORS,
        "engine": "c",
    }
    # pandas renames the second of two equal columns, and takes surplus fields for an index.
    header = pd.read_csv(file, header=None, nrows=1, **options).iloc[0].tolist()
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise ValueError(f"the column {twice[0][:80]!r} occurs twice; expected different names")
    with pd.read_csv(file, chunksize=_ROWS_PER_PART, **options) as parts:
        for frame in parts:
            has_surplus = not isinstance(frame.index, pd.RangeIndex)
            if has_surplus:
                raise ValueError("its rows have more fields than its header")
            yield frame


def _write_parquet(table: pd.DataFrame | Mapping[str, Any], file: Path) -> None:
    require_pyarrow()
    import pyarrow as pa
    from pyarrow.parquet import write_table

    try:
        if not isinstance(table, Mapping):
            table.to_parquet(file, index=False, engine="pyarrow")
            return
        columns = {
            name: column.to_arrow() if isinstance(column, StringColumn) else pa.array(column)
            for name, column in table.items()
        }
        # Without Arrow's own schema, text is read as the type "string", whatever its type is here.
        write_table(pa.table(columns), file, store_schema=False)
    except UnicodeError as err:
        raise ManifestError(
            f"A file name is not valid UTF-8, which Parquet requires: {err}. Save as .csv."
        ) from err


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    _open_parquet(file).close()
    return pd.read_parquet(file, engine="pyarrow")


def _open_parquet(file: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    stored = ParquetFile(file)
    # A crafted file of a few bytes may claim any number of rows.
    num_rows, num_bytes = stored.metadata.num_rows, file.stat().st_size
    if num_rows > _MIN_ROWS_CHECKED + _MAX_ROWS_PER_BYTE * num_bytes:
        stored.close()
        raise ValueError(f"it claims {pluralize(num_rows, 'row')} in {format_bytes(num_bytes)}")
    return stored


def require_pyarrow(purpose: str = "Reading or writing Parquet") -> None:
    """Checks that Parquet can be read and written.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401, ICN001
    except ImportError as err:
        raise MissingExtraError.of("pyarrow", "parquet", purpose) from err
