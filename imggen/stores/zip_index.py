"""The index of a zip archive."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import NamedTuple, final

from imggen.errors import StoreError
from imggen.stores.addresses import check_member_names
from imggen.stores.byte_sources import ByteSource
from imggen.stores.member_index import MemberIndex

_HEADER_SIZE = 30
_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x1
_WINDOWS = 0
# Sizes are what an archive claims. Images are compressed already; blank ones shrink a lot.
_MAX_SIZE = 2**31
_FREE_SIZE = 2**26
_MAX_RATIO = 200


class _Member(NamedTuple):
    header: int  # the offset of the local header
    stored_size: int
    size: int
    checksum: int
    method: int
    is_encrypted: bool


@final
class ZipIndex(MemberIndex):
    """The members of a zip archive, as its directory lists them."""

    def __init__(self, members: dict[str, _Member]) -> None:
        self._members = members

    def sizes(self) -> Iterable[tuple[str, int]]:
        """Returns the name and the size of each member."""
        return ((name, member.size) for name, member in self._members.items())

    def find_version(self, name: str) -> tuple[int, str] | None:
        """Returns the size of a member, and its place and checksum."""
        member = self._members.get(name)
        return None if member is None else (member.size, f"{member.header}-{member.checksum:08x}")

    def read(self, source: ByteSource, name: str) -> bytes:
        """Returns the bytes of a member, decompressed and compared with their checksum."""
        member = self._members[name]
        address = f"{source.address}/{name}"
        if member.is_encrypted:
            raise StoreError.of(address, "it is encrypted; unpack the archive with its password")
        if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise StoreError.of(
                address,
                f"it is compressed with method {member.method}; pack the archive again, stored or "
                "deflated",
            )
        is_bomb = member.size > _FREE_SIZE and member.size > _MAX_RATIO * member.stored_size
        if member.size > _MAX_SIZE or is_bomb:
            raise StoreError.of(
                address,
                f"it would grow from {member.stored_size} to {member.size} bytes, which is too "
                "large for an image",
            )
        data = self._read_stored(source, member, address)
        if member.method == zipfile.ZIP_DEFLATED:
            data = _inflate(data, member.size, address)
        if len(data) != member.size or zlib.crc32(data) != member.checksum:
            raise StoreError.of(address, "its bytes do not match their checksum")
        return data

    def _read_stored(self, source: ByteSource, member: _Member, address: str) -> bytes:
        # The name and the extra field may be longer in the local header than in the directory.
        header = source.read_range(member.header, _HEADER_SIZE)
        if not header.startswith(_SIGNATURE):
            raise StoreError.of(address, "its header is damaged")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start = member.header + _HEADER_SIZE + name_length + extra_length
        return source.read_range(start, member.stored_size)


def index_zip(source: ByteSource) -> ZipIndex:
    """Reads the directory of a zip archive.

    Raises:
        StoreError: The archive is damaged, or has a link, or a name that leads outside or occurs
            twice.
        OSError: It cannot be read.
    """
    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not _find_name(info).endswith("/")]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as err:
        raise StoreError.of(source.address, f"it is not a complete zip archive: {err}") from err
    for info in infos:
        if stat.S_ISLNK(info.external_attr >> 16):
            raise StoreError.of(source.address, f"its member {info.filename!r} is a link")
        if info.header_offset < 0:
            reason = "it is not a complete zip archive: a member begins before the file"
            raise StoreError.of(source.address, reason)
    names = check_member_names(source.address, [_find_name(info) for info in infos])
    return ZipIndex(
        {
            name: _Member(
                info.header_offset,
                info.compress_size,
                info.file_size,
                info.CRC,
                info.compress_type,
                bool(info.flag_bits & _ENCRYPTED),
            )
            for name, info in zip(names, infos, strict=True)
        }
    )


def _find_name(info: zipfile.ZipInfo) -> str:
    """Returns the name of a member; some programs on Windows write backslashes for slashes."""
    is_of_windows = info.create_system == _WINDOWS
    return info.filename.replace("\\", "/") if is_of_windows else info.filename


def _inflate(data: bytes, size: int, address: str) -> bytes:
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One byte more than declared would be an error; nothing beyond it is made.
        return decompressor.decompress(data, size + 1)
    except zlib.error as err:
        raise StoreError.of(address, f"it is damaged ({err})") from err
