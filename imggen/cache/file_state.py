"""Whether a file, or its bytes in memory, is the one from which an array was loaded."""

from __future__ import annotations

import hashlib
import os
import time
from typing import final

from imggen.cache.records import content_key, state_key
from imggen.cache.store_state import StoreState, VersionedAddress
from imggen.stores import is_elsewhere

# A file that was changed this recently may be changed again without a change of its times, which
# some file systems store in steps of two seconds.
_MIN_AGE_NS = 2 * 10**9
_CHUNK_SIZE = 2**20


@final
class BytesState:
    """The bytes of a file in memory, in place of a ``FileState``; they do not change.

    Attributes:
        key: The key of the state.
    """

    def __init__(self, data: bytes) -> None:
        digest = hashlib.blake2b(data, digest_size=16).digest()
        self.key = state_key(digest)
        self._content = content_key(digest)

    def is_settled(self) -> bool:
        """Returns True."""
        return True

    def is_unchanged(self) -> bool:
        """Returns True."""
        return True

    def read_content(self) -> bytes:
        """Returns the key of the content."""
        return self._content


@final
class FileState:
    """A file as it was found at one time: its state, and, once it is needed, its content.

    The state is the path, the size, the inode, and the times of the last changes of content and
    metadata. It also changes with a copy or a rename, whose content still is the same. A file of
    another content with the same state exists only if it was written within the resolution of its
    times. (On Windows, where the second time is that of the creation, also if its times were set
    back by a program.)

    Attributes:
        path: The absolute path.
        key: The key of the state.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        found = os.stat(path)
        state = (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        self._age_ns = time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns)
        digest = hashlib.blake2b(f"{state} ".encode() + os.fsencode(path), digest_size=16)
        self.key = state_key(digest.digest())
        self._content: bytes | None = None

    @classmethod
    def of(cls, path: str) -> FileState | None:
        """Returns the state of a file; None if it cannot be found."""
        try:
            return cls(os.path.abspath(path))
        except (OSError, ValueError):
            return None

    def is_settled(self) -> bool:
        """Whether another content would have another state."""
        return self._age_ns > _MIN_AGE_NS

    def is_unchanged(self) -> bool:
        """Whether the file still has the same state, and content, where the state may not tell."""
        now = FileState.of(self.path)
        if now is None or now.key != self.key:
            return False
        return now.is_settled() or now.read_content() == self._content

    def read_content(self) -> bytes | None:
        """Returns the key of the content, from one pass over the file; None if it is unreadable."""
        if self._content is None:
            # The extension may determine how a file is decoded.
            extension = os.path.splitext(self.path)[1].lower()
            digest = hashlib.blake2b(os.fsencode(extension), digest_size=16)
            try:
                with open(self.path, "rb", buffering=0) as file:
                    while chunk := file.read(_CHUNK_SIZE):
                        digest.update(chunk)
            except OSError:
                return None
            self._content = content_key(digest.digest())
        return self._content


State = BytesState | FileState | StoreState


def find_state(source: str | bytes | VersionedAddress) -> State | None:
    """Returns the state of a file; None if it cannot be found.

    Args:
        source: The path of a file, with its version if that is known; or its bytes.
    """
    if isinstance(source, bytes):
        return BytesState(source)
    if isinstance(source, VersionedAddress):
        return StoreState(*source)
    found = FileState.of(source)
    if found is None and is_elsewhere(source):
        return StoreState.of(source)
    return found
