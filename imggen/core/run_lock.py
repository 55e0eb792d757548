"""One run at a time on one target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imggen.errors import ExportError


@contextmanager
def one_run_at_a_time(folder: Path, target: str) -> Iterator[None]:
    """Holds a lock in a folder, which is made.

    Args:
        folder: Where the lock is.
        target: What runs work on, for messages.

    Raises:
        ExportError: Another process holds it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        raise ExportError(
            f"Another run is at work on {target!r}. Wait for it, or stop it."
        ) from err
    try:
        yield
    finally:
        lock.release()
