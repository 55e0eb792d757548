"""The interface of the index of an archive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from imggen.stores.byte_sources import ByteSource


class MemberIndex(ABC):
    """The members of an archive: their names, sizes and places."""

    @abstractmethod
    def sizes(self) -> Iterable[tuple[str, int]]:
        """Returns the name and the size in bytes of each member, in the order of the archive."""

    @abstractmethod
    def find_version(self, name: str) -> tuple[int, str] | None:
        """Returns the size of a member, and what tells it from others; None if there is none."""

    @abstractmethod
    def read(self, source: ByteSource, name: str) -> bytes:
        """Returns the bytes of a member.

        Args:
            source: The archive.
            name: A member that there is.

        Raises:
            StoreError: It is damaged, encrypted or too large.
            OSError: The archive cannot be read.
        """
