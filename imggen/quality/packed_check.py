"""Checks of the shards of a packed set against its manifest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

from imggen.data import Manifest, PackedSet, Shard, Source, is_packed, read_packed
from imggen.errors import StoreError
from imggen.quality.findings import Finding, Problem
from imggen.stores import identity, is_remote, join_address, list_files, read
from imggen.workers import Engine, Progress, SharedFolder, ThreadMap, run_shards

_BYTES_AT_ONCE = 1 << 24
_SIZES, _DIGEST, _MEMBERS = "sizes of shards", "SHA-256", "tar headers"


def find_changes(
    source: Source,
    engine: Engine,
    address: str | None,
    workers: int | None,
    progress: Progress | None,
) -> tuple[Finding, ...]:
    """Returns the findings of ``check_shards`` about a packed set; none about other sources.

    Args:
        source: Any source of images.
        engine: As in ``run_shards``, but "local" works in threads of this process.
        address: As in ``run_shards``.
        workers: The number of threads, or of tasks at a time.
        progress: Called with ("hashing", shards done, all shards) from time to time; on Ray with
            "shards of hashing".
    """
    if isinstance(source, Manifest) or not is_packed(source):
        return ()
    packed = read_packed(source)
    if engine == "local":
        return tuple(check_shards(packed, workers, progress))
    checks = run_shards(
        SharedFolder.bind(packed.folder, functools.partial(_check_shard, packed.folder)),
        packed.shards,
        engine=engine,
        address=address,
        workers=workers,
        task="shards of hashing",
        progress=progress,
    )
    pairs = zip(packed.shards, checks, strict=True)
    return tuple(one for shard, check in pairs for one in _list_findings(packed, shard, check))


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
    checks = ThreadMap(workers).imap(check, packed.shards)
    for done, (shard, found) in enumerate(zip(packed.shards, checks, strict=True), 1):
        if progress is not None:
            progress("hashing", done, len(packed.shards))
        yield from _list_findings(packed, shard, found)


def _list_findings(packed: PackedSet, shard: Shard, found: Finding | None) -> Iterator[Finding]:
    if found is not None:
        yield found
        if found.problem is not Problem.UNREADABLE:
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
