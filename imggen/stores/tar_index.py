"""The index of a tar archive."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import BinaryIO, final

from imggen.errors import StoreError
from imggen.stores.addresses import Span, check_member_names
from imggen.stores.byte_sources import ByteSource
from imggen.stores.member_index import MemberIndex

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


@final
class TarIndex(MemberIndex):
    """The places of members, which are stored as they are."""

    def __init__(self, spans: dict[str, Span]) -> None:
        self._spans = spans

    def sizes(self) -> Iterable[tuple[str, int]]:
        """Returns the name and the size of each member."""
        return ((name, span.length) for name, span in self._spans.items())

    def find_version(self, name: str) -> tuple[int, str] | None:
        """Returns the size and the place of a member."""
        span = self._spans.get(name)
        return None if span is None else (span.length, f"{span.offset}")

    def read(self, source: ByteSource, name: str) -> bytes:
        """Returns the bytes of a member, from one read."""
        return source.read_range(*self._spans[name])


def index_tar(source: ByteSource) -> TarIndex:
    """Reads the headers of a tar archive.

    Raises:
        StoreError: The archive is damaged or compressed, or has a link, a special file, or a name
            that leads outside or occurs twice.
        OSError: It cannot be read.
    """
    with source.open() as file:
        start = file.peek(8)[:8]
        for signature, name in _COMPRESSIONS.items():
            if start.startswith(signature):
                raise StoreError.of(
                    source.address,
                    f"it is compressed with {name}, so that its members cannot be read one by one; "
                    "unpack it, or pack it again without compression",
                )
        try:
            found = _list_members(source.address, file)
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as err:
            raise StoreError.of(source.address, f"it is not a complete tar archive: {err}") from err
        except (RecursionError, MemoryError) as err:  # tarfile believes any length of a name
            reason = "it is not a complete tar archive: a name in it has no end"
            raise StoreError.of(source.address, reason) from err
    names = check_member_names(source.address, [name for name, _ in found])
    return TarIndex(dict(zip(names, (span for _, span in found), strict=True)))


def _list_members(address: str, file: BinaryIO) -> list[tuple[str, Span]]:
    size = file.seek(0, 2)
    file.seek(0)
    found = []
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # which would hold all of them
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                is_link = member.issym() or member.islnk()
                kind = "a link; pack the file that it leads to" if is_link else "a special file"
                raise StoreError.of(address, f"its member {member.name!r} is {kind}")
            span = Span(member.offset_data, member.size)
            if span.length < 0 or span.offset + span.length > size:
                raise StoreError.of(address, f"it is truncated in its member {member.name!r}")
            found.append((member.name, span))
        end = archive.offset
    # tarfile stops without an error at a damaged header, and where the file ends too early.
    file.seek(end)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        fact = "damaged" if any(block) else "truncated"
        raise StoreError.of(address, f"it is {fact} behind its first {len(found)} members")
    return found
