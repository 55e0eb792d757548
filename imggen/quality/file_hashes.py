"""What is in files: their hashes."""

from __future__ import annotations

import dataclasses
import hashlib

from imggen.core import StringColumn
from imggen.data import Manifest
from imggen.errors import ManifestError
from imggen.workers import Progress, ThreadMap


def hash_files(
    manifest: Manifest, *, workers: int | None = None, progress: Progress | None = None
) -> Manifest:
    """Reads every file and notes its SHA-256, by which equal files are told whatever their names.

    Args:
        manifest: Whose files.
        workers: The number of threads. None: one for each core that may be used.
        progress: Called with ("reading", files read, files in all) now and then.

    Returns:
        The manifest with ``hashes`` set.

    Raises:
        ManifestError: A file cannot be read.

    Example:
        >>> hashed = hash_files(manifest)
        >>> len(hashed.hashes[0])
        64
    """
    digests = ThreadMap(workers).imap_with_progress(
        "reading", _sha256, manifest.filepaths, progress
    )
    return dataclasses.replace(manifest, hashes=StringColumn.of(digests))


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise ManifestError(
            f"Cannot read {path!r}: {err.strerror}. Mend it, or leave it out of the manifest; "
            "`imggen verify` lists all files that cannot be read."
        ) from err
