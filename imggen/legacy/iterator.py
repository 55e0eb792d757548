"""Iterator: the sample order of Keras's iterators, and the random state of each batch."""

from __future__ import annotations

import functools
import operator
import threading
from abc import abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Self, cast, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.core import explain_arguments, shorten
from imggen.errors import OptionTypeError
from imggen.legacy.batch_errors import NamingOptions, check_seed
from imggen.legacy.random_parameters import RandomSource, as_global_state, seed_state
from imggen.legacy.traps import warn_of_assignment
from imggen.sequences import (
    as_trainable,
    called_by_keras,
    next_batch_in_keras,
    refuse_tf_keras,
)
from imggen.workers import EXIT_GUARD, BatchThreads, ThreadMap, keep_big_blocks, register_after_fork


@explain_arguments
class Iterator(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Serves batches of ``n`` samples, by index or without end; the base of all iterators.

    A subclass of your own defines ``_get_batches_of_transformed_samples(index_array)``. During that
    call, ``np.random`` has the random state of the batch; afterwards it is restored.

    Args:
        n: The number of samples.
        batch_size: The number of samples per batch; the last batch of an epoch may be smaller.
        shuffle: Serve each epoch in a new random order.
        seed: Each batch draws from a state seeded with ``seed`` plus the number of batches before
            it. None: all batches draw from the global state of ``np.random``.
        workers: The number of threads that make one batch. 0 or 1: the calling thread. None: one
            per 0.13 ms that a sample costs, at most one per usable core.
            Batches are the same for any number. Keras is told to use one, since its own threads
            would request batches in an unpredictable order. For a subclass that makes its own
            batches: the number that Keras is told to use; None is 1.
        use_multiprocessing: Passed to Keras for a subclass that makes its own batches. Otherwise
            threads do the work, nearly all of it without the interpreter lock.
        max_queue_size: Passed to Keras.

    Attributes:
        lock: Held while the samples and the random state of a batch are determined.
        index_array: The samples in the order of the current epoch; None before the first batch.
            The batch at ``index`` holds ``index_array[index * batch_size:][:batch_size]``.
        batch_index: The index of the batch that ``next`` will serve.
        total_batches_seen: The number of batches served so far.
        index_generator: Yields the samples of each batch that ``next`` will serve, without end.
    """

    white_list_formats: Any = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
    # Attributes that are read once, when the iterator is made.
    _read_once: frozenset[str] = frozenset()

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self._batch_threads = BatchThreads(workers, is_fixed=workers is not None)
        self._keras_workers = 1 if workers is None else workers
        super().__init__(
            workers=1,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )
        try:
            operator.index(batch_size)
        except TypeError as err:
            text = f"batch_size={shorten(batch_size)} must be a whole number."
            raise OptionTypeError(text) from err
        if type(self)._flow_index is Iterator._flow_index:
            check_seed(seed)
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.RLock()
        self.index_array: npt.NDArray[np.int64] | None = None
        self.index_generator = self._flow_index()
        self._draws = _Draws()
        self._local = threading.local()
        self._served: dict[int, npt.NDArray[np.int64]] = {}
        self._served_before: dict[int, npt.NDArray[np.int64]] = {}
        self._requested_before = -2
        register_after_fork(self)

    def after_fork(self) -> None:
        """Replaces the lock, which another thread may have held during the fork."""
        self.lock = threading.RLock()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, decorate in _DECORATED.items():
            method = cls.__dict__.get(name)
            if method is not None and _is_user_defined(method):
                setattr(cls, name, decorate(method))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._read_once:
            warn_of_assignment(self, name, value)
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        """Returns batch ``idx`` of the current epoch, with new random parameters at each call."""
        is_by_keras = called_by_keras()
        following = next_batch_in_keras(idx) if is_by_keras else None
        with NamingOptions(self):
            num_batches = len(self)
            if idx >= num_batches:
                raise ValueError(
                    f"Batch {idx} of an iterator with {num_batches} batches was requested."
                    + vars(self).get("_reason_for_none", "")
                )
            if not is_by_keras:
                is_in_order = idx == self._requested_before + 1
                following = idx + 1 if is_in_order and idx + 1 < num_batches else None
                self._requested_before = idx
            with self.lock:
                source = self._next_source()
                if self.index_array is None:
                    self._draw_order()
                order = cast("npt.NDArray[np.int64]", self.index_array)
                samples = order[self.batch_size * idx : self.batch_size * (idx + 1)]
                self.total_batches_seen += 1
            batch = self._make(int(idx), samples, source, following)
        return as_trainable(batch) if is_by_keras else batch

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """Returns the next batch; after the last one of an epoch, the first of the next epoch."""
        refuse_tf_keras()
        with NamingOptions(self):
            with self.lock:
                idx = self.batch_index
                if idx == 0:
                    self._served, self._served_before = {}, self._served
                samples, source = self._next_of_flow()
                following = self.batch_index or None  # the order of the next epoch is unknown yet
            return self._make(idx, samples, source, following)

    def next(self) -> Any:
        """Same as ``next(iterator)``."""
        return next(self)

    def reset(self) -> None:
        """Makes ``next`` start with the first batch of an epoch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        with self.lock:
            self._draw_order()
            if self._served:
                self._served, self._served_before = {}, self._served

    @property
    def served_indices(self) -> npt.NDArray[np.int64]:
        """The indices of the samples served in this epoch, in the order of the batches.

        Right after an epoch, and so after ``predict`` or ``evaluate``, they are those of that
        epoch. Skipped and substituted files are accounted for: row i of all batches together,
        and so of predictions, is ``filepaths[served_indices[i]]``.
        """
        with self.lock:
            served = self._served or self._served_before
            batches = [served[index] for index in sorted(served)]
        return np.concatenate(batches) if batches else np.zeros(0, dtype=np.int64)

    @property
    def workers(self) -> int:
        """The number of threads that make one batch; of Keras's, if a subclass makes batches."""
        if self._is_custom():
            return self._keras_workers
        return 1 if called_by_keras() else self._threads.num_threads

    @workers.setter
    def workers(self, value: int) -> None:
        self._batch_threads = BatchThreads(value, is_fixed=True)
        self._keras_workers = value

    @property
    def _threads(self) -> ThreadMap:
        return self._batch_threads.all_threads

    @property
    def use_multiprocessing(self) -> bool:
        """True if Keras uses processes, for a subclass that makes its own batches."""
        return self._use_multiprocessing and not (called_by_keras() and not self._is_custom())

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @abstractmethod
    def _get_batches_of_transformed_samples(self, index_array: npt.NDArray[np.int64]) -> Any:
        """Makes the batch that holds the samples ``index_array``."""
        raise NotImplementedError

    def _flow_index(self) -> Generator[npt.NDArray[np.int64], None, None]:
        self.reset()
        yield from self._resume_flow()

    def _resume_flow(self) -> Generator[npt.NDArray[np.int64], None, None]:
        while True:
            self._next_source()
            if self.batch_index == 0:
                self._draw_order()
            order = cast("npt.NDArray[np.int64]", self.index_array)
            start = (self.batch_index * self.batch_size) % self.n if self.n else 0
            is_last = start + self.batch_size >= self.n
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            yield order[start : start + self.batch_size]

    def _next_of_flow(self) -> tuple[npt.NDArray[np.int64], RandomSource]:
        """Returns the samples and the random state of the batch that ``next`` serves."""
        if getattr(self.index_generator, "gi_code", None) in _OWN_FLOWS:
            return next(self.index_generator), self._draws.latest
        # As in Keras, a generator of the user's own may seed np.random, or draw from it.
        source = self._draws.latest
        with as_global_state(source), self._drawing_from(np.random):
            return next(self.index_generator), source

    def _next_source(self) -> RandomSource:
        """Returns the random state of the next batch."""
        if self.seed is None:
            return self._draws.latest
        seed = self.seed + self.total_batches_seen
        if vars(self._local).get("source") is np.random:  # called by the user's own code
            np.random.seed(seed)
            return np.random
        self._draws.latest = seed_state(seed)
        return self._draws.latest

    @property
    def _source(self) -> RandomSource:
        """The random state of the batch that this thread is making, or of the latest batch."""
        return getattr(self._local, "source", self._draws.latest)

    @contextmanager
    def _drawing_from(self, source: RandomSource) -> Generator[None, None, None]:
        local = vars(self._local)
        before = local.get("source")
        local["source"] = source
        try:
            yield
        finally:
            del local["source"]
            if before is not None:
                local["source"] = before

    def _next_samples(self) -> list[int]:
        """Returns the samples of the batch that will probably follow the one of this thread."""
        following = getattr(self._local, "following", None)
        if following is None or self.index_array is None:
            return []
        start = following * self.batch_size
        return [int(sample) for sample in self.index_array[start : start + self.batch_size]]

    def _draw_order(self) -> None:
        with self._lend_state(self._set_index_array):
            self._set_index_array()

    def _set_index_array(self) -> None:
        self.index_array = self._source.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _make(
        self, idx: int, samples: npt.NDArray[np.int64], source: RandomSource, following: int | None
    ) -> Any:
        if idx == 0:
            keep_big_blocks()
        self._local.served, self._local.following = samples, following
        method = self._get_batches_of_transformed_samples
        with EXIT_GUARD.hold(), self._drawing_from(source), self._lend_state(method):
            batch = method(samples)
        with self.lock:
            self._served[idx] = self._local.served
        return batch

    def _is_custom(self) -> bool:
        """Returns whether a user's method makes the batches."""
        return _is_user_defined(self._get_batches_of_transformed_samples)

    @contextmanager
    def _lend_state(self, method: Callable[..., Any]) -> Generator[None, None, None]:
        """Gives ``np.random`` the iterator's random state, if ``method`` is the user's own."""
        if not _is_user_defined(method):
            yield
            return
        with as_global_state(self._source), self._drawing_from(np.random):
            yield

    def __copy__(self) -> Self:
        """Returns a copy that takes turns with this iterator in ``next``, as in Keras."""
        copied = object.__new__(type(self))
        copied.__dict__.update(vars(self), _served={}, _served_before={})
        register_after_fork(copied)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        """Returns what ``pickle`` and ``copy.deepcopy`` keep: all but locks and threads."""
        with self.lock:
            state = vars(self).copy()
        is_own_flow = getattr(state.pop("index_generator"), "gi_code", None) in _OWN_FLOWS
        for name in ("lock", "_local"):
            del state[name]
        return state | {"_is_own_flow": is_own_flow}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = state.copy()
        is_own_flow = state.pop("_is_own_flow")
        self.__dict__.update(state)
        self.lock, self._local = threading.RLock(), threading.local()
        self.index_generator = self._resume_flow() if is_own_flow else self._flow_index()
        register_after_fork(self)


@final
class _Draws:
    """The random state of the latest batch; an iterator shares it with its copies.

    Attributes:
        latest: Before the first batch, a shuffle draws from the global state even with a seed.
    """

    def __init__(self) -> None:
        self.latest: RandomSource = np.random

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _restore_draws, (None if self.latest is np.random else self.latest,)


def _restore_draws(latest: np.random.RandomState | None) -> _Draws:
    draws = _Draws()
    if latest is not None:
        draws.latest = latest
    return draws


def _with_global_state(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a user's method so that ``np.random`` has the iterator's random state in it."""

    @functools.wraps(method)
    def wrapped(self: Iterator, *args: Any, **kwargs: Any) -> Any:
        with self._lend_state(method):
            return method(self, *args, **kwargs)

    return wrapped


def _with_trainable_batches(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a user's ``__getitem__`` so that Keras can train on what it returns."""

    @functools.wraps(method)
    def wrapped(self: Iterator, *args: Any, **kwargs: Any) -> Any:
        is_by_keras = called_by_keras()
        batch = method(self, *args, **kwargs)
        return as_trainable(batch) if is_by_keras else batch

    return wrapped


_DECORATED = {
    "_get_batches_of_transformed_samples": _with_global_state,
    "_set_index_array": _with_global_state,
    "__getitem__": _with_trainable_batches,
}
_OWN_FLOWS = (Iterator._flow_index.__code__, Iterator._resume_flow.__code__)


def _is_user_defined(method: Callable[..., Any]) -> bool:
    """Returns whether a method is defined outside this package."""
    module = getattr(method, "__module__", None) or ""
    return module.partition(".")[0] != __name__.partition(".")[0]
