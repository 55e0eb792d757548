"""The check of a file to be written: that it can be, and that no other file is lost.

Every function that writes a file of its user's choice uses ``check_output``, and verbs of the
command line use it before their work begins.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable

from imggen.errors import ExportError, hide_credentials

_MAX_NAME_LENGTH = 255  # bytes, on every usual file system
IsOwn = Callable[[str], bool]
# Also what pathlib makes of a URI: it replaces two slashes by one.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)[/\\]+")


def check_output(
    file: str | os.PathLike[str],
    is_own: IsOwn,
    *,
    overwrite: bool = False,
) -> None:
    """Checks that a file can be written, and that no file of another kind is replaced.

    Args:
        file: The file to write.
        is_own: Whether an existing file is an earlier output of the same kind, which is replaced
            without asking, as is an empty file.
        overwrite: Replace an existing file of another kind, too.

    Raises:
        ExportError: The check failed.
    """
    path = os.fspath(file)
    _check_local(path)
    existing = _stat(path)
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        kind = "a folder" if stat.S_ISDIR(existing.st_mode) else "not a regular file"
        raise ExportError(f"Cannot write {path!r}: it is {kind}. Choose another name.")
    _check_creatable(path, os.path.dirname(path) or ".")
    is_free = not os.path.lexists(path) or (existing is not None and existing.st_size == 0)
    if not (is_free or overwrite or (existing is not None and is_own(path))):
        raise ExportError(
            f"Cannot write {path!r}: it exists, and is not an earlier output of the same kind. "
            "Choose another name, or allow it to be replaced (--force; in Python overwrite=True)."
        )


def check_path(path: str | os.PathLike[str]) -> None:
    """Checks that a text can be a path.

    Raises:
        ExportError: It has a null character, or one that the file system cannot encode.
    """
    try:
        is_path = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_path = False
    if not is_path:
        raise ExportError(f"{os.fspath(path)!r} cannot be a path. Choose another one.")


def check_output_folder(folder: str | os.PathLike[str]) -> None:
    """Checks that files can be written to a folder, which may have to be created with its parents.

    Raises:
        ExportError: They cannot.
    """
    path = os.fspath(folder)
    if not path:
        raise ExportError("The path of the folder is empty. Pass a folder to write to.")
    _check_local(path)
    existing = _stat(path)
    if existing is not None and not stat.S_ISDIR(existing.st_mode):
        raise ExportError(f"{path!r} is not a folder; expected a new or empty one.")
    place = os.path.abspath(path)
    if max(len(os.fsencode(name)) for name in place.split(os.sep)) > _MAX_NAME_LENGTH:
        raise _build_error(path, OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)))
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    _check_creatable(path, place)


def max_name_length(folder: str) -> int:
    """Returns the largest length of a file name in a folder, in bytes; it may not exist yet."""
    place = os.path.abspath(folder)
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    try:
        return min(os.pathconf(place, "PC_NAME_MAX"), _MAX_NAME_LENGTH)
    except (AttributeError, OSError, ValueError):  # Windows
        return _MAX_NAME_LENGTH


def check_room_for_files(folder: str, num_files: int) -> None:
    """Checks that a file system can hold a number of files, of whatever size.

    Raises:
        ExportError: It has fewer free blocks or file entries.
    """
    place = os.path.abspath(folder)
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if not hasattr(os, "statvfs"):  # Windows
        return
    free = os.statvfs(place)
    # File systems that create entries as needed report none.
    limits = [count for count in (free.f_bavail, free.f_favail) if count]
    if limits and num_files > min(limits):
        raise ExportError(
            f"{num_files} files do not fit into {folder!r}, which has space for at most "
            f"{min(limits)}. Make fewer copies, or free some space."
        )


def _check_local(path: str) -> None:
    """Checks that a path is not a URI, which would become a folder of such a name.

    Raises:
        ExportError: It is one.
    """
    uri = _URI.match(path)
    if uri is not None:
        address = hide_credentials(f"{uri[1]}//{path[uri.end() :]}")
        raise ExportError(
            f"Cannot write to {address!r}: it is a URI, and imggen writes "
            "to local files. Choose a local path, and copy the result to the remote store."
        )


def _check_creatable(path: str, folder: str) -> None:
    if not os.path.exists(folder):
        raise ExportError(f"Cannot write {path!r}: the folder does not exist. Create it first.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        raise _build_error(path, err) from err


def _stat(path: str) -> os.stat_result | None:
    """Returns the status of a file, if it exists.

    Raises:
        ExportError: The path is too long, or no path.
    """
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        raise _build_error(path, err) from err


def _build_error(path: str, err: Exception) -> ExportError:
    reason = getattr(err, "strerror", None) or str(err)
    return ExportError(f"Cannot write {path!r}: {reason}. Choose another place.")


def find_clash(
    file: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]
) -> str | None:
    """Returns the first of the inputs that a file to be written is, or is inside.

    Files and folders are compared by identity, so that links and names in another case count.

    Args:
        file: The file to write.
        inputs: The files and folders that are read.
    """
    identities = set()
    # Of a link too: the folder it is in, and what it leads to.
    for start in (os.path.realpath(os.path.dirname(os.path.abspath(file))), os.path.realpath(file)):
        place = start
        while place:
            identities.add(_identify(place))
            place = "" if os.path.dirname(place) == place else os.path.dirname(place)
    identities.discard(None)
    return next((os.fspath(given) for given in inputs if _identify(given) in identities), None)


def _identify(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def read_start(path: str, num_bytes: int = 4096) -> bytes:
    """Returns the first bytes of a file, to recognize its kind; none if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(num_bytes)
    except OSError:
        return b""
