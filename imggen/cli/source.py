"""Sources of images that the verbs accept: a folder, or a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from imggen.data import Manifest


def all_images(source: Path) -> Manifest:
    """Reads all images of a folder, at any depth and without classes, or of a table."""
    frame = read_table_source(source)
    if frame is None:
        from imggen.data import scan

        return scan(source, labels=None)
    return build_manifest(source, frame)


def labeled_images(source: Path) -> Manifest:
    """Reads all images of a folder, at any depth, or of a table.

    If all images are in folders, the folders at the top are their labels; if these are train, val
    and test, or folds of these, the folders inside of them are.
    """
    import dataclasses

    import numpy as np

    from imggen.data import SPLIT_NAMES, is_fold_name, split_name

    frame = read_table_source(source)
    if frame is not None:
        return build_manifest(source, frame)
    manifest = all_images(source)
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


def images_by_class(source: Path) -> Manifest:
    """Reads the images of a folder of class folders, of any other folder, or of a table."""
    frame = read_table_source(source)
    if frame is not None:
        return build_manifest(source, frame)
    from imggen.data import scan_any

    return scan_any(source)


def read_table_source(source: Path) -> pd.DataFrame | None:
    """Reads the table if the source is one (.csv or .parquet); returns None for a folder."""
    if source.suffix.lower() not in (".csv", ".parquet") or os.path.isdir(source):
        return None
    if not os.path.isfile(source):
        from imggen.errors import ManifestError

        raise ManifestError(f"The table {str(source)!r} does not exist.")
    from imggen.core import read_frame

    return read_frame(source)


def scan_source(images: Path | Manifest, *, labels: bool) -> Manifest:
    """Scans a folder, without classes if ``labels`` is false; a manifest is returned unchanged."""
    from imggen.data import scan, scan_any

    if not isinstance(images, Path):
        return images
    return scan_any(images) if labels else scan(images, labels=None)


def build_manifest(source: Path, frame: pd.DataFrame) -> Manifest:
    """Builds the manifest of a table.

    A table that was not saved by imggen has a column ``path``, relative to the table's folder, and
    may have ``label``, ``group``, ``weight``, ``split``, ``hash``, ``mask``, ``input:<name>`` and
    ``target:<name>``.
    """
    from imggen.core import has_metadata
    from imggen.data import Manifest, column_arguments

    if has_metadata(source):
        return Manifest.load(source)
    return Manifest.from_frame(frame, root=source.parent, **column_arguments(frame, {}))
