"""Shards as tasks of a Ray cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, final

from imggen.core import warn_user
from imggen.errors import WorkerError
from imggen.workers.ray_connection import connect_ray
from imggen.workers.shard_calls import SetUpError
from imggen.workers.shard_processes import MAX_RETRIES

# Enough tasks wait on the cluster that no CPU does, and that clusters which grow with their queue
# do so.
_TASKS_PER_CPU = 2
_MIN_TASKS = 8


@final
class RayTasks:
    """Calls a function for shards on a cluster; a context manager, which ends the connection.

    Args:
        address: See ``run_shards``.
        workers: The largest number of tasks at a time. None: two per CPU of the cluster.
    """

    def __init__(self, address: str | None, workers: int | None) -> None:
        self._address, self._workers = address, workers
        self._stack = contextlib.ExitStack()
        self._pending: set[Any] = set()

    def __enter__(self) -> RayTasks:
        self._ray = self._stack.enter_context(connect_ray(self._address, self._workers))
        return self

    def __exit__(self, *error: object) -> None:
        with self._stack:
            self.cancel(list(self._pending))

    @property
    def capacity(self) -> int:
        """The largest number of tasks at a time, which grows with the cluster."""
        if self._workers is not None:
            return self._workers
        return max(_MIN_TASKS, _TASKS_PER_CPU * self._count_cpus())

    def _count_cpus(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def dumps(self, value: Any) -> bytes:
        """Pickles a value; functions that no module has, with their code."""
        packed: bytes = self._ray.cloudpickle.dumps(value)
        return packed

    def begin(self, function: bytes) -> None:
        """Sends the pickled function to the cluster, once."""
        import imggen

        if not self._count_cpus():
            warn_user("The Ray cluster has no CPU; the work waits until a node with CPUs joins it.")
        self._function = self._ray.put(function)
        self._version = imggen.__version__
        self._task = self._ray.remote(_define_task()).options(
            name="imggen shard", num_cpus=1, max_retries=MAX_RETRIES
        )

    def submit(self, shard: bytes) -> Any:
        """Schedules the task for a pickled shard."""
        reference = self._task.remote(self._version, self._function, shard)
        self._pending.add(reference)
        return reference

    def wait(self, references: Iterable[Any]) -> Iterable[Any]:
        """Waits until some of the tasks have ended, and returns these."""
        waiting = list(references)
        self._ray.wait(waiting, num_returns=1)
        done, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        ended: list[Any] = done
        return ended

    def answer(self, reference: Any) -> bytes:
        """Returns the answer of a task that has ended.

        Raises:
            SetUpError: imggen is missing on the worker.
            WorkerError: Ray has given the task up.
        """
        self._pending.discard(reference)
        try:
            problem, answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as err:
            raise WorkerError(_describe_failure(err)) from err
        if problem:
            raise SetUpError(problem)
        packed: bytes = answer
        return packed

    def cancel(self, references: Iterable[Any]) -> None:
        """Cancels tasks, also those at work: files are written atomically."""
        for reference in references:
            self._pending.discard(reference)
            with contextlib.suppress(Exception):  # it has ended, or the cluster has
                self._ray.cancel(reference, force=True)


def _define_task() -> Callable[[str, bytes, bytes], tuple[str, bytes]]:
    """Defines the task as a local function, which Ray sends with its code.

    So a worker that cannot import imggen can say so.
    """

    def call_shard(version: str, function: bytes, shard: bytes) -> tuple[str, bytes]:
        import platform
        import sys

        worker = f"A Ray worker on {platform.node()!r} ({sys.executable})"
        advice = f"Install it on all nodes of the cluster: pip install 'imggen[ray]=={version}'"
        try:
            import cv2

            import imggen
            from imggen.workers.shard_calls import call_packed
        except ImportError as err:
            return f"{worker} cannot import imggen {version}: {err}. {advice}", b""
        if (found := imggen.__version__) != version:
            problem = f"{worker} has imggen {found}, and this program has {version}. {advice}"
            return problem, b""
        from ray import cloudpickle

        cv2.setNumThreads(1)  # a task has one CPU
        return "", call_packed(function, shard, cloudpickle.dumps)

    return call_shard


def _describe_failure(err: Exception) -> str:
    kind = type(err).__name__
    reason = str(err).strip().splitlines()[0] if str(err).strip() else kind
    if kind in ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError", "LocalRayletDiedError"):
        return (
            f"The Ray worker of this shard has ended {1 + MAX_RETRIES} times ({kind}: {reason}). "
            "It may have run out of memory: use fewer workers or smaller shards. Or one of its "
            "files ends the process: run with engine='local', workers=0 to see it."
        )
    return f"Ray has given up a task ({kind}: {reason})."
