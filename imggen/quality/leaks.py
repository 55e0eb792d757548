"""Pictures that are in more than one part of a split, and the parts without them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from imggen.core import StringColumn, write_records
from imggen.data import SPLIT_NAMES, Manifest, Splits, split_name, split_names
from imggen.errors import SplitError
from imggen.quality.duplicates import THRESHOLD, Duplicates, find_duplicates
from imggen.splitting import split
from imggen.workers import Progress

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("leak", "part", "path", "label", "is_dropped", "similarity")


@final
@dataclass(frozen=True, eq=False)
class Leaks:
    """What parts share.

    Attributes:
        duplicates: What was found in all parts together; its manifest has ``splits``.
        names: The parts, in order: a picture in several of them belongs to the last, since what is
            trained on must not be what is tested on.
        leaks: Rows of that manifest: files and groups of duplicates that are in more than one part.
    """

    duplicates: Duplicates
    names: tuple[str, ...]
    leaks: tuple[tuple[int, ...], ...]

    @property
    def manifest(self) -> Manifest:
        """All parts in one."""
        return self.duplicates.manifest

    @property
    def drop(self) -> tuple[int, ...]:
        """The rows to leave out, so that no picture is in two parts; sorted."""
        return tuple(
            sorted(row for leak in self.leaks for row in leak if not self._stays(row, leak))
        )

    def fixed(self) -> Splits[Manifest]:
        """The parts without those rows.

        Raises:
            SplitError: Nothing would be left of a part.
        """
        left = np.setdiff1d(np.arange(len(self.manifest)), self.drop)
        parts = split(self.manifest.take(left), None)
        gone = [name for name in self.names if name not in parts.names]
        if gone:
            raise SplitError(f"Nothing would be left of {gone}: all of it is in another part too.")
        return parts

    def to_frame(self) -> pd.DataFrame:
        """A row for each file in a leak.

        Columns: ``leak`` (from 0), ``part``, ``path``, ``label``, ``is_dropped``, ``similarity``
        (to the file that is most like it).
        """
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(_COLUMNS))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes these rows as CSV or JSON, by the ending of ``file``, in one step.

        Raises:
            OptionError: Another ending.
            ExportError: It cannot be written.
        """
        metadata = {"root": self.manifest.root, "threshold": self.duplicates.threshold}
        write_records(file, _COLUMNS, self._rows(), metadata)

    def part_of(self, row: int) -> str:
        """The name of the part that a row is in."""
        return self.manifest.splits[row] if self.manifest.splits is not None else ""

    def _stays(self, row: int, leak: tuple[int, ...]) -> bool:
        ranks = [self.names.index(self.part_of(other)) for other in leak]
        return self.names.index(self.part_of(row)) == max(ranks)

    def _rows(self) -> list[tuple[object, ...]]:
        labels, dropped = self.manifest.labels, set(self.drop)
        return [
            (
                number,
                self.part_of(row),
                self.manifest.paths[row],
                None if labels is None else self.manifest.class_names[labels[row]],
                row in dropped,
                round(float(self.duplicates.similarity[row]), 4),
            )
            for number, leak in enumerate(self.leaks)
            for row in leak
        ]


def find_leaks(
    parts: Mapping[str, Manifest],
    *,
    near: bool = True,
    threshold: float = THRESHOLD,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Leaks:
    """Finds pictures that are in more than one part, as the same file or a similar picture.

    Args:
        parts: Name to manifest of each part, as ``parts.as_dict()`` of a split gives it. "train",
            "val" and "test" come in this order, others after them in the order given: what leaks
            is left out of all but the last part that has it.
        near: As in ``find_duplicates``.
        threshold: As in ``find_duplicates``.
        workers: The number of threads. None: one for each core that may be used.
        progress: As in ``find_duplicates``.

    Raises:
        SplitError: Fewer than two parts, or two names for one.

    Example:
        >>> train, val = split(manifest, (0.75, 0.25))
        >>> find_leaks({"train": train, "val": val}).leaks
        ()
    """
    if len(parts) < 2:
        raise SplitError(f"Got the parts {list(parts)}; two or more can share pictures.")
    split_names(parts, "mapping of parts")
    combined = _combined({split_name(name): part for name, part in parts.items()})
    names = tuple(sorted(map(split_name, parts), key=_rank))
    duplicates = find_duplicates(
        combined, near=near, threshold=threshold, workers=workers, progress=progress
    )
    part_of = list(combined.splits or ())
    leaks = tuple(
        rows for rows in _rows_of_pictures(duplicates) if len({part_of[row] for row in rows}) > 1
    )
    return Leaks(duplicates, names, leaks)


def _rows_of_pictures(duplicates: Duplicates) -> list[tuple[int, ...]]:
    """All rows of each picture that has several, be they of one file or of duplicates."""
    picture_of_file = np.arange(len(duplicates.files))
    for group in duplicates.groups:
        picture_of_file[list(group)] = group[0]
    picture_of = picture_of_file[duplicates.files]
    order = np.argsort(picture_of, kind="stable")
    starts = np.flatnonzero(np.diff(picture_of[order], prepend=-1))
    rows = np.split(order, starts[1:])
    return sorted(tuple(sorted(some.tolist())) for some in rows if len(some) > 1)


def _rank(name: str) -> int:
    return SPLIT_NAMES.index(name) if name in SPLIT_NAMES else len(SPLIT_NAMES)


def _combined(parts: dict[str, Manifest]) -> Manifest:
    """One manifest of all, whatever folders and classes they have."""
    roots = {name: os.path.abspath(part.root) for name, part in parts.items()}
    root = os.path.commonpath(list(roots.values()))
    class_names = tuple(dict.fromkeys(name for part in parts.values() for name in part.class_names))
    index_of = {name: index for index, name in enumerate(class_names)}
    paths: list[str] = []
    labels: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = []
    splits: list[str] = []
    for name, part in parts.items():
        way = os.path.relpath(roots[name], root)
        paths += [os.path.normpath(os.path.join(way, path)) for path in part.paths]
        splits += [name] * len(part)
        if part.labels is not None:
            local = np.array([index_of[known] for known in part.class_names], np.int32)
            labels.append(local[part.labels])
    has_labels = all(part.labels is not None for part in parts.values())
    whole = Manifest(
        root,
        StringColumn.of(paths),
        np.concatenate(labels) if has_labels else None,
        class_names if has_labels else (),
        splits=StringColumn.of(splits),
    )
    # What only some parts have is left out.
    columns: dict[str, Any] = {}
    for column in ("groups", "weights", "hashes"):
        values = [getattr(part, column) for part in parts.values()]
        if all(value is not None for value in values):
            joined = [item for value in values for item in value]
            columns[column] = joined if column == "weights" else StringColumn.of(joined)
    return dataclasses.replace(whole, **columns)
