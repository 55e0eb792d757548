"""Makes batches: loads, augments and collates the samples of one, and makes their targets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import (
    AugmentedSample,
    Pipeline,
    Sample,
    blend_images_in_place,
    find_nondeterministic_steps,
)
from imggen.core import SampleGenerators, Stream, check_choice, generator, step_generators
from imggen.data import Manifest
from imggen.errors import ImageError
from imggen.loading.batch import Batch
from imggen.loading.blends import draw_blends, draw_partners
from imggen.loading.collate import BatchCollator
from imggen.loading.label_modes import LabelMode, TargetBatch
from imggen.loading.pipeline_check import check_pipeline
from imggen.loading.sample_loader import Failure, SampleLoader
from imggen.loading.sampler import EpochSampler
from imggen.loading.scaling import Scaling
from imggen.loading.shards import BatchPart, Shard
from imggen.loading.substitutes import load_substitute
from imggen.workers import BufferPool

OnError = Literal["raise", "skip", "substitute"]
# "blank" puts zeros where an image could not be read, so that position i stays row i. Predictions
# need it; for training it would be noise, so users are not offered it.
_OnError = Literal["raise", "skip", "substitute", "blank"]

DTYPES = ("float32", "float16", "float64", "uint8")


class _Place(NamedTuple):
    """A sample as error messages name it. Joining the path for each sample would take longer."""

    manifest: Manifest
    epoch: int
    sample_index: int
    row: int

    def __str__(self) -> str:
        return (
            f"{self.manifest.filepath(self.row)!r} (epoch {self.epoch}, index {self.sample_index})"
        )


@final
@dataclass(frozen=True, eq=False)
class BatchMaker:
    """Makes any batch of any epoch, from nothing but its own fields.

    It holds no state that changes its batches, so threads share it and processes pickle it.

    Attributes:
        samples: Loads samples.
        sampler: Decides which indices make up an epoch.
        batch_size: Samples per batch, of all shards together; the last batch may have fewer.
        drop_remainder: Leave out a last batch that would have fewer.
        channels_first: Move the last axis to the front.
        cut_size: (height, width) that the first augmentation cuts out of a larger array; None
            where loaded arrays have the size that training sees.
        pipeline: The augmentations.
        seed: Decides augmentation and substitutes.
        scaling: The conversion of values after augmentation.
        dtype: The dtype of ``x``.
        on_error: What to do about a file that cannot be read.
        buffers: The pool that ``x`` is allocated from.
        shard: The part of each batch to make, padded to the size of all others; None: all of it.
    """

    samples: SampleLoader
    sampler: EpochSampler
    batch_size: int
    drop_remainder: bool
    channels_first: bool
    cut_size: tuple[int, int] | None
    pipeline: Pipeline
    seed: int
    scaling: Scaling
    dtype: str
    on_error: _OnError
    buffers: BufferPool
    shard: Shard | None = None

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, DTYPES)
        self.scaling.check_dtype(self.dtype)
        check_pipeline(self.pipeline, self.label_mode, self.manifest)

    @property
    def manifest(self) -> Manifest:
        """The samples."""
        return self.samples.manifest

    @property
    def label_mode(self) -> LabelMode:
        """The kind of targets."""
        return self.samples.label_mode

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.sampler.num_indices, self.batch_size)
        return full + (rest > 0 and not self.drop_remainder)

    @property
    def num_rows(self) -> int:
        """The number of rows of a batch that is not short."""
        return self.batch_size if self.shard is None else self.batch_size // self.shard.count

    @property
    def is_padded(self) -> bool:
        """Whether the last batch is padded, so that all batches have weights."""
        is_short = self.sampler.num_indices % self.batch_size > 0
        return self.shard is not None and is_short and not self.drop_remainder

    def count_samples(self, batch_index: int) -> int:
        """Counts the samples of a batch without the rows that pad it; of a shard, its own."""
        left = self.sampler.num_indices - batch_index * self.batch_size
        if self.shard is not None:
            left -= self.shard.index * self.num_rows
        return min(max(left, 0), self.num_rows)

    def batch_indices(self, epoch: int, batch_index: int) -> npt.NDArray[np.int64]:
        """Returns the indices that make up one batch of all shards, in order."""
        start = batch_index * self.batch_size
        return self.sampler.indices(epoch)[start : start + self.batch_size]

    def __call__(self, epoch: int, batch_index: int) -> Batch:
        """Makes one batch.

        With ``on_error="skip"``, a batch whose files are all unreadable gets one substitute: Keras
        does not accept an empty batch.

        Raises:
            ImageError: A file cannot be read, with ``on_error="raise"``; or no substitute was
                found.
            SampleError: Arrays of different shapes, or values that ``dtype`` cannot hold.
            AugmentationError: An augmentation broke its contract.
        """
        manifest, mode = self.manifest, self.label_mode
        of_epoch = self.batch_indices(epoch, batch_index)
        part = None if self.shard is None else self._choose_part(self.shard, epoch, batch_index)
        if part is not None:
            of_epoch = of_epoch[part.positions]
        indices = of_epoch.tolist()
        failures: dict[int, Failure] = {}
        served: list[int] = []  # indices
        rows: list[int] = []
        blank: list[int] = []  # positions
        collator = BatchCollator(
            tuple(manifest.inputs),
            len(indices),
            dtype=self.dtype,
            rescale=self.scaling.factor,
            channels_first=self.channels_first,
            sample_targets=functools.partial(
                mode.sample_targets, manifest=manifest, channels_first=self.channels_first
            )
            if mode.moves_with_image
            else None,
            filepath=manifest.filepath,
            buffers=self.buffers,
        )
        of_rows = of_epoch % self.sampler.num_samples
        stored = None if self.pipeline.steps else self.samples.find_rows(of_rows)
        if stored is not None:
            served, rows = indices, of_rows.tolist()
            collator.put_all(stored, rows[0])
        else:
            loaded = self._load_augmented(epoch, indices, failures)
            if self.samples.reader is not None:
                following, key = self._following_rows(epoch, batch_index), (epoch, batch_index)
                loaded = self.samples.reader.during(loaded, of_rows.tolist(), key, following)
            for index, row, sample in loaded:
                if sample is None:
                    blank.append(len(rows))
                else:
                    collator.put(len(rows), sample, row)
                served.append(index)
                rows.append(row)
        if not collator.images:  # all are blank
            collator.put(0, *self._load_for_shape(epoch, indices[0], failures))
            blank = list(range(len(rows)))
        arrays = {name: array[: len(rows)] for name, array in collator.images.items()}
        targets = {name: array[: len(rows)] for name, array in collator.targets.items()}
        if blank:
            for array in arrays.values():
                array[blank] = 0
        x = arrays.pop("image")
        mixer, blends = self.pipeline.mixer, None
        if mixer is not None:
            partners = None if part is None else part.partners
            if partners is None:
                partners = draw_partners(self.seed, epoch, batch_index, len(served)).tolist()
            blends = draw_blends(mixer, self.seed, epoch, served, partners, self._image_size(x))
            blend_images_in_place(x, blends, channels_first=self.channels_first)
        if not self.scaling.is_factor:
            x = self.scaling.finish(x, channels_first=self.channels_first)
            arrays = {
                name: self.scaling.finish(array, channels_first=self.channels_first)
                for name, array in arrays.items()
            }
        of_batch = np.array(rows)
        of_targets = TargetBatch(manifest, of_batch, x, targets)
        y = mode.batch_targets(of_targets)
        y = y if blends is None else mode.blend(y, blends)
        weights = mode.batch_weights(of_targets, blends)
        for name, numbers in manifest.numbers.items():
            arrays[name] = numbers.values[of_batch]
        batch = Batch(epoch, {"image": x, **arrays} if arrays else x, y, weights, failures)
        return batch if part is None else self._pad(batch, part)

    def padding_weights(self, batch_index: int) -> Any:
        """Returns the weights of the rows of a shard that has none for another reason."""
        part = self._choose_part(self.shard or Shard(0, 1), 0, batch_index)
        return part.weigh(self.label_mode.unit_weights(part.num_rows))

    def _following_rows(self, epoch: int, batch_index: int) -> Iterator[npt.NDArray[np.int64]]:
        """Yields the rows of each following batch of the epoch."""
        for later in range(batch_index + 1, self.num_batches):
            rows = self.batch_indices(epoch, later) % self.sampler.num_samples
            part = None if self.shard is None else self._choose_part(self.shard, epoch, later)
            yield rows if part is None else rows[part.positions]

    def _choose_part(self, shard: Shard, epoch: int, batch_index: int) -> BatchPart:
        """Returns what the shard loads of a batch."""
        left = self.sampler.num_indices - batch_index * self.batch_size
        count = min(self.batch_size, left)
        mixer = self.pipeline.mixer
        partners = None if mixer is None else draw_partners(self.seed, epoch, batch_index, count)
        return shard.part(count, self.batch_size, partners)

    def _pad(self, batch: Batch, part: BatchPart) -> Batch:
        """Returns the rows that the shard serves, with weights where some batch is padded."""
        x, y, weights = part.take((batch.x, batch.y, batch.weights))
        if self.is_padded and not (y is None and weights is None):
            weights = self.label_mode.unit_weights(part.num_rows) if weights is None else weights
            weights = part.weigh(weights)
        return batch._replace(x=x, y=y, weights=weights)

    def _load_augmented(
        self, epoch: int, indices: Sequence[int], failures: dict[int, Failure]
    ) -> Iterator[tuple[int, int, Sample | None]]:
        """Same as ``load``, with augmented samples; all at once where that is faster."""
        loaded = self.load(epoch, indices, failures)
        if not self.pipeline.steps:
            yield from loaded
            return
        if not self.pipeline.is_batched:
            # Steps of others get generators of their own, since they may keep or copy them.
            generators = (
                SampleGenerators(self.seed, Stream.AUGMENT, epoch, indices).for_sample
                if self.pipeline.is_built_in
                else functools.partial(self._step_generators, epoch)
            )
            manifest, pipeline = self.manifest, self.pipeline
            for index, row, sample in loaded:
                if sample is not None:
                    where = _Place(manifest, epoch, index, row)
                    sample = pipeline(sample, generators(index), where, self.cut_size).sample
                yield index, row, sample
            return
        all_loaded = list(loaded)
        present = [(index, row, sample) for index, row, sample in all_loaded if sample is not None]
        augmented = dict(
            zip(
                (index for index, _, _ in present),
                self.pipeline.augment_batch(
                    [sample for _, _, sample in present],
                    [self._step_generators(epoch, index) for index, _, _ in present],
                    [_Place(self.manifest, epoch, index, row) for index, row, _ in present],
                    self.cut_size,
                ),
                strict=True,
            )
        )
        for index, row, sample in all_loaded:
            yield index, row, None if sample is None else augmented[index].sample

    def load(
        self, epoch: int, indices: Sequence[int], failures: dict[int, Failure]
    ) -> Iterator[tuple[int, int, Sample | None]]:
        """Loads the samples of one batch, and applies ``on_error`` to those that cannot be read.

        Args:
            epoch: The epoch.
            indices: The indices of the batch.
            failures: Filled with the files that cannot be read, by index.

        Yields:
            An index, the row of the manifest that is served for it, and the sample before
            augmentation; None in place of the sample for "blank".

        Raises:
            ImageError: See ``__call__``.
            SampleError: See ``SampleLoader``.
        """
        for index in indices:
            row = index % self.sampler.num_samples
            try:
                sample = self.samples(row)
            except ImageError as err:
                if self.on_error == "raise" or err.is_outage:
                    raise
                failures[index] = Failure(err.path, err.reason)
                if self.on_error == "blank":
                    yield index, row, None
                elif self.on_error == "substitute":
                    yield index, *self._load_substitute(epoch, index, failures[index])
            else:
                yield index, row, sample
        if self.on_error == "skip" and len(failures) == len(indices):
            yield indices[0], *self._load_substitute(epoch, indices[0], failures[indices[0]])

    def augment(self, sample: Sample, epoch: int, index: int, row: int) -> AugmentedSample:
        """Augments a loaded sample as one index of an epoch; does not change ``sample``.

        Args:
            sample: As ``samples(row)`` returns it.
            epoch: The epoch.
            index: The use of the sample.
            row: The sample.

        Raises:
            AugmentationError: An augmentation broke its contract.
        """
        where = _Place(self.manifest, epoch, index, row)
        return self.pipeline(sample, self._step_generators(epoch, index), where, self.cut_size)

    def _step_generators(self, epoch: int, index: int) -> Callable[[int], np.random.Generator]:
        return step_generators(self.seed, Stream.AUGMENT, epoch, index)

    def check_preprocess(self, shape: tuple[int, ...] | None) -> None:
        """Calls the function of ``scaling`` once for images of a shape (height, width, channels).

        Raises:
            OptionError: See ``Scaling.check_function``.
        """
        if shape is not None:
            shape = (shape[-1], *shape[:-1]) if self.channels_first else shape
            self.scaling.check_function(shape, self.dtype, channels_first=self.channels_first)

    def find_unrepeatable_steps(self) -> list[str]:
        """Names the steps that draw from another source than the generator they are given.

        Raises:
            ImggenError: The first sample cannot be read, or a step broke its contract.
        """
        sample = self.samples(0)
        if self.cut_size is not None:
            rng_of = step_generators(self.seed, Stream.TRIAL, 0, 0)
            first = Pipeline(self.pipeline.steps[:1])
            sample = first(sample, rng_of, "the first sample", self.cut_size).sample
        return find_nondeterministic_steps(self.pipeline, sample, self.seed)

    def _load_substitute(self, epoch: int, index: int, failure: Failure) -> tuple[int, Sample]:
        """Loads a sample in place of one that cannot be read, of the same class if possible."""
        rng = generator(self.seed, Stream.SUBSTITUTE, epoch, index)
        labels, num_samples = self.manifest.labels, self.sampler.num_samples
        pools = [np.arange(num_samples)]
        if labels is not None:
            pools.insert(0, np.flatnonzero(labels == labels[index % num_samples]))
        return load_substitute(pools, rng, self.samples, failure)

    def _load_for_shape(
        self, epoch: int, index: int, failures: dict[int, Failure]
    ) -> tuple[Sample, int]:
        """Loads any sample, with its row, for a batch of which only the shape is needed."""
        spec = self.samples.spec
        if spec is not None and spec.shape is not None and not self.manifest.inputs:
            return Sample(np.zeros(spec.shape, np.uint8)), index % self.sampler.num_samples
        row, sample = self._load_substitute(epoch, index, failures[index])
        return self.augment(sample, epoch, index, row).sample, row

    def _image_size(self, x: npt.NDArray[Any]) -> tuple[int, int] | None:
        """Returns the (height, width) of a batch of images; None for other samples."""
        if x.ndim != 4:
            return None
        first = 2 if self.channels_first else 1
        return x.shape[first], x.shape[first + 1]
