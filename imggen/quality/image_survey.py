"""The survey of a set of images: sizes, modes and formats, from the header of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from imggen.core import (
    Picture,
    Report,
    check_arguments,
    format_block,
    format_bytes,
    format_class_table,
    format_html_table,
    format_pictures,
    format_scatter,
    format_skipped,
    pluralize,
)
from imggen.data import Manifest, Source, as_manifest
from imggen.errors import ScanError
from imggen.quality.example_pictures import MAX_EXAMPLES, make_example_pictures
from imggen.quality.image_check import ImageFacts, read_all_facts, silence_pillow
from imggen.workers import Engine, Progress, check_engine, map_slices

_MAX_POINTS = 300  # of the picture in notebooks


@final
@dataclass(frozen=True, eq=False)
class Survey(Report):
    """The facts of each image.

    ``to_frame`` has a row per image; columns ``path``, ``label``, ``width``, ``height``, ``mode``,
    ``format``, ``num_frames``, ``num_bytes``.

    Attributes:
        manifest: The images.
        facts: The facts of each image, in the manifest's order; None for those that cannot be
            opened.
        thumbnails: The bytes of a JPEG for an image of each of the first classes, by path. A
            notebook shows these, so that it opens no file.
    """

    manifest: Manifest
    facts: tuple[ImageFacts | None, ...]
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)

    _COLUMNS: ClassVar[tuple[str, ...]] = ("path", "label", *ImageFacts._fields)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """The (width, height) of all images that can be opened; shape (n, 2)."""
        found = [(fact.width, fact.height) for fact in self.facts if fact is not None]
        return np.array(found, np.int64).reshape(-1, 2)

    @property
    def modes(self) -> dict[str, int]:
        """The number of images by Pillow's mode, most frequent first."""
        return _count(fact.mode for fact in self.facts if fact is not None)

    @property
    def formats(self) -> dict[str, int]:
        """The number of images by format, most frequent first."""
        return _count(fact.format for fact in self.facts if fact is not None)

    @property
    def num_bytes(self) -> int:
        """The total size of all files that can be opened."""
        return sum(fact.num_bytes for fact in self.facts if fact is not None)

    @property
    def num_unreadable(self) -> int:
        """The number of files that cannot be opened; ``verify`` reports why."""
        return sum(fact is None for fact in self.facts)

    @property
    def imbalance(self) -> float | None:
        """The size of the largest class divided by that of the smallest; None without classes."""
        counts = [count for count in self.manifest.class_counts.values() if count]
        return max(counts) / min(counts) if counts else None

    def __repr__(self) -> str:
        sides = "; ".join(f"{name} {size}" for name, size in self._name_sizes())
        formats = ", ".join(f"{name}: {count}" for name, count in self.formats.items())
        return f"Survey({'; '.join(self._summary())}; {sides}; formats {{{formats}}})"

    def _repr_html_(self) -> str:
        points = np.unique(self.sizes, axis=0)
        chosen = np.unique(np.linspace(0, len(points) - 1, _MAX_POINTS).astype(int))
        return format_block(
            "Survey",
            self._summary(),
            format_pictures(Picture(data, [path], path) for path, data in self.thumbnails.items()),
            format_class_table({"": self.manifest.class_counts}),
            format_html_table(("size", "width × height"), self._name_sizes()),
            format_scatter(points[chosen].tolist(), "width", "height") if len(points) > 1 else "",
            format_html_table(("format", "images"), list(self.formats.items())),
            format_html_table(("mode", "images"), list(self.modes.items())),
            format_skipped(self.manifest.skipped),
        )

    def _summary(self) -> list[str]:
        unreadable = [f"{self.num_unreadable:,} cannot be opened"] if self.num_unreadable else []
        return [
            f"{pluralize(len(self.facts), 'image')} in {self.manifest.root!r}",
            format_bytes(self.num_bytes),
            *unreadable,
        ]

    def _name_sizes(self) -> list[tuple[str, str]]:
        """Returns the smallest, the median and the largest size, by area."""
        by_area = self.sizes[np.argsort(self.sizes.prod(axis=1), kind="stable")].tolist()
        places = {"smallest": 0, "median": len(by_area) // 2, "largest": -1}
        return [(name, " × ".join(map(str, by_area[place]))) for name, place in places.items()]

    def _metadata(self) -> dict[str, Any]:
        return {"root": self.manifest.root, "skipped": dict(self.manifest.skipped)}

    def _rows(self) -> list[tuple[object, ...]]:
        labels = [None] * len(self.facts)
        if self.manifest.labels is not None:
            labels = [self.manifest.class_names[label] for label in self.manifest.labels.tolist()]
        return [
            (path, label, *(fact or (None,) * len(ImageFacts._fields)))
            for path, label, fact in zip(self.manifest.paths, labels, self.facts, strict=True)
        ]


@check_arguments
def survey(
    manifest: Source,
    *,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Reads the header of every file.

    Args:
        manifest: The images: a manifest, a folder, or a table (.csv or .parquet).
        engine: "local": threads of this machine. "ray": a Ray cluster; see docs/cluster.md.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        workers: The number of threads; on Ray, the largest number of tasks at a time. None: one
            per usable core.
        progress: Called with ("reading headers", files read, total number of files) from time to
            time; on Ray with ("shards of reading headers", shards done, all shards).

    Raises:
        OptionError: The engine is not known, or an address is given for "local".
        ScanError: No file can be opened; and see ``scan``.
        ManifestError: The table is missing or invalid.
        MissingExtraError: ``engine="ray"``, and Ray is not installed.
        WorkerError: The cluster cannot be reached, a node does not have the folder, or a worker
            ended again and again.

    Example:
        >>> survey(manifest).formats
        {'PNG': 16}
    """
    check_engine(engine, address, workers)
    manifest = as_manifest(manifest)
    with silence_pillow():
        facts = tuple(
            map_slices(
                partial(read_all_facts, manifest.root),
                manifest.paths,
                manifest.root,
                is_relative=True,
                engine=engine,
                address=address,
                workers=workers,
                task="reading headers",
                progress=progress,
            )
        )
    if all(fact is None for fact in facts):
        raise ScanError(
            f"None of the {len(facts)} files in {manifest.root!r} can be opened as an image; "
            "`imggen verify` reports why."
        )
    return Survey(manifest, facts, make_example_pictures(manifest.root, _list_examples(manifest)))


def _list_examples(manifest: Manifest) -> list[str]:
    """Returns the first file of each class, and then the second of each."""
    if manifest.labels is None:
        return list(islice(manifest.paths, 2 * MAX_EXAMPLES))
    order = np.argsort(manifest.labels, kind="stable")
    starts = np.searchsorted(manifest.labels[order], np.arange(manifest.num_classes))
    ends = np.append(starts[1:], len(order))
    return [
        manifest.paths[int(order[start + nth])]
        for nth in range(2)
        for start, end in zip(starts, ends, strict=True)
        if start + nth < end
    ]


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
