"""Bytes, states and listings of addresses, wherever they lead."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, final

from imggen.errors import StoreError
from imggen.stores.addresses import ArchiveMember, Span, find_uri, is_remote, split_archive
from imggen.stores.archives import ArchiveIndices
from imggen.stores.byte_sources import ByteSource, Identity, LocalFile
from imggen.stores.member_index import MemberIndex
from imggen.stores.read_ahead import AheadPaths, Content, Readers, SharedReads
from imggen.stores.remote import RemoteObject

# The state of a remote archive is not asked for again for so long, since many members are read.
_ARCHIVE_STATE_SECONDS = 30.0
_TRIES = 5


@final
class ListedFile(NamedTuple):
    """A file of a listing.

    Attributes:
        name: Relative to the root, with forward slashes.
        identity: Its state.
    """

    name: str
    identity: Identity


def read(address: str | os.PathLike[str], span: tuple[int, int] | None = None) -> bytes:
    """Returns the bytes of a file.

    Args:
        address: A local path, a URI, or either with a member of an archive.
        span: (offset, length) of the bytes to return; None for all.

    Raises:
        StoreError: They cannot be read from an archive or a remote store.
        MissingExtraError: The address is a URI, and obstore is not installed.
        OSError: They cannot be read from a local file.
    """
    address = os.fspath(address)
    if not is_remote(address):
        local = LocalFile(address)
        try:
            return local.read() if span is None else local.read_range(*span)
        except OSError as err:
            if not is_elsewhere(address, err):
                raise
    if span is None:
        return read_with_identity(address)[0]
    return _read_part(find_uri(address) or address, span)


def read_with_identity(address: str) -> Content:
    """Returns the bytes of a file that is not local, and the state that they belong to.

    Raises:
        StoreError: See ``read``.
        MissingExtraError: See ``read``.
    """
    kept = _shared.find()
    if kept is not None and address in kept:
        return kept[address]
    content = _readers.take(address, _shared.user) or _fetch(address)
    if kept is not None:
        kept[address] = content
    return content


def start_reading(addresses: Collection[str], user: Hashable = None) -> None:
    """Begins to read remote files that a user will ask for in this order; returns at once."""
    _readers.start(addresses, user)


def share_reads(user: Hashable = None) -> AbstractContextManager[None]:
    """Keeps the remote files that this thread reads while the block runs, for further reads.

    Args:
        user: The user of ``start_reading`` that the block reads for.
    """
    return _shared.keep(user)


def stop_reading(addresses: Iterable[str], user: Hashable = None) -> None:
    """Forgets files that were begun for a user that will not ask for them."""
    _readers.cancel(addresses, user)


def read_ahead(paths: Sequence[str], root: str = "") -> Sequence[str]:
    """Returns the same paths, which are read ahead in the order of their use if they are remote.

    Args:
        paths: The paths, relative to ``root``.
        root: The root.
    """
    if len(paths) == 0 or find_uri(os.path.join(root, paths[0])) is None:
        return paths
    return AheadPaths(paths, root, _readers)


def is_elsewhere(address: str | os.PathLike[str], err: OSError | None = None) -> bool:
    """Whether an address is a URI or inside an archive.

    Args:
        address: The address.
        err: The error of opening it as a local file, which saves a look at it.
    """
    address = os.fspath(address)
    if isinstance(err, PermissionError | IsADirectoryError) or not isinstance(address, str):
        return False
    if find_uri(address) is not None:
        return True
    member = split_archive(address)
    return member is not None and member.name != ""


def open_file(address: str | os.PathLike[str]) -> io.BufferedReader | io.BytesIO:
    """Opens a file for reading; one that is not local is read into memory.

    Raises:
        StoreError: See ``read``.
        OSError: See ``read``.
    """
    try:
        return open(address, "rb")
    except OSError as err:
        if not is_elsewhere(address, err):
            raise
    return io.BytesIO(read_with_identity(os.fspath(address))[0])


@contextmanager
def local_copy(address: str) -> Iterator[str]:
    """Gives the path of a local file with the bytes of an address, for code that needs a path.

    The file itself if it is local; else a temporary file with the same extension.

    Raises:
        StoreError: See ``read``.
    """
    if os.path.lexists(address) or not is_elsewhere(address):
        yield address
        return
    data = read(address)
    with tempfile.TemporaryDirectory(prefix="imggen-") as folder:
        path = os.path.join(folder, f"file{os.path.splitext(address)[1]}")
        with open(path, "wb") as file:
            file.write(data)
        yield path


def identity(address: str | os.PathLike[str]) -> Identity:
    """Returns the state of a file, without reading its content.

    Raises:
        StoreError: It cannot be found in an archive or a remote store.
        MissingExtraError: See ``read``.
        OSError: It cannot be found on disk.
    """
    address = os.fspath(address)
    if not is_remote(address):
        try:
            return LocalFile(address).identity()
        except OSError as err:
            if not is_elsewhere(address, err):
                raise
    address = find_uri(address) or address
    member = split_archive(address)
    if member is None or not member.name:
        return _open_source(address).identity()
    return _identify_member(member)


def list_files(root: str | os.PathLike[str]) -> list[ListedFile]:
    """Lists the files below a URI, or in an archive; not sorted.

    Raises:
        StoreError: It cannot be listed.
        MissingExtraError: See ``read``.
        OSError: A local archive cannot be read.
    """
    root = os.fspath(root)
    root = find_uri(root) or root
    member = split_archive(root)
    if member is None:
        if not is_remote(root):
            raise StoreError.of(root, "it is neither an archive nor the URI of a remote store")
        return [ListedFile(*listed) for listed in RemoteObject(root).list_objects()]
    of_archive, index = _find_index(member)
    prefix = f"{member.name.rstrip('/')}/" if member.name else ""
    return [
        ListedFile(name.removeprefix(prefix), Identity(size, of_archive.version))
        for name, size in index.sizes()
        if name.startswith(prefix)
    ]


def _fetch(address: str) -> Content:
    address = find_uri(address) or address
    member = split_archive(address)
    if member is not None and member.name:
        if member.span is not None:
            found = _identify_member(member)
            return _open_source(member.archive).read_range(*member.span), found
        return _read_member(member)
    source = _open_source(address)
    if isinstance(source, RemoteObject):
        return source.read_with_identity()
    return source.read(), source.identity()


def _read_member(member: ArchiveMember) -> Content:
    source = _open_source(member.archive)
    for _ in range(_TRIES):
        of_archive, index = _find_index(member)
        found = _identify_indexed(member, of_archive, index)
        data = index.read(source, member.name)
        # The index is not that of an archive that was replaced since.
        if not isinstance(source, LocalFile) or source.identity() == of_archive:
            return data, found
    raise StoreError.of(member.archive, "it changes while it is read")


def _read_part(address: str, span: tuple[int, int]) -> bytes:
    member = split_archive(address)
    if member is None or not member.name:
        return _open_source(address).read_range(*span)
    if member.span is not None:
        place = _narrow(member.span, span, address)
        return _open_source(member.archive).read_range(*place)
    data = read_with_identity(address)[0]
    offset, length = _narrow(Span(0, len(data)), span, address)
    return data[offset : offset + length]


def _identify_member(member: ArchiveMember) -> Identity:
    if member.span is not None:
        found = _identify_archive(_open_source(member.archive))
        return Identity(member.span.length, f"{found.version}#{member.span.offset}")
    return _identify_indexed(member, *_find_index(member))


def _identify_indexed(member: ArchiveMember, of_archive: Identity, index: MemberIndex) -> Identity:
    of_member = index.find_version(member.name)
    if of_member is None:
        address = f"{member.archive}/{member.name}"
        raise StoreError.of(address, "there is no such file in the archive")
    size, place = of_member
    return Identity(size, f"{of_archive.version}#{place}")


def _find_index(member: ArchiveMember) -> tuple[Identity, MemberIndex]:
    source = _open_source(member.archive)
    return _indices.find(source, member.kind, _identify_archive)


def _identify_archive(source: ByteSource) -> Identity:
    if isinstance(source, LocalFile):
        return source.identity()
    address = source.address
    with _archive_locks.setdefault(address, threading.Lock()):  # so that one reader asks for it
        now = time.monotonic()
        known = _archive_states.get(address)
        if known is None or now - known[0] > _ARCHIVE_STATE_SECONDS:
            known = _archive_states[address] = now, source.identity()
    return known[1]


def _open_source(address: str) -> ByteSource:
    return RemoteObject(address) if is_remote(address) else LocalFile(address)


def _narrow(whole: Span, part: tuple[int, int], address: str) -> Span:
    offset, length = part
    if offset + length > whole.length:
        raise StoreError.of(address, f"it ends before byte {offset + length}")
    return Span(whole.offset + offset, length)


_archive_locks: dict[str, threading.Lock] = {}
_archive_states: dict[str, tuple[float, Identity]] = {}
_indices = ArchiveIndices()
_shared = SharedReads()
_readers = Readers(_fetch)


def _reset() -> None:
    """Begins without the locks and threads of the parent, in a forked process."""
    _archive_locks.clear()
    _indices.reset()
    _readers.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)
