"""Verification of image files, and quarantine of broken ones."""

from __future__ import annotations

import contextlib
import csv
import errno
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, final

from imggen.core import (
    BAD,
    NEUTRAL,
    Bar,
    Picture,
    Report,
    absolute_link,
    check_arguments,
    check_output_folder,
    class_folder_path,
    format_block,
    format_html_table,
    format_paragraph,
    format_pictures,
    format_skipped,
    is_inside,
    mark_folder,
    move_file,
    move_link,
    pluralize,
    warn_user,
)
from imggen.data import Source, as_manifest, is_packed, is_store, scan_all
from imggen.errors import ExportError
from imggen.quality.example_pictures import make_example_pictures
from imggen.quality.findings import Finding
from imggen.quality.image_check import check_images, silence_pillow
from imggen.quality.packed_check import find_changes
from imggen.quality.witnesses import HelperPool
from imggen.workers import Engine, Progress, check_engine, map_slices


@final
@dataclass(frozen=True)
class VerifyReport(Report):
    """The faults and remarks about a set of files.

    ``to_frame`` has a row per finding; columns ``path``, ``problem``, ``is_fault``, ``detail``,
    ``witness``.

    Attributes:
        root: The folder that paths are relative to.
        num_files: The number of files that were checked.
        findings: The faults and remarks, in order of path.
        skipped: The number of files and folders that were skipped, by reason, as in ``Manifest``.
        thumbnails: The bytes of a JPEG for each of the first files with a finding that can be
            decoded, by path; faults first. A notebook shows these, so that it opens no file.
    """

    root: str
    num_files: int
    findings: tuple[Finding, ...]
    skipped: Mapping[str, int]
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)

    _COLUMNS: ClassVar[tuple[str, ...]] = ("path", "problem", "is_fault", "detail", "witness")

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The broken files, each once."""
        return tuple(finding for finding in self.findings if finding.problem.is_fault)

    @property
    def unsupported(self) -> tuple[Finding, ...]:
        """The files that may be whole, but that imggen does not load, each once."""
        return tuple(finding for finding in self.findings if finding.problem.is_unsupported)

    @property
    def counts(self) -> dict[str, int]:
        """The number of files by kind of problem."""
        return dict(Counter(finding.problem.value for finding in self.findings))

    def __repr__(self) -> str:
        found = ", ".join(f"{name}: {count}" for name, count in self.counts.items())
        return f"VerifyReport({'; '.join(self._summary())}; findings {{{found}}})"

    def _repr_html_(self) -> str:
        found = _sort_by_rank(self.findings)
        kinds = Counter(finding.problem for finding in found)
        most = max(kinds.values(), default=1)
        problem_of = {finding.path: finding.problem for finding in reversed(found)}
        return format_block(
            "VerifyReport",
            self._summary(),
            format_html_table(
                ("problem", "", "files", ""),
                [
                    (
                        problem.value,
                        ("broken", "not loaded", "remark")[problem.rank],
                        count,
                        Bar([(NEUTRAL if problem.rank else BAD, count / most)]),
                    )
                    for problem, count in kinds.items()
                ],
            ),
            format_pictures(
                Picture(data, (path, problem_of[path].value), path, NEUTRAL)
                for path, data in self.thumbnails.items()
            ),
            format_html_table(
                ("file", "problem", "detail", "witness"),
                [
                    (finding.path, finding.problem.value, finding.detail, finding.witness)
                    for finding in found
                ],
                noun="finding",
                note="; to_frame() has all of them",
            )
            or format_paragraph("No file is broken or unusual."),
            format_skipped(self.skipped),
        )

    def _summary(self) -> list[str]:
        return [
            f"{pluralize(self.num_files, 'file')} in {self.root!r}",
            f"{len(self.faults):,} broken",
            f"{len(self.unsupported):,} not supported",
        ]

    def _rows(self) -> Iterator[tuple[object, ...]]:
        return map(_row, self.findings)

    def _metadata(self) -> dict[str, Any]:
        return {"root": self.root, "num_files": self.num_files}

    def quarantine(self, folder: str | os.PathLike[str]) -> list[str]:
        """Moves the broken files to ``folder``, and lists them there.

        Files keep their relative paths; ``folder/quarantine.csv`` lists the faults, twice for a
        file that an interrupted call was about to move. Files of a kind that is not supported and
        files with mere remarks stay.

        Args:
            folder: A folder outside the verified one; created if missing. Files of earlier calls
                stay in it.

        Returns:
            The paths of the moved files, relative to the verified folder.

        Raises:
            ExportError: The verified folder is a packed set; the folder is inside it, already has a
                file of the same name or another kind of quarantine.csv, or cannot be written; files
                moved so far stay moved and listed.
        """
        if is_packed(self.root):
            raise ExportError(
                f"{self.root!r} is a packed set, whose images cannot be moved one by one. Restore "
                "its shards, or pack the images again."
            )
        check_output_folder(folder)
        if is_store(self.root):
            raise ExportError(
                f"Files in {self.root!r} cannot be moved: it is not a folder on disk. Save the "
                "report, and remove the files with the tools of the store."
            )
        inner, outer = os.path.realpath(folder), os.path.realpath(self.root)
        if os.path.commonpath([inner, outer]) == outer:
            raise ExportError(
                f"{os.fspath(folder)!r} is inside {self.root!r}, so its files would be scanned "
                "again. Choose a folder outside it."
            )
        list_file = os.path.join(inner, "quarantine.csv")
        if os.path.islink(list_file):
            raise ExportError(f"{list_file!r} is a link to another file. Choose a new folder.")
        if os.path.lexists(list_file):
            self._check_file(list_file)
        moved = []
        temporary = os.path.join(inner, ".part")
        try:
            os.makedirs(inner, exist_ok=True)
            mark_folder(inner, "quarantine")
            with contextlib.suppress(FileNotFoundError):  # of a killed run; or a planted link
                os.unlink(temporary)
            with open(
                list_file,
                "a",
                encoding="utf-8",
                errors="surrogateescape",
                newline="",
            ) as log:
                writer = csv.writer(log)
                if log.tell() == 0:
                    writer.writerow(self._COLUMNS)
                for finding in self.faults:
                    source = os.path.join(outer, finding.path)
                    target = os.path.join(inner, class_folder_path(finding.path, ""))
                    if not os.path.lexists(source):  # listed in a table, or deleted since
                        continue
                    if not is_inside(os.path.realpath(os.path.dirname(target)), inner):
                        raise OSError(errno.EXDEV, "A link leads outside the folder", target)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    # Listed before it is moved: a line too many is better than an unlisted file.
                    writer.writerow(_row(finding))
                    log.flush()
                    if os.path.islink(source):
                        link = absolute_link(source, os.readlink(source))
                        move_link(source, target, link)
                    else:
                        move_file(source, target, temporary)
                    moved.append(finding.path)
        except OSError as err:
            raise ExportError(
                f"Stopped after {len(moved)} of {len(self.faults)} files: {err}."
            ) from err
        return moved


@check_arguments
def verify(
    source: Source,
    *,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Decodes every image, and reports broken, unsupported and unusual files.

    Decoders tolerate damage, so several witnesses are asked about each file: Pillow, libjpeg's
    warnings, the checksums of PNGs, the lengths that a file states, steps in the pixels of a JPEG
    that only a damaged block explains, and, for kinds of which decoders read some wrongly (TIFF,
    JPEG 2000, 16 bits, ...), a second decoder. Each finding names its witness.

    Faults, which mean that a file is broken: empty, unreadable, not an image, truncated, broken,
    damaged pixels, changed (since it was packed). Not loaded, though perhaps whole: too large
    (Pillow's limit against decompression bombs), kind not supported. Remarks: damaged metadata,
    extra bytes, decoder warning, decoders disagree, nothing visible (such as all transparent),
    wrong extension, animated, unusual mode (such as CMYK or 16-bit).

    The shards of a packed set are compared with their hashes first. Of one that has changed, the
    images that have changed are reported, too; all others are decoded.

    Helper processes decode JPEGs with OpenCV, since its decoders write their warnings to stderr.
    They are started when the first one is needed, one per thread, and end with this function. If
    none can be started, as in a program frozen by PyInstaller, this process decodes, with a
    warning.

    Args:
        source: A folder, whose images at any depth are checked; a packed set; a table (.csv or
            .parquet); or a manifest.
        engine: "local": threads of this machine. "ray": a Ray cluster; see docs/cluster.md.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        workers: The number of threads; on Ray, the largest number of tasks at a time. None: one
            per usable core.
        progress: Called with ("decoding", files decoded, total number of files) from time to time;
            on Ray with ("shards of decoding", shards done, all shards).

    Returns:
        The faults and remarks.

    Raises:
        OptionError: The engine is not known, or an address is given for "local".
        ScanError: Same as ``scan``.
        ManifestError: The table is missing or invalid.
        MissingExtraError: ``engine="ray"``, and Ray is not installed.
        WorkerError: The cluster cannot be reached, a node does not have the folder, or a worker
            ended again and again.

    Example:
        >>> report = verify(photos)
        >>> report.num_files, report.findings
        (16, ())
    """
    check_engine(engine, address, workers)
    manifest = as_manifest(source, scan_all)
    changes = find_changes(source, engine, address, workers, progress)
    known = {finding.path for finding in changes}
    files = list(dict.fromkeys(manifest.paths))
    paths = [path for path in files if path not in known]
    with silence_pillow(), HelperPool() as helpers:
        checked = map_slices(
            partial(check_images, manifest.root, helpers if engine == "local" else None),
            paths,
            manifest.root,
            is_relative=True,
            engine=engine,
            address=address,
            workers=workers,
            task="decoding",
            progress=progress,
        )
        findings = tuple(finding for found in checked for finding in found)
    if helpers.start_error:
        warn_user(
            f"Cannot start a process that decodes files: {helpers.start_error}. This process has "
            "decoded them, without the warnings of libjpeg and libtiff, and some damaged pixels "
            "may not be found. Call verify from a Python interpreter."
        )
    findings = (*changes, *findings)
    found = dict.fromkeys(finding.path for finding in _sort_by_rank(findings))
    thumbnails = make_example_pictures(manifest.root, found)
    return VerifyReport(manifest.root, len(files), findings, manifest.skipped, thumbnails)


def _sort_by_rank(findings: tuple[Finding, ...]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.problem.rank)


def _row(finding: Finding) -> tuple[str, str, bool, str, str]:
    path, problem, detail, witness = finding
    return path, problem.value, problem.is_fault, detail, witness
