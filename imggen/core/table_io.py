"""Tables and their metadata to CSV and Parquet files and back."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imggen.core.input_file import InputFile
from imggen.core.text import format_bytes, pluralize
from imggen.errors import ManifestError, MissingExtraError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# Paths may hold bytes that are not valid UTF-8; Python represents them this way.
_ENCODING_ERRORS: Literal["surrogateescape"] = "surrogateescape"
# Rows of a table differ, at least in their paths.
_MAX_ROWS_PER_BYTE = 20
_MIN_ROWS_CHECKED = 100_000


def write_table(file: Path, frame: pd.DataFrame, metadata: dict[str, Any]) -> None:
    """Writes a table as CSV or Parquet, and its metadata as JSON in a file next to it.

    Both files are written in full under temporary names before either is renamed, so that a failure
    leaves earlier files intact.

    Raises:
        OptionError: An extension other than .csv or .parquet.
        ManifestError: The folder is not writable, or Parquet cannot hold a file name.
        MissingExtraError: Parquet without pyarrow.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(file.suffix.lower())
    if write is None:
        raise OptionError(f"file={str(file)!r} must end in .csv or .parquet.")
    _check_metadata_file(_metadata_file(file), metadata)
    text = json.dumps(metadata, indent=2, ensure_ascii=True)
    try:
        replace_files(
            {
                _metadata_file(file): lambda place: place.write_text(text, encoding="utf-8"),
                file: lambda place: write(frame, place),
            }
        )
    except OSError as err:
        raise ManifestError(f"Cannot write {str(file)!r} and its metadata: {err}.") from err


def _check_metadata_file(file: Path, metadata: dict[str, Any]) -> None:
    """Refuses to replace a file that ``write_table`` did not write."""
    if not os.path.lexists(file):
        return
    try:
        earlier = InputFile(file, ManifestError).read_json_object()
    except ManifestError:
        earlier = {}
    if earlier.get("format") != metadata.get("format"):
        raise ManifestError(
            f"{str(file)!r} exists and was not written by imggen; the metadata of the table would "
            "replace it. Move it away, or choose another name."
        )


def read_table(file: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Reads the files of ``write_table``. From CSV, every column is text.

    Raises:
        ManifestError: A file is missing or broken.
        MissingExtraError: Parquet without pyarrow.
    """
    if not file.is_file():
        raise ManifestError(f"The manifest {str(file)!r} does not exist.")
    metadata = InputFile(
        _metadata_file(file),
        ManifestError,
        f"the class mapping of {file.name!r}",
        "Save the manifest again, or build it from the table with Manifest.from_frame.",
    ).read_json_object()
    return read_frame(file), metadata


def read_frame(file: Path) -> pd.DataFrame:
    """Reads a table without metadata. From CSV, every column is text.

    Raises:
        ManifestError: The file is broken.
        MissingExtraError: Parquet without pyarrow.
    """
    is_parquet = file.suffix.lower() == ".parquet"
    if is_parquet:
        _require_pyarrow()
    source = InputFile(
        file,
        ManifestError,
        f"a {'Parquet' if is_parquet else 'CSV'} table",
        "Save or export the table again.",
    )
    with source.translate_errors():
        return _read_parquet(file) if is_parquet else _read_csv(file)


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
    temporaries = {target: target.with_name(f".{target.name}.{token}.tmp") for target in writers}
    try:
        for target, write in writers.items():
            write(temporaries[target])
        for target, temporary in temporaries.items():
            os.replace(temporary, target)
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _write_csv(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(
        file, index=False, quoting=csv.QUOTE_NONNUMERIC, encoding="utf-8", errors=_ENCODING_ERRORS
    )


def _read_csv(file: Path) -> pd.DataFrame:
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
    frame: pd.DataFrame = pd.read_csv(file, **options)
    has_surplus = not isinstance(frame.index, pd.RangeIndex)
    if has_surplus:
        raise ValueError("its rows have more fields than its header")
    return frame


def _write_parquet(frame: pd.DataFrame, file: Path) -> None:
    _require_pyarrow()
    try:
        frame.to_parquet(file, index=False, engine="pyarrow")
    except UnicodeError as err:
        raise ManifestError(
            f"A file name is not valid UTF-8, which Parquet requires: {err}. Save as .csv."
        ) from err


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd
    from pyarrow.parquet import ParquetFile

    # A crafted file of a few bytes may claim any number of rows.
    with ParquetFile(file) as stored:
        num_rows, num_bytes = stored.metadata.num_rows, file.stat().st_size
        if num_rows > _MIN_ROWS_CHECKED + _MAX_ROWS_PER_BYTE * num_bytes:
            raise ValueError(f"it claims {pluralize(num_rows, 'row')} in {format_bytes(num_bytes)}")
    return pd.read_parquet(file, engine="pyarrow")


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401, ICN001
    except ImportError as err:
        raise MissingExtraError.of("pyarrow", "parquet", "Reading or writing Parquet") from err
