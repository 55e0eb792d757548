"""A folder of images to a folder of them and augmented copies; interrupted, it goes on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Augment, Pipeline, Sample, adapt, format_policy, unwrap_steps
from imggen.core import (
    Stream,
    StringColumn,
    check_not_nested,
    check_seed,
    check_whole,
    copy_file,
    hold_run_lock,
    replace_files,
    step_generators,
    write_records,
)
from imggen.data import Manifest, has_folders, scan
from imggen.decode import FORMATS, ImageSpec, format_by_extension, load_image
from imggen.errors import ExportError, ImageError, OptionError
from imggen.loading import Failure
from imggen.workers import Progress, ThreadMap

_FOLDER = ".imggen-augment"
_SCRATCH = "scratch"
_QUALITY = 95
# What has changed, where its value would say nothing.
_IN_WORDS = {"augment": "another policy", "images": "other images"}
_COLUMNS = ("path", "source", "copy", "parameters")


@final
@dataclass(frozen=True, eq=False)
class CopiesReport:
    """What ``augment_directory`` has made.

    Attributes:
        manifest: All images of the target; ``groups`` names the original of each, so that a split
            of them tears none from its copies.
        num_originals: How many of them are originals.
        num_copies: How many are augmented.
        unread: The files that cannot be read. Nothing stands for them in the target.
    """

    manifest: Manifest
    num_originals: int
    num_copies: int
    unread: tuple[Failure, ...]


class _Job(NamedTuple):
    """One original, and the names of its copies; relative to the target."""

    row: int
    original: str
    copies: tuple[str, ...]


def augment_directory(
    source: str | os.PathLike[str] | Manifest,
    target: str | os.PathLike[str],
    augment: Augment,
    *,
    copies: int = 5,
    balance: bool = False,
    image_size: tuple[int, int] | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CopiesReport:
    """Puts ``source/<class>/**`` and augmented copies of it into ``target/<class>/**``.

    Copy k of ``cat/1.jpg`` is ``cat/1-jpg-aug<k>.jpg``: a JPEG of quality 95, or a PNG of what is
    none, always in RGB. ``target/augmentations.csv`` says what was drawn for each, and
    ``target/manifest.csv`` is a manifest of all images. Split before, and augment only what trains;
    or split the manifest, whose groups keep an original and its copies together.

    Each file gets to its place at once or not at all, and a copy depends on the seed, k, and the
    place of its image among all of them: after an interruption the same call goes on, with the same
    result. A call with other settings or other images is refused. (Functions of your own are told
    apart by their names alone.)

    Args:
        source: The folder of class folders, a folder of images without classes, or a manifest.
        target: A new folder, an empty one, or one that an interrupted call has begun to fill.
        augment: As in ``ImageSequence``, but for MixUp and CutMix, whose labels no folder can hold.
        copies: How many are made of each image.
        balance: Make more of the images of rare classes, as evenly as possible, so that all classes
            have as many images as the largest has with its copies.
        image_size: (height, width) of all images, originals too, which are written anew in their
            own format then. None: each file's own.
        seed: Decides the augmentations.
        workers: Threads. None: one a core.
        progress: Called with ("augmenting", images done, images in all) now and then.

    Raises:
        OptionError: A number out of bounds, MixUp or CutMix, ``balance`` without classes, or
            images with masks, further images, boxes or keypoints.
        ScanError: See ``scan``.
        ExportError: ``target`` holds something else, lies in ``source`` or the reverse, or cannot
            be written.
        AugmentationError: An augmentation broke its contract.

    Example:
        >>> import tempfile
        >>> made = augment_directory(photos, tempfile.mkdtemp(), "light", copies=2)
        >>> made.num_originals, made.num_copies, made.manifest.class_counts
        (16, 32, {'cat': 24, 'dog': 24})
    """
    pipeline = Pipeline(adapt(augment))
    _check(pipeline, copies, seed)
    if isinstance(source, Manifest):
        manifest = source
    else:
        manifest = scan(source, labels="inferred" if has_folders(source) else None)
    if balance and manifest.labels is None:
        raise OptionError("balance=True needs classes, and these images have none.")
    if manifest.attached:
        raise OptionError(
            f"Copies are made of images alone, and these have {' and '.join(manifest.attached)}, "
            "which would be lost. Augment them while training, in ImageSequence(augment=)."
        )
    goal = Path(target)
    if isinstance(source, Manifest) and not _is_by_folder(manifest):
        check_not_nested(str(goal), files=manifest.filepaths)
    else:
        check_not_nested(str(goal), folder=manifest.root)
    jobs = list(_jobs(manifest, copies, balance=balance))
    maker = _Maker(manifest, goal, pipeline, ImageSpec(image_size), seed, threading.Lock())
    metadata = {
        "source": os.path.realpath(manifest.root),
        "images": _hash_of(manifest),
        "copies": copies,
        "balance": balance,
        "image_size": None if image_size is None else list(image_size),
        "seed": seed,
        "augment": _described(pipeline),
    }
    try:
        _check_empty(goal)
        with hold_run_lock(goal / _FOLDER, os.fspath(target)):
            _begin(goal, metadata)
            there = {job.original for job in jobs if _is_there(goal, job)} & set(maker.done())
            waiting = [job for job in jobs if job.original not in there]
            # What a killed run has left in there is of no use.
            shutil.rmtree(goal / _FOLDER / _SCRATCH, ignore_errors=True)
            (goal / _FOLDER / _SCRATCH).mkdir()
            made = list(
                ThreadMap(workers).imap_with_progress("augmenting", maker.make, waiting, progress)
            )
            unread = tuple(one for one in made if one is not None)
            # An earlier call may have read what is broken now.
            lost = {job.original for job, one in zip(waiting, made, strict=True) if one}
            jobs = [job for job in jobs if job.original not in lost]
            return _finish(goal, manifest, jobs, maker.done(), unread)
    except ExportError:
        raise
    except OSError as err:
        raise ExportError(f"Cannot write {os.fspath(target)!r}: {err}.") from err


def _check(pipeline: Pipeline, copies: object, seed: int) -> None:
    check_whole("copies", copies, 0)
    check_seed(seed)
    if pipeline.mixer is not None:
        raise OptionError(
            f"{pipeline.mixer.name} mixes labels, which class folders cannot hold; use it while "
            "training, in ImageSequence(augment=)."
        )
    if not pipeline.steps:
        raise OptionError("augment= holds no augmentation; copies would be the same as originals.")


def _is_by_folder(manifest: Manifest) -> bool:
    """Whether ``scan`` of its root finds these classes; it would take the target for one more."""
    if manifest.labels is None:
        return False
    names = [manifest.class_names[label] for label in manifest.labels]
    return all(map(str.startswith, manifest.paths, [f"{name}/" for name in names]))


def _hash_of(manifest: Manifest) -> str:
    """Tells the images and their classes apart from others."""
    labels = None if manifest.labels is None else manifest.labels.tolist()
    metadata = json.dumps([list(manifest.paths), labels, list(manifest.class_names)])
    return hashlib.sha256(metadata.encode("ascii")).hexdigest()


def _described(pipeline: Pipeline) -> str:
    """What can be compared with an earlier call: the policy, or names where there is none."""
    try:
        return format_policy(unwrap_steps(pipeline.steps))
    except OptionError:
        return ", ".join(step.name for step in pipeline.steps)


def _jobs(manifest: Manifest, copies: int, *, balance: bool) -> Iterator[_Job]:
    taken: set[str] = set()
    numbers = np.full(len(manifest), copies)
    if balance and manifest.labels is not None:
        counts = np.bincount(manifest.labels, minlength=manifest.num_classes)
        whole = int(counts.max()) * (1 + copies)
        for label in np.flatnonzero(counts):
            each, rest = divmod(whole - int(counts[label]), int(counts[label]))
            rows = np.flatnonzero(manifest.labels == label)
            numbers[rows] = each + (np.arange(len(rows)) < rest)
    for row, path in enumerate(manifest.paths):
        stem, extension = os.path.splitext(path)
        ending = extension if _is_jpeg(path) else ".png"
        names = tuple(
            f"{stem}-{extension[1:]}-aug{number}{ending}" for number in range(int(numbers[row]))
        )
        for name in (path, *names):
            if name.lower() in taken or os.path.isabs(name) or ".." in name.split("/"):
                raise ExportError(
                    f"{name!r} cannot be made for {manifest.filepath(row)!r}: it is there twice, "
                    "or leads out of the target. Rename the file."
                )
            taken.add(name.lower())
        yield _Job(row, path, names)


def _is_jpeg(path: str) -> bool:
    return path.lower().endswith(FORMATS["JPEG"].extensions)


def _check_empty(goal: Path) -> None:
    if goal.is_dir() and not (goal / _FOLDER).is_dir() and any(goal.iterdir()):
        raise ExportError(
            f"{str(goal)!r} is not empty. Choose a new folder, or empty this one first."
        )


def _is_there(goal: Path, job: _Job) -> bool:
    return all((goal / name).exists() for name in (job.original, *job.copies))


def _begin(goal: Path, metadata: dict[str, Any]) -> None:
    """Writes down what is asked for, or compares it with what was."""
    recipe = goal / _FOLDER / "recipe.json"
    if not recipe.exists():
        text = json.dumps(metadata, indent=1)
        replace_files({recipe: lambda place: place.write_text(text, encoding="utf-8")})
        return
    earlier = json.loads(recipe.read_text(encoding="utf-8"))
    other = [
        _IN_WORDS.get(name, f"{name}={earlier.get(name)!r} (now {value!r})")
        for name, value in metadata.items()
        if earlier.get(name) != value
    ]
    if other:
        raise ExportError(
            f"{str(goal)!r} was made with {', '.join(other)}. Call with the same settings to "
            "complete it, or choose a new folder."
        )


@final
@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the copies of one image after the other; threads share one."""

    manifest: Manifest
    goal: Path
    pipeline: Pipeline
    spec: ImageSpec
    seed: int
    lock: threading.Lock

    def make(self, job: _Job) -> Failure | None:
        """Makes the copies of an image, and then its record, which says that they are there."""
        path = self.manifest.filepath(job.row)
        try:
            pixels = load_image(path, self.spec)
        except ImageError as err:
            return Failure(err.path, err.reason)
        (self.goal / job.original).parent.mkdir(parents=True, exist_ok=True)
        if self.spec.image_size is None:
            copy_file(path, str(self.goal / job.original), str(self._scratch()))
        else:
            self._write(job.original, pixels)
        drawn = []
        for number, name in enumerate(job.copies):
            augmented = self.pipeline(
                Sample(pixels),
                step_generators(self.seed, Stream.AUGMENT, number, job.row),
                f"{path!r} (copy {number})",
            )
            self._write(name, augmented.sample.image)
            drawn.append([{step.name: step.parameters} for step in augmented.describe()])
        line = json.dumps([job.original, drawn], ensure_ascii=True) + "\n"
        with self.lock, self._records.open("a", encoding="ascii") as file:
            file.write(line)
        return None

    def done(self) -> dict[str, list[Any]]:
        """The originals whose copies are there, and what was drawn for each copy."""
        if not self._records.exists():
            return {}
        text = self._records.read_text(encoding="ascii")
        whole, _, torn = text.rpartition("\n")
        if torn:  # an interruption has cut the last line off
            replace_files({self._records: lambda file: file.write_text(f"{whole}\n", "ascii")})
        return dict(json.loads(line) for line in whole.splitlines() if line)

    @property
    def _records(self) -> Path:
        return self.goal / _FOLDER / "records.jsonl"

    def _write(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        scratch = self._scratch()
        scratch.write_bytes(_encoded(pixels, name))
        os.replace(scratch, self.goal / name)

    def _scratch(self) -> Path:
        """Where this thread writes a file before it is put in its place."""
        return self.goal / _FOLDER / _SCRATCH / f"{threading.get_ident()}.part"


def _encoded(pixels: npt.NDArray[np.uint8], name: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    picture = Image.fromarray(pixels)
    kind = format_by_extension(os.path.splitext(name)[1]) or "PNG"
    if kind == "JPEG":
        picture.save(out, kind, quality=_QUALITY, subsampling=0)
    elif kind in Image.SAVE:
        picture.save(out, kind, lossless=True)  # what WebP is not by default
    else:
        picture.save(out, "PNG")
    return out.getvalue()


def _finish(
    goal: Path,
    manifest: Manifest,
    jobs: list[_Job],
    done: dict[str, list[Any]],
    unread: tuple[Failure, ...],
) -> CopiesReport:
    """Writes the tables, once all files are there."""
    rows: list[int] = []
    paths: list[str] = []
    groups: list[str] = []
    records = []
    for job in jobs:
        if job.original in done:
            names = (job.original, *job.copies)
            rows += [job.row] * len(names)
            paths += names
            groups += [job.original] * len(names)
            records += [
                (name, job.original, number, json.dumps(drawn))
                for number, (name, drawn) in enumerate(
                    zip(job.copies, done[job.original], strict=True)
                )
            ]
    made = Manifest(
        str(goal),
        StringColumn.of(paths),
        None if manifest.labels is None else manifest.labels[rows],
        manifest.class_names,
        groups=StringColumn.of(groups),
    )
    write_records(goal / "augmentations.csv", _COLUMNS, records, {})
    made.save(goal / "manifest.csv")
    return CopiesReport(made, len(paths) - len(records), len(records), unread)
