"""Members of archives: an index of each archive in use, made once and shared by all threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import final

from imggen.errors import StoreError
from imggen.stores.byte_sources import ByteSource, Identity
from imggen.stores.member_index import MemberIndex
from imggen.stores.tar_index import index_tar
from imggen.stores.zip_index import index_zip

_MAX_INDICES = 256
_INDEXERS = {"tar": index_tar, "zip": index_zip}


@final
class ArchiveIndices:
    """The indices of the archives that were used last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all of them."""
        self._kept: OrderedDict[str, tuple[Identity, MemberIndex]] = OrderedDict()
        self._building: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(
        self, source: ByteSource, kind: str, identify: Callable[[ByteSource], Identity]
    ) -> tuple[Identity, MemberIndex]:
        """Returns the state and the index of an archive, which is read again after a change.

        Args:
            source: The archive.
            kind: The extension of the archive.
            identify: Returns the state of the archive.

        Raises:
            StoreError: The archive is damaged, of a kind that is not read, or has members that are
                refused.
            OSError: It cannot be read.
        """
        if kind not in _INDEXERS:
            raise StoreError.of(
                source.address,
                f".{kind} archives cannot be read member by member; unpack it, or pack it again as "
                ".tar or .zip",
            )
        identity = identify(source)
        with self._lock:
            found = self._kept.get(source.address)
            if found is not None and found[0] == identity:
                return found
            building = self._building.setdefault(source.address, threading.Lock())
        with building:
            with self._lock:
                found = self._kept.get(source.address)
            if found is None or found[0] != identity:
                found = identity, _INDEXERS[kind](source)
            with self._lock:
                self._building.pop(source.address, None)
                self._kept[source.address] = found
                self._kept.move_to_end(source.address)
                while len(self._kept) > _MAX_INDICES:
                    self._kept.popitem(last=False)
        return found
