"""SHA-256 hashes of files, which identify equal files."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from functools import partial

from imggen.core import StringColumn, check_arguments
from imggen.data import Manifest, Source, as_manifest
from imggen.errors import ManifestError
from imggen.stores import open_file
from imggen.workers import Engine, Progress, check_engine, map_slices


@check_arguments
def hash_files(
    manifest: Source,
    *,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Computes the SHA-256 of every file, which is equal for equal files whatever their names.

    Args:
        manifest: The files: a manifest, a folder, or a table (.csv or .parquet).
        engine: "local": threads of this machine. "ray": a Ray cluster; see docs/cluster.md.
        address: For "ray", the cluster; see docs/cluster.md. None: one that is started for this
            call.
        workers: The number of threads; on Ray, the largest number of tasks at a time. None: one
            per usable core.
        progress: Called with ("reading", files read, total number of files) from time to time; on
            Ray with ("shards of reading", shards done, all shards).

    Returns:
        The manifest with ``hashes`` set.

    Raises:
        OptionError: The engine is not known, or an address is given for "local".
        ManifestError: A file cannot be read.
        MissingExtraError: ``engine="ray"``, and Ray is not installed.
        WorkerError: The cluster cannot be reached, a node does not have the folder, or a worker
            ended again and again.

    Example:
        >>> hashed = hash_files(manifest)
        >>> len(hashed.hashes[0])
        64
    """
    check_engine(engine, address, workers)
    manifest = as_manifest(manifest)
    digests = map_slices(
        partial(_hash_slice, manifest.root),
        manifest.paths,
        manifest.root,
        is_relative=True,
        engine=engine,
        address=address,
        workers=workers,
        task="reading",
        progress=progress,
    )
    return dataclasses.replace(manifest, hashes=StringColumn.of(digests))


def _hash_slice(root: str, paths: Sequence[str]) -> list[str]:
    return [_sha256(os.path.join(root, path)) for path in paths]


def _sha256(path: str) -> str:
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise ManifestError(
            f"Cannot read {path!r}: {err.strerror}. Fix it, or remove it from the manifest; "
            "`imggen verify` lists all files that cannot be read."
        ) from err
