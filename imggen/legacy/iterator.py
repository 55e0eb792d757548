"""Iterator: the order of samples as Keras's iterators have it, and the state that chance is in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Self, cast

import keras
import numpy as np
import numpy.typing as npt

from imggen.epochs import called_by_keras
from imggen.legacy import draws
from imggen.legacy.draws import Source, as_global_state
from imggen.legacy.threads import Threads


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
        lock: Held while a batch is made that draws from a state of its own.
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
        self._threads = Threads(workers)
        self._for_keras = 1 if workers is None else workers
        super().__init__(
            workers=1,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = draws.lock
        self.index_array: npt.NDArray[np.int64] | None = None
        self.index_generator = self._flow_index()
        # Until the first batch has come, a shuffle draws from the global state even with a seed.
        self._source: Source = np.random

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        """Returns batch ``idx`` of the current epoch, with parameters drawn anew at each call."""
        if idx >= len(self):
            raise ValueError(f"Asked for batch {idx} of an iterator with {len(self)} batches.")
        with self.lock:
            self._next_state()
            if self.index_array is None:
                self._order_anew()
            order = cast("npt.NDArray[np.int64]", self.index_array)
            samples = order[self.batch_size * idx : self.batch_size * (idx + 1)]
            self.total_batches_seen += 1
            if self._in_turn():
                return self._make(samples)
        return self._make(samples)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """Returns the next batch; after the last one of an epoch, the first of the next."""
        with self.lock:
            samples = next(self.index_generator)
            if self._in_turn():
                return self._make(samples)
        return self._make(samples)

    def next(self) -> Any:
        """As ``next(iterator)``."""
        return next(self)

    def reset(self) -> None:
        """Lets ``next`` start with the first batch of an epoch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        with self.lock:
            self._order_anew()

    @property
    def workers(self) -> int:
        """The number of threads that make one batch; in a subclass that makes them, of Keras's."""
        if self._is_custom():
            return self._for_keras
        return 1 if called_by_keras() else self._threads.count

    @workers.setter
    def workers(self, value: int) -> None:
        self._threads = Threads(value)
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
            self._next_state()
            if self.batch_index == 0:
                self._order_anew()
            order = cast("npt.NDArray[np.int64]", self.index_array)
            start = (self.batch_index * self.batch_size) % self.n if self.n else 0
            is_last = start + self.batch_size >= self.n
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            yield order[start : start + self.batch_size]

    def _next_state(self) -> None:
        if self.seed is not None:
            self._source = np.random.RandomState(self.seed + self.total_batches_seen)

    def _set_index_array(self) -> None:
        self.index_array = self._source.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _order_anew(self) -> None:
        with self._state_for(type(self)._set_index_array):
            self._set_index_array()

    def _make(self, samples: npt.NDArray[np.int64]) -> Any:
        with self._state_for(type(self)._get_batches_of_transformed_samples):
            return self._get_batches_of_transformed_samples(samples)

    @contextmanager
    def _state_for(self, method: Callable[..., Any]) -> Generator[None, None, None]:
        """Lends the state to ``np.random`` while a method of the user's runs."""
        if not _is_users(method):
            yield
            return
        source = self._source
        with as_global_state(source):
            self._source = np.random
            try:
                yield
            finally:
                self._source = source

    def _is_custom(self) -> bool:
        """Whether a subclass of the user's makes the batches."""
        return _is_users(type(self)._get_batches_of_transformed_samples)

    def _in_turn(self) -> bool:
        """Whether one batch must be done before the next one begins.

        The user's own code, drawing from the global state without a seed, may run side by side.
        """
        return self.seed is not None or not self._is_custom()


def _is_users(method: Callable[..., Any]) -> bool:
    """Whether a method was written outside of this package."""
    return method.__module__.partition(".")[0] != __name__.partition(".")[0]
