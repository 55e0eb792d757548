"""``unpack``: the files of a packed set in their folders again."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import posixpath
import re
from typing import Any, NamedTuple, final

from imggen.core import (
    StringColumn,
    check_arguments,
    check_not_nested,
    check_output_folder,
    check_path,
    class_folder_path,
    is_relative_path,
    shorten,
)
from imggen.data import Manifest, PackedSet, read_packed, save_with_extras
from imggen.decode import format_by_extension
from imggen.errors import ExportError
from imggen.export.journal import Journal, check_same_settings
from imggen.quality import check_shards
from imggen.stores import is_remote, read
from imggen.workers import Progress, ThreadMap

_KIND = "unpack"
_MANIFEST = "manifest.csv"


@final
class _Step(NamedTuple):
    """A file to write.

    Attributes:
        address: Where its bytes are.
        target: Its path, relative to the destination.
        sha256: The SHA-256 of its bytes; "" if only the hash of the whole shard is known.
    """

    address: str
    target: str
    sha256: str


@check_arguments
def unpack(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Writes the images of a packed set to class folders, under their original names.

    Files are those that were packed, byte for byte, unless ``pack`` resized them. All shards are
    compared with their hashes first. What folders cannot express (splits, groups, boxes, masks,
    further columns of a table and so on) is written to ``destination/manifest.csv``.

    Every file is renamed once it is complete; after an interruption the same call resumes.

    Args:
        source: The folder that ``pack`` has written, or a URI of it.
        destination: A new folder, an empty one, or one that an interrupted call has begun to fill.
        workers: The number of threads. None: one per core.
        progress: Called with the current activity, the number of finished and of all files.

    Returns:
        The manifest of the files in ``destination``.

    Raises:
        ManifestError: ``source`` is not a packed set, or its manifest is damaged.
        ExportError: A shard or an image is not as it was packed; ``destination`` holds other files,
            is inside ``source`` or contains it, or cannot be written.
        StoreError: A remote store cannot be read.

    Example:
        >>> import imggen, tempfile
        >>> packed = imggen.pack(photos, tempfile.mkdtemp())
        >>> unpack(packed.manifest.root, tempfile.mkdtemp()).paths[0]
        'cat/000.png'
    """
    packed = read_packed(source)
    check_path(destination)
    folder = os.path.normpath(destination)
    if not is_remote(packed.folder):
        check_not_nested(folder, folder=packed.folder)
    check_output_folder(folder)
    journal = Journal(folder, _KIND)
    journal.check_empty()
    settings = {
        "source": packed.folder if is_remote(packed.folder) else os.path.realpath(packed.folder),
        "shards": [shard.sha256 for shard in packed.shards],
    }
    finding = next(check_shards(packed, workers, progress), None)
    if finding is not None:
        raise ExportError(
            f"{finding.path!r} in {packed.folder!r} is {finding.problem.value}: {finding.detail}. "
            "Restore it, or pack the images again; `imggen verify` lists all that has changed."
        )
    manifest, steps = _plan(packed, folder)
    with journal.locked():
        earlier = journal.read(lambda metadata, _: metadata)
        if earlier is None:
            journal.write(settings, [])
        else:
            check_same_settings(folder, earlier, settings)
        journal.carry_out(
            "unpacking",
            lambda step, temporary: _write(step, journal.locate(step.target), temporary),
            steps,
            [step.target for step in steps],
            threads=ThreadMap(workers),
            progress=progress,
        )
        if len(packed.extras.columns) or not _is_told_by_folders(manifest):
            save_with_extras(manifest, packed.extras, os.path.join(folder, _MANIFEST))
    journal.forget()
    return manifest


def _write(step: _Step, target: str, temporary: str) -> None:
    data = read(step.address)
    if step.sha256 and hashlib.sha256(data).hexdigest() != step.sha256:
        raise ExportError(
            f"{step.address!r} is not the image that was packed as {step.target!r}. Restore the "
            "shard, or pack the images again."
        )
    if os.path.lexists(target):  # of an interrupted run, and complete
        with open(target, "rb") as file:
            if file.read() == data:
                return
        raise ExportError(
            f"{target!r} exists with another content; its file system may not distinguish names "
            "that differ in case only. Unpack into a folder on another file system."
        )
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, target)


def _plan(packed: PackedSet, folder: str) -> tuple[Manifest, list[_Step]]:
    """Returns the manifest of the unpacked files, and the files to write."""
    manifest, originals = packed.manifest, packed.originals
    targets = _Targets(is_converted="image_size" in packed.settings)
    hashes = manifest.hashes or [""] * len(manifest)
    names = [""] * len(manifest)
    if manifest.labels is not None:
        names = [manifest.class_names[label] for label in manifest.labels]
    columns: dict[str, Any] = {
        "paths": StringColumn.of(
            targets.add(manifest.filepath(row), path, _place_image(path, names[row]), hashes[row])
            for row, path in enumerate(originals["path"])
        )
    }
    others = {f"input:{name}": paths for name, paths in manifest.inputs.items()}
    if manifest.masks is not None:
        others["mask"] = manifest.masks
    for name, paths in others.items():
        if name not in originals:
            raise ExportError(
                f"The manifest of {packed.folder!r} has no column 'original:{name}'. Restore it."
            )
        others[name] = StringColumn.of(
            targets.add(manifest.resolve(path), original, _stay_inside(original))
            for path, original in zip(paths, originals[name], strict=True)
        )
    columns["masks"] = others.pop("mask", None)
    columns["inputs"] = {name.partition(":")[2]: paths for name, paths in others.items()}
    return dataclasses.replace(manifest, root=folder, **columns), targets.steps


@final
class _Targets:
    """The files to write, each once.

    Args:
        is_converted: Whether files may have another format than before packing.
    """

    def __init__(self, *, is_converted: bool) -> None:
        self.steps: list[_Step] = []
        self._is_converted = is_converted
        self._taken: dict[str, tuple[str, str]] = {}

    def add(self, address: str, original: str, preferred: str, sha256: str = "") -> str:
        """Adds a file, unless rows share it; returns its path, numbered if that is taken."""
        if self._is_converted:
            preferred = _match_extension(preferred, address)
        stem, extension = posixpath.splitext(preferred)
        file, target, number = (original, sha256), preferred, 1
        while self._taken.get(target, file) != file:
            number += 1
            target = f"{stem}-{number}{extension}"
        if target not in self._taken:
            self._taken[target] = file
            self.steps.append(_Step(address, target, sha256))
        return target


def _place_image(path: str, class_name: str) -> str:
    """Returns the path of an image in the destination: the original one, if that is inside it."""
    inside = _stay_inside(path)
    if class_name and f"/{class_name}/" not in f"/{inside}":
        inside = class_folder_path(inside, class_name)
    if not is_relative_path(inside):
        raise ExportError(
            f"The image {shorten(path)} of the class {shorten(class_name)} has no place in a "
            "folder. Unpack it by Python: imggen.load_image reads it from the manifest."
        )
    return inside


def _stay_inside(path: str) -> str:
    """Returns a path without what leads out of a folder."""
    if os.name == "nt":
        path = os.path.splitdrive(path)[1].replace("\\", "/")
    plain = posixpath.normpath(re.sub(r"^[A-Za-z][A-Za-z0-9+.-]+:[/\\]+", "", path))
    plain = re.sub(r"^(/|\.\./)+", "", plain)
    if is_relative_path(plain):
        return plain
    extension = posixpath.splitext(plain)[1]
    return f"image{extension}" if is_relative_path(f"image{extension}") else "image"


def _match_extension(path: str, address: str) -> str:
    """Returns the path with the extension of the format to which an image was converted."""
    extension = posixpath.splitext(re.sub(r"#\d+\+\d+$", "", address))[1]
    stem, given = posixpath.splitext(path)
    is_same = format_by_extension(given) == format_by_extension(extension)
    return path if is_same else f"{stem}{extension}"


def _is_told_by_folders(manifest: Manifest) -> bool:
    """Whether a scan of the destination finds the same manifest, but for the order."""
    if manifest.attached or manifest.numbers or manifest.splits or manifest.groups is not None:
        return False
    if manifest.weights is not None or len(set(manifest.paths)) < len(manifest):
        return False
    if manifest.labels is None:
        return True
    found = {manifest.class_names[label] for label in manifest.labels}
    return found == set(manifest.class_names) and all(
        path.startswith(f"{manifest.class_names[label]}/")
        for path, label in zip(manifest.paths, manifest.labels.tolist(), strict=True)
    )
