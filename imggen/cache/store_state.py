"""The state of a file in an archive or a remote store, from which an array was loaded."""

from __future__ import annotations

import hashlib
import os
import time
from typing import NamedTuple, final

from imggen.cache.records import content_key, state_key
from imggen.stores import find_uri, identity, read_with_identity, split_archive

# See ``file_state``.
_MIN_AGE_SECONDS = 2.0


@final
class VersionedAddress(NamedTuple):
    """The URI of a file, and the version (an ETag) that a listing gave it."""

    address: str
    version: str


@final
class StoreState:
    """A file that is not on disk, in place of a ``FileState``: its address and its version.

    Attributes:
        key: The key of the state.
    """

    def __init__(self, address: str, version: str) -> None:
        uri = find_uri(address)
        self._address = os.path.abspath(address) if uri is None else uri
        self._version = version
        self._content: bytes | None = None
        self._set_key()

    def _set_key(self) -> None:
        text = f"{self._version} ".encode() + os.fsencode(self._address)
        self.key = state_key(hashlib.blake2b(text, digest_size=16).digest())

    @classmethod
    def of(cls, address: str) -> StoreState | None:
        """Returns the state of a file; None if it cannot be found."""
        try:
            return cls(address, identity(address).version)
        except OSError:
            return None

    def is_settled(self) -> bool:
        """Whether another content would have another state."""
        if find_uri(self._address) is not None:
            return self._version != ""  # from servers that tell neither an ETag nor a time
        member = split_archive(self._address)
        try:
            age = 0.0 if member is None else time.time() - os.stat(member.archive).st_mtime
        except OSError:
            return False
        return age > _MIN_AGE_SECONDS

    def is_unchanged(self) -> bool:
        """Whether the bytes that were loaded are those of this state."""
        try:
            if find_uri(self._address) is None:
                return identity(self._address).version == self._version
            return read_with_identity(self._address)[1].version == self._version
        except OSError:
            return False

    def read_content(self) -> bytes | None:
        """Returns the key of the content; None if it is unreadable.

        A file that has changed since it was listed gets the state in which it is now.
        """
        if self._content is None:
            extension = os.path.splitext(self._address)[1].lower()
            try:
                data, found = read_with_identity(self._address)
            except OSError:
                return None
            if found.version != self._version:
                self._version = found.version
                self._set_key()
            digest = hashlib.blake2b(os.fsencode(extension), digest_size=16)
            digest.update(data)
            self._content = content_key(digest.digest())
        return self._content
