"""The number of a batch to its arrays: load, augment, collate, encode. No Keras in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, final

import numpy as np
import numpy.typing as npt

from imggen.augment import (
    Augmented,
    Blend,
    MixUp,
    Pipeline,
    Sample,
    blended,
    blended_targets,
    unrepeatable,
)
from imggen.core import Stream, check_choice, generator, step_generators
from imggen.data import Manifest
from imggen.errors import ImageError, OptionError, SampleError
from imggen.loading.collate import BatchCollator
from imggen.loading.label_modes import LabelMode, encode
from imggen.loading.sample_loader import Failure, SampleLoader
from imggen.loading.sampler import EpochSampler
from imggen.workers import Buffers

OnError = Literal["raise", "skip", "substitute"]
# "blank" puts zeros where an image could not be read, so that row i stays file i. Predictions need
# it; for training it would be noise, so it is not offered.
_OnError = Literal["raise", "skip", "substitute", "blank"]

DTYPES = ("float32", "float16", "float64", "uint8")

# How many other samples may be broken too before a substitute is given up.
_SUBSTITUTE_TRIES = 20


class Batch(NamedTuple):
    """The arrays of one batch.

    Attributes:
        epoch: The epoch that it belongs to.
        x: Images, shape (n, height, width, channels) or (n, channels, height, width); where the
            manifest has further inputs, a dictionary of them by name, with these as "image".
        y: Targets as ``encode`` makes them; masks; keypoints; boxes and their labels as a
            dictionary; ``x`` itself for autoencoders; or None.
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
        samples: Loads them.
        order: Which draws make up an epoch.
        batch_size: Draws a batch; the last batch may have fewer.
        drop_remainder: Leave out a last batch that would have fewer.
        channels_first: Move the last axis to the front.
        cut_size: (height, width) that the first augmentation makes of a larger array; None where
            what is loaded has the size that training sees.
        pipeline: The augmentations.
        seed: Decides augmentation and substitutes.
        rescale: A factor for every value, or None.
        dtype: Of ``x``.
        on_error: What to do about a file that cannot be read.
        buffers: Where the memory of ``x`` comes from.
    """

    samples: SampleLoader
    order: EpochSampler
    batch_size: int
    drop_remainder: bool
    channels_first: bool
    cut_size: tuple[int, int] | None
    pipeline: Pipeline
    seed: int
    rescale: float | None
    dtype: str
    on_error: _OnError
    buffers: Buffers

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, DTYPES)
        if self.rescale is not None and self.dtype == "uint8":
            raise OptionError(f'rescale={self.rescale} needs a float dtype; got dtype="uint8".')
        follows = self.label_mode in ("mask", "boxes", "keypoints")
        if self.pipeline.mixer is not None and (self.manifest.inputs or follows):
            raise OptionError(
                f"{self.pipeline.mixer.name} mixes images and classes; masks, boxes, keypoints and "
                "further inputs cannot be mixed."
            )
        if self.pipeline.mixer is not None and self.label_mode == "int":
            raise OptionError(
                f"{self.pipeline.mixer.name} mixes labels, which whole numbers cannot hold. Pass "
                'label_mode="categorical", and categorical_crossentropy as the loss.'
            )

    @property
    def manifest(self) -> Manifest:
        """The samples."""
        return self.samples.manifest

    @property
    def label_mode(self) -> LabelMode:
        """What targets are."""
        return self.samples.label_mode

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
        images = BatchCollator(
            tuple(self.manifest.inputs),
            len(draws),
            dtype=self.dtype,
            rescale=self.rescale,
            channels_first=self.channels_first,
            targets_of=self._targets_of,
            buffers=self.buffers,
        )
        for draw, row, sample in self._augmented(epoch, draws, failures):
            if sample is None:
                blank.append(len(rows))
            else:
                images.put(len(rows), sample, self.manifest.filepath(row))
            served.append(draw)
            rows.append(row)
        if not images.images:  # all are blank
            row, sample = self._substitute(epoch, draws[0], failures[draws[0]])
            augmented = self.augment(sample, epoch, draws[0], row).sample
            images.put(0, augmented, self.manifest.filepath(row))
            blank = list(range(len(rows)))
        arrays = {name: array[: len(rows)] for name, array in images.images.items()}
        targets = {name: array[: len(rows)] for name, array in images.targets.items()}
        for array in arrays.values():
            array[blank] = 0
        x = arrays.pop("image")
        blends = self.blends(epoch, index, served, self._size_of(x))
        x = x if blends is None else blended(x, blends, channels_first=self.channels_first)
        of_samples = np.array(rows)
        y, weights = self._targets(x, targets, of_samples), self.manifest.weights
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
            SampleError: See ``SampleLoader``.
        """
        for draw in draws:
            row = draw % self.order.num_samples
            try:
                sample = self.samples(row)
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

    def augment(self, sample: Sample, epoch: int, draw: int, index: int) -> Augmented:
        """Augments a loaded sample as ``draw`` of ``epoch`` has it; leaves it as it is.

        Args:
            sample: As ``samples(index)`` returns it.
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
        sample = self.samples(0)
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
        return first_readable(pools, rng, self.samples, failure)

    def _size_of(self, x: npt.NDArray[Any]) -> tuple[int, int] | None:
        """The (height, width) of a batch of images; None of other samples."""
        if x.ndim != 4:
            return None
        first = 2 if self.channels_first else 1
        return x.shape[first], x.shape[first + 1]

    def _targets_of(self, sample: Sample) -> dict[str, npt.NDArray[Any]]:
        """Those targets of an augmented sample that are moved as it is."""
        manifest = self.manifest
        if self.label_mode == "mask":
            mask = sample.masks[0]
            return {"mask": np.moveaxis(mask, -1, 0) if self.channels_first else mask}
        if sample.boxes is not None and manifest.boxes is not None:
            return manifest.boxes.targets(sample.boxes, sample.size)
        if sample.keypoints is not None and manifest.keypoints is not None:
            return manifest.keypoints.targets(sample.keypoints)
        return {}

    def _targets(
        self,
        x: npt.NDArray[Any],
        moved: dict[str, npt.NDArray[Any]],
        rows: npt.NDArray[np.int64],
    ) -> Any:
        if self.label_mode in ("mask", "keypoints"):
            return moved[self.label_mode]
        if self.label_mode == "boxes":
            return moved
        if self.label_mode == "input":
            return x
        if self.label_mode is None or self.manifest.labels is None:
            return None
        return encode(self.manifest.labels[rows], self.label_mode, self.manifest.num_classes)
