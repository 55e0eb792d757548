"""Every file decoded: what is broken, what is unusual, and a place for what is broken."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

from imggen.core import absolute_link, class_folder_path, move_file, move_link, write_records
from imggen.data import Manifest, scan
from imggen.errors import ExportError
from imggen.quality.image_check import Finding, examine, quiet_pillow
from imggen.workers import Progress, ThreadMap

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("path", "problem", "is_fault", "detail")


@final
@dataclass(frozen=True)
class VerifyReport:
    """What was found in a set of files.

    Attributes:
        root: The folder that paths are relative to.
        num_files: How many files were looked at.
        findings: In order of path, of those files that there is something to say about.
        passed_over: How many files and folders were not looked at, by reason, as in ``Manifest``.
    """

    root: str
    num_files: int
    findings: tuple[Finding, ...]
    skipped: Mapping[str, int]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The files that cannot be trained on, each once."""
        return tuple(finding for finding in self.findings if finding.problem.is_fault)

    @property
    def counts(self) -> dict[str, int]:
        """Kind of problem to number of files."""
        return dict(Counter(finding.problem.value for finding in self.findings))

    def to_frame(self) -> pd.DataFrame:
        """A row for each finding; columns ``path``, ``problem``, ``is_fault``, ``detail``."""
        import pandas as pd

        return pd.DataFrame(map(_row, self.findings), columns=list(_COLUMNS))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the findings as CSV or JSON, by the ending of ``file``, in one step.

        Raises:
            OptionError: Another ending.
            ExportError: It cannot be written.
        """
        metadata = {"root": self.root, "num_files": self.num_files}
        write_records(file, _COLUMNS, map(_row, self.findings), metadata)

    def quarantine(self, folder: str | os.PathLike[str]) -> list[str]:
        """Moves the files that cannot be trained on out of the way, and lists them there.

        Each goes to ``folder`` by the path that it has now; ``folder/quarantine.csv`` tells what
        was wrong, a second time for a file that an interrupted call was about to move. Unusual
        files stay.

        Args:
            folder: Outside of what was verified; made if need be. Files from an earlier time stay.

        Returns:
            The paths of the files that were moved, relative to the folder that they were in.

        Raises:
            ExportError: The folder lies in what was verified, holds another file of a name, or
                cannot be written; what was moved stays moved, and is listed.
        """
        inner, outer = os.path.realpath(folder), os.path.realpath(self.root)
        if os.path.commonpath([inner, outer]) == outer:
            raise ExportError(
                f"{os.fspath(folder)!r} lies in {self.root!r}, so that its files would be scanned "
                "again. Choose a folder beside it."
            )
        moved = []
        try:
            os.makedirs(inner, exist_ok=True)
            with open(
                os.path.join(inner, "quarantine.csv"),
                "a",
                encoding="utf-8",
                errors="surrogateescape",
                newline="",
            ) as log:
                writer = csv.writer(log)
                if log.tell() == 0:
                    writer.writerow(_COLUMNS)
                for finding in self.faults:
                    source = os.path.join(outer, finding.path)
                    target = os.path.join(inner, class_folder_path(finding.path, ""))
                    if not os.path.lexists(source):  # in a table, or gone since
                        continue
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    # Told before it is done: a line too many is better than a file unaccounted for.
                    writer.writerow(_row(finding))
                    log.flush()
                    if os.path.islink(source):
                        link = absolute_link(source, os.readlink(source))
                        move_link(source, target, link)
                    else:
                        move_file(source, target, os.path.join(inner, ".part"))
                    moved.append(finding.path)
        except OSError as err:
            raise ExportError(
                f"Stopped after {len(moved)} of {len(self.faults)} files: {err}."
            ) from err
        return moved


def verify(
    source: str | os.PathLike[str] | Manifest,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Decodes every image, and tells what is broken or unusual.

    Faults, which keep a file from being trained on: empty, unreadable, no image, truncated, too
    large (Pillow's limit against decompression bombs), unusable pixels, broken. Remarks: wrong
    extension, animated, unusual mode (CMYK or 16-bit, say).

    Args:
        source: A folder, of which all images at any depth are looked at, or a manifest.
        workers: The number of threads. None: one for each core that may be used.
        progress: Called with ("decoding", files decoded, files in all) now and then.

    Returns:
        What was found.

    Raises:
        ScanError: See ``scan``.

    Example:
        >>> report = verify(photos)
        >>> report.num_files, report.findings
        (16, ())
    """
    manifest = source if isinstance(source, Manifest) else scan(source, labels=None)
    paths = list(dict.fromkeys(manifest.paths))
    with quiet_pillow():
        findings = tuple(
            finding
            for examined in ThreadMap(workers).imap_with_progress(
                "decoding", partial(examine, manifest.root), paths, progress
            )
            for finding in examined.findings
        )
    return VerifyReport(manifest.root, len(paths), findings, manifest.skipped)


def _row(finding: Finding) -> tuple[str, str, bool, str]:
    return finding.path, finding.problem.value, finding.problem.is_fault, finding.detail
