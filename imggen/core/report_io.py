"""Findings to files: rows with named columns, as CSV or JSON."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imggen.core.table_io import replace_files
from imggen.errors import ExportError, OptionError


def check_ending(file: str | os.PathLike[str] | None) -> None:
    """Refuses a file that ``write_records`` cannot write, before there is anything to write.

    Raises:
        OptionError: It ends in neither ``.csv`` nor ``.json``.
    """
    if file is not None and Path(file).suffix.lower() not in (".csv", ".json"):
        raise OptionError(f"file={str(file)!r} must end in .csv or .json.")


def write_records(
    file: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Writes rows by the ending of ``file``, in one step.

    Args:
        file: A path that ends in ``.csv`` or ``.json``.
        columns: What the values of a row are called.
        rows: Values that JSON can hold.
        facts: What holds for all; CSV has no place for it.

    Raises:
        OptionError: Another ending.
        ExportError: It cannot be written.
    """
    target = Path(file)
    check_ending(file)

    def write_csv(place: Path) -> None:
        # Names that are no text are written as the bytes that they are.
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
        raise ExportError(f"Cannot write {str(file)!r}: {err}.") from err
