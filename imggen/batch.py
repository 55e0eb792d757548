"""The number of a batch to its arrays: load, augment, collate, encode. No Keras in here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Augmented, Blend, MixUp, Pipeline, Sample, unrepeatable
from imggen.augment.mixing import blended, blended_targets
from imggen.buffers import Buffers
from imggen.cache import Keeper
from imggen.collate import Rows
from imggen.errors import CacheError, ImageError, OptionError, SampleError
from imggen.labels import LabelMode, encode
from imggen.manifest import Manifest
from imggen.order import Order
from imggen.rng import Stream, generator, step_generators

OnError = Literal["raise", "skip", "substitute"]
# "blank" puts zeros where an image could not be read, so that row i stays file i. Predictions need
# it; for training it would be noise, so it is not offered.
_OnError = Literal["raise", "skip", "substitute", "blank"]

DTYPES = ("float32", "float16", "float64", "uint8")

# How many other samples may be broken too before a substitute is given up.
_SUBSTITUTE_TRIES = 20
# Of what may be millions of samples.
_SUBMITTED_AT_ONCE = 4096


class Failure(NamedTuple):
    """A file that could not be read, and why."""

    path: str
    reason: str


class Batch(NamedTuple):
    """The arrays of one batch.

    Attributes:
        epoch: The epoch that it belongs to.
        x: Images, shape (n, height, width, channels) or (n, channels, height, width); where the
            manifest has further inputs, a dictionary of them by name, with these as "image".
        y: Targets as ``encode`` makes them, ``x`` itself for autoencoders, or None.
        weights: Sample weights, float32, shape (n,), or None.
        failures: The files that could not be read, by draw.
    """

    epoch: int
    x: Any
    y: Any
    weights: npt.NDArray[np.float32] | None
    failures: dict[int, Failure]


T = TypeVar("T")


def first_readable(
    pools: Sequence[npt.NDArray[np.int64]],
    rng: np.random.Generator,
    load: Callable[[int], T],
    failure: Failure,
) -> tuple[int, T]:
    """Draws samples until one can be loaded, in place of one that cannot.

    Args:
        pools: Which samples may take its place, those to be preferred first.
        rng: Decides which.
        load: Loads a sample; raises ImageError.
        failure: The file in whose place it comes.

    Returns:
        The sample, and what ``load`` made of it.

    Raises:
        ImageError: None of so many could be loaded.
    """
    for pool in pools:
        for index in rng.choice(pool, size=_SUBSTITUTE_TRIES).tolist():
            try:
                return index, load(index)
            except ImageError:
                continue
    raise ImageError.of(
        failure.path,
        f"{failure.reason}; and {_SUBSTITUTE_TRIES * len(pools)} other files tried in its "
        "place cannot be read either",
    )


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
        load_mask: The path of a mask and of its image to an array.
        channels_first: Move the last axis to the front.
        cut_size: (height, width) that the first augmentation makes of a larger array; None where
            what is loaded has the size that training sees.
        pipeline: The augmentations.
        seed: Decides augmentation and substitutes.
        label_mode: As in ``encode``, or "input" or None.
        rescale: A factor for every value, or None.
        dtype: Of ``x``.
        on_error: What to do about a file that cannot be read.
        cache: Where loaded arrays are kept, or None.
        buffers: Where the memory of ``x`` comes from.
    """

    manifest: Manifest
    order: Order
    batch_size: int
    drop_remainder: bool
    load: Callable[[str], npt.NDArray[Any]]
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    channels_first: bool
    cut_size: tuple[int, int] | None
    pipeline: Pipeline
    seed: int
    label_mode: LabelMode
    rescale: float | None
    dtype: str
    on_error: _OnError
    cache: Keeper | None
    buffers: Buffers

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise OptionError.unknown("dtype", self.dtype, DTYPES)
        if self.rescale is not None and self.dtype == "uint8":
            raise OptionError(f'rescale={self.rescale} needs a float dtype; got dtype="uint8".')
        if self.pipeline.mixer is not None and (self.manifest.inputs or self.label_mode == "mask"):
            raise OptionError(
                f"{self.pipeline.mixer.name} mixes images and classes; masks and further inputs "
                "cannot be mixed."
            )
        if self.pipeline.mixer is not None and self.label_mode == "int":
            raise OptionError(
                f"{self.pipeline.mixer.name} mixes labels, which whole numbers cannot hold. Pass "
                'label_mode="categorical", and categorical_crossentropy as the loss.'
            )

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

        With ``on_error="skip"``, a batch of which no file can be read gets one substitute: Keras
        takes no empty batch.

        Raises:
            ImageError: A file cannot be read, with ``on_error="raise"``; or no substitute was
                found.
            SampleError: Arrays of different shapes, or values that ``dtype`` cannot hold.
            AugmentationError: An augmentation broke its contract.
        """
        draws = self.draws(epoch, index).tolist()
        failures: dict[int, Failure] = {}
        served: list[int] = []  # draws
        rows: list[int] = []
        blank: list[int] = []
        images = Rows(
            tuple(self.manifest.inputs),
            len(draws),
            dtype=self.dtype,
            rescale=self.rescale,
            channels_first=self.channels_first,
            with_masks=self.label_mode == "mask",
            buffers=self.buffers,
        )
        for draw, row, sample in self._augmented(epoch, draws, failures):
            if sample is None:
                blank.append(len(rows))
            else:
                images.put(len(rows), sample, self.manifest.filepath(row))
            served.append(draw)
            rows.append(row)
        if not images.arrays:  # all are blank
            row, sample = self._substitute(epoch, draws[0], failures[draws[0]])
            augmented = self.augment(sample, epoch, draws[0], row).sample
            images.put(0, augmented, self.manifest.filepath(row))
            blank = list(range(len(rows)))
        arrays = {name: array[: len(rows)] for name, array in images.arrays.items()}
        for array in arrays.values():
            array[blank] = 0
        x, masks = arrays.pop("image"), arrays.pop("mask", None)
        blends = self.blends(epoch, index, served, self._size_of(x))
        x = x if blends is None else blended(x, blends, channels_first=self.channels_first)
        of_samples = np.array(rows)
        y, weights = self._targets(x, masks, of_samples), self.manifest.weights
        weights = None if weights is None else weights[of_samples]
        if blends is not None:
            y = y if y is None or y is x else blended_targets(y, blends)
            weights = None if weights is None else blended_targets(weights, blends)
        return Batch(epoch, {"image": x, **arrays} if arrays else x, y, weights, failures)

    def _augmented(
        self, epoch: int, draws: Sequence[int], failures: dict[int, Failure]
    ) -> Iterator[tuple[int, int, Sample | None]]:
        """As ``loaded``, with samples after augmentation; together, where that takes less time."""
        loaded = self.loaded(epoch, draws, failures)
        if not self.pipeline.is_batched:
            for draw, row, sample in loaded:
                done = None if sample is None else self.augment(sample, epoch, draw, row).sample
                yield draw, row, done
            return
        whole = list(loaded)
        present = [(draw, row, sample) for draw, row, sample in whole if sample is not None]
        done_of = dict(
            zip(
                (draw for draw, _, _ in present),
                self.pipeline.augment_batch(
                    [sample for _, _, sample in present],
                    [self._rng_of(epoch, draw) for draw, _, _ in present],
                    [self._where(epoch, draw, row) for draw, row, _ in present],
                    self.cut_size,
                ),
                strict=True,
            )
        )
        for draw, row, sample in whole:
            yield draw, row, None if sample is None else done_of[draw].sample

    def loaded(
        self, epoch: int, draws: Sequence[int], failures: dict[int, Failure]
    ) -> Iterator[tuple[int, int, Sample | None]]:
        """Loads the samples of one batch, with ``on_error`` for those that cannot be read.

        Args:
            epoch: The epoch.
            draws: The draws of the batch.
            failures: Filled with the files that cannot be read, by draw.

        Yields:
            A draw, the row of the manifest that is served for it, and the sample before
            augmentation; None in place of it for "blank".

        Raises:
            ImageError: See ``__call__``.
            SampleError: See ``load_sample``.
        """
        for draw in draws:
            row = draw % self.order.num_samples
            try:
                sample = self.sample(row)
            except ImageError as err:
                if self.on_error == "raise":
                    raise
                failures[draw] = Failure(err.path, err.reason)
                if self.on_error == "blank":
                    yield draw, row, None
                elif self.on_error == "substitute":
                    yield draw, *self._substitute(epoch, draw, failures[draw])
            else:
                yield draw, row, sample
        if self.on_error == "skip" and len(failures) == len(draws):
            yield draws[0], *self._substitute(epoch, draws[0], failures[draws[0]])

    def blends(
        self, epoch: int, index: int, served: Sequence[int], size: tuple[int, int] | None
    ) -> list[Blend | None] | None:
        """What the last augmentation does to each image of a batch, if it is one of batches.

        Args:
            epoch: The epoch.
            index: The batch.
            served: The draws that are in the batch, in order.
            size: (height, width) of the images; None if the samples are none.

        Raises:
            SampleError: Samples that are no images, and CutMix.
        """
        mixer = self.pipeline.mixer
        if mixer is None:
            return None
        if size is None:
            if not isinstance(mixer, MixUp):
                raise SampleError(f"{mixer.name} needs images to cut from; use MixUp.")
            size = (1, 1)  # MixUp does not ask
        partners = generator(self.seed, Stream.PARTNER, epoch, index).permutation(len(served))
        return [
            mixer.draw(int(partner), size, generator(self.seed, Stream.MIX, epoch, draw))
            for partner, draw in zip(partners, served, strict=True)
        ]

    def sample(self, index: int) -> Sample:
        """Loads sample ``index`` with all that belongs to it; see ``load_sample``."""
        manifest = self.manifest
        image = self.load_sample(index)
        if manifest.masks is None and not manifest.inputs:
            return Sample(image)
        path = manifest.filepath(index)
        masks: tuple[npt.NDArray[Any], ...] = ()
        if manifest.masks is not None:
            mask_path = manifest.beside(manifest.masks[index])
            load = functools.partial(self.load_mask, mask_path, path)
            masks = (self._called(mask_path, load),)
            self._check_size(mask_path, "mask", masks[0], path, image)
        images = []
        for name, paths in manifest.inputs.items():
            place = manifest.beside(paths[index])
            images.append(self._called(place, functools.partial(self.load, place)))
            self._check_size(place, f"input {name!r}", images[-1], path, image)
        return Sample(image, masks, tuple(images))

    @staticmethod
    def _check_size(
        path: str, what: str, array: npt.NDArray[Any], image_path: str, image: npt.NDArray[Any]
    ) -> None:
        if array.shape[:2] != image.shape[:2]:
            raise ImageError.of(
                path,
                f"as the {what} of {image_path!r} it needs the same height and width: got "
                f"{array.shape[:2]}, expected {image.shape[:2]}",
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

    def fill_cache(self, workers: int, progress: Callable[[], object]) -> list[Failure]:
        """Loads all samples into the cache; see ``ImageSequence.fill_cache``."""
        if self.cache is None:
            raise OptionError('There is no cache to fill; pass cache="ram" or cache=FOLDER.')

        cache = self.cache

        def load(index: int) -> Failure | None:
            try:
                if not cache.is_full:
                    self.load_sample(index)
            except ImageError as err:
                return Failure(err.path, err.reason)
            return None

        failures = []
        with ThreadPoolExecutor(max(1, workers)) as threads:
            every = range(self.manifest.num_samples)
            for start in range(0, len(every), _SUBMITTED_AT_ONCE):
                for failure in threads.map(load, every[start : start + _SUBMITTED_AT_ONCE]):
                    progress()
                    if failure is not None:
                        failures.append(failure)
        cache.flush()
        if cache.is_full:
            raise CacheError(
                f"The cache is full: not all of {self.manifest.num_samples} images fit. Those that "
                'do are kept. Raise its limit=, or use a smaller image_size, or pack="jpeg". '
                f"({len(failures)} of the files so far cannot be read.)"
            )
        return failures

    def augment(self, sample: Sample, epoch: int, draw: int, index: int) -> Augmented:
        """Augments a loaded sample as ``draw`` of ``epoch`` has it; leaves it as it is.

        Args:
            sample: As ``sample(index)`` returns it.
            epoch: The epoch.
            draw: The use of the sample.
            index: The sample.

        Raises:
            AugmentationError: An augmentation broke its contract.
        """
        where = self._where(epoch, draw, index)
        return self.pipeline(sample, self._rng_of(epoch, draw), where, self.cut_size)

    def _rng_of(self, epoch: int, draw: int) -> Callable[[int], np.random.Generator]:
        return step_generators(self.seed, Stream.AUGMENT, epoch, draw)

    def _where(self, epoch: int, draw: int, index: int) -> str:
        return f"{self.manifest.filepath(index)!r} (epoch {epoch}, index {draw})"

    def unrepeatable(self) -> list[str]:
        """The names of the steps that draw from elsewhere than the generator they are given.

        Raises:
            ImggenError: The first sample cannot be read, or a step broke its contract.
        """
        sample = self.sample(0)
        if self.cut_size is not None:
            rng_of = step_generators(self.seed, Stream.TRIAL, 0, 0)
            first = Pipeline(self.pipeline.steps[:1])
            sample = first(sample, rng_of, "the first sample", self.cut_size).sample
        return unrepeatable(self.pipeline, sample, self.seed)

    def _substitute(self, epoch: int, draw: int, failure: Failure) -> tuple[int, Sample]:
        """Another sample in place of one that cannot be read, of the same class if possible."""
        rng = generator(self.seed, Stream.SUBSTITUTE, epoch, draw)
        everyone = np.arange(self.order.num_samples)
        labels = self.manifest.labels
        pools = [everyone]
        if labels is not None:
            pools.insert(0, np.flatnonzero(labels == labels[draw % self.order.num_samples]))
        return first_readable(pools, rng, self.sample, failure)

    def _load(self, index: int) -> npt.NDArray[Any]:
        path = self.manifest.filepath(index)
        return self._called(path, functools.partial(self.load, path))

    def _called(self, path: str, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        try:
            array = load()
        except Exception as err:
            # Under the manifest's own path, whatever a custom loader made of it.
            reason = getattr(err, "reason", f"the loader raised {type(err).__name__}: {err}")
            raise ImageError.of(path, str(reason)) from err
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise SampleError(
                f"The loader returned {kind} for {path!r}; expected a NumPy array of numbers."
            )
        return array

    def _size_of(self, x: npt.NDArray[Any]) -> tuple[int, int] | None:
        """The (height, width) of a batch of images; None of other samples."""
        if x.ndim != 4:
            return None
        first = 2 if self.channels_first else 1
        return x.shape[first], x.shape[first + 1]

    def _targets(
        self, x: npt.NDArray[Any], masks: npt.NDArray[Any] | None, rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[Any] | None:
        if self.label_mode == "mask":
            return masks
        if self.label_mode == "input":
            return x
        if self.label_mode is None or self.manifest.labels is None:
            return None
        return encode(self.manifest.labels[rows], self.label_mode, self.manifest.num_classes)
