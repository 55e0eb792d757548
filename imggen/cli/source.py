"""Sources of images that the verbs accept: a folder, or a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.errors import shorten

if TYPE_CHECKING:
    import pandas as pd


def read_columns(source: Path) -> pd.DataFrame | None:
    """Reads all columns of a table, such as those to group by; returns None for a folder."""
    from imggen.data import is_table

    if not is_table(source):
        return None
    if not os.path.isfile(source):
        from imggen.errors import ManifestError

        raise ManifestError(f"The table {str(source)!r} does not exist.")
    from imggen.core import read_frame

    return read_frame(source)


def read_groups(frame: pd.DataFrame | None, by: str | None) -> str | list[str] | None:
    """Reads the groups from a column of the table; anything else is passed on to ``group_by``."""
    from imggen.data import table_column

    if by is None or frame is None:
        return by
    if by not in frame.columns:
        # A single word as a regular expression would match the same text in every path.
        if by.isidentifier() and by not in ("parent", "stem"):
            raise click.UsageError(
                f"--group-by {by}: the table has no such column. It has "
                f"{shorten(list(frame.columns))}."
            )
        return by
    names = list(map(str, table_column(frame, by)))
    if "" in names:
        raise click.UsageError(
            f"--group-by {by}: {names.count('')} of {len(names)} rows have no group, such as row "
            f"{names.index('')}. Give each row a group; use a unique one for independent images."
        )
    return names
