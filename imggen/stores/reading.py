"""Bytes, states and listings of addresses, wherever they lead."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, NamedTuple, final

from imggen.errors import StoreError
from imggen.stores.addresses import ArchiveMember, Span, is_remote, split_archive
from imggen.stores.archives import ArchiveIndices
from imggen.stores.byte_sources import ByteSource, Identity, LocalFile

_indices = ArchiveIndices()


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
        OSError: They cannot be read from a local file.
    """
    address = os.fspath(address)
    if is_remote(address):
        return _read_elsewhere(address, span)
    local = LocalFile(address)
    try:
        return local.read() if span is None else local.read_range(*span)
    except OSError as err:
        if not is_elsewhere(address, err):
            raise
    return _read_elsewhere(address, span)


def is_elsewhere(address: str | os.PathLike[str], err: OSError | None = None) -> bool:
    """Whether an address is a URI or inside an archive.

    Args:
        address: The address.
        err: The error of opening it as a local file, which saves a look at it.
    """
    address = os.fspath(address)
    if is_remote(address):
        return True
    if isinstance(err, PermissionError | IsADirectoryError):
        return False
    member = split_archive(address) if isinstance(address, str) else None
    return member is not None and member.name != ""


def open_file(address: str | os.PathLike[str]) -> BinaryIO:
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
    return io.BytesIO(_read_elsewhere(os.fspath(address), None))


def identity(address: str | os.PathLike[str]) -> Identity:
    """Returns the state of a file, without reading its content.

    Raises:
        StoreError: It cannot be found in an archive or a remote store.
        OSError: It cannot be found on disk.
    """
    address = os.fspath(address)
    if not is_remote(address):
        try:
            return LocalFile(address).identity()
        except OSError as err:
            if not is_elsewhere(address, err):
                raise
    member = split_archive(address)
    if member is None or not member.name:
        return _open_source(address).identity()
    source = _open_source(member.archive)
    if member.span is not None:
        found = source.identity()
        return Identity(member.span.length, f"{found.version}#{member.span.offset}")
    of_archive, index = _indices.find(source, member.kind)
    size, place = _require(index.find_version(member.name), member)
    return Identity(size, f"{of_archive.version}#{place}")


def list_files(root: str | os.PathLike[str]) -> list[ListedFile]:
    """Lists the files below a URI, or in an archive; not sorted.

    Raises:
        StoreError: It cannot be listed.
        OSError: A local archive cannot be read.
    """
    root = os.fspath(root)
    member = split_archive(root)
    if member is None:
        raise StoreError.of(root, "it is neither an archive nor the URI of a remote store")
    source = _open_source(member.archive)
    of_archive, index = _indices.find(source, member.kind)
    prefix = f"{member.name.rstrip('/')}/" if member.name else ""
    return [
        ListedFile(name.removeprefix(prefix), Identity(size, of_archive.version))
        for name, size in index.sizes()
        if name.startswith(prefix)
    ]


def _read_elsewhere(address: str, span: tuple[int, int] | None) -> bytes:
    member = split_archive(address)
    if member is None or not member.name:
        source = _open_source(address)
        return source.read() if span is None else source.read_range(*span)
    source = _open_source(member.archive)
    if member.span is not None:
        place = _narrow(member.span, span, address)
        return source.read_range(*place)
    _, index = _indices.find(source, member.kind)
    _require(index.find_version(member.name), member)
    data = index.read(source, member.name)
    if span is None:
        return data
    offset, length = _narrow(Span(0, len(data)), span, address)
    return data[offset : offset + length]


def _open_source(address: str) -> ByteSource:
    return LocalFile(address)


def _narrow(whole: Span, part: tuple[int, int] | None, address: str) -> Span:
    if part is None:
        return whole
    offset, length = part
    if offset + length > whole.length:
        raise StoreError.of(address, f"it ends before byte {offset + length}")
    return Span(whole.offset + offset, length)


def _require(found: tuple[int, str] | None, member: ArchiveMember) -> tuple[int, str]:
    if found is None:
        raise StoreError.of(
            f"{member.archive}/{member.name}", "there is no such file in the archive"
        )
    return found
