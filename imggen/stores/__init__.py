"""Bytes of files by path, by URI, or inside an archive.

In: an address, as ``addresses`` describes it. Out: the bytes of the file, its state (size, and time
or ETag), or the files below it. Archives, remote stores and reading ahead may be changed here
without looking elsewhere; callers try a local file first, and ask this room only if that fails.
"""

from imggen.stores.addresses import (
    SCHEMES,
    Span,
    check_credentials,
    find_scheme,
    find_uri,
    is_remote,
    is_same_place,
    join_address,
    normalize_address,
    parse_address,
    relative_address,
    split_archive,
)
from imggen.stores.byte_sources import Identity
from imggen.stores.reading import (
    ListedFile,
    identity,
    is_elsewhere,
    list_files,
    local_copy,
    open_file,
    read,
    read_ahead,
    read_with_identity,
    share_reads,
    start_reading,
    stop_reading,
)

__all__ = [
    "SCHEMES",
    "Identity",
    "ListedFile",
    "Span",
    "check_credentials",
    "find_scheme",
    "find_uri",
    "identity",
    "is_elsewhere",
    "is_remote",
    "is_same_place",
    "join_address",
    "list_files",
    "local_copy",
    "normalize_address",
    "open_file",
    "parse_address",
    "read",
    "read_ahead",
    "read_with_identity",
    "relative_address",
    "share_reads",
    "split_archive",
    "start_reading",
    "stop_reading",
]
