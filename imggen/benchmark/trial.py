"""What is measured: the parts of one sequence, one by one and together."""

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
from imggen.benchmark.clock import LEAST_ROUNDS, Clock
from imggen.cache import ImageCache
from imggen.decode import load_in_stages
from imggen.errors import CacheError, ImageError
from imggen.loading import BatchMaker, EpochSampler, NoTargetMode
from imggen.workers import BufferPool, Prefetcher, usable_cores

if TYPE_CHECKING:
    from imggen.sequences import ImageSequence

# The share of the time that each measurement gets; not every sequence needs all of them.
_SHARES = {"stages": 0.25, "machine": 0.1, "now": 0.2, "model": 0.15, "others": 0.1}
_MOST_HELD = 64
_MOST_IN_A_ROUND = 32
_MOST_SERVED = 8192


@final
class Trial:
    """The parts of one sequence, and what is found out about them; times are in milliseconds."""

    def __init__(
        self, sequence: ImageSequence, seconds: float, progress: Callable[[str], object]
    ) -> None:
        self.maker: BatchMaker = sequence.batch_maker
        self.worker_options = sequence.worker_options
        self.seconds = seconds
        self.progress = progress
        self.cores = usable_cores()
        self.rows = _spread(sequence.samples)
        self.uncached = dataclasses.replace(self.maker.samples, cache=None)
        # Not source.spec: what RandomResizedCrop cuts from is decoded larger.
        self.spec = self.maker.samples.spec
        self.buffers = BufferPool(
            self.worker_options.max_queue_size + 2
        )  # used again, as in training
        self.loaded: dict[int, npt.NDArray[Any]] = {}  # some samples, by row
        self.augmented: dict[int, npt.NDArray[Any]] = {}
        self.good: dict[int, None] = {}
        self.unreadable: dict[str, None] = {}

    def seconds_for(self, share: str) -> float:
        """How long a measurement may take."""
        return self.seconds * _SHARES[share]

    @property
    def has_augmentation(self) -> bool:
        """Whether there is anything to augment by."""
        return bool(self.maker.pipeline.steps)

    def stages(self) -> dict[str, float]:
        """Each stage of an image, as the median of rounds of images from all over the manifest."""
        seconds = self.seconds_for("stages")
        end = time.perf_counter() + seconds
        at, size = 0, 1
        rounds: list[dict[str, float]] = []
        # The first round loads libraries; the second shows how many images there is time for.
        while len(rounds) < 2 + LEAST_ROUNDS or time.perf_counter() < end:
            chosen = [int(row) for row in np.take(self.rows, range(at, at + size), mode="wrap")]
            laps, at = self.time_round(chosen), at + size
            if laps:
                rounds.append(laps)
            elif not self.good and at >= len(self.rows):
                self.maker.samples.image(chosen[0])  # which raises
            if len(rounds) == 2:
                budget = 1000 * seconds / sum(rounds[1].values()) / LEAST_ROUNDS
                size = max(1, min(int(budget), self.maker.batch_size, _MOST_IN_A_ROUND))
                size = min(size, len(self.rows))
        return {name: median(laps[name] for laps in rounds[2:]) for name in rounds[-1]}

    def time_round(self, rows: Sequence[int]) -> dict[str, float]:
        """Each stage of some images, on average; nothing if none of them can be read."""
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
            if len(self.loaded) < _MOST_HELD:
                self.loaded[row], self.augmented[row] = array, augmented[row]
        if not augmented:
            return {}
        laps = {name: taken / len(augmented) for name, taken in total.laps.items()}
        return {**laps, "encode": self.encode(augmented)}

    def load(self, row: int, clock: Clock) -> npt.NDArray[Any]:
        """As the sequence loads a sample, stage by stage where it is decoded."""
        if self.spec is None or self.maker.samples.cache is not None:
            if self.maker.samples.cache is not None:
                self.maker.samples.image(row)  # from now on it is kept
                clock.start()
            array = self.maker.samples.image(row)
            clock("load" if self.maker.samples.cache is None else "cache")
            return array
        with open(self.maker.manifest.filepath(row), "rb") as file:
            data = file.read()
        clock("read")
        array = load_in_stages(data, self.spec, clock)
        clock("resize")
        return array

    def encode(self, augmented: dict[int, npt.NDArray[Any]], **changes: Any) -> float:
        """To make batches of images that are loaded and augmented already."""
        changes = {"cut_size": None, "pipeline": Pipeline([]), **changes}
        part, clock = self.part(list(augmented), held=augmented, **changes), Clock()
        for index in range(part.num_batches):
            part(0, index)
        clock("encode")
        return clock.laps["encode"] / len(augmented)

    def try_file(self, row: int) -> None:
        """Loads a file, whether or not it is kept."""
        try:
            self.uncached.image(row)
        except ImageError as err:
            self.unreadable[err.path] = None

    def fresh_rows(self) -> list[int]:
        """Whole batches of samples that were not timed yet; with a cache, of those it keeps."""
        if self.maker.samples.cache is not None:
            self.maker.samples.cache.flush()  # worker processes read what is on disk
            rows = list(self.good)
        else:
            rows = np.roll(self.rows, -len(self.good))[:_MOST_SERVED].tolist()
            is_bad = self.unreadable.__contains__
            rows = [row for row in rows if not is_bad(self.maker.manifest.filepath(row))]
        size = self.maker.batch_size
        return rows[: len(rows) // size * size or None]

    def part(
        self,
        rows: npt.ArrayLike,
        *,
        held: dict[int, npt.NDArray[Any]] | None = None,
        **changes: Any,
    ) -> BatchMaker:
        """What makes batches of some samples, in order; of ``held`` ones without loading them."""
        maker, rows = self.maker, np.asarray(rows)
        samples = dataclasses.replace(maker.samples, manifest=maker.manifest.take(rows))
        if held is not None:
            by_path = {maker.manifest.filepath(row): array for row, array in held.items()}
            samples = dataclasses.replace(samples, load=by_path.__getitem__, cache=None)
            if samples.label_mode.moves_with_image:  # masks are not held, for example
                samples = dataclasses.replace(samples, label_mode=NoTargetMode())
        elif samples.cache is not None:
            samples = dataclasses.replace(samples, cache=_Renumbered(samples.cache, rows))
        return dataclasses.replace(
            maker,
            samples=samples,
            sampler=EpochSampler(len(rows), shuffle=False, repeats=1, seed=maker.seed),
            drop_remainder=False,
            on_error="skip" if maker.on_error == "raise" else maker.on_error,
            buffers=self.buffers,
            **changes,
        )

    def serve(self, part: BatchMaker, work: float, share: str, workers: int) -> float:
        """Images a second, taken from a loader like the sequence's as soon as they are there."""
        seconds, at_once = self.seconds_for(share), max(1, workers)
        queue = self.worker_options.max_queue_size
        # Smaller batches where whole ones would take too long.
        budget = 1000 * seconds / (1 + LEAST_ROUNDS) / work * min(at_once, self.cores) / at_once
        part = dataclasses.replace(part, batch_size=max(1, min(part.batch_size, int(budget))))
        options = dataclasses.replace(self.worker_options, workers=workers)
        loader = Prefetcher(part, options)
        rates: list[float] = []
        started = end = images = 0.0
        try:
            for number in itertools.count():
                upcoming = range(number + 1, number + 1 + queue)
                made = loader.get(
                    divmod(number, part.num_batches),
                    [divmod(later, part.num_batches) for later in upcoming],
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
                    # Batches come in bursts, so rates are those of a while.
                    rates.append(images / (now - started))
                    started, images = now, 0
                if len(rates) >= LEAST_ROUNDS and now > end:
                    break
        finally:
            loader.close()
        return median(rates)


@final
class _Renumbered:
    """A cache, seen by a manifest that has only some of its samples."""

    def __init__(self, keeper: ImageCache, rows: npt.NDArray[Any]) -> None:
        self._keeper, self._rows = keeper, rows

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return self._keeper.get(int(self._rows[index]), load)

    @property
    def is_full(self) -> bool:
        return self._keeper.is_full

    def flush(self) -> None:
        self._keeper.flush()

    def clear(self) -> None:
        """Does nothing: the sequence goes on using what is kept."""


def _spread(count: int) -> npt.NDArray[np.int64]:
    """All numbers below ``count``, so that any first few of them are from all over.

    Manifests are sorted by class, and files of a class are alike.
    """
    steps = np.arange(count) * ((math.sqrt(5) - 1) / 2) % 1.0
    return np.argsort(np.argsort(steps))
