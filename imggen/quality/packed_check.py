"""Checks of the shards of a packed set against its manifest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

from imggen.data import PackedSet, Shard
from imggen.errors import StoreError
from imggen.quality.findings import Finding, Problem
from imggen.stores import identity, is_remote, join_address, list_files, read
from imggen.workers import Progress, ThreadMap

_BYTES_AT_ONCE = 1 << 24
_SIZES, _DIGEST, _MEMBERS = "sizes of shards", "SHA-256", "tar headers"


def check_shards(
    packed: PackedSet, workers: int | None = None, progress: Progress | None = None
) -> Iterator[Finding]:
    """Yields a finding for each shard that is not as it was packed, and for each image in it.

    Args:
        packed: The set.
        workers: The number of threads. None: one per usable core.
        progress: Called with ("hashing", shards done, all shards) from time to time.
    """
    check = functools.partial(_check_shard, packed.folder)
    threads = ThreadMap(workers)
    found = zip(packed.shards, threads.imap(check, packed.shards), strict=True)
    for done, (shard, finding) in enumerate(found, 1):
        if progress is not None:
            progress("hashing", done, len(packed.shards))
        if finding is not None:
            yield finding
            if finding.problem is not Problem.UNREADABLE:
                yield from _check_images(packed, shard)


def _check_shard(folder: str, shard: Shard) -> Finding | None:
    address = join_address(folder, shard.name)
    try:
        size = identity(address).size
        if size != shard.num_bytes:
            problem = Problem.TRUNCATED if size < shard.num_bytes else Problem.CHANGED
            detail = f"it has {size:,} bytes; {shard.num_bytes:,} were packed"
            return Finding(shard.name, problem, detail, _SIZES)
        if not is_remote(address):
            list_files(address)
        if _hash(address, size) != shard.sha256:
            detail = "its bytes are not those that were packed"
            return Finding(shard.name, Problem.CHANGED, detail, _DIGEST)
    except StoreError as err:
        problem = Problem.UNREADABLE if is_remote(address) else Problem.BROKEN
        return Finding(shard.name, problem, err.reason, _MEMBERS)
    except OSError as err:
        detail = (err.strerror or str(err)).lower()
        return Finding(shard.name, Problem.UNREADABLE, detail, "operating system")
    return None


def _hash(address: str, size: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, _BYTES_AT_ONCE):
        digest.update(read(address, (start, min(_BYTES_AT_ONCE, size - start))))
    return digest.hexdigest()


def _check_images(packed: PackedSet, shard: Shard) -> Iterator[Finding]:
    """Yields a finding for each image of a shard whose bytes have changed."""
    manifest = packed.manifest
    assert manifest.hashes is not None  # noqa: S101 - every packed set has them
    for row in (packed.places["shard"] == shard.name).to_numpy().nonzero()[0].tolist():
        try:
            data = read(manifest.filepath(row))
        except OSError as err:
            detail = err.reason if isinstance(err, StoreError) else str(err)
            yield Finding(manifest.paths[row], Problem.UNREADABLE, detail, _SIZES)
            continue
        if hashlib.sha256(data).hexdigest() != manifest.hashes[row]:
            detail = "its bytes are not those that were packed"
            yield Finding(manifest.paths[row], Problem.CHANGED, detail, _DIGEST)
