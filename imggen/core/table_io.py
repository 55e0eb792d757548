"""Tables and the facts about them, to CSV and Parquet files and back."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imggen.errors import ManifestError, MissingExtraError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# Paths may hold bytes that are no text; this is how Python carries them.
_BYTES_AS_TEXT: Literal["surrogateescape"] = "surrogateescape"


def write_table(file: Path, frame: pd.DataFrame, metadata: dict[str, Any]) -> None:
    """Writes a table as CSV or Parquet, by the ending of ``file``, and its facts as JSON beside it.

    Both files are written in full under other names before either is put in place, so that a
    failure leaves what was there.

    Raises:
        OptionError: An ending other than .csv or .parquet.
        ManifestError: The folder cannot be written to, or Parquet cannot hold a file name.
        MissingExtraError: Parquet without pyarrow.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(file.suffix.lower())
    if write is None:
        raise OptionError(f"file={str(file)!r} must end in .csv or .parquet.")
    _check_facts_file(_facts_file(file), metadata)
    text = json.dumps(metadata, indent=2, ensure_ascii=True)
    try:
        replace_files(
            {
                _facts_file(file): lambda place: place.write_text(text, encoding="utf-8"),
                file: lambda place: write(frame, place),
            }
        )
    except OSError as err:
        raise ManifestError(f"Cannot write {[str(_facts_file(file)), str(file)]}: {err}.") from err


def _check_facts_file(beside: Path, metadata: dict[str, Any]) -> None:
    """Refuses to replace what ``write_table`` has not written."""
    try:
        earlier = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        earlier = None
    if not isinstance(earlier, dict) or earlier.get("format") != metadata.get("format"):
        raise ManifestError(
            f"{str(beside)!r} is there and was not written by imggen, and the facts of the table "
            "would replace it. Move it away, or choose another name."
        )


def read_table(file: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Reads what ``write_table`` wrote. From CSV, every column is text.

    Raises:
        ManifestError: A file is missing or broken.
        MissingExtraError: Parquet without pyarrow.
    """
    if not file.is_file():
        raise ManifestError(f"There is no manifest {str(file)!r}.")
    try:
        metadata = json.loads(_facts_file(file).read_text(encoding="utf-8"))
        if not isinstance(metadata, dict):
            raise TypeError(f"it holds a {type(metadata).__name__}, not an object")
    except (OSError, ValueError, TypeError) as err:
        raise ManifestError(
            f"{str(_facts_file(file))!r}, which holds the class mapping of {file.name!r}, cannot "
            f"be read: {err}. Save the manifest again, or build it from the table with "
            "Manifest.from_frame."
        ) from err
    return read_frame(file), metadata


def read_frame(file: Path) -> pd.DataFrame:
    """Reads a table alone. From CSV, every column is text.

    Raises:
        ManifestError: The file is broken.
        MissingExtraError: Parquet without pyarrow.
    """
    return _read_parquet(file) if file.suffix.lower() == ".parquet" else _read_csv(file)


def has_metadata(file: Path) -> bool:
    """Whether ``write_table`` wrote this table."""
    return _facts_file(file).is_file()


def _facts_file(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def replace_files(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Writes files in full under other names, and only then puts all of them in place.

    Raises:
        OSError: A file cannot be written; what was there is there still.
    """
    mark = secrets.token_hex(4)
    places = {target: target.with_name(f".{target.name}.{mark}.tmp") for target in writers}
    try:
        for target, write in writers.items():
            write(places[target])
        for target, place in places.items():
            os.replace(place, target)
    finally:
        for place in places.values():
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)


def _write_csv(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(
        file, index=False, quoting=csv.QUOTE_NONNUMERIC, encoding="utf-8", errors=_BYTES_AS_TEXT
    )


def _read_csv(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        # As text: the class "007" must not become 7, nor the class "NA" a missing value.
        return pd.read_csv(
            file, dtype=object, keep_default_na=False, encoding_errors=_BYTES_AS_TEXT, engine="c"
        )
    except (OSError, ValueError) as err:
        raise ManifestError(f"{str(file)!r} is not a manifest in CSV: {err}.") from err


def _write_parquet(frame: pd.DataFrame, file: Path) -> None:
    _need_pyarrow()
    try:
        frame.to_parquet(file, index=False, engine="pyarrow")
    except UnicodeError as err:
        raise ManifestError(
            f"A file name is not valid UTF-8, which Parquet cannot hold: {err}. Save as .csv."
        ) from err


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    _need_pyarrow()
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except (OSError, ValueError) as err:
        raise ManifestError(f"{str(file)!r} is not a manifest in Parquet: {err}.") from err


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401, ICN001
    except ImportError as err:
        raise MissingExtraError.of("pyarrow", "parquet", "Reading or writing Parquet") from err
