"""``augment_directory``: a folder of images to a folder of originals and augmented copies."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from imggen.augment import (
    Augment,
    FixedSizeCrop,
    Pipeline,
    Sample,
    adapt,
    check_alignment,
    format_policy,
    unwrap_steps,
)
from imggen.core import (
    StringColumn,
    check_arguments,
    check_not_nested,
    check_output_folder,
    check_path,
    check_room_for_files,
    check_seed,
    check_whole,
    format_block,
    format_class_table,
    format_html_table,
    pluralize,
    write_records,
)
from imggen.data import Manifest, Source, as_manifest, load_table
from imggen.decode import ImageSize, ImageSpec
from imggen.errors import ExportError, OptionError
from imggen.export.copies_plan import CopiesStep, count_copies, plan_copies
from imggen.export.copy_maker import CopyMaker, make_all_copies
from imggen.export.journal import Journal, check_same_settings
from imggen.loading import Failure
from imggen.stores import find_uri
from imggen.workers import Engine, Progress, check_engine

_COLUMNS = ("path", "source", "copy", "parameters")


@final
@dataclass(frozen=True, eq=False)
class CopiesReport:
    """The result of ``augment_directory``.

    Attributes:
        manifest: All images of the target, with the weights, splits and groups of their originals.
            Without groups, ``groups`` holds the original of each, so that a split keeps an original
            and its copies together.
        num_originals: The number of originals.
        num_copies: The number of augmented copies.
        unread: The files that cannot be read, which are left out.
    """

    manifest: Manifest
    num_originals: int
    num_copies: int
    unread: tuple[Failure, ...]

    def __repr__(self) -> str:
        return f"CopiesReport({'; '.join(self._summary())})"

    def _repr_html_(self) -> str:
        return format_block(
            "CopiesReport",
            self._summary(),
            format_class_table({"": self.manifest.class_counts}),
            format_html_table(
                ("file that cannot be read", "reason"),
                [(failure.path, failure.reason) for failure in self.unread],
                noun="file",
            ),
        )

    def _summary(self) -> list[str]:
        unread = [f"{len(self.unread):,} cannot be read"] if self.unread else []
        return [
            f"{pluralize(self.num_originals, 'original')} in {self.manifest.root!r}",
            f"{self.num_copies:,} augmented copies",
            *unread,
        ]


@check_arguments
def augment_directory(
    source: Source,
    target: str | os.PathLike[str],
    augment: Augment,
    *,
    copies: int = 5,
    balance: bool = False,
    image_size: ImageSize | None = None,
    seed: int = 0,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CopiesReport:
    """Copies ``source/<class>/**`` and augmented copies of it to ``target/<class>/**``.

    Copy k of ``cat/1.jpg`` is ``cat/1-jpg-aug<k>.jpg``: a JPEG of quality 95 if the original is a
    JPEG, else a PNG; always in RGB. Names that are too long are shortened, and names that some file
    systems do not distinguish are numbered. ``target/augmentations.csv`` lists the parameters of
    each copy, and ``target/manifest.csv`` is a manifest of all images. Split first, and augment
    only the training images; or split the manifest, whose groups keep an original and its copies
    together.

    The plan is written to ``target/.imggen-augment`` before any image, and every file is written
    atomically. A copy depends only on the seed, k, and the index of its image: after an
    interruption the same call resumes, with the same result. A call with other settings or
    other images is refused. (Custom functions are compared by name only.)

    Args:
        source: The folder of class folders, a folder of images without classes, a table (.csv or
            .parquet), or a manifest.
        target: A new folder, an empty one, or one that an interrupted call has begun to fill.
        augment: As in ``ImageSequence``, but without MixUp and CutMix, whose labels class folders
            cannot represent.
        copies: The number of copies of each image, 0 or more.
        balance: Make more copies in rare classes, as evenly as possible, so that all classes have
            as many images as the largest class with its copies.
        image_size: (height, width) of all images in pixels, or one number for squares; originals
            are resized too, and keep their format. None: each file's own size.
        seed: Random seed for the augmentations, 0 or more.
        engine: "local": threads of this machine. "ray": a Ray cluster; see docs/cluster.md.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        workers: The number of threads; on Ray, the largest number of tasks at a time. None: one
            per usable core.
        progress: Called with ("augmenting", finished images, all images) from time to time; on Ray
            with ("shards of augmenting", shards done, all shards).

    Raises:
        OptionError: A number out of bounds, more than 10 million files, an augmentation of batches
            or of fixed-size windows (MixUp, RandomCrop), ``balance`` without classes, images
            with masks, further inputs, boxes or keypoints, an engine that is not known, or an
            address for "local".
        ScanError: See ``scan``.
        ExportError: ``target`` holds other files, is inside ``source`` or contains it, was begun
            with other settings or images, or cannot be written.
        AugmentationError: An augmentation broke its contract.
        MissingExtraError: ``engine="ray"``, and Ray is not installed.
        WorkerError: The cluster cannot be reached, a node does not have the folders, or a worker
            ended again and again.

    Example:
        >>> import tempfile
        >>> made = augment_directory(photos, tempfile.mkdtemp(), "light", copies=2)
        >>> made.num_originals, made.num_copies, made.manifest.class_counts
        (16, 32, {'cat': 24, 'dog': 24})
    """
    check_path(target)
    check_engine(engine, address, workers)
    pipeline = Pipeline(adapt(augment))
    _check_options(pipeline, copies, seed)
    spec = ImageSpec(image_size)
    source = load_table(source)
    manifest = as_manifest(source)
    if not len(manifest):
        raise ExportError("The manifest is empty; expected at least one sample to augment.")
    if balance and manifest.labels is None:
        raise OptionError("balance=True needs classes, and these images have none.")
    if manifest.attached:
        raise OptionError(
            f"Only images are copied, and these have {' and '.join(manifest.attached)}, which "
            "would be lost. Augment them while training, in ImageSequence(augment=)."
        )
    folder = os.path.normpath(target)
    if isinstance(source, Manifest) and not _has_class_folders(manifest):
        check_not_nested(folder, files=manifest.filepaths)
    elif find_uri(manifest.root) is None:
        check_not_nested(folder, folder=manifest.root)
    check_output_folder(folder)
    numbers = count_copies(manifest, copies, balance=balance)
    if not os.path.lexists(folder):
        check_room_for_files(folder, len(manifest) + sum(numbers))
    steps = plan_copies(manifest, numbers, folder)
    settings = {
        "source": find_uri(manifest.root) or os.path.realpath(manifest.root),
        "copies": copies,
        "balance": balance,
        "image_size": None if spec.image_size is None else list(spec.image_size),
        "seed": seed,
        "augment": _describe(pipeline),
    }
    journal = Journal(folder, "augment")
    journal.check_empty()
    with journal.locked():
        _begin(journal, settings, steps)
        drawn = make_all_copies(
            CopyMaker(manifest.root, journal, pipeline, spec, seed),
            steps,
            engine=engine,
            address=address,
            workers=workers,
            progress=progress,
        )
        return _write_tables(folder, manifest, steps, drawn)


def _check_options(pipeline: Pipeline, copies: object, seed: int) -> None:
    check_whole("copies", copies, 0)
    check_seed(seed)
    if pipeline.mixer is not None:
        raise OptionError(
            f"{pipeline.mixer.name} mixes labels, which class folders cannot represent. Use it "
            "while training, in ImageSequence(augment=)."
        )
    if isinstance(pipeline.crop, FixedSizeCrop):
        raise OptionError(
            f"{pipeline.crop.name} cuts a window out of images that are larger than training sees, "
            "and copies have the size of their originals. Use it while training, in "
            "ImageSequence(augment=)."
        )
    if not pipeline.steps:
        raise OptionError(
            "augment= holds no augmentation, so copies would equal their originals. Pass at least "
            "one."
        )
    check_alignment(pipeline, Sample(np.zeros((1, 1, 3), np.uint8)))


def _has_class_folders(manifest: Manifest) -> bool:
    """Whether ``scan`` of the root finds these classes, and would take the target for another."""
    if manifest.labels is None:
        return False
    names = [manifest.class_names[label] for label in manifest.labels]
    return all(map(str.startswith, manifest.paths, [f"{name}/" for name in names]))


def _describe(pipeline: Pipeline) -> str:
    """Returns the policy, or the names of custom augmentations, to compare with another call."""
    try:
        return format_policy(unwrap_steps(pipeline.steps))
    except OptionError:
        return ", ".join(step.name for step in pipeline.steps)


def _begin(journal: Journal, settings: dict[str, Any], steps: list[CopiesStep]) -> None:
    """Writes the plan, or compares it with that of an interrupted call."""
    earlier = journal.read(
        lambda metadata, lines: (metadata, [CopiesStep(*line) for line in lines])
    )
    if earlier is None:
        journal.write(settings, steps)
        return
    check_same_settings(journal.target, earlier[0], settings)
    if earlier[1] != steps:
        raise ExportError(
            f"{journal.target!r} was made with other images. Use the same images to complete it, "
            "or choose a new folder."
        )


def _write_tables(
    folder: str, manifest: Manifest, steps: list[CopiesStep], drawn: list[list[Any] | Failure]
) -> CopiesReport:
    """Writes the tables, once all images are written."""
    rows: list[int] = []
    paths: list[str] = []
    groups: list[str] = []
    records = []
    unread = []
    for step, found in zip(steps, drawn, strict=True):
        if isinstance(found, Failure):
            unread.append(found)
            continue
        names = (step.original, *step.copies)
        rows += [step.row] * len(names)
        paths += names
        groups += [step.original] * len(names)
        records += [
            (name, step.original, number, json.dumps(parameters))
            for number, (name, parameters) in enumerate(zip(step.copies, found, strict=True))
        ]
    taken = manifest.take(rows)
    copies = dataclasses.replace(
        taken,
        root=folder,
        paths=StringColumn.of(paths),
        # A patient, for example, has several originals.
        groups=StringColumn.of(groups) if taken.groups is None else taken.groups,
        hashes=None,
        versions=None,
        skipped={},
    )
    write_records(os.path.join(folder, "augmentations.csv"), _COLUMNS, records, {})
    copies.save(os.path.join(folder, "manifest.csv"))
    return CopiesReport(copies, len(paths) - len(records), len(records), tuple(unread))
