"""Sources of images that the verbs accept: a folder, or a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

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
