"""The measurements: the stages of one sequence, one by one and together."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample
from imggen.benchmark.clock import MIN_ROUNDS, Clock
from imggen.cache import ImageCache, StackedRows
from imggen.decode import read_image
from imggen.errors import CacheError, ImageError
from imggen.loading import BatchMaker, EpochSampler, ImageBatches, NoTargetMode
from imggen.stores import open_file
from imggen.workers import BufferPool, Prefetcher, usable_cores

if TYPE_CHECKING:
    from imggen.sequences import ImageSequence

# The fraction of the time for each measurement; not every sequence needs all of them.
_SHARES = {"stages": 0.25, "machine": 0.1, "now": 0.2, "model": 0.15, "others": 0.1}
_MAX_HELD = 64
_MAX_PER_ROUND = 32
_MAX_SERVED = 8192


@final
class Trial:
    """Measures one sequence, and keeps some of its images; times are in milliseconds."""

    def __init__(
        self,
        sequence: ImageSequence | ImageBatches,
        seconds: float,
        progress: Callable[[str], object],
    ) -> None:
        self.maker: BatchMaker = sequence.batch_maker
        self.worker_options = sequence.worker_options
        self.seconds = seconds
        self.progress = progress
        self.cores = usable_cores()
        self.rows = _spread_evenly(sequence.samples)
        self.uncached = dataclasses.replace(self.maker.samples, cache=None)
        self.spec = self.maker.samples.spec
        self.buffers = BufferPool(self.worker_options.max_queue_size + 2)  # reused, as in training
        self.loaded: dict[int, npt.NDArray[Any]] = {}  # some samples, by row
        self.augmented: dict[int, npt.NDArray[Any]] = {}
        self.good: dict[int, None] = {}
        self.unreadable: dict[str, None] = {}

    def seconds_for(self, share: str) -> float:
        """Returns the seconds that a measurement may take."""
        return self.seconds * _SHARES[share]

    @property
    def has_augmentation(self) -> bool:
        """Whether the sequence augments images one by one."""
        return bool(self.maker.pipeline.steps)

    def stages(self) -> dict[str, float]:
        """Measures each stage per image: the median of rounds with images from all over."""
        seconds = self.seconds_for("stages")
        end = time.perf_counter() + seconds
        at, size = 0, 1
        rounds: list[dict[str, float]] = []
        # The first round loads libraries; the second determines how many images fit the time.
        while len(rounds) < 2 + MIN_ROUNDS or time.perf_counter() < end:
            chosen = [int(row) for row in np.take(self.rows, range(at, at + size), mode="wrap")]
            laps, at = self.time_round(chosen), at + size
            if laps:
                rounds.append(laps)
            elif not self.good and at >= len(self.rows):
                self.maker.samples.image(chosen[0])  # raises ImageError
            if len(rounds) == 2:
                budget = 1000 * seconds / sum(rounds[1].values()) / MIN_ROUNDS
                size = max(1, min(int(budget), self.maker.batch_size, _MAX_PER_ROUND))
                size = min(size, len(self.rows))
        return {name: median(laps[name] for laps in rounds[2:]) for name in rounds[-1]}

    def time_round(self, rows: Sequence[int]) -> dict[str, float]:
        """Measures the mean time of each stage; empty if none of the images can be read."""
        total, augmented = Clock(), {}
        for row in rows:
            clock = Clock()
            try:
                array = self.load(row, clock)
            except CacheError:
                raise
            except OSError:
                self.unreadable[self.maker.manifest.filepath(row)] = None
                continue
            augmented[row] = self.maker.augment(Sample(array), 0, row, row).sample.image
            clock("augment")
            if not self.has_augmentation:
                clock.laps["augment"] = 0.0
            total.add(clock)
            self.good[row] = None
            if len(self.loaded) < _MAX_HELD:
                self.loaded[row], self.augmented[row] = array, augmented[row]
        if not augmented:
            return {}
        laps = {name: taken / len(augmented) for name, taken in total.laps.items()}
        return {**laps, "encode": self.encode(augmented)}

    def load(self, row: int, clock: Clock) -> npt.NDArray[Any]:
        """Loads a sample as the sequence does, stage by stage if it is decoded."""
        if self.spec is None or self.maker.samples.cache is not None:
            if self.maker.samples.cache is not None:
                self.maker.samples.image(row)  # fills the cache
                clock.start()
            array = self.maker.samples.image(row)
            clock("load" if self.maker.samples.cache is None else "cache")
            return array
        with open_file(self.maker.manifest.filepath(row)) as file:
            data = file.read()
        clock("read")
        array = read_image(data, self.spec, clock)
        clock("resize")
        return array

    def encode(self, augmented: dict[int, npt.NDArray[Any]], **changes: Any) -> float:
        """Measures collating images that are loaded and augmented already, per image."""
        changes = {"cut_size": None, "pipeline": Pipeline([]), **changes}
        subset, clock = self.subset(list(augmented), held=augmented, **changes), Clock()
        for index in range(subset.num_batches):
            subset(0, index)
        clock("encode")
        return clock.laps["encode"] / len(augmented)

    def try_file(self, row: int) -> None:
        """Loads a file without the cache; records it if it cannot be read."""
        try:
            self.uncached.image(row)
        except ImageError as err:
            self.unreadable[err.path] = None

    def fresh_rows(self) -> list[int]:
        """Returns full batches of rows that were not timed yet; with a cache, of cached rows."""
        if self.maker.samples.cache is not None:
            self.maker.samples.cache.flush()  # worker processes read what is on disk
            rows = list(self.good)
        else:
            rows = np.roll(self.rows, -len(self.good))[:_MAX_SERVED].tolist()
            is_bad = self.unreadable.__contains__
            rows = [row for row in rows if not is_bad(self.maker.manifest.filepath(row))]
        size = self.maker.batch_size
        return rows[: len(rows) // size * size or None]

    def subset(
        self,
        rows: npt.ArrayLike,
        *,
        held: dict[int, npt.NDArray[Any]] | None = None,
        **changes: Any,
    ) -> BatchMaker:
        """Builds a maker of batches of some rows, in order; ``held`` images are not loaded."""
        maker, rows = self.maker, np.asarray(rows)
        samples = dataclasses.replace(maker.samples, manifest=maker.manifest.take(rows))
        if held is not None:
            by_path = {maker.manifest.filepath(row): array for row, array in held.items()}
            samples = dataclasses.replace(samples, load=by_path.__getitem__, cache=None)
            if samples.label_mode.moves_with_image:  # masks are not held, for example
                samples = dataclasses.replace(samples, label_mode=NoTargetMode())
        elif samples.cache is not None:
            samples = dataclasses.replace(samples, cache=_RenumberedCache(samples.cache, rows))
        return dataclasses.replace(
            maker,
            samples=samples,
            sampler=EpochSampler(len(rows), shuffle=False, repeats=1, seed=maker.seed),
            drop_remainder=False,
            on_error="skip" if maker.on_error == "raise" else maker.on_error,
            buffers=self.buffers,
            batch_size=maker.num_rows,
            shard=None,
            **changes,
        )

    def serve(self, subset: BatchMaker, work: float, share: str, workers: int) -> float:
        """Measures images per second, taking each batch as soon as it is ready."""
        seconds, at_once = self.seconds_for(share), max(1, workers)
        queue = self.worker_options.max_queue_size
        # Use smaller batches if full ones would take too long.
        budget = 1000 * seconds / (1 + MIN_ROUNDS) / work * min(at_once, self.cores) / at_once
        subset = dataclasses.replace(subset, batch_size=max(1, min(subset.batch_size, int(budget))))
        options = dataclasses.replace(self.worker_options, workers=workers)
        loader = Prefetcher(subset, options, batch_size=subset.batch_size)
        rates: list[float] = []
        started = end = images = 0.0
        try:
            for number in itertools.count():
                upcoming = range(number + 1, number + 1 + queue)
                made = loader.get(
                    divmod(number, subset.num_batches),
                    [divmod(later, subset.num_batches) for later in upcoming],
                )
                images += len(made.x)
                self.unreadable |= {failure.path: None for failure in made.failures.values()}
                del made
                if (number + 1) % at_once:
                    continue
                now = time.perf_counter()
                if not end:  # the first round starts the workers
                    started, end, images = now, now + seconds, 0
                elif now - started >= seconds / 6:
                    # Batches come in bursts, so each rate covers a longer interval.
                    rates.append(images / (now - started))
                    started, images = now, 0
                if len(rates) >= MIN_ROUNDS and now > end:
                    break
        finally:
            loader.close()
        return median(rates)


@final
class _RenumberedCache:
    """A cache with the row numbers of a manifest that holds only some of its samples."""

    def __init__(self, cache: ImageCache, rows: npt.NDArray[Any]) -> None:
        self._cache, self._rows = cache, rows

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return self._cache.get(int(self._rows[index]), load)

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows | None:
        return self._cache.find_rows(self._rows[indices])

    def holds(self, index: int) -> bool:
        return self._cache.holds(int(self._rows[index]))

    @property
    def is_full(self) -> bool:
        return self._cache.is_full

    def flush(self) -> None:
        self._cache.flush()

    def clear(self) -> None:
        """Does nothing: the sequence still uses the cache."""


def _spread_evenly(count: int) -> npt.NDArray[np.int64]:
    """Orders the numbers below ``count`` so that the first few of them are spread evenly.

    Manifests are sorted by class, and the files of a class are similar.
    """
    steps = np.arange(count) * ((math.sqrt(5) - 1) / 2) % 1.0
    return np.argsort(np.argsort(steps))
