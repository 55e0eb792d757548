"""Folders to a Manifest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_choice
from imggen.data.listing import Walk
from imggen.data.manifest import Manifest
from imggen.data.pairing import paired
from imggen.data.splits import SPLIT_NAMES, split_name
from imggen.errors import ScanError

Labels = Literal["inferred"] | None


def scan(
    directory: str | os.PathLike[str],
    *,
    labels: Labels = "inferred",
    class_names: Sequence[str] | None = None,
    extensions: Collection[str] | None = None,
    mask_dir: str | os.PathLike[str] | None = None,
    input_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Manifest:
    """Scans ``directory/<class>/**/<image>`` into a Manifest.

    Samples are sorted by class, then by path. Links are followed. Hidden files and folders
    (``.ipynb_checkpoints``, ``._photo.jpg``), system files (``__MACOSX``, ``Thumbs.db``) and files
    with other extensions never become a class or a sample; ``Manifest.passed_over`` counts them
    by reason. An empty folder is a class without samples.

    Args:
        directory: The folder that holds one subfolder a class.
        labels: "inferred" takes class names from the subfolders; None takes every image at any
            depth, without classes.
        class_names: Order and subset of the classes. None: all subfolders, sorted. With
            ``labels=None``: what predictions for these images will be called.
        extensions: The extensions to take, in any case. None: every format that Pillow reads.
        mask_dir: A folder of masks, one an image, of the same name but for the extension:
            ``images/cat/1.jpg`` and ``masks/cat/1.png``.
        input_dirs: The name of a model's input to a folder of further images, named alike.

    Returns:
        The manifest, with ``root`` as given.

    Raises:
        ScanError: No such folder, a named class without a folder, no class folder, no image, or an
            image without its mask; the message says what was seen.

    Example:
        >>> import tempfile, pathlib
        >>> from PIL import Image
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ["cat", "dog"]:
        ...     (folder / name).mkdir()
        ...     Image.new("RGB", (8, 8)).save(folder / name / "1.jpg")
        >>> scan(folder).class_counts
        {'cat': 1, 'dog': 1}
    """
    manifest = _scanned(directory, labels, class_names, extensions)
    if mask_dir is None and not input_dirs:
        return manifest

    def partners(folder: str | os.PathLike[str], what: str) -> StringColumn:
        place = _existing_folder(folder)
        files = [os.fsdecode(file) for file in sorted(Walk.over(place, None).images(b""))]
        return paired(manifest.root, manifest.paths, files, place, what)

    return dataclasses.replace(
        manifest,
        masks=None if mask_dir is None else partners(mask_dir, "mask"),
        inputs={name: partners(place, "partner") for name, place in (input_dirs or {}).items()},
    )


def _scanned(
    directory: str | os.PathLike[str],
    labels: Labels,
    class_names: Sequence[str] | None,
    extensions: Collection[str] | None,
) -> Manifest:
    root = _existing_folder(directory)
    check_choice("labels", labels, ("inferred", None))
    walk = Walk.over(root, extensions)
    if labels is None:
        found = sorted(walk.images(b""))
        _require_images(root, found, walk, "DIR/**/<image>")
        return Manifest(
            root,
            StringColumn.of_bytes(found),
            class_names=tuple(class_names or ()),
            skipped=walk.skipped,
        )
    names, rows, indices = _scan_classes(root, walk, b"", class_names)
    if class_names is None and {"train"} < {*map(split_name, names)} <= set(SPLIT_NAMES):
        raise ScanError(
            f"{root!r} holds {list(names)}, which look like the parts of a split and not like "
            'classes. Pass split="folders" to from_directory, or scan one of them; class_names= '
            "takes them for classes all the same."
        )
    _require_images(root, rows, walk, "DIR/<class>/**/<image>")
    return Manifest(root, StringColumn.of_bytes(rows), indices, names, skipped=walk.skipped)


def scan_splits(
    directory: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    extensions: Collection[str] | None = None,
) -> Manifest:
    """Scans a dataset that comes split: ``train/``, ``val/`` and ``test/`` with class folders each.

    ``training``, ``valid``, ``validation``, ``testing`` and the like count too, in any case. All
    parts use train's classes, so that an index means the same class everywhere.

    Args:
        directory: The folder that holds ``train`` and at least one other part.
        class_names: As in ``scan``, for the train part.
        extensions: As in ``scan``.

    Returns:
        One manifest of all parts, with ``splits`` set.

    Raises:
        ScanError: No train folder or no other part, two folders for one part, a class in val or
            test that train does not have, or no image.
    """
    root = _existing_folder(directory)
    walk = Walk.over(root, extensions)
    walk.pass_over("image outside a class folder", walk.loose_images(b""))
    folders: dict[str, bytes] = {}
    for folder in walk.folders(b""):
        part = split_name(os.fsdecode(folder))
        if part not in SPLIT_NAMES:
            walk.pass_over("folder that is no part")
        elif part in folders:
            raise ScanError(
                f"{root!r} has two folders for the part {part!r}: {os.fsdecode(folders[part])!r} "
                f"and {os.fsdecode(folder)!r}. Keep one."
            )
        else:
            folders[part] = folder
    if "train" not in folders or len(folders) < 2:
        raise ScanError(
            f'split="folders" expects train/ and at least one of val/, valid/, validation/, test/ '
            f"in {root!r}; found {sorted(map(os.fsdecode, walk.folders(b'')))}."
        )
    rows: list[bytes] = []
    indices: list[npt.NDArray[np.int32]] = []
    splits: list[str] = []
    for part in (name for name in SPLIT_NAMES if name in folders):
        place = os.path.join(root, os.fsdecode(folders[part]))
        if part == "train":
            names, found, labels = _scan_classes(root, walk, folders[part], class_names)
            in_train = {os.fsdecode(name) for name in walk.folders(folders[part])}
        else:
            present = [os.fsdecode(name) for name in walk.folders(folders[part])]
            unknown = sorted(set(present) - in_train)
            if unknown:
                raise ScanError(
                    f"{place!r} has the classes {unknown}, which train does not have "
                    f"({sorted(in_train)}). Remove them, or add them to train."
                )
            in_part = set(present)
            shared = [name for name in names if name in in_part]
            _, found, local = _scan_classes(root, walk, folders[part], shared)
            index_of = {name: index for index, name in enumerate(names)}
            labels = np.array([index_of[name] for name in shared], np.int32)[local]
        _require_images(place, found, walk, "DIR/<class>/**/<image>")
        rows += found
        indices.append(labels)
        splits += [part] * len(found)
    return Manifest(
        root,
        StringColumn.of_bytes(rows),
        np.concatenate(indices, dtype=np.int32),
        names,
        splits=StringColumn.of(splits),
        skipped=walk.skipped,
    )


def has_folders(directory: str | os.PathLike[str]) -> bool:
    """Whether a folder has visible folders in it, which ``scan`` takes for classes.

    Raises:
        ScanError: There is no such folder.
    """
    return bool(Walk.over(_existing_folder(directory), None).folders(b""))


def _existing_folder(directory: str | os.PathLike[str]) -> str:
    root = os.fspath(directory)
    if not os.path.isdir(root):
        what = "is a file" if os.path.exists(root) else "does not exist"
        raise ScanError(
            f"{root!r} {what}; expected a folder (seen from {os.getcwd()!r}) with images."
        )
    return root


def _scan_classes(
    root: str, walk: Walk, under: bytes, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], list[bytes], npt.NDArray[np.int32]]:
    """Lists the class folders ``root/under/*``: class names, paths and class indices."""
    place = os.path.join(root, os.fsdecode(under))
    present = {os.fsdecode(folder): folder for folder in sorted(walk.folders(under))}
    loose = walk.loose_images(under)
    if class_names is None:
        if not present:
            raise ScanError(
                f"{place!r} has no class folders. Expected DIR/<class>/<image>; saw {loose} images "
                f"directly in it{walk.summary()}. For images without classes pass labels=None."
            )
        names = tuple(present)
    else:
        names = tuple(class_names)
        missing = [name for name in names if name not in present]
        if missing:
            raise ScanError(
                f"class_names has {missing}, but {place!r} has no such folder; its class folders "
                f"are {list(present)}."
            )
        walk.pass_over("folder not in class_names", len(present) - len(set(names)))
    walk.pass_over("image outside a class folder", loose)
    rows: list[bytes] = []
    counts: list[int] = []
    for name in names:
        folder = present[name]
        found = sorted(walk.images(under + b"/" + folder if under else folder))
        rows += found
        counts.append(len(found))
    return names, rows, np.repeat(np.arange(len(names), dtype=np.int32), counts)


def _require_images(root: str, found: Sequence[bytes], walk: Walk, layout: str) -> None:
    if not found:
        usual = [name for name in (b".jpg", b".png", b".webp", b".tif") if name in walk.extensions]
        extensions = usual + sorted(walk.extensions - {*usual})
        raise ScanError(
            f"Found 0 images in {root!r}; expected {layout} with an extension such as "
            f"{', '.join(os.fsdecode(extension) for extension in extensions[:8])}"
            f"{walk.summary() or '; the folders are empty'}."
        )
