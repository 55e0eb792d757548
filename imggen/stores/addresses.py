"""Addresses of files: a local path, a URI, and a member of an archive behind either.

===========================================  =====================================
address                                      file
===========================================  =====================================
``photos/cat/1.jpg``                         a local file
``s3://bucket/photos/cat/1.jpg``             an object of a bucket
``photos.zip/cat/1.jpg``                     a member of an archive
``set/shard-0.tar/00000042.jpg#1536+20480``  20480 bytes of an archive from 1536 on
===========================================  =====================================
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import NamedTuple, final

from imggen.errors import StoreError

SCHEMES = ("s3", "gs", "az", "https", "http")

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_JOINED_URI = re.compile(rf"([/\\])(?={'|'.join(f'{scheme}://' for scheme in SCHEMES)})")
# What pathlib makes of a URI: it replaces two slashes by one.
_JOINED_SLASHES = re.compile(rf"({'|'.join(SCHEMES)}):[/\\](?![/\\])")
_ARCHIVE = re.compile(
    r"\.(tar|zip|tgz|tbz2|txz|tzst|7z|rar|tar\.(?:gz|bz2|xz|zst|lz4))(?=/|$)", re.IGNORECASE
)
# More digits than a file has bytes are part of a name.
_SPAN = re.compile(r"#([0-9]{1,15})\+([0-9]{1,15})$")


@final
class Span(NamedTuple):
    """A range of bytes: its first byte, and how many there are."""

    offset: int
    length: int


@final
class ArchiveMember(NamedTuple):
    """A member of an archive.

    Attributes:
        archive: The address of the archive.
        kind: The extension of the archive in lower case, without the dot.
        name: The name of the member; empty for the archive as a whole.
        span: Where its bytes are in the archive, if the address tells; else None.
    """

    archive: str
    kind: str
    name: str
    span: Span | None


def find_scheme(address: str) -> str | None:
    """Returns the scheme of a URI, in lower case; None for other addresses.

    Example:
        >>> find_scheme("S3://bucket/cat"), find_scheme("photos/cat"), find_scheme("C:/photos")
        ('s3', None, None)
    """
    found = _URI.match(address)
    return found[1].lower() if found else None


def is_remote(address: str) -> bool:
    """Whether an address is a URI, of whatever scheme."""
    return "://" in address and find_scheme(address) is not None


def find_uri(address: str) -> str | None:
    """Returns a URI, also one that was joined to a local root; None for other addresses.

    Example:
        >>> find_uri("./s3://bucket/1.jpg"), find_uri("photos/1.jpg")
        ('s3://bucket/1.jpg', None)
    """
    if "://" not in address:
        return None
    if _URI.match(address):
        return address
    found = _JOINED_URI.search(address)
    return None if found is None else address[found.end(1) :]


def parse_address(path: str | os.PathLike[str]) -> str:
    """Returns a path or URI as text, with the slashes of a URI that ``pathlib`` has joined.

    Example:
        >>> from pathlib import PurePosixPath
        >>> parse_address(PurePosixPath("s3://bucket/photos"))
        's3://bucket/photos'
    """
    address = os.fspath(path)
    found = _JOINED_SLASHES.match(address)
    # A string may be str(Path("s3://bucket")), or the path of a folder of such a name.
    if found is not None and not (isinstance(path, str) and os.path.lexists(f"{found[1]}:")):
        rest = address[found.end() :]
        address = f"{found[1]}://{rest.replace(os.sep, '/')}"
    return address


def check_credentials(address: str) -> None:
    """Checks that a URI holds nothing secret, since addresses get into manifests and messages.

    Raises:
        StoreError: It has a user name or a password, or a query, which may be a signature.
    """
    uri = find_uri(address)
    if uri is None:
        return
    scheme, _, rest = uri.partition("://")
    if "@" in rest.partition("/")[0]:
        raise StoreError.of(
            address,
            "it has a user name or a password, which would get into manifests and messages; set "
            "environment variables instead, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if "?" in rest and scheme.lower() in ("http", "https"):
        raise StoreError.of(
            address,
            "it has a query, which often is a signature that would get into manifests and "
            "messages; pass a URI without one, with %3F for a question mark in a name",
        )


def join_address(root: str, name: str) -> str:
    """Joins a root and a relative name; a name that is a URI or an absolute path stands alone.

    Example:
        >>> join_address("s3://bucket/photos/", "cat/1.jpg"), join_address("a", "https://b/1.jpg")
        ('s3://bucket/photos/cat/1.jpg', 'https://b/1.jpg')
    """
    return name if is_remote(name) else os.path.join(root, name)


def normalize_address(address: str) -> str:
    """Resolves ".." and "." of an address; see ``os.path.normpath``.

    Example:
        >>> normalize_address("s3://bucket/images/../masks/1.png")
        's3://bucket/masks/1.png'
    """
    uri = find_uri(address)
    if uri is None:
        return os.path.normpath(address)
    store, path = _split_store(uri)
    path = posixpath.normpath(f"/{path}").lstrip("/")
    return (store + path).removesuffix("/")


def relative_address(address: str, root: str) -> str:
    """Returns the relative path from ``root`` to an address, or all of it if there is none.

    Example:
        >>> relative_address("s3://bucket/masks", "s3://bucket/images")
        '../masks'
        >>> relative_address("s3://masks", "s3://images")
        's3://masks'
    """
    if not is_remote(address) and not is_remote(root):
        return os.path.relpath(address, root)
    if not is_remote(address):
        return os.path.abspath(address)
    store, path = _split_store(address)
    of_root, root_path = _split_store(root) if is_remote(root) else ("", "")
    return posixpath.relpath(f"/{path}", f"/{root_path}") if store == of_root else address


def is_same_place(first: str, second: str) -> bool:
    """Whether two addresses are those of the same folder, archive or file."""
    if os.path.exists(first) and os.path.exists(second):
        return os.path.samefile(first, second)
    return normalize_address(first) == normalize_address(second)


def _split_store(address: str) -> tuple[str, str]:
    """Splits a URI into that of its bucket or host, with a slash, and the path in it."""
    scheme, _, rest = address.partition("://")
    store, _, path = rest.partition("/")
    return f"{scheme.lower()}://{store}/", path


def split_archive(address: str) -> ArchiveMember | None:
    """Splits the address of an archive or of its member; None if no archive is in it.

    The archive of a local address is the first component that is a file; that of a URI the first
    one with the extension of an archive.

    Example:
        >>> split_archive("s3://bucket/a.tar/1.jpg#512+9")
        ArchiveMember(archive='s3://bucket/a.tar', kind='tar', name='1.jpg', \
span=Span(offset=512, length=9))
    """
    if os.sep != "/" and not is_remote(address):
        address = address.replace(os.sep, "/")
    for found in _ARCHIVE.finditer(address):
        archive, kind, name = address[: found.end()], found[1].lower(), address[found.end() + 1 :]
        if not is_remote(archive) and not os.path.isfile(archive):
            continue
        place = _SPAN.search(name) if kind == "tar" else None
        if place is None:
            return ArchiveMember(archive, kind, name, None)
        span = Span(int(place[1]), int(place[2]))
        return ArchiveMember(archive, kind, name[: place.start()], span)
    return None


def check_member_names(archive: str, names: list[str]) -> list[str]:
    """Returns the names of members as relative paths, without a leading "./".

    Raises:
        StoreError: A name leads outside of the archive, occurs twice, or ends like a range of
            bytes.
    """
    seen: set[str] = set()
    checked = []
    for name in names:
        plain = name
        while plain.startswith("./"):
            plain = plain[2:]
        parts = plain.split("/")
        if plain.startswith("/") or ".." in parts or (os.name == "nt" and ":" in parts[0]):
            raise StoreError.of(archive, f"its member {name!r} leads outside of the archive")
        if "" in parts or "." in parts or "\0" in plain:
            raise StoreError.of(archive, f"its member {name!r} does not have the name of a file")
        if _SPAN.search(plain):
            raise StoreError.of(archive, f"the name of its member {name!r} ends like a byte range")
        if plain in seen:
            raise StoreError.of(archive, f"it has two members of the name {plain!r}")
        seen.add(plain)
        checked.append(plain)
    return checked
