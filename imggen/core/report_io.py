"""Reports and other records (rows with named columns) to CSV or JSON files."""

from __future__ import annotations

import csv
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from imggen.core.table_io import replace_files
from imggen.errors import ExportError, OptionError, shorten

if TYPE_CHECKING:
    import pandas as pd


class Report(ABC):
    """A result that consists of rows, which can be saved."""

    _COLUMNS: ClassVar[tuple[str, ...]]

    def to_frame(self) -> pd.DataFrame:
        """Returns the rows as a table; the class lists its columns."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(self._COLUMNS))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the rows as CSV or JSON, by the extension of ``file``, atomically.

        Raises:
            OptionError: The extension is neither.
            ExportError: The file cannot be written.
        """
        write_records(file, self._COLUMNS, self._rows(), self._metadata())

    @abstractmethod
    def _rows(self) -> Iterable[Sequence[Any]]:
        """Returns the rows: values that JSON can hold, one per column."""

    @abstractmethod
    def _metadata(self) -> Mapping[str, Any]:
        """Returns facts about the whole report, which JSON files hold too."""


def check_report_path(file: str | os.PathLike[str] | None) -> None:
    """Checks the file extension for ``write_records``, before there is anything to write.

    Raises:
        OptionError: The path ends in neither ``.csv`` nor ``.json``.
    """
    if file is not None and Path(file).suffix.lower() not in (".csv", ".json"):
        raise OptionError(f"file={shorten(str(file))} must end in .csv or .json.")


def write_records(
    file: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Writes rows atomically, in the format that the extension of ``file`` names.

    Args:
        file: A path that ends in ``.csv`` or ``.json``.
        columns: The names of the values of a row.
        rows: Values that JSON can hold.
        metadata: Facts about the whole table; written to JSON only.

    Raises:
        OptionError: Another extension.
        ExportError: The file cannot be written.
    """
    target = Path(file)
    check_report_path(file)

    def write_csv(place: Path) -> None:
        # File names that are not valid UTF-8 are written as their bytes.
        with place.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(columns)
            writer.writerows(rows)

    def write_json(place: Path) -> None:
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        place.write_text(json.dumps({**metadata, "rows": records}, indent=1), encoding="ascii")

    try:
        replace_files({target: write_csv if target.suffix.lower() == ".csv" else write_json})
    except OSError as err:
        raise ExportError(f"Cannot write {shorten(str(file))}: {err}.") from err
