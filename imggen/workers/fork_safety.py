"""Fork safety: locks and threads do not survive a fork, and objects that use them start over."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """An object with state that is invalid in a forked process, such as locks or threads."""

    def after_fork(self) -> None:
        """Resets that state; called in the new process before any other code runs there."""


_registered: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def register_after_fork(instance: ForkAware) -> None:
    """Registers ``instance.after_fork`` to run in every process forked during its lifetime."""
    _registered.add(instance)


def _run_after_fork() -> None:
    for instance in list(_registered):
        instance.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_run_after_fork)
