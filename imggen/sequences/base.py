"""The base of every imggen sequence: epochs, workers and Keras integration.

Nothing in this module depends on the contents of a batch.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
import threading
import weakref
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import keras

from imggen.core import check_whole
from imggen.errors import OptionError
from imggen.loading import ServedBatches
from imggen.sequences.bridge_methods import BridgeMethods
from imggen.sequences.epochs import EpochTracker
from imggen.sequences.generators import generate
from imggen.sequences.keras_compat import (
    WrapperRequest,
    find_wrapper_request,
    refuse_tf_keras,
    uses_all_cores,
)
from imggen.sequences.keras_view import LatestFit, replace_in_adapter
from imggen.sequences.pass_weights import Purpose, Weigh
from imggen.sequences.process_checks import check_shard, find_shard
from imggen.sequences.state import HasState
from imggen.workers import BatchKey, Prefetcher, WorkerOptions

T = TypeVar("T")


class _Served(NamedTuple):
    """A batch of a pass that is being served through an overridden ``__getitem__``.

    Attributes:
        sequence: The sequence.
        key: The batch.
        upcoming: The batches that will be requested next.
        in_turns: See ``take``.
    """

    sequence: Any
    key: BatchKey
    upcoming: list[BatchKey]
    in_turns: bool


# The batch that this thread serves through an overridden ``__getitem__``, as ``request``.
_SERVED = threading.local()


class EpochSequence(
    keras.utils.PyDataset,  # type: ignore[misc]  # Keras is untyped
    BridgeMethods,
    HasState,
    Generic[T],
):
    """A PyDataset whose batches are a function of (epoch, index).

    An epoch is complete when its last batch was handed out: by ``fit``, ``evaluate`` or
    ``predict``, by ``for batch in sequence`` (also one that breaks at the last batch), or by
    index, ``for index in range(len(sequence))``. The next pass serves the next epoch: a new
    iterator, the next pass of Keras, or batch 0 asked for by index again (after batches in another
    order, any batch). A pass that is under way stays in its epoch whatever else reads the sequence,
    and one that was broken off is repeated. ``epoch`` is the epoch that a new pass serves; set it
    to serve any other. ``fit(initial_epoch=k)`` sets it to k, if k is not 0.

    Keras is told to use one worker: the sequence has its own workers, which live across epochs,
    prefetch, and are never forked.

    Args:
        make: Makes batch ``index`` of ``epoch``.
        num_batches: The number of batches in an epoch.
        options: The workers, and the number of batches that they prefetch.
        release: Frees memory that ``make`` reuses. None: nothing.
        batch_size: The number of samples per batch; 1: a batch is made as a whole.
    """

    argument_hint: ClassVar[str] = (
        "Pass a sequence of imggen; an iterator of ImageDataGenerator has no epochs to resume."
    )

    def __init__(
        self,
        make: Callable[[int, int], T],
        num_batches: int,
        options: WorkerOptions,
        release: Callable[[], object] | None = None,
        batch_size: int = 1,
    ) -> None:
        super().__init__(
            workers=1, use_multiprocessing=False, max_queue_size=options.max_queue_size
        )
        self._make = make
        self._prefetcher = Prefetcher(make, options, release, batch_size)
        self._num_batches = num_batches
        self._tracker = EpochTracker(num_batches)
        # After a complete epoch, another one is likely to follow.
        self._was_finished = False
        self._was_loaded = False  # a position, which fit keeps
        self._latest_fit = LatestFit()
        self._standby: Self | None = None  # serves the generators
        self._is_created = True

    def __setattr__(self, name: str, value: object) -> None:
        if self.__dict__.get("_is_created") and name != "epoch" and not name.startswith("_"):
            raise OptionError(
                f"{name} cannot be set later; pass it when creating the sequence. Only epoch can "
                "be set."
            )
        super().__setattr__(name, value)

    @abstractmethod
    def _serve(self, made: T) -> Any:
        """Converts a result of ``make`` to what Keras trains on."""

    def _make_example(self, epoch: int, index: int) -> T:
        """Makes the batch of ``example``, where possible without reading more than one sample."""
        return self._make(epoch, index)

    def _epoch_ended(self, epoch: int) -> None:
        """Is called once when an epoch is complete."""

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose = "fit", steps: int | None = None
    ) -> Weigh | None:
        """Is called when a method of a model begins to read the sequence.

        Args:
            model: The model.
            class_weight: The argument of ``fit``, or None.
            purpose: The method.
            steps: The number of batches to evaluate; None: all.

        Returns: A function that adds padding and sample weights to a batch; or None.
        """
        del model, class_weight, purpose, steps
        return None

    @property
    def worker_options(self) -> WorkerOptions:
        """The workers that make the batches, and the number of batches that they prefetch."""
        return self._prefetcher.options

    @property
    def num_workers(self) -> int:
        """The number of threads or processes that make batches; 0 if the calling thread does."""
        return self.worker_options.num_workers

    @property
    def epoch(self) -> int:
        """The epoch that a new pass serves, from 0. May be set."""
        self._finish_latest_fit()
        return self._tracker.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._latest_fit.forget()
        self._tracker.epoch = check_whole("epoch", epoch, 0)
        self._was_loaded = False

    def begin_fit_at(self, epoch: int, batch: int) -> None:
        """Makes the next pass begin where ``fit`` says, unless a state was loaded."""
        if not self._was_loaded:
            self._tracker.begin_at(epoch, batch)

    def find_position(self) -> tuple[int, int]:
        """Returns the epoch and the first batch of a pass that begins now."""
        self._finish_latest_fit()
        return self._tracker.position

    def _set_position(self, epoch: int, batch: int) -> None:
        self.epoch = epoch
        self._tracker.begin_at(epoch, batch)
        self._was_loaded = True

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        return self._num_batches

    def __len__(self) -> int:
        self._tracker.note_len()
        return self._num_batches

    def __getitem__(self, index: int) -> Any:
        """Returns batch ``index`` of the pass under way, or of the current epoch."""
        index = operator.index(index)
        if not -self._num_batches <= index < self._num_batches:
            raise IndexError(f"batch {index} of a sequence with {self._num_batches} batches")
        served = getattr(_SERVED, "request", None)
        if served is not None and served.sequence is self:  # an overriding method asks for it
            epoch, expected = served.key
            index %= self._num_batches
            upcoming = served.upcoming if index == expected else []
            return self._fetch((epoch, index), upcoming, in_turns=served.in_turns)
        self._finish_latest_fit()
        wrapper = find_wrapper_request()
        request = self._tracker.ask(index % self._num_batches, wrapper, is_look=index < 0)
        index %= self._num_batches
        if wrapper is None:
            key = (request.epoch, index)
            upcoming = self._upcoming(key) if request.is_in_order else []
            batch = self._fetch(key, upcoming)
        else:
            batch = self._serve(self._make_for_wrapper(request.epoch, index, wrapper))
        self._tracker.served = request.epoch
        if request.is_complete:
            self._end_epoch(request.epoch)
            if wrapper is not None:
                # Under TensorFlow, Keras keeps the wrapper, and with it whatever is left here.
                self._prefetcher.close()
        return batch

    def __next__(self) -> Any:
        """Returns batch 0, 1, 2, ... with each call, epoch after epoch without end.

        For a first look: ``x, y = next(sequence)``. It asks for batches by index.
        """
        refuse_tf_keras()
        return self[self._tracker.next_index()]

    def __iter__(self) -> Iterator[Any]:
        """Serves the batches of the current epoch in order; with the last one, it is complete."""
        epoch, start = self.find_position()
        for index in range(start, self._num_batches):
            yield self._take_in_pass(epoch, index)

    def generator(self) -> Generator[tuple[Any, ...], None, None]:
        """Yields batches without end, epoch after epoch, starting with the current epoch.

        For ``fit(sequence.generator(), steps_per_epoch=...)``. Every epoch is complete and in an
        order of its own, whatever ``steps_per_epoch`` is. The generator counts epochs by itself
        and does not change ``sequence.epoch``.
        """
        check_shard(find_shard(self))
        self._finish_latest_fit()
        if self._standby is None:
            # Keras keeps generators under TensorFlow. Their workers stop when this is deleted.
            self._standby = copy.copy(self)
            self._standby._prefetcher = copy.copy(self._prefetcher)
            weakref.finalize(self, self._standby.close).atexit = False
        return generate(self._standby, *self._tracker.position)

    @property
    def workers(self) -> int:
        """The number of workers that Keras is told to use, always 1; see ``num_workers``."""
        replace_in_adapter(self)
        return 1

    def on_epoch_end(self) -> None:
        """Ends a complete pass by index: any further request serves the next epoch."""
        self._tracker.close_pass()

    def notify_epoch_end(self) -> None:
        """Calls ``on_epoch_end`` at the end of a pass of Keras, where a subclass overrides it."""
        if type(self).on_epoch_end is not EpochSequence.on_epoch_end:
            self.on_epoch_end()

    def take(self, epoch: int, index: int, *, is_in_order: bool, in_turns: bool = False) -> Any:
        """Serves batch ``index`` of ``epoch``, and changes nothing else.

        Args:
            epoch: The epoch.
            index: The batch.
            is_in_order: Whether the next batches will be asked for after it, in order.
            in_turns: Whether the caller uses all cores between two batches.
        """
        key = (epoch, index)
        batch = self._get(key, self._upcoming(key) if is_in_order else [], in_turns=in_turns)
        self._tracker.served = epoch
        return batch

    def finish_epoch(self, epoch: int) -> None:
        """Records that a pass over ``epoch`` is complete; the second time, it does nothing."""
        if self._tracker.finish(epoch):
            self._end_epoch(epoch)

    def independent_copy(self) -> Self:
        """Returns a copy with epochs and workers of its own, which stop when they are idle.

        It starts at the current epoch.
        """
        return self._copy_with(copy.copy(self._prefetcher))

    def _copy_with(self, prefetcher: Prefetcher[T]) -> Self:
        prefetcher.stop_when_idle()
        other = copy.copy(self)
        epoch, start = self.find_position()
        other._tracker = EpochTracker(self._num_batches, epoch, start=start)
        other._latest_fit = LatestFit()
        other._prefetcher = prefetcher
        return other

    def _copy_without_workers(self, make: Callable[[int, int], T]) -> Self:
        options = dataclasses.replace(self.worker_options, workers=0, use_multiprocessing=False)
        return self._copy_with(Prefetcher(make, options))

    def example(self, index: int) -> Any:
        """Returns a batch with the dtypes and, but for the first axis, the shapes of all batches.

        Args:
            index: The batch to take for it, where batches are made as a whole.
        """
        other = self._copy_without_workers(self._make_example)
        return other.take(self.epoch, index, is_in_order=False)

    def batch_function(self) -> Callable[[int, int], Any]:
        """Returns a function of (epoch, index) that makes batches as they are served, for pickling.

        It comes without Keras, unless a subclass overrides ``__getitem__``.
        """
        if type(self).__getitem__ is EpochSequence.__getitem__:
            return ServedBatches(self._make)
        return functools.partial(self._copy_without_workers(self._make).take, is_in_order=False)

    def close(self) -> None:
        """Stops the workers and frees prefetched batches; the next request restarts the workers.

        A sequence that is deleted is closed, too.
        """
        self._prefetcher.close()
        self._latest_fit.forget()
        if self._standby is not None:
            self._standby.close()

    def __getstate__(self) -> dict[str, Any]:
        self._finish_latest_fit()
        return {**vars(self), "_standby": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_for_wrapper(self, epoch: int, index: int, wrapper: WrapperRequest) -> T:
        """Returns a batch for a user's own PyDataset, and starts on the next ones of the pass."""
        size = self.worker_options.max_queue_size
        following = self._tracker.following(index, wrapper, size)
        if following is None:  # workers of Keras ask for batches, or it looks at the shapes
            return self._prefetcher.make((epoch, index))
        self._prefetcher.stop_when_idle()
        upcoming = [(epoch, later) for later in following]
        return self._prefetcher.get((epoch, index), upcoming, in_turns=uses_all_cores())

    def _get(self, key: BatchKey, upcoming: list[BatchKey], *, in_turns: bool = False) -> Any:
        """Serves a batch through ``__getitem__`` where a subclass overrides it."""
        if type(self).__getitem__ is EpochSequence.__getitem__:
            return self._fetch(key, upcoming, in_turns=in_turns)
        outer = getattr(_SERVED, "request", None)
        _SERVED.request = _Served(self, key, upcoming, in_turns)
        try:
            return self[key[1]]
        finally:
            _SERVED.request = outer

    def _fetch(self, key: BatchKey, upcoming: list[BatchKey], *, in_turns: bool = False) -> Any:
        return self._serve(self._prefetcher.get(key, upcoming, in_turns=in_turns))

    def _take_in_pass(self, epoch: int, index: int) -> Any:
        batch = self.take(epoch, index, is_in_order=True)
        if index == self._num_batches - 1:
            self.finish_epoch(epoch)
        return batch

    def _finish_latest_fit(self) -> None:
        self._latest_fit.begin_first_epoch()
        if (epoch := self._latest_fit.find_complete_epoch()) is not None:
            self.finish_epoch(epoch)

    def _end_epoch(self, epoch: int) -> None:
        self._was_finished, self._was_loaded = True, False
        self._epoch_ended(epoch)

    def _upcoming(self, key: BatchKey) -> list[BatchKey]:
        return self._following(key, into_next=self._was_finished)

    def _following(self, key: BatchKey, *, into_next: bool) -> list[BatchKey]:
        """Returns the keys of the batches to prefetch after ``key``, in order.

        They continue into the next epochs only if ``into_next``: a single ``evaluate`` should not
        pay for batches that are never used.
        """
        epoch, index = key
        size = self.worker_options.max_queue_size
        keys = [(epoch, following) for following in range(index + 1, self._num_batches)[:size]]
        while into_next and len(keys) < size:
            epoch += 1
            keys += [(epoch, index) for index in range(min(self._num_batches, size - len(keys)))]
        return keys
