"""Iterator: the order of samples as Keras's iterators have it, and the state that chance is in."""

from __future__ import annotations

import functools
import operator
import threading
from abc import abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Self, cast

import keras
import numpy as np
import numpy.typing as npt

from imggen.legacy.draws import Source, as_global_state
from imggen.sequences import called_by_keras, next_batch_in_keras, refuse_tf_keras
from imggen.workers import ThreadMap, register_after_fork


class Iterator(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Serves batches of ``n`` samples, by index and without end; the base of the others.

    A subclass of your own defines ``_get_batches_of_transformed_samples(index_array)``. In there
    ``np.random`` is seeded as the batch has it, and afterwards what it was before.

    Args:
        n: The number of samples.
        batch_size: Samples a batch; the last batch of an epoch may have fewer.
        shuffle: Serve the samples in an order drawn anew for each epoch.
        seed: Each batch draws from a state seeded with ``seed`` plus the number of batches before
            it. None: all draw from ``np.random``'s global state.
        workers: The number of threads that make one batch, 0 or 1: the caller alone. None: as many
            as there are usable cores. Batches are the same for any number. Keras is told of one,
            since its own threads would ask for batches in an order of chance. For a subclass that
            makes its own batches: what Keras is told; None is 1.
        use_multiprocessing: Passed to Keras for a subclass that makes its own batches. Else
            threads do the work, which is nearly all done without the interpreter's lock.
        max_queue_size: Passed to Keras.

    Attributes:
        lock: Held while it is settled which samples and which state a batch has.
        index_array: The samples in the order of the current epoch; None before the first batch.
            The batch at ``index`` holds ``index_array[index * batch_size:][:batch_size]``.
        batch_index: The number of the batch that ``next`` serves after this one.
        total_batches_seen: Batches served so far.
        index_generator: Yields, without end, the samples of the batches that ``next`` would serve.
    """

    white_list_formats: Any = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

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
        self._threads = ThreadMap(workers)
        self._for_keras = 1 if workers is None else workers
        super().__init__(
            workers=1,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )
        try:
            operator.index(batch_size)
        except TypeError as err:
            raise TypeError(f"batch_size={batch_size!r} must be a whole number.") from err
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.RLock()
        self.index_array: npt.NDArray[np.int64] | None = None
        self.index_generator = self._flow_index()
        # Until the first batch has come, a shuffle draws from the global state even with a seed.
        self._latest: Source = np.random
        self._of_thread = threading.local()
        self._served: dict[int, npt.NDArray[np.int64]] = {}
        self._served_before: dict[int, npt.NDArray[np.int64]] = {}
        self._requested_before = -2
        register_after_fork(self)

    def after_fork(self) -> None:
        """Gives a forked process a lock of its own."""
        self.lock = threading.RLock()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("_get_batches_of_transformed_samples", "_set_index_array"):
            method = cls.__dict__.get(name)
            if method is not None and _is_users(method):
                setattr(cls, name, _with_state_lent(method))

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        """Returns batch ``idx`` of the current epoch, with parameters drawn anew at each call."""
        if idx >= len(self):
            raise ValueError(f"Batch {idx} of an iterator with {len(self)} batches was requested.")
        if called_by_keras():
            following = next_batch_in_keras(idx)
        else:
            is_in_order = idx == self._requested_before + 1
            following = idx + 1 if is_in_order and idx + 1 < len(self) else None
            self._requested_before = idx
        with self.lock:
            source = self._next_source()
            if self.index_array is None:
                self._set_index_array()
            order = cast("npt.NDArray[np.int64]", self.index_array)
            samples = order[self.batch_size * idx : self.batch_size * (idx + 1)]
            self.total_batches_seen += 1
        return self._make(int(idx), samples, source, following)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """Returns the next batch; after the last one of an epoch, the first of the next."""
        refuse_tf_keras()
        with self.lock:
            idx = self.batch_index
            if idx == 0:
                self._served, self._served_before = {}, self._served
            samples = next(self.index_generator)
            source = self._latest
            following = self.batch_index or None  # the order of the next epoch is not drawn yet
        return self._make(idx, samples, source, following)

    def next(self) -> Any:
        """As ``next(iterator)``."""
        return next(self)

    def reset(self) -> None:
        """Lets ``next`` start with the first batch of an epoch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        with self.lock:
            self._set_index_array()
            if self._served:
                self._served, self._served_before = {}, self._served

    @property
    def served_indices(self) -> npt.NDArray[np.int64]:
        """The samples served in this epoch, batch after batch in the order of their numbers.

        Right after an epoch, and so after ``predict`` or ``evaluate``, those of that epoch. What
        was left out or substituted is taken into account: row i of all batches together, and so of
        predictions, is ``filepaths[served_indices[i]]``.
        """
        with self.lock:
            served = self._served or self._served_before
            parts = [served[number] for number in sorted(served)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    @property
    def workers(self) -> int:
        """The number of threads that make one batch; in a subclass that makes them, of Keras's."""
        if self._is_custom():
            return self._for_keras
        return 1 if called_by_keras() else self._threads.num_threads

    @workers.setter
    def workers(self, value: int) -> None:
        self._threads = ThreadMap(value)
        self._for_keras = value

    @property
    def use_multiprocessing(self) -> bool:
        """What the iterator was made with."""
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
        while True:
            self._next_source()
            if self.batch_index == 0:
                self._set_index_array()
            order = cast("npt.NDArray[np.int64]", self.index_array)
            start = (self.batch_index * self.batch_size) % self.n if self.n else 0
            is_last = start + self.batch_size >= self.n
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            yield order[start : start + self.batch_size]

    def _next_source(self) -> Source:
        """The state that the next batch draws from."""
        if self.seed is not None:
            self._latest = np.random.RandomState(self.seed + self.total_batches_seen)
        return self._latest

    @property
    def _source(self) -> Source:
        """The state of the batch that this thread is making, or else of the latest one."""
        return getattr(self._of_thread, "source", self._latest)

    @contextmanager
    def _drawing_from(self, source: Source) -> Generator[None, None, None]:
        of_thread = vars(self._of_thread)
        before = of_thread.get("source")
        of_thread["source"] = source
        try:
            yield
        finally:
            del of_thread["source"]
            if before is not None:
                of_thread["source"] = before

    def _samples_ahead(self) -> list[int]:
        """The samples of the batch that is likely to be asked for after this thread's."""
        following = getattr(self._of_thread, "following", None)
        if following is None or self.index_array is None:
            return []
        start = following * self.batch_size
        return [int(sample) for sample in self.index_array[start : start + self.batch_size]]

    def _set_index_array(self) -> None:
        self.index_array = self._source.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _make(
        self, idx: int, samples: npt.NDArray[np.int64], source: Source, following: int | None
    ) -> Any:
        self._of_thread.served = samples
        self._of_thread.following = following
        with self._drawing_from(source):
            batch = self._get_batches_of_transformed_samples(samples)
        with self.lock:
            self._served[idx] = self._of_thread.served
        return batch

    def _is_custom(self) -> bool:
        """Whether a subclass of the user's makes the batches."""
        return _is_users(type(self)._get_batches_of_transformed_samples)


def _with_state_lent(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a method of the user's, so that ``np.random`` has the iterator's state in it."""

    @functools.wraps(method)
    def wrapped(self: Iterator, *args: Any, **kwargs: Any) -> Any:
        with as_global_state(self._source), self._drawing_from(np.random):
            return method(self, *args, **kwargs)

    return wrapped


def _is_users(method: Callable[..., Any]) -> bool:
    """Whether a method was written outside of this package."""
    return method.__module__.partition(".")[0] != __name__.partition(".")[0]
