"""Locks in a forked process, where the thread that held one is gone and never lets it go."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that must be put right in a process forked from this one."""

    def after_fork(self) -> None:
        """Called in the new process, before anything else runs there."""


_alive: weakref.WeakSet[Forked] = weakref.WeakSet()


def register_after_fork(thing: Forked) -> None:
    """Has ``thing.after_fork()`` called in every process forked while it lives."""
    _alive.add(thing)


def _mend_all() -> None:
    for thing in list(_alive):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mend_all)
