"""Bytes of files by path, by URI, or inside an archive.

In: an address, as ``addresses`` describes it. Out: the bytes of the file, its state (size, and time
or ETag), or the files below it. Archives, remote stores and reading ahead may be changed here
without looking elsewhere; callers try a local file first, and ask this room only if that fails.
"""

from imggen.stores.addresses import (
    SCHEMES,
    Span,
    find_scheme,
    is_remote,
    join_address,
    parse_address,
    split_archive,
)
from imggen.stores.byte_sources import Identity
from imggen.stores.reading import (
    ListedFile,
    identity,
    is_elsewhere,
    list_files,
    open_file,
    read,
)

__all__ = [
    "SCHEMES",
    "Identity",
    "ListedFile",
    "Span",
    "find_scheme",
    "identity",
    "is_elsewhere",
    "is_remote",
    "join_address",
    "list_files",
    "open_file",
    "parse_address",
    "read",
    "split_archive",
]
