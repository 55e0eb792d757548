"""Fork safety: locks and threads do not survive a fork, and objects that use them start over."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class PreparesFork(Protocol):
    """An object that shares memory with the processes that are forked during its lifetime."""

    def before_fork(self) -> None:
        """Prepares that memory; called before any fork of this process."""


class ForkAware(Protocol):
    """An object with state that is invalid in a forked process, such as locks or threads."""

    def after_fork(self) -> None:
        """Resets that state; called in the new process before any other code runs there."""


_before: weakref.WeakSet[PreparesFork] = weakref.WeakSet()
_after: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def register_before_fork(instance: PreparesFork) -> None:
    """Registers ``instance.before_fork`` to run before every fork during its lifetime."""
    _before.add(instance)


def register_after_fork(instance: ForkAware) -> None:
    """Registers ``instance.after_fork`` to run in every process forked during its lifetime."""
    _after.add(instance)


def _run_before_fork() -> None:
    for instance in list(_before):
        instance.before_fork()


def _run_after_fork() -> None:
    for instance in list(_after):
        instance.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_run_before_fork, after_in_child=_run_after_fork)
