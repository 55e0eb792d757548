"""Reports and other records (rows with named columns) to CSV or JSON files."""

from __future__ import annotations

import csv
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from imggen.core.input_file import InputFile
from imggen.core.output_check import check_output, read_start
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

        rows = [tuple(row) for row in self._rows()]
        try:
            return pd.DataFrame(rows, columns=list(self._COLUMNS))
        except UnicodeEncodeError:
            # pandas 3 keeps file names that are not valid UTF-8 only in columns of objects.
            columns = zip(self._COLUMNS, zip(*rows, strict=True), strict=True)
            return pd.DataFrame(
                {
                    name: pd.Series(values, dtype=object if _has_text(values) else None)
                    for name, values in columns
                }
            )

    def save(self, file: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the rows as CSV or JSON, by the extension of ``file``, atomically.

        Args:
            file: A path that ends in ``.csv`` or ``.json``. An earlier report of the same kind is
                replaced.
            overwrite: Replace any other file too.

        Raises:
            OptionError: The extension is neither.
            ExportError: The file cannot be written, or exists and is another one.
        """
        self._check_file(file, overwrite=overwrite)
        write_records(file, self._COLUMNS, self._rows(), self._metadata())

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of its JSON file: facts about the whole, and a dictionary per row."""
        return _build_record(self._COLUMNS, self._rows(), self._metadata())

    @classmethod
    def _check_file(
        cls,
        file: str | os.PathLike[str],
        *,
        overwrite: bool = False,
    ) -> None:
        check_report_path(file)
        check_output(
            file,
            lambda path: _is_report(path, cls._COLUMNS),
            overwrite=overwrite,
        )

    @abstractmethod
    def _rows(self) -> Iterable[Sequence[Any]]:
        """Returns the rows: values that JSON can hold, one per column."""

    @abstractmethod
    def _metadata(self) -> Mapping[str, Any]:
        """Returns facts about the whole report, which JSON files hold too."""


def _has_text(values: Iterable[object]) -> bool:
    return any(isinstance(value, str) for value in values)


def check_report_file(
    report: type[Report],
    file: str | os.PathLike[str] | None,
    *,
    overwrite: bool = False,
) -> None:
    """Checks that ``report.save(file)`` can work, before there is a report.

    Args:
        report: The class of the report.
        file: The file. None: there is nothing to check.
        overwrite: As in ``Report.save``.

    Raises:
        ImggenError: See ``Report.save``.
    """
    if file is not None:
        report._check_file(file, overwrite=overwrite)


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
        record = _build_record(columns, rows, metadata)
        place.write_text(json.dumps(record, indent=1), encoding="ascii")

    try:
        replace_files({target: write_csv if target.suffix.lower() == ".csv" else write_json})
    except OSError as err:
        raise ExportError(f"Cannot write {shorten(str(file))}: {err}.") from err


def _build_record(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    return {**metadata, "rows": [dict(zip(columns, row, strict=True)) for row in rows]}


def _is_report(path: str, columns: Sequence[str]) -> bool:
    """Whether a file holds a report with the same columns."""
    if Path(path).suffix.lower() == ".csv":
        head = ",".join(columns).encode()
        return read_start(path, len(head) + 2).rstrip(b"\r\n") == head
    try:
        rows = InputFile(path, ExportError).read_json_object().get("rows")
    except ExportError:
        return False
    return isinstance(rows, list) and all(
        isinstance(row, dict) and tuple(row) == tuple(columns) for row in rows
    )
