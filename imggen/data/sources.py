"""Sources of images: a manifest, a folder, or a table that lists files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imggen.core import StringColumn, has_metadata, read_columns
from imggen.data.folder_trees import keep_listings, list_names
from imggen.data.manifest import Manifest
from imggen.data.manifest_io import column_arguments, read_fields
from imggen.data.packed_set import is_damaged, is_packed, load_packed
from imggen.data.scanning import scan, scan_any, scan_splits
from imggen.data.split_layout import find_split_layout, is_fold_name, list_subfolders
from imggen.data.splits import SPLIT_NAMES, split_name
from imggen.errors import ManifestError, ScanError
from imggen.stores import is_remote, parse_address, split_archive

Source = str | os.PathLike[str] | Manifest
ScanFolder = Callable[[str | os.PathLike[str]], Manifest]


def as_manifest(source: Source, scan_folder: ScanFolder = scan_any) -> Manifest:
    """Returns the manifest of any source.

    Args:
        source: A manifest, which is returned unchanged; a folder, or one that ``imggen.pack`` has
            written; or a table (.csv or .parquet), as ``Manifest.save`` writes it or with a column
            ``path``.
        scan_folder: Scans a folder; ``scan_any`` reads class folders if there are any.

    Raises:
        ScanError: There is no such folder, or it cannot be scanned.
        ManifestError: The table is missing or invalid, or none of its files exists.
    """
    given, source = source, load_table(source)
    if isinstance(source, Manifest):
        if not isinstance(given, Manifest) and is_table(given) and not has_metadata(Path(given)):
            _check_root(source, Path(given))
        return source
    if not os.path.isdir(source) and not is_store(source):
        fact = "is a file" if os.path.exists(source) else "does not exist"
        raise ScanError(
            f"{os.fspath(source)!r} {fact}; expected a folder of images, or a table (.csv or "
            f".parquet), relative to {os.getcwd()!r}."
        )
    with keep_listings():
        return scan_folder(parse_address(source))


def _check_root(manifest: Manifest, table: Path) -> None:
    """Rejects a table that imggen did not save and whose paths are relative to another folder.

    Stops at the first file that exists, and does not ask stores.
    """
    files = map(manifest.filepath, range(len(manifest)))
    if len(manifest) and not any(os.path.lexists(file) or is_store(file) for file in files):
        raise ManifestError(
            f"No file of the table {os.fspath(table)!r} exists, such as {manifest.filepath(0)!r}: "
            "paths are relative to the folder of the table. If this is an edited copy of a table "
            f"that imggen wrote, copy its .json file as well, to {table.name + '.json'!r}; it "
            "says where the images are. Otherwise move the table to where its paths begin."
        )


def load_table(source: Source) -> Manifest | str | os.PathLike[str]:
    """Returns the manifest of a table or a packed set; anything else is returned unchanged.

    Raises:
        ManifestError: The table is missing or invalid.
    """
    if isinstance(source, Manifest):
        return source
    is_remote_table = is_table(source) and is_remote(parse_address(source))
    if (is_remote_table or not is_table(source)) and is_packed(source):
        return load_packed(source)
    if is_table(source):
        return read_table_source(source)
    return load_packed(source) if is_damaged(source) else source


def is_table(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is that of a table (.csv or .parquet), and not a folder."""
    return Path(path).suffix.lower() in (".csv", ".parquet") and not os.path.isdir(path)


def is_store(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is a URI, or leads to or into an archive."""
    address = parse_address(path)
    return is_remote(address) or split_archive(address) is not None


def read_table_source(file: str | os.PathLike[str]) -> Manifest:
    """Reads a table of images.

    A table that imggen did not save has a column ``path``, relative to the table's folder, and may
    have ``label``, ``group``, ``weight``, ``split``, ``hash``, ``mask``, ``input:<name>`` and
    ``target:<name>``.

    Raises:
        ManifestError: The table is missing or invalid, or a path is empty.
    """
    path = Path(file)
    if not os.path.isfile(path):
        hint = " Download it; tables are read from disk." if is_store(file) else ""
        raise ManifestError(f"The table {parse_address(file)!r} does not exist.{hint}")
    if has_metadata(path):
        return Manifest.load(path)
    table = read_columns(path)
    fields = read_fields(table, root=path.parent, **column_arguments(table, {}))
    paths: StringColumn = fields["paths"]
    empty = np.flatnonzero(np.diff(paths.offsets) == 0)
    if len(empty):  # which would be the folder of the table
        raise ManifestError(
            f"The column 'path' is empty in {len(empty)} of {len(paths)} rows, first in row "
            f"{empty[0]}. Fill or drop those rows."
        )
    return Manifest(**fields)


def scan_all(directory: str | os.PathLike[str]) -> Manifest:
    """Scans all images of a folder, at any depth and without classes."""
    return scan(directory, labels=None)


def scan_own_splits(directory: str | os.PathLike[str]) -> Manifest:
    """Same as ``scan_any``, with ``splits`` if the folders are train, val and test."""
    layout = find_split_layout(os.fspath(directory), list_subfolders(os.fspath(directory)))
    is_split = layout is not None and layout.kind == "splits"
    return scan_splits(directory) if is_split else scan_any(directory)


def scan_labeled(directory: str | os.PathLike[str]) -> Manifest:
    """Scans all images of a folder, at any depth.

    If all images are in folders, the folders at the top are their classes; if these are train, val
    and test, or folds of these, the folders inside of them are.
    """
    manifest = scan_all(directory)
    folders = [path.split("/")[:-1] for path in manifest.paths]
    for is_outer in (is_fold_name, lambda name: split_name(name) in SPLIT_NAMES):
        if all(folders) and all(is_outer(parts[0]) for parts in folders):
            folders = [parts[1:] for parts in folders]
    if not folders or not all(folders):
        return manifest
    class_names, labels = np.unique([parts[0] for parts in folders], return_inverse=True)
    return dataclasses.replace(
        manifest, labels=labels.astype(np.int32), class_names=tuple(class_names.tolist())
    )


@keep_listings()
def scan_split_folders(directory: str | os.PathLike[str]) -> dict[str, Manifest]:
    """Scans the folders train, val and test in a folder, each as ``scan_labeled`` does.

    Returns:
        The manifests by the canonical names of the splits, in order.

    Raises:
        ScanError: Same as ``scan_splits``.
    """
    directory = parse_address(directory)
    found = set(scan_splits(directory, labels=None).splits or ())
    names = {split_name(name): name for name in list_names(directory)}
    return {
        split: scan_labeled(os.path.join(directory, names[split]))
        for split in SPLIT_NAMES
        if split in found
    }
