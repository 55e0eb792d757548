"""The images that a model is to predict: of a folder, of a list or table, or one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, final

from imggen.core import InputFile, has_metadata, pluralize, read_frame, shorten, warn_user
from imggen.data import (
    Manifest,
    column_arguments,
    find_original_paths,
    is_packed,
    is_store,
    load_packed,
    scan,
)
from imggen.decode import image_extensions
from imggen.errors import ManifestError, ScanError
from imggen.stores import parse_address

_TABLES = (".csv", ".parquet")


@final
class NewImages(NamedTuple):
    """Images in the order in which they were given.

    Attributes:
        names: The name of each, as tables show it: a path as the list has it, or below the folder
            that was given; for a packed set, the path before packing.
        files: The path of each.
        labels: The true class of each, or None; None if no image has one.
        skipped: How many files of a folder were skipped, by reason.
    """

    names: Sequence[str]
    files: Sequence[str]
    labels: list[str | None] | None
    skipped: Mapping[str, int]


def find_new_images(source: str | os.PathLike[str], class_names: tuple[str, ...]) -> NewImages:
    """Finds the images to predict, in order.

    Args:
        source: A folder, whose images are found at any depth, and whose folders at the top are
            their true classes if one of them is a class of the model; a ``.txt`` file with a path
            per line; a packed set; a table (``.csv`` or ``.parquet``) with a column path and
            perhaps a column label; or an image. Paths in a list are relative to its folder, and all
            of them are kept, also those of missing files and those that occur twice.
        class_names: The classes of the model.

    Raises:
        ScanError: There is no such file or folder, or a folder without images.
        ManifestError: The list cannot be read, or is empty.
    """
    path = Path(source)
    if is_store(source) and path.suffix.lower() in image_extensions():
        address = parse_address(source)
        return NewImages([address], [address], None, {})
    if is_packed(source):
        return _list_samples(load_packed(source), class_names)
    if is_store(source):
        return _find_in_folder(parse_address(source), class_names)
    if os.path.isdir(path):
        return _find_in_folder(os.fspath(source), class_names)
    if not os.path.exists(path):
        raise ScanError(
            f"{shorten(os.fspath(source))} does not exist; expected a folder, a list of images "
            "(.txt, .csv, .parquet), or an image."
        )
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return _read_table(path, class_names)
    names = _read_list(path) if suffix == ".txt" else [os.fspath(source)]
    root = path.parent if suffix == ".txt" else Path()
    return NewImages(names, [os.path.join(root, name) for name in names], None, {})


def _find_in_folder(folder: str, class_names: tuple[str, ...]) -> NewImages:
    manifest = scan(folder, labels=None)
    tops = [path.partition("/") for path in manifest.paths]
    labels = [top if slash else None for top, slash, _ in tops]
    names = [os.path.join(folder, path) for path in manifest.paths]
    known = labels if any(label in class_names for label in labels) else None
    return NewImages(
        names, manifest.filepaths, _keep_known(known, class_names), dict(manifest.skipped)
    )


def _read_table(path: Path, class_names: tuple[str, ...]) -> NewImages:
    if has_metadata(path):
        manifest = Manifest.load(path)
    else:
        frame = read_frame(path)
        if frame.empty:
            raise ManifestError(f"{shorten(os.fspath(path))} has no rows; expected one per image.")
        manifest = Manifest.from_frame(frame, root=path.parent, **column_arguments(frame, {}))
    return _list_samples(manifest, class_names)


def _list_samples(manifest: Manifest, class_names: tuple[str, ...]) -> NewImages:
    labels = None
    if manifest.labels is not None:
        labels = [manifest.class_names[label] for label in manifest.labels.tolist()]
    names = find_original_paths(manifest) or list(manifest.paths)
    return NewImages(names, manifest.filepaths, _keep_known(labels, class_names), {})


def _read_list(path: Path) -> list[str]:
    source = InputFile(path, ManifestError, "a list of images", "Write one path per line.")
    content = source.read_bytes()
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    names = [os.fsdecode(line) for line in lines if line.strip()]
    if not names:
        raise ManifestError(source.message("it is empty"))
    if any("\0" in name for name in names):
        raise ManifestError(source.message("it contains a null character, so it is not text"))
    return names


def _keep_known(
    labels: Sequence[str | None] | None, class_names: tuple[str, ...]
) -> list[str | None] | None:
    """Returns the labels that are classes of the model; None in place of others."""
    if labels is None or not class_names:
        return None
    unknown = [label for label in labels if label is not None and label not in class_names]
    if unknown:
        warn_user(
            f"{pluralize(len(unknown), 'image')} of the classes {shorten(sorted(set(unknown)))} "
            f"cannot be evaluated: the model's classes are {shorten(list(class_names))}."
        )
    kept = [label if label in class_names else None for label in labels]
    return kept if any(label is not None for label in kept) else None
