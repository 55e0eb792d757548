"""The number of a batch to its arrays: load, augment, collate, encode. No Keras in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Augmentation, augment_image
from imggen.cache import RamCache
from imggen.errors import ImageError, OptionError, SampleError
from imggen.labels import LabelMode, encode
from imggen.manifest import Manifest
from imggen.order import Order
from imggen.rng import Stream, generator

OnError = Literal["raise", "skip", "substitute"]
# "blank" puts zeros where an image could not be read, so that row i stays file i. Predictions need
# it; for training it would be noise, so it is not offered.
_OnError = Literal["raise", "skip", "substitute", "blank"]

DTYPES = ("float32", "float16", "float64", "uint8")

# How many other samples may be broken too before a substitute is given up.
_SUBSTITUTE_TRIES = 20


class Failure(NamedTuple):
    """A file that could not be read, and why."""

    path: str
    reason: str


class Batch(NamedTuple):
    """The arrays of one batch.

    Attributes:
        x: Images, shape (n, height, width, channels) or (n, channels, height, width).
        y: Targets as ``encode`` makes them, ``x`` itself for autoencoders, or None.
        weights: Sample weights, float32, shape (n,), or None.
        failures: The files that could not be read.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None
    weights: npt.NDArray[np.float32] | None
    failures: tuple[Failure, ...] = ()


class _Sample(NamedTuple):
    row: int
    array: npt.NDArray[Any]


@final
@dataclass(frozen=True, eq=False)
class BatchMaker:
    """Makes any batch of any epoch, from nothing but its own fields.

    It holds no state that changes what it makes, so threads share one and processes pickle it.

    Attributes:
        manifest: The samples.
        order: Which draws make up an epoch.
        batch_size: Draws a batch; the last batch may have fewer.
        drop_remainder: Leave out a last batch that would have fewer.
        load: Path to array.
        channels_first: Move the last axis to the front.
        steps: The augmentations.
        seed: Decides augmentation and substitutes.
        label_mode: As in ``encode``, or "input" or None.
        rescale: A factor for every value, or None.
        dtype: Of ``x``.
        on_error: What to do about a file that cannot be read.
        cache: Where loaded arrays are kept, or None.
    """

    manifest: Manifest
    order: Order
    batch_size: int
    drop_remainder: bool
    load: Callable[[str], npt.NDArray[Any]]
    channels_first: bool
    steps: tuple[Augmentation, ...]
    seed: int
    label_mode: LabelMode
    rescale: float | None
    dtype: str
    on_error: _OnError
    cache: RamCache | None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise OptionError.unknown("dtype", self.dtype, DTYPES)
        if self.rescale is not None and self.dtype == "uint8":
            raise OptionError(f'rescale={self.rescale} needs a float dtype; got dtype="uint8".')

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.order.num_draws, self.batch_size)
        return full + (rest > 0 and not self.drop_remainder)

    def draws(self, epoch: int, index: int) -> npt.NDArray[np.int64]:
        """The draws that make up one batch, in order."""
        start = index * self.batch_size
        return self.order.draws(epoch)[start : start + self.batch_size]

    def __call__(self, epoch: int, index: int) -> Batch:
        """Makes batch ``index`` of ``epoch``.

        Raises:
            ImageError: A file cannot be read, with ``on_error="raise"``; or no file of the batch
                can be read, with "skip"; or no substitute was found.
            SampleError: Arrays of different shapes.
            AugmentationError: An augmentation broke its contract.
        """
        failures: list[Failure] = []
        samples: list[_Sample] = []
        for draw in self.draws(epoch, index).tolist():
            sample = self._sample(epoch, draw, failures)
            if sample is not None:
                samples.append(sample)
        if not samples or (self.on_error == "blank" and len(failures) == len(samples)):
            raise ImageError.of(
                failures[0].path, f"{failures[0].reason}; no file of its batch can be read"
            )
        x = self._collate(samples)
        rows = np.array([sample.row for sample in samples])
        weights = self.manifest.weights
        return Batch(
            x,
            self._targets(x, rows),
            None if weights is None else weights[rows],
            tuple(failures),
        )

    def load_sample(self, index: int) -> npt.NDArray[Any]:
        """Loads sample ``index`` as it is before augmentation; not to be written to.

        Raises:
            ImageError: The file cannot be read.
            SampleError: A custom loader returned something other than an array.
        """
        if self.cache is not None:
            return self.cache.get(index, lambda: self._load(index))
        return self._load(index)

    def augment(
        self, array: npt.NDArray[Any], epoch: int, draw: int, index: int
    ) -> npt.NDArray[Any]:
        """Augments a loaded sample as ``draw`` of ``epoch`` has it; leaves ``array`` as it is."""
        if not self.steps:
            return array
        rng = generator(self.seed, Stream.AUGMENT, epoch, draw)
        where = f"{self.manifest.filepath(index)!r} (epoch {epoch}, index {draw})"
        return augment_image(array.copy(), self.steps, rng, where)

    def _sample(self, epoch: int, draw: int, failures: list[Failure]) -> _Sample | None:
        """Loads and augments one draw; what cannot be read is added to ``failures``."""
        index = draw % self.order.num_samples
        try:
            array = self.load_sample(index)
        except ImageError as err:
            if self.on_error == "raise":
                raise
            failures.append(Failure(err.path, err.reason))
            if self.on_error == "skip":
                return None
            if self.on_error == "blank":
                return _Sample(index, np.zeros(0, dtype=np.uint8))
            index, array = self._substitute(epoch, draw, err)
        return _Sample(index, self.augment(array, epoch, draw, index))

    def _substitute(self, epoch: int, draw: int, err: ImageError) -> _Sample:
        """Another sample in place of one that cannot be read, of the same class if possible."""
        rng = generator(self.seed, Stream.SUBSTITUTE, epoch, draw)
        everyone = np.arange(self.order.num_samples)
        labels = self.manifest.labels
        pools = [everyone]
        if labels is not None:
            pools.insert(0, np.flatnonzero(labels == labels[draw % self.order.num_samples]))
        for pool in pools:
            for index in rng.choice(pool, size=_SUBSTITUTE_TRIES).tolist():
                try:
                    return _Sample(index, self.load_sample(index))
                except ImageError:
                    continue
        raise ImageError.of(
            err.path,
            f"{err.reason}; and {_SUBSTITUTE_TRIES * len(pools)} other files tried in its place "
            "cannot be read either",
        ) from err

    def _load(self, index: int) -> npt.NDArray[Any]:
        path = self.manifest.filepath(index)
        try:
            array = self.load(path)
        except ImageError:
            raise
        except Exception as err:
            raise ImageError.of(path, f"the loader raised {type(err).__name__}: {err}") from err
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise SampleError(
                f"The loader returned {kind} for {path!r}; expected a NumPy array of numbers."
            )
        return array

    def _collate(self, samples: list[_Sample]) -> npt.NDArray[Any]:
        shape = next(sample.array.shape for sample in samples if sample.array.size)
        out_shape = (shape[-1], *shape[:-1]) if self.channels_first else shape
        x = np.empty((len(samples), *out_shape), dtype=self.dtype)
        for position, (row, array) in enumerate(samples):
            if not array.size and self.on_error == "blank":
                x[position] = 0
                continue
            if array.shape != shape:
                raise SampleError(
                    f"{self.manifest.filepath(row)!r} has shape {array.shape}, others in its "
                    f"batch have {shape}; a batch needs one shape. Pass image_size=, or make the "
                    "loader return one shape."
                )
            x[position] = np.moveaxis(array, -1, 0) if self.channels_first else array
        if self.rescale is not None:
            np.multiply(x, x.dtype.type(self.rescale), out=x)
        return x

    def _targets(self, x: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[Any] | None:
        if self.label_mode is None or self.manifest.labels is None:
            return x if self.label_mode == "input" else None
        if self.label_mode == "input":
            return x
        return encode(self.manifest.labels[rows], self.label_mode, self.manifest.num_classes)
