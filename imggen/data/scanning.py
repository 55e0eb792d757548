"""Scanning of folders into a Manifest."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from imggen.core import (
    StringColumn,
    check_arguments,
    check_choice,
    pluralize,
    shorten,
    warn_user,
)
from imggen.data.class_names import ClassNames, parse_class_names
from imggen.data.folder_trees import existing_folder, keep_listings
from imggen.data.listing import FolderLister
from imggen.data.manifest import Manifest
from imggen.data.name_pattern import MaskPattern
from imggen.data.packed_set import PACKED_MANIFEST, is_packed
from imggen.data.partners import Partners
from imggen.data.split_layout import find_folds, find_split_layout, list_subfolders
from imggen.data.splits import SPLIT_NAMES, split_name
from imggen.decode import COMMON_EXTENSIONS
from imggen.errors import ScanError

Labels = Literal["inferred"] | None

_FOLDS_ADVICE = (
    "which are folds and not classes. Pass the folder to kfold_sequences: for train, val in "
    'kfold_sequences(DIR); for a single fold, pass split="folders" and the folder of the fold to '
    "from_directory."
)


@check_arguments
def scan(
    directory: str | os.PathLike[str],
    *,
    labels: Labels = "inferred",
    class_names: ClassNames | None = None,
    extensions: Collection[str] | None = None,
    mask_dir: str | os.PathLike[str] | None = None,
    mask_pattern: MaskPattern = None,
    input_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Manifest:
    """Scans ``directory/<class>/**/<image>`` into a Manifest.

    Samples are sorted by class, then by path. Links are followed. Hidden files and folders
    (``.ipynb_checkpoints``, ``._photo.jpg``), those of a system (``__MACOSX``, ``Thumbs.db``,
    ``@eaDir`` and ``#recycle`` of network drives), folders that imggen wrote (caches, splits,
    augmented copies, quarantines) and files with other extensions are skipped;
    ``Manifest.skipped`` counts them by reason. An empty folder is a class without samples.

    Args:
        directory: A folder with one subfolder per class.
        labels: "inferred": class names are the names of the subfolders. None: every image at any
            depth, without classes.
        class_names: Order and subset of the classes: names, or a mapping from name to index or from
            index to name. A folder that is named here is a class, whatever it is. None: all
            subfolders that are not skipped, sorted. With ``labels=None``: the class names for
            predictions.
        extensions: The image extensions, in any case. None: every format that Pillow reads.
        mask_dir: A folder with one mask per image, of the same name except for the extension:
            ``images/cat/1.jpg`` and ``masks/cat/1.png``. If it is inside of ``directory``, there
            are no images in it.
        mask_pattern: The name of a mask, with "{stem}" for the name of its image without the
            extension: "{stem}_mask", "mask_{stem}", "{stem}.png" (any extension, if there is none)
            or, relative to the folder of the image, "../masks/{stem}". Two names, if those of
            images have a suffix, too: ``("{stem}_image", "{stem}_mask")``. Without ``mask_dir``,
            masks are in ``directory``. None: the same name.
        input_dirs: A mapping from model input to a folder of further images of the same names.

    Returns:
        The manifest, with ``root`` as given.

    Raises:
        ScanError: No such folder, a named class without a folder, no class folder, folders of
            splits or folds where classes are expected, no image, or an image without a mask; the
            message says what was found.
        OptionError: An unknown value of ``labels``, or ``extensions`` that are not strings.

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
    with keep_listings():
        partners = Partners.parse(directory, mask_dir, mask_pattern, input_dirs)
        manifest = _scan_images(directory, labels, class_names, extensions, partners.folders)
        return partners.attach_to(manifest)


def _scan_images(
    directory: str | os.PathLike[str],
    labels: Labels,
    class_names: ClassNames | None,
    extensions: Collection[str] | None,
    exclude: Collection[str],
) -> Manifest:
    root = existing_folder(directory)
    check_choice("labels", labels, ("inferred", None))
    lister = FolderLister.create(root, extensions, exclude)
    if labels is None:
        found = sorted(lister.images(b""))
        _require_images(root, found, lister, "DIR/**/<image>")
        return Manifest(
            root,
            StringColumn.of_bytes(found),
            class_names=parse_class_names(class_names),
            skipped=lister.skipped,
            versions=lister.find_versions(found),
        )
    if class_names is None:
        _refuse_splits(root, [os.fsdecode(name) for name in lister.folders(b"")])
    names, rows, indices = _scan_classes(root, lister, b"", class_names)
    _require_images(root, rows, lister, "DIR/<class>/**/<image>")
    if class_names is None and len(names) == 1:
        _warn_of_one_class(root, names[0], rows)
    return Manifest(
        root,
        StringColumn.of_bytes(rows),
        indices,
        names,
        skipped=lister.skipped,
        versions=lister.find_versions(rows),
    )


@keep_listings()
def scan_splits(
    directory: str | os.PathLike[str],
    *,
    labels: Labels = "inferred",
    class_names: ClassNames | None = None,
    extensions: Collection[str] | None = None,
    mask_dir: str | os.PathLike[str] | None = None,
    mask_pattern: MaskPattern = None,
    input_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Manifest:
    """Scans a dataset that is already split: class folders in ``train/``, ``val/``, ``test/``.

    Other common names are recognized in any case: ``training``, ``valid``, ``validation``,
    ``testing``. All splits use the classes of train, so that an index means the same class
    everywhere.

    Args:
        directory: The folder that holds ``train`` and at least one other split.
        labels: As in ``scan``; None: every image at any depth of each split.
        class_names: As in ``scan``, for the train split.
        extensions: As in ``scan``.
        mask_dir: As in ``scan``, with the same splits: ``masks/train/cat/1.png``.
        mask_pattern: As in ``scan``.
        input_dirs: As in ``scan``, with the same splits.

    Returns:
        One manifest of all splits, with ``splits`` set.

    Raises:
        ScanError: No train folder or no other split, two folders for one split, a class in val or
            test that train does not have, no image, or an image without a mask.
    """
    root = existing_folder(directory)
    check_choice("labels", labels, ("inferred", None))
    partners = Partners.parse(directory, mask_dir, mask_pattern, input_dirs)
    lister = FolderLister.create(root, extensions, partners.folders)
    folders: dict[str, bytes] = {}
    others = set(lister.folders(b""))
    # A folder named like a split is one, even if its copies were written by imggen.
    for folder in lister.folders(b"", with_outputs=True):
        split = split_name(os.fsdecode(folder))
        if split not in SPLIT_NAMES:
            lister.skip("folder that is not a split", folder in others)
        elif split in folders:
            first, second = os.fsdecode(folders[split]), os.fsdecode(folder)
            raise ScanError(
                f"{root!r} has two folders for the split {split!r}: {first!r} and {second!r}. Keep "
                "one."
            )
        else:
            folders[split] = folder
    outside = "a class folder" if labels else "a split"
    loose = lister.count_loose_images(b"", folders.values())
    lister.skip(f"image outside {outside}", loose)
    if "train" not in folders or len(folders) < 2:
        _refuse_packed(root)
        names_in_root = [os.fsdecode(name) for name in lister.folders(b"")]
        folds = find_folds(root, names_in_root)
        if folds:
            raise ScanError(f"{root!r} holds {shorten(folds)}, {_FOLDS_ADVICE}")
        raise ScanError(
            f"imggen expects train/ and at least one of val/, valid/, validation/, test/ in "
            f"{root!r}; found {shorten(names_in_root)}."
        )
    rows: list[bytes] = []
    indices: list[npt.NDArray[np.int32]] = []
    splits: list[str] = []
    names = parse_class_names(class_names)
    for split in (name for name in SPLIT_NAMES if name in folders):
        path = os.path.join(root, os.fsdecode(folders[split]))
        if labels is None:
            found = sorted(lister.images(folders[split]))
        elif split == "train":
            names, found, of_found = _scan_classes(root, lister, folders[split], class_names)
            in_train = {os.fsdecode(name) for name in lister.folders(folders[split])}
            indices.append(of_found)
        else:
            present = [os.fsdecode(name) for name in lister.folders(folders[split])]
            unknown = sorted(set(present) - in_train)
            if unknown:
                raise ScanError(
                    f"{path!r} has the classes {shorten(unknown)}, which train does not have "
                    f"({shorten(sorted(in_train))}). Remove them, or add them to train."
                )
            in_split = set(present)
            shared = [name for name in names if name in in_split]
            _, found, local = _scan_classes(root, lister, folders[split], shared)
            index_of = {name: index for index, name in enumerate(names)}
            indices.append(np.array([index_of[name] for name in shared], np.int32)[local])
        _require_images(path, found, lister, f"DIR/{'<class>/' if labels else ''}**/<image>")
        rows += found
        splits += [split] * len(found)
    manifest = Manifest(
        root,
        StringColumn.of_bytes(rows),
        np.concatenate(indices, dtype=np.int32) if indices else None,
        names,
        splits=StringColumn.of(splits),
        skipped=lister.skipped,
        versions=lister.find_versions(rows),
    )
    return partners.attach_to(manifest)


def has_folders(directory: str | os.PathLike[str]) -> bool:
    """Returns whether a folder has subfolders that ``scan`` takes as classes.

    Raises:
        ScanError: There is no such folder.
    """
    return bool(FolderLister.create(existing_folder(directory), None).folders(b""))


@keep_listings()
def scan_any(directory: str | os.PathLike[str]) -> Manifest:
    """Same as ``scan``, with classes if there are class folders, and without them otherwise."""
    return scan(directory, labels="inferred" if has_folders(directory) else None)


def _refuse_splits(root: str, names: Sequence[str]) -> None:
    """Raises an error if folders are splits or folds, and not classes."""
    layout = find_split_layout(root, names)
    if layout is None:
        return
    listed = shorten(list(layout.names))
    if layout.kind == "splits":
        raise ScanError(
            f"{root!r} holds {listed}, which look like splits and not like classes. "
            'Pass split="folders" to from_directory, or scan one of them; to use them as classes, '
            "pass class_names=."
        )
    if layout.kind == "folds":
        raise ScanError(f"{root!r} holds {listed}, {_FOLDS_ADVICE}")
    inside = list_subfolders(os.path.join(root, layout.names[0]))
    raise ScanError(
        f"{root!r} holds {listed} with {shorten(inside)} inside, which looks like a part of a "
        "dataset and not like a class. Move it out of the folder; or, to choose the classes, pass "
        "class_names=."
    )


def _warn_of_one_class(root: str, name: str, rows: Sequence[bytes]) -> None:
    """Warns if a folder too high was given: the single class has folders, and no image itself."""
    parts = [row.split(b"/", 2)[1:] for row in rows]
    inside = sorted({os.fsdecode(part[0]) for part in parts})
    if len(inside) > 1 and all(len(part) == 2 for part in parts):
        warn_user(
            f"All images in {root!r} are of one class, {name!r}, with the folders "
            f"{shorten(inside)} inside. If these are the classes, pass "
            f"{os.path.join(root, name)!r}; if there is one class, pass class_names={[name]!r}."
        )


def _scan_classes(
    root: str, lister: FolderLister, under: bytes, class_names: ClassNames | None
) -> tuple[tuple[str, ...], list[bytes], npt.NDArray[np.int32]]:
    """Lists the class folders ``root/under/*``: class names, paths and class indices."""
    path = os.path.join(root, os.fsdecode(under)) if under else root
    present = {os.fsdecode(folder): folder for folder in lister.folders(under)}
    names = tuple(present) if class_names is None else parse_class_names(class_names)
    loose = lister.count_loose_images(under, {os.fsencode(name) for name in names})
    if class_names is None:
        if not present:
            _refuse_packed(root)
            raise ScanError(
                f"{path!r} has no class folders; expected DIR/<class>/<image>, found "
                f"{pluralize(loose, 'image')} directly in it{lister.summary()}. For images without "
                "classes, pass labels=None."
            )
    else:
        folders = {name: os.fsencode(name) for name in names}
        missing = [name for name in names if not lister.is_folder(under, folders[name])]
        if missing:
            raise ScanError(
                f"class_names has {shorten(missing)}, but {path!r} has no such folder; its class "
                f"folders are {shorten(list(present))}."
            )
        lister.skip("folder not in class_names", len(present.keys() - folders.keys()))
        present = folders
    lister.skip("image outside a class folder", loose)
    rows: list[bytes] = []
    counts: list[int] = []
    for name in names:
        folder = present[name]
        found = sorted(lister.images(under + b"/" + folder if under else folder))
        rows += found
        counts.append(len(found))
    return names, rows, np.repeat(np.arange(len(names), dtype=np.int32), counts)


def _refuse_packed(root: str) -> None:
    if is_packed(root):
        raise ScanError(
            f"{root!r} is a packed set; expected a folder of images. Pass it to "
            f"imggen.from_packed, or load {PACKED_MANIFEST} in it with Manifest.load."
        )


def _require_images(root: str, found: Sequence[bytes], lister: FolderLister, layout: str) -> None:
    if not found:
        _refuse_packed(root)
        usual = [name for name in map(os.fsencode, COMMON_EXTENSIONS) if name in lister.extensions]
        extensions = usual + sorted(lister.extensions - {*usual})
        raise ScanError(
            f"Found 0 images in {root!r}; expected {layout} with an extension such as "
            f"{', '.join(os.fsdecode(extension) for extension in extensions[:8])}"
            f"{lister.summary() or '; the folders are empty'}."
        )
