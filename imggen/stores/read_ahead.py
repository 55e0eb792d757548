"""Remote files that are read before they are asked for, by threads of their own.

Requests wait, and decoding computes: many readers wait at the same time, apart from the few threads
that compute. Bytes that nobody has taken yet are bounded, so readers pause when decoding is slower.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final, overload

from imggen.stores.byte_sources import Identity

# At 20 ms per request, 64 readers read 3,000 files per second, and 32 only half of them.
NUM_READERS = 64
MAX_BYTES = 2**28
# Readers end when there is nothing to read for so long.
_IDLE_SECONDS = 5.0
# Of an epoch that was left, for instance. The file may have changed since.
_MAX_AGE_SECONDS = 60.0
_MAX_WAIT_SECONDS = 120.0
_NUM_AHEAD = 64

Content = tuple[bytes, Identity]


@final
class _Request:
    """A file that is read: it waits, is being read by a reader, or is done."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.users: set[Hashable] = set()  # who will still take it
        self.time = time.monotonic()  # when it was wanted, and then when it was read
        self.done = threading.Event()
        self.content: Content | None = None
        self.error: BaseException | None = None


@final
class Readers:
    """Threads that read files ahead.

    Args:
        read: Reads a file.
        num_threads: How many files are read at the same time.
        max_bytes: When more bytes than this wait to be taken, no further file is begun.
    """

    def __init__(
        self,
        read: Callable[[str], Content],
        num_threads: int = NUM_READERS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._read = read
        self._num_threads = num_threads
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as in a forked process, which has no readers."""
        self._changed = threading.Condition()
        self._requests: OrderedDict[str, _Request] = OrderedDict()
        self._waiting: OrderedDict[str, _Request] = OrderedDict()
        self._num_bytes = 0
        self._num_running = 0
        self._num_idle = 0

    def start(self, addresses: Collection[str], user: Hashable = None) -> None:
        """Begins to read files that will be asked for in this order.

        Args:
            addresses: The files.
            user: Who will take them. A file with several users, such as batches of a set that
                repeats its samples, is read once, and kept until each of them has taken it.
        """
        with self._changed:
            self._drop_old()
            num_before = len(self._waiting)
            for address in addresses:
                request = self._requests.get(address)
                if request is None:
                    request = _Request(address)
                    self._requests[address] = self._waiting[address] = request
                request.users.add(user)
            wanted = min(len(self._waiting) - self._num_idle, self._num_threads - self._num_running)
            for _ in range(wanted):
                self._num_running += 1
                threading.Thread(target=self._run, name="imggen-reader", daemon=True).start()
            # No more than have something to do: waking a thread costs as much as a small file.
            self._changed.notify(len(self._waiting) - num_before)

    def take(self, address: str, user: Hashable = None) -> Content | None:
        """Returns the content of a file that was begun; None for other files.

        The file is forgotten when no other user wants it.

        Raises:
            Exception: Reading it failed.
        """
        if not self._requests:
            return None
        with self._changed:
            request = self._requests.get(address)
            if request is None:
                return None
            if address in self._waiting:  # the caller reads it sooner
                self._leave(request, user)
                return None
        request.done.wait()
        with self._changed:
            self._leave(request, user)
        if time.monotonic() - request.time > _MAX_AGE_SECONDS:
            return None
        if request.error is not None:
            raise request.error
        return request.content

    def cancel(self, addresses: Iterable[str], user: Hashable = None) -> None:
        """Forgets files that a user will not take; one that is being read is kept for a while."""
        with self._changed:
            for address in addresses:
                request = self._requests.get(address)
                if request is not None:
                    self._leave(request, user)

    def _drop_old(self) -> None:
        now = time.monotonic()
        for address, request in list(self._requests.items()):
            age = now - request.time
            if request.done.is_set():
                if age > _MAX_AGE_SECONDS:
                    self._forget(request)
            elif age > _MAX_WAIT_SECONDS and self._waiting.pop(address, None) is not None:
                self._forget(request)

    def _leave(self, request: _Request, user: Hashable) -> None:
        request.users.discard(user)
        if (
            not request.users
            and self._requests.get(request.address) is request
            and (request.done.is_set() or self._waiting.pop(request.address, None) is not None)
        ):
            self._forget(request)

    def _forget(self, request: _Request) -> None:
        del self._requests[request.address]
        if request.content is not None:
            was_full = self._num_bytes >= self._max_bytes
            self._num_bytes -= len(request.content[0])
            if was_full:
                self._changed.notify_all()

    def _run(self) -> None:
        while (request := self._next()) is not None:
            try:
                request.content = self._read(request.address)
            except BaseException as err:  # noqa: BLE001 - raised where the file is asked for
                request.error = err
            with self._changed:
                if request.content is not None:
                    self._num_bytes += len(request.content[0])
                request.time = time.monotonic()
            request.done.set()

    def _next(self) -> _Request | None:
        """Waits for a file to read; None when there was none for a while."""
        with self._changed:
            self._num_idle += 1
            try:
                is_ready = self._changed.wait_for(
                    lambda: bool(self._waiting) and self._num_bytes < self._max_bytes, _IDLE_SECONDS
                )
            finally:
                self._num_idle -= 1
            if not is_ready:
                self._num_running -= 1
                return None
            return self._waiting.popitem(last=False)[1]


@final
class SharedReads:
    """What each thread has read in the current block, so that a file is read once for all uses."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def keep(self, user: Hashable = None) -> Iterator[None]:
        """Keeps what this thread reads while the block runs, for a user of files read ahead."""
        if getattr(self._local, "kept", None) is not None:
            yield
            return
        self._local.kept, self._local.user = {}, user
        try:
            yield
        finally:
            self._local.kept = self._local.user = None

    @property
    def user(self) -> Hashable:
        """The user that the current block of this thread reads for; None outside of a block."""
        return getattr(self._local, "user", None)

    def find(self) -> dict[str, Content] | None:
        """Returns what is kept, to be added to; None outside of a block."""
        kept: dict[str, Content] | None = getattr(self._local, "kept", None)
        return kept


@final
class AheadPaths(Sequence[str]):
    """Paths in the order of their use: whoever takes some of them lets the next ones be read.

    Args:
        paths: The paths.
        root: The root that they are relative to.
        readers: The readers.
    """

    def __init__(self, paths: Sequence[str], root: str, readers: Readers) -> None:
        self._paths = paths
        self._root = root
        self._readers = readers

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self._paths),)  # processes have readers of their own

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[str]: ...
    def __getitem__(self, key: int | slice) -> str | Sequence[str]:
        start, stop, _ = (key if isinstance(key, slice) else slice(key, key + 1)).indices(len(self))
        following = self._paths[start : stop + _NUM_AHEAD]
        self._readers.start([os.path.join(self._root, path) for path in following])
        return self._paths[key]
