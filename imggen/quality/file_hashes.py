"""SHA-256 hashes of files, which identify equal files."""

from __future__ import annotations

import dataclasses
import hashlib

from imggen.core import StringColumn, check_arguments
from imggen.data import Manifest, Source, as_manifest
from imggen.errors import ManifestError
from imggen.stores import open_file, read_ahead
from imggen.workers import Progress, ThreadMap


@check_arguments
def hash_files(
    manifest: Source, *, workers: int | None = None, progress: Progress | None = None
) -> Manifest:
    """Computes the SHA-256 of every file, which is equal for equal files whatever their names.

    Args:
        manifest: The files: a manifest, a folder, or a table (.csv or .parquet).
        workers: The number of threads. None: one per usable core.
        progress: Called with ("reading", files read, total number of files) from time to time.

    Returns:
        The manifest with ``hashes`` set.

    Raises:
        ManifestError: A file cannot be read.

    Example:
        >>> hashed = hash_files(manifest)
        >>> len(hashed.hashes[0])
        64
    """
    manifest = as_manifest(manifest)
    digests = ThreadMap(workers).imap_with_progress(
        "reading", _sha256, read_ahead(manifest.filepaths), progress
    )
    return dataclasses.replace(manifest, hashes=StringColumn.of(digests))


def _sha256(path: str) -> str:
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise ManifestError(
            f"Cannot read {path!r}: {err.strerror}. Fix it, or remove it from the manifest; "
            "`imggen verify` lists all files that cannot be read."
        ) from err
