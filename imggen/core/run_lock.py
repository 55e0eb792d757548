"""A lock that allows one run at a time on a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imggen.errors import ExportError


@contextmanager
def hold_run_lock(folder: Path, target: str) -> Iterator[None]:
    """Holds a lock file in a folder, which is created.

    Args:
        folder: The folder of the lock file.
        target: The path that the run writes to, for messages.

    Raises:
        ExportError: Another process holds the lock.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        raise ExportError(
            f"Another run is writing to {target!r}. Wait for it to end, or stop it."
        ) from err
    try:
        yield
    finally:
        lock.release()
