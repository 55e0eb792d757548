"""Work in shards, such as slices of a manifest: here, in processes, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal, Protocol, TypeVar, get_args

from imggen.core import check_arguments, check_choice
from imggen.errors import OptionError, WorkerError, shorten
from imggen.stores import read_ahead
from imggen.workers.options import count_workers
from imggen.workers.ray_tasks import RayTasks
from imggen.workers.shard_calls import SetUpError, pack_value, read_answer
from imggen.workers.shard_processes import ProcessTasks
from imggen.workers.shared_folder import SharedFolder
from imggen.workers.thread_map import Progress, ThreadMap

Engine = Literal["local", "ray"]

# Large enough that the overhead per shard, some milliseconds, is small, and small enough that a few
# thousand files keep a cluster busy. Not chosen by the number of workers: each shard is the same
# whoever works on it.
_FILES_PER_SHARD = 128

Shard = TypeVar("Shard")
T = TypeVar("T")


class _Tasks(AbstractContextManager[Any], Protocol):
    """Calls of one function in other processes."""

    @property
    def capacity(self) -> int: ...

    def dumps(self, value: Any) -> bytes: ...

    def begin(self, function: bytes) -> None: ...

    def submit(self, shard: bytes) -> Any: ...

    def wait(self, handles: Iterable[Any]) -> Iterable[Any]: ...

    def answer(self, handle: Any) -> bytes: ...

    def cancel(self, handles: Iterable[Any]) -> None: ...


def check_engine(engine: str, address: str | None = None, workers: int | None = None) -> None:
    """Checks the options of ``run_shards``, before other work is begun.

    Raises:
        OptionError: The engine is not known, the address is for another one, or ``workers`` is out
            of range.
    """
    check_choice("engine", engine, get_args(Engine))
    count = count_workers(workers)
    if engine == "local" and address is not None:
        raise OptionError(
            f"address={shorten(address)} is the address of a Ray cluster, and engine='local' uses "
            "this machine. Pass engine='ray', or no address."
        )
    if engine == "ray" and not count:
        raise OptionError(
            "workers=0 works in the calling thread, and engine='ray' needs 1 or more; None takes "
            "all cores of the cluster."
        )


@check_arguments
def run_shards(
    fn: Callable[[Shard], T],
    shards: Iterable[Shard],
    *,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    task: str = "shards",
    progress: Progress | None = None,
    on_result: Callable[[int, T], object] | None = None,
) -> list[T]:
    """Calls a function for each shard of some work, and returns the results in order.

    The results are the same with every engine and any number of workers, provided that ``fn``
    depends on its shard alone, and writes files atomically: a shard whose worker was killed is
    made again, up to 3 times, here as on Ray, and may be made twice.

    Args:
        fn: The function. Workers get a copy of it per shard. Processes of this machine import
            it, so that it must be at the top level of a module, or of the main script; on Ray it
            may also be a local function.
        shards: Its arguments, small: such as the paths of a slice of the manifest.
        engine: "local": processes of this machine. "ray": tasks of a Ray cluster, of one CPU each.
            If ``ray.init`` was called, that connection is used, and stays open.
        address: For "ray", the cluster: "host:port", "auto" for one that runs on this machine.
            None: the one in ``RAY_ADDRESS``; without it, one is started for this call, which
            accepts connections of this machine only.
        workers: The largest number of processes or tasks at a time. None: one per core. 0 or 1
            with "local": the calling thread.
        task: The name of the work, for ``progress``.
        progress: Called with ``task``, the number of shards done, and of all shards.
        on_result: Called with the number of a shard, from 0, and its result, as soon as it is
            there; in any order.

    Raises:
        OptionError: Same as ``check_engine``.
        MissingExtraError: Ray is not installed.
        WorkerError: Ray cannot be reached; a worker ended again and again; or the function, a
            shard or a result cannot be pickled.
        Exception: The error of ``fn``: of the first shard that fails, in the order of the shards.
            A note on it names the shard. Later shards may be missing.

    Example:
        >>> run_shards(len, [[1, 2], [3]], workers=1)
        [2, 1]
    """
    check_engine(engine, address, workers)
    waiting = list(shards)
    results: list[T] = [None] * len(waiting)  # type: ignore[list-item]
    if not waiting:
        return results
    ended = _run(fn, waiting, engine, address, workers)
    for done, (index, result) in enumerate(ended, 1):
        results[index] = result
        if on_result is not None:
            on_result(index, result)
        if progress is not None:
            progress(task, done, len(waiting))
    return results


def map_slices(
    fn: Callable[[Sequence[str]], list[T]],
    paths: Sequence[str],
    root: str,
    *,
    is_relative: bool = False,
    engine: Engine,
    address: str | None,
    workers: int | None,
    task: str,
    progress: Progress | None,
) -> Iterable[T]:
    """Calls a function for slices of many files, and returns the result of each file, in order.

    On this machine threads call it, which start at once; on Ray, a slice is a shard.

    Args:
        fn: Returns a result per path of a slice. See ``run_shards``.
        paths: The paths.
        root: The folder with the files, which all nodes of a cluster must share; or a remote one.
        is_relative: Whether the paths are relative to the root.
        engine: Same as in ``run_shards``.
        address: Same as in ``run_shards``.
        workers: The number of threads, or the largest number of tasks at a time.
        task: The name of the work, for ``progress``.
        progress: Called with ``task``, the number of files done, and of all files; on Ray with
            "shards of " before ``task``, and numbers of shards.

    Raises:
        WorkerError: A node of the cluster does not have the folder; and see ``run_shards``.
    """
    check_engine(engine, address, workers)
    prefix = root if is_relative else ""
    if engine == "local":
        ahead = read_ahead(paths, prefix)
        return ThreadMap(workers).imap_slices(task, fn, ahead, progress)
    starts = range(0, len(paths), _FILES_PER_SHARD)
    results = run_shards(
        SharedFolder.bind(root, partial(_call_for_paths, fn, prefix)),
        [list(paths[start : start + _FILES_PER_SHARD]) for start in starts],
        engine=engine,
        address=address,
        workers=workers,
        task=f"shards of {task}",
        progress=progress,
    )
    return (result for slice_results in results for result in slice_results)


def _call_for_paths(
    fn: Callable[[Sequence[str]], list[T]], prefix: str, paths: list[str]
) -> list[T]:
    return fn(read_ahead(paths, prefix))


def _run(
    fn: Callable[[Shard], T],
    shards: list[Shard],
    engine: Engine,
    address: str | None,
    workers: int | None,
) -> Iterator[tuple[int, T]]:
    """Yields the number of each shard and its result, as soon as it is there."""
    count = min(count_workers(workers), len(shards))
    if engine == "ray":
        with RayTasks(address, workers) as tasks:
            yield from _run_tasks(tasks, fn, shards)
    elif count > 1:
        with ProcessTasks(count) as tasks:
            yield from _run_tasks(tasks, fn, shards)
    else:
        for index, shard in enumerate(shards):
            try:
                result = fn(shard)
            except Exception as err:
                _note_shard(err, index, shards)
                raise
            yield index, result


def _run_tasks(
    tasks: _Tasks, fn: Callable[[Shard], T], shards: list[Shard]
) -> Iterator[tuple[int, T]]:
    tasks.begin(pack_value(fn, "The function", tasks.dumps))
    waiting = iter(enumerate(shards))
    running: dict[Any, int] = {}
    failed: tuple[int, Exception] | None = None
    while True:
        while failed is None and len(running) < tasks.capacity:
            index, shard = next(waiting, (-1, None))
            if index < 0:
                break
            packed = pack_value(shard, f"Shard {index + 1}", tasks.dumps)
            running[tasks.submit(packed)] = index
        if not running:
            break
        for handle in tasks.wait(list(running)):
            index = running.pop(handle)
            try:
                result = read_answer(tasks.answer(handle))
            except SetUpError as err:
                raise WorkerError(str(err)) from err
            except Exception as err:  # noqa: BLE001 - raised below
                if failed is None or index < failed[0]:
                    failed = index, err
            else:
                yield index, result
        # All shards before the one that failed have begun: the first error is the same each time.
        if failed is not None:
            later = [handle for handle, index in running.items() if index > failed[0]]
            tasks.cancel(later)
            for handle in later:
                del running[handle]
    if failed is not None:
        index, error = failed
        _note_shard(error, index, shards)
        raise error


def _note_shard(err: Exception, index: int, shards: list[Shard]) -> None:
    where = f"Shard {index + 1} of {len(shards)}: {shorten(shards[index])}"
    if type(err) is WorkerError:
        err.args = (f"{err} {where}.",)
    else:
        err.add_note(where)
