"""The images that are packed, and everything that is known about them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, read_frame, shorten
from imggen.data import (
    Manifest,
    Source,
    as_manifest,
    is_packed,
    is_table,
    read_packed,
    scan_own_splits,
)
from imggen.errors import ManifestError

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE = 4096
# Columns of a manifest's table that hold JSON.
_JSON_COLUMNS = ("boxes", "box_labels", "keypoints", "labels")
_FILE_COLUMNS = ("path", "mask", "hash")
_INPUT = "input:"


@final
@dataclass(frozen=True, eq=False)
class PackSource:
    """Samples to pack.

    Attributes:
        manifest: The samples.
        originals: The path of each file as it is remembered: "path", and if there are any "mask"
            and "input:<name>".
        extras: Further columns of the table, one row per sample.
    """

    manifest: Manifest
    originals: Mapping[str, StringColumn]
    extras: pd.DataFrame

    @classmethod
    def read(cls, source: Source) -> PackSource:
        """Reads a folder, a table, a packed set or a manifest.

        Raises:
            ScanError: See ``scan``.
            ManifestError: The table is missing or invalid, or a name is not valid UTF-8.
        """
        import pandas as pd

        if not isinstance(source, Manifest) and is_packed(source):
            packed = read_packed(source)
            return cls(packed.manifest, packed.originals, packed.extras)
        manifest = as_manifest(source, scan_own_splits)
        originals = {"path": manifest.paths}
        if manifest.masks is not None:
            originals["mask"] = manifest.masks
        originals |= {f"{_INPUT}{name}": paths for name, paths in manifest.inputs.items()}
        extras = pd.DataFrame(index=pd.RangeIndex(len(manifest)))
        if not isinstance(source, Manifest) and is_table(source):
            frame = read_frame(Path(source))
            known = set(manifest.take(np.arange(0)).to_frame().columns)
            extras = frame[[name for name in frame if name not in known]]
        made = cls(manifest, originals, extras)
        made._check_names()
        return made

    def take(self, rows: npt.NDArray[np.int64]) -> PackSource:
        """Returns the samples at ``rows``, in that order."""
        return PackSource(
            self.manifest.take(rows),
            {name: paths.take(rows) for name, paths in self.originals.items()},
            self.extras.iloc[rows].reset_index(drop=True),
        )

    def files(self, row: int) -> list[str]:
        """Returns the addresses of the files of a sample, in the order of ``originals``."""
        manifest = self.manifest
        files = [manifest.filepath(row)]
        if manifest.masks is not None:
            files.append(manifest.resolve(manifest.masks[row]))
        return files + [manifest.resolve(paths[row]) for paths in manifest.inputs.values()]

    def describe(self) -> Iterator[dict[str, Any]]:
        """Yields everything known about each sample as values that JSON can hold.

        The names are those of the columns of ``Manifest.to_frame`` and of the table; "path", "mask"
        and "input:<name>" are the paths before packing.
        """
        for start in range(0, len(self.manifest), _ROWS_AT_ONCE):
            rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(self.manifest)))
            yield from self.take(rows)._describe_all()

    def _describe_all(self) -> list[dict[str, Any]]:
        columns: dict[str, list[Any]] = {
            name: list(paths) for name, paths in self.originals.items()
        }
        multi = {
            f"output:{name}"
            for name, output in self.manifest.outputs.items()
            if output.multi_labels is not None
        }
        frame = self.manifest.to_frame()
        for name in map(str, frame.columns):
            if name in _FILE_COLUMNS or name.startswith(_INPUT):
                continue
            parse = json.loads if name in {*_JSON_COLUMNS, *multi} else _to_json_value
            columns[name] = [to_plain(parse(value)) for value in _cells(frame[name])]
        for column in self.extras:
            if str(column) not in columns:
                columns[str(column)] = [
                    _to_json_value(value) for value in _cells(self.extras[column])
                ]
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def _check_names(self) -> None:
        """Checks that Parquet can hold all texts.

        Raises:
            ManifestError: One is not valid UTF-8.
        """
        manifest = self.manifest
        names = [self.originals[name] for name in self.originals]
        names += [column for column in (manifest.groups, manifest.splits) if column is not None]
        wrong = [
            next(name for name in column if not _is_utf_8(name))
            for column in names
            if not _is_utf_8_data(column)
        ]
        cells = (cell for name in self.extras for cell in self.extras[name])
        texts = itertools.chain(manifest.class_names, map(str, self.extras.columns), cells)
        wrong += [text for text in texts if isinstance(text, str) and not _is_utf_8(text)]
        if wrong:
            raise ManifestError(
                f"{shorten(wrong[0])} is not valid UTF-8, which the manifest of a packed set "
                "requires of all names. Rename it."
            )

    def with_splits(self, split_of: StringColumn | None) -> PackSource:
        """Returns the same samples in other splits."""
        return dataclasses.replace(
            self, manifest=dataclasses.replace(self.manifest, splits=split_of)
        )


def _cells(column: pd.Series[Any]) -> Iterable[Any]:
    """Returns the cells of a column; of float32, values of that type, which print shorter."""
    return column.to_numpy() if column.dtype.kind == "f" else column


def to_plain(value: Any) -> Any:
    """Replaces numbers that JSON does not know, NaN and infinity, by None, in lists too."""
    if isinstance(value, list):
        return [to_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _to_json_value(value: Any) -> Any:
    """Converts a cell of a table; anything but numbers and lists of them becomes text."""
    if isinstance(value, np.floating):
        value = float(str(value))  # the shortest digits, of float32 too
    elif isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        value = [_to_json_value(one) for one in value]
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return None if _is_missing(value) else str(value)
    return to_plain(value)


def _is_missing(value: Any) -> bool:
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA, which is equal to nothing and different from nothing
        return True


def _is_utf_8_data(column: StringColumn) -> bool:
    try:
        column.data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_utf_8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
