"""``pack``: images and all that is known about them, in tar shards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import numpy as np

from imggen.core import (
    StringColumn,
    check_arguments,
    check_choice,
    check_not_nested,
    check_output_folder,
    check_path,
    is_whole,
    parse_bytes,
    require_pyarrow,
    shorten,
)
from imggen.data import PACKED_MANIFEST, Manifest, PackedSet, Source, is_packed, read_packed
from imggen.decode import ImageSize, ImageSpec
from imggen.errors import ExportError, ManifestError, OptionError
from imggen.export.journal import Journal, check_same_settings
from imggen.export.pack_assembly import Assembly
from imggen.export.pack_plan import (
    PackPlan,
    ShardPlan,
    check_same_shards,
    order_by_split,
    parse_plan,
    plan_shards,
)
from imggen.export.pack_report import PackReport
from imggen.export.pack_source import PackSource
from imggen.export.recipe_splits import make_splits
from imggen.export.shard_writer import (
    ShardTask,
    prepare_folder,
    read_index,
    remove_leftovers,
    write_shard,
)
from imggen.loading import Failure
from imggen.splitting import Ratios, Recipe
from imggen.stores import is_remote
from imggen.workers import Engine, Progress, SharedFolder, check_engine, run_shards

DEFAULT_SHARD_SIZE = "256MB"
_KIND = "pack"


@final
@dataclass(frozen=True)
class _Options:
    """The options of ``pack`` that say how shards are written."""

    spec: ImageSpec | None
    shard_size: int
    skips: bool
    workers: int | None
    engine: Engine
    address: str | None
    progress: Progress | None


@check_arguments
def pack(
    source: Source,
    destination: str | os.PathLike[str],
    *,
    split: Ratios | None = None,
    split_seed: int = 0,
    image_size: ImageSize | None = None,
    shard_size: int | str = DEFAULT_SHARD_SIZE,
    on_error: Literal["skip", "raise"] = "skip",
    workers: int | None = None,
    engine: Engine = "local",
    address: str | None = None,
    progress: Progress | None = None,
) -> PackReport:
    """Packs images and their labels into tar files, and writes a manifest that places each image.

    The shards, such as ``train-000000.tar``, are in the format of WebDataset: ``00000042.jpg`` is
    an image, ``00000042.cls`` its class index, ``00000042.json`` everything known about it (the
    original path, class name, boxes, keypoints, further columns of a table), ``00000042.mask.png``
    its mask, and ``00000042.<name>.jpg`` a further input. ``manifest.parquet`` has the columns
    ``shard``, ``offset``, ``length`` and ``hash`` (SHA-256 of the image), and is a manifest as
    ``Manifest.load`` reads it, so that all that takes a table or a folder takes a packed set, too;
    ``from_packed`` makes sequences from it, local or remote. The order of the samples is that of
    the source, so that the same seed gives the same batches.

    Equal images and settings give the same bytes. The plan is written to
    ``destination/.imggen-pack`` first, and every shard is renamed once it is complete: after an
    interruption the same call resumes, and a call with other settings or images is refused.

    Args:
        source: A folder of class folders, of train, val and test, or of images without classes; a
            table (.csv or .parquet); a packed set; a manifest; or the address of any of them.
        destination: A new folder, an empty one, or one that an interrupted call has begun to fill.
        split: Fractions for train, val and test, as in ``split``, stratified by class; groups stay
            together. None: the splits that the source has, or none.
        split_seed: Random seed for the split.
        image_size: (height, width) in pixels that all images are resized to, or one number for
            squares; masks, boxes and keypoints follow. JPEGs are encoded with quality 95, other
            files as PNG, all in RGB. None: files are packed byte for byte, and only their headers
            are checked; ``verify`` finds truncated ones.
        shard_size: The size of a shard, as a number of bytes or text such as "256MB" or "1GiB". A
            larger sample has a shard of its own. With ``image_size``, it is estimated.
        on_error: "skip": leave out images that cannot be read; or "raise".
        workers: The number of threads, or of tasks at a time. None: one per core.
        engine: "local": this process. "ray": tasks of a Ray cluster, which must have the source and
            the destination under the same paths.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        progress: Called with ("packing", finished images, all images) from time to time.

    Raises:
        OptionError: An option out of bounds.
        ScanError: See ``scan``.
        SplitError: See ``split``.
        ManifestError: The table is invalid, or a name in it is not valid UTF-8.
        ExportError: ``destination`` holds other files, is inside ``source`` or contains it, was
            begun with other settings or images, or cannot be written; a file has changed in the
            meantime; or there is no image, or none that can be read.
        ImageError: An image cannot be read, with ``on_error="raise"``.
        MissingExtraError: pyarrow is not installed.

    Example:
        >>> import tempfile
        >>> packed = pack(photos, tempfile.mkdtemp(), shard_size="10kB")
        >>> len(packed.manifest), packed.manifest.class_counts
        (16, {'cat': 8, 'dog': 8})
    """
    check_choice("on_error", on_error, ("skip", "raise"))
    size = _parse_size(shard_size)
    check_engine(engine, address, workers)
    spec = None if image_size is None else ImageSpec(image_size)
    options = _Options(spec, size, on_error == "skip", workers, engine, address, progress)
    recipe = None if split is None else Recipe(split, seed=split_seed)
    require_pyarrow("The manifest of a packed set")
    folder = _check_destination(destination)
    samples = PackSource.read(source)
    if not len(samples.manifest):
        raise ExportError("The manifest is empty; expected at least one sample to pack.")
    _check_apart(folder, source, samples.manifest)
    journal = Journal(folder, _KIND)
    journal.check_empty()
    settings = {
        "source": _describe_root(samples.manifest.root),
        "split": None if recipe is None else recipe.as_metadata(),
        "image_size": None if spec is None else list(spec.image_size or ()),
        "shard_size": size,
        "on_error": on_error,
    }
    earlier = journal.read(parse_plan)
    if earlier is not None:
        check_same_settings(folder, earlier[0], settings)
    if recipe is not None:
        samples = _split(samples, recipe, progress)
    samples = order_by_split(samples)
    plan = plan_shards(samples, spec, size)
    with journal.locked():
        earlier = journal.read(parse_plan)
        if earlier is None:
            journal.write(settings, plan.shards)
        else:
            check_same_settings(folder, earlier[0], settings)
            check_same_shards(folder, earlier[1], plan.shards)
        with journal.translate_errors([shard.name for shard in plan.shards]):
            return _carry_out(folder, samples, plan, options)


def _parse_size(shard_size: int | str) -> int:
    size = parse_bytes(shard_size) if isinstance(shard_size, str) else shard_size
    if not is_whole(size, 1):
        raise OptionError(
            f"shard_size={shorten(shard_size)} must be a number of bytes, 1 or more, or text such "
            "as '256MB' or '1GiB'."
        )
    return int(size)


def _check_destination(destination: str | os.PathLike[str]) -> str:
    check_path(destination)
    folder = os.path.normpath(destination)
    check_output_folder(folder)
    return folder


def _check_apart(folder: str, source: Source, manifest: Manifest) -> None:
    """Checks that neither the source nor the target contains the other."""
    if is_remote(manifest.root):
        return
    is_folder = not isinstance(source, Manifest) and os.path.isdir(source)
    if is_folder:
        check_not_nested(folder, folder=manifest.root)
    else:
        check_not_nested(folder, files=manifest.filepaths)


def _describe_root(root: str) -> str:
    return root if is_remote(root) else os.path.realpath(root)


def _split(samples: PackSource, recipe: Recipe, progress: Progress | None) -> PackSource:
    """Assigns the samples to splits; rows of the same file are in one."""
    splits = make_splits(samples.manifest, recipe, progress).splits
    split_of = {path: name for name, part in splits.as_dict().items() for path in part.paths}
    return samples.with_splits(StringColumn.of(split_of[path] for path in samples.manifest.paths))


def _carry_out(folder: str, samples: PackSource, plan: PackPlan, options: _Options) -> PackReport:
    if is_packed(folder):
        return _check_complete(folder, samples.manifest.skipped)
    prepare_folder(folder)
    _write_shards(folder, samples, plan, options)
    assembly = Assembly(folder, samples, options.spec)
    for shard in plan.shards:
        found = read_index(folder, shard.name)
        if found is None:
            raise ExportError(
                f"The shard {os.path.join(folder, shard.name)!r} has vanished. Make the same call "
                "again to write it."
            )
        assembly.add(shard.start, *found)
    packed = assembly.finish(options.shard_size)
    try:
        packed.write()
    except ManifestError as err:
        if isinstance(err.__cause__, OSError):  # such as a full disk, reported as for shards
            raise err.__cause__ from err
        raise
    remove_leftovers(folder)
    return _report(packed, samples.manifest.skipped)


def _write_shards(folder: str, samples: PackSource, plan: PackPlan, options: _Options) -> None:
    """Writes the shards that are not done."""
    is_local = options.engine == "local"
    waiting = [shard for shard in plan.shards if read_index(folder, shard.name) is None]

    def build(shard: ShardPlan) -> ShardTask:
        rows = np.arange(shard.start, shard.stop)
        return ShardTask(
            folder,
            shard.name,
            shard.start,
            samples.take(rows),
            plan.digests[rows],
            options.spec,
            options.skips,
            options.workers if is_local else 0,
        )

    if not is_local:
        run_shards(
            SharedFolder.bind(folder, SharedFolder.bind(samples.manifest.root, write_shard)),
            map(build, waiting),
            engine=options.engine,
            address=options.address,
            workers=options.workers,
            task="shards of packing",
            progress=options.progress,
        )
        return
    # In this process: threads read and encode the images of one shard after another.
    total = len(plan.digests)
    for shard in waiting:

        def count(done: int, start: int = shard.start) -> None:
            if options.progress is not None:
                options.progress("packing", start + done, total)

        write_shard(build(shard), count)
        count(shard.stop - shard.start)


def _check_complete(folder: str, skipped: Mapping[str, int]) -> PackReport:
    """Returns the result of an earlier call, whose shards must still be there.

    Raises:
        ExportError: A shard is missing, or has another size.
    """
    packed = read_packed(folder)
    for shard in packed.shards:
        place = Path(folder, shard.name)
        size = place.stat().st_size if place.is_file() else 0
        if size != shard.num_bytes:
            raise ExportError(
                f"The shard {str(place)!r} has {size} bytes instead of {shard.num_bytes}. Remove "
                f"{PACKED_MANIFEST} to have all shards checked and written again by the same call, "
                "or pack the images into a new folder."
            )
    remove_leftovers(folder)
    return _report(packed, skipped)


def _report(packed: PackedSet, skipped: Mapping[str, int]) -> PackReport:
    unread = tuple(Failure(*failure) for failure in packed.unread)
    return PackReport(packed.manifest, packed.shards, unread, skipped)
