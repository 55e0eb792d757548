"""``ImageSequence``: a manifest as a dataset that Keras trains on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import Augment
from imggen.cache import CacheLike
from imggen.core import (
    check_arguments,
    check_whole,
    format_summary,
    format_summary_html,
)
from imggen.data import Source
from imggen.decode import ColorMode, ImageSize, Interpolation, MaskValuesLike
from imggen.loading import (
    Batch,
    ChannelValues,
    DataFormat,
    Failure,
    ImageBatches,
    LabelModeLike,
    OnError,
    Preprocess,
    Rescale,
    ShardLike,
    TargetsAs,
    make_example,
)
from imggen.sequences.base import EpochSequence
from imggen.sequences.manifest_view import ManifestView
from imggen.sequences.monitoring import FailureLog, check_first_batch
from imggen.sequences.pass_weights import (
    Purpose,
    Weigh,
    is_image_pass_weighted,
    plan_image_pass,
)
from imggen.sequences.process_checks import check_processes
from imggen.sequences.result_view import ResultView
from imggen.sequences.sample_view import SampleView
from imggen.sequences.state import digest_manifest
from imggen.sequences.summary import summarize
from imggen.sequences.training_checks import check_training, take_over_class_weight


@check_arguments
@final
class ImageSequence(EpochSequence[Batch], ManifestView, SampleView, ResultView):
    """A ``keras.utils.PyDataset`` over the samples of a manifest.

    What a sample looks like depends on (seed, epoch, index) and nothing else, so batches are the
    same for any number of workers, threads or processes, and on every Keras backend.

    In any kind of loop, an epoch is complete when its last batch was handed out, and the next pass
    serves the next epoch; by index, batch 0 begins it. A pass that breaks off is repeated. The
    attribute ``epoch`` is the epoch of the next pass, and the only setting that may be set later.
    ``fit(sequence, initial_epoch=k)`` begins with epoch k, as after ``BackupAndRestore``; before
    ``fit`` of a generator, a dataset or a PyDataset of your own, set ``sequence.epoch = k``.

    Args:
        manifest: The samples: a manifest, a folder, or a table (.csv or .parquet).
        image_size: (height, width) in pixels, or one number for squares. None: (256, 256); with
            ``loader``, arrays as loaded.
        batch_size: The number of samples per batch; with ``shard``, of all processes together.
        label_mode: "categorical" (one-hot), "int", "binary", "multi_label" (1.0 for each class of
            a sample: float32 of shape (n, num_classes)), "regression" (the manifest's targets:
            float32 of shape (n,) for one column, (n, k) for a list of columns), "mask" (the class
            of each pixel, from the manifest's masks), "boxes" (a dictionary: "boxes", float32 of
            shape (n, capacity, 4) in the format of the table, and "labels", int32 of shape (n,
            capacity), padded with -1), "keypoints" (float32 of shape (n, capacity, 2 to 4), padded
            with NaN), "input" (the images are their own targets, for autoencoders) or
            None (no targets). MixUp blends all of these but "int", "mask", "boxes" and
            "keypoints"; CutMix blends classes and "input" only. An ``imggen.loading.LabelMode`` of
            your own is accepted, too. For a model of several outputs, a mapping from output to
            these: ``y`` is a dictionary then, and sample weights, if there are any, are too.
        targets_as: "dict"; or "tuple" for the targets of several outputs in the order of
            ``label_mode``, for a model whose outputs are a list. Keras would pair a tuple with a
            dictionary of outputs by sorted name, so ``fit`` and ``evaluate`` refuse that.
        mask_values: The class of each value of the masks: ``{0: 0, 255: 1}``; of ranges, as in
            ``{range(128): 0, range(128, 256): 1}``; or of colors, ``{(0, 0, 0): 0, (255, 0, 0):
            1}``. Any other value is an error; padding is class 0. None: values are classes as they
            are; a few masks are checked for this.
        augment: Augmentations of imggen, albumentations, Keras or torchvision, callables
            ``image -> image`` or ``(image, rng) -> image`` on uint8 arrays of shape (height, width,
            channels), "light", "medium", "strong", a policy file, or a list of these; see
            ``imggen.augment.adapt``. If ``RandomResizedCrop`` or ``RandomCrop`` is first, it crops
            the image before it is resized; MixUp and CutMix must be last. None: no augmentation.
        seed: Random seed for order and augmentation. None: a new one, which ``seed`` holds.
        shuffle: Shuffle the samples each epoch.
        color_mode: "rgb", "rgba" or "grayscale". Transparent images are composited onto white,
            except in "rgba".
        interpolation: The interpolation for resizing; see ``ImageSpec``.
        crop_to_aspect_ratio: Keep the aspect ratio by cropping the center.
        pad_to_aspect_ratio: Keep the aspect ratio by padding with black.
        exif_orientation: Rotate photographs upright according to their EXIF tag.
        loader: A function from path to array that replaces decoding; samples may have any rank.
        rescale: A factor for all values, such as ``1 / 255``, or "-1to1". None: 0 to 255.
        mean: Subtracted from values of 0 to 1 (so ``rescale`` is 1 / 255): a number, one per
            channel, or "imagenet". ``imggen.statistics`` computes those of your images. None: none.
        std: What the result is divided by, in the same forms. None: nothing.
        preprocess: A function of the float batch after augmentation and scaling, which returns
            floats of the same shape, such as ``keras.applications.vgg16.preprocess_input``.
        dtype: "float32", "float16", "float64" or "uint8".
        data_format: "channels_last" or "channels_first". None: Keras's own setting. Arrays from
            ``loader`` are not transposed.
        drop_remainder: Drop the last batch if it is smaller.
        repeats: How many times each epoch serves each sample, each time with other augmentations.
        on_error: For a file that cannot be read: "raise" an error, "skip" it, or "substitute"
            another file of the same class. Unreadable files are counted in ``failures`` and
            reported by a warning at the end of the first epoch with them.
        cache: Where to keep decoded images (before augmentation): "ram", or a folder on disk, which
            later runs and other processes share. A new sequence decodes changed files again. Pass a
            ``Cache`` for further options. None: decode each time.
        workers: The number of threads that make batches. None: one per core; 0: the calling thread.
            While there are several, each OpenCV call in this process uses one thread
            (``cv2.setNumThreads(1)``).
        use_multiprocessing: Use processes instead of threads, for Python code that holds the
            interpreter lock.
        max_queue_size: The most batches to prefetch, finished or in progress. Batches use up to
            ``(max_queue_size + 2) × bytes of a batch`` of memory, which is reused until
            ``close()``.
        shard: (index, count) for training on several processes: this process serves part ``index``,
            from 0, of each batch; see below. (0, 1): all of it, in every process. None: all of it;
            ``fit``, ``evaluate``, ``generator`` and ``to_torch`` refuse that in a run of several
            processes.

    With ``shard``, every process has the same number of batches, of ``batch_size / count`` rows,
    and together they serve the batches of the sequence without ``shard``, bit for bit, also with
    augmentation; for MixUp and CutMix, a process loads its partners' images, too. Pass the same
    samples, options and ``seed`` in all processes (None is 0 then). Nothing in the order depends on
    the number of processes. ``on_error="skip"`` is refused.

    A short last batch is padded to ``batch_size`` rows, unless ``drop_remainder`` leaves it out.
    Padding repeats samples and has the weight 0; all batches have weights then, those of the last
    batch multiplied by its rows / its samples, so that gradients are those of its samples alone. In
    ``evaluate``, the weights are those that make the loss (the mean over processes) and
    ``weighted_metrics`` exact; where each process evaluates by itself, as with torch, its weighted
    metrics are those of its own samples. Plain ``metrics`` count padding, and the losses that
    ``fit`` shows count the last batch as a full one; neither can be exact. ``model.predict``
    returns rows for padding, at the end. Losses must be means, Keras's default. The same holds for
    a last batch that the devices of one process cannot divide, with JAX and ``keras.distribution``,
    but ``model.predict`` refuses it. With JAX on several processes, pass
    ``keras.distribution.DataParallel(auto_shard_dataset=False)``.

    Raises:
        OptionError: An argument outside its legal set, or two that contradict each other.
        CacheError: The cache folder cannot be used.

    Attributes:
        manifest: The samples.
        seed: The random seed.
        batch_maker: Makes any batch of any epoch, without side effects on the sequence.
        failures: The number of times that each file could not be read so far.

    Example:
        >>> sequence = ImageSequence(manifest, image_size=(32, 32), batch_size=4, seed=7)
        >>> x, y = sequence[0]
        >>> x.shape, str(x.dtype), y.shape
        ((4, 32, 32, 3), 'float32', (4, 2))
    """

    argument_hint: ClassVar[str] = "Pass imggen.from_directory(DIR), or ImageSequence(manifest)."

    def __init__(
        self,
        manifest: Source,
        *,
        image_size: ImageSize | None = None,
        batch_size: int = 32,
        label_mode: LabelModeLike = "categorical",
        targets_as: TargetsAs = "dict",
        mask_values: MaskValuesLike = None,
        augment: Augment = None,
        seed: int | None = None,
        shuffle: bool = True,
        color_mode: ColorMode = "rgb",
        interpolation: Interpolation = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        exif_orientation: bool = True,
        loader: Callable[[str], npt.NDArray[Any]] | None = None,
        rescale: Rescale = None,
        mean: ChannelValues = None,
        std: ChannelValues = None,
        preprocess: Preprocess | None = None,
        dtype: str = "float32",
        data_format: DataFormat = None,
        drop_remainder: bool = False,
        repeats: int = 1,
        on_error: OnError = "raise",
        cache: CacheLike = None,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
        shard: ShardLike = None,
    ) -> None:
        batches = ImageBatches(
            manifest,
            image_size=image_size,
            batch_size=batch_size,
            label_mode=label_mode,
            targets_as=targets_as,
            mask_values=mask_values,
            augment=augment,
            seed=seed,
            shuffle=shuffle,
            color_mode=color_mode,
            interpolation=interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            exif_orientation=exif_orientation,
            loader=loader,
            rescale=rescale,
            mean=mean,
            std=std,
            preprocess=preprocess,
            dtype=dtype,
            data_format=keras.config.image_data_format() if data_format is None else data_format,
            drop_remainder=drop_remainder,
            repeats=repeats,
            on_error=on_error,
            cache=cache,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
            shard=shard,
        )
        self.manifest = batches.manifest
        self.seed = batches.seed
        self.batch_maker = batches.batch_maker
        self._source = batches.source
        self._shard = batches.shard
        self._failure_log = FailureLog()
        self.failures = self._failure_log.counts
        self._checked = False
        maker = self.batch_maker
        release = maker.buffers.clear
        super().__init__(maker, maker.num_batches, batches.worker_options, release, maker.num_rows)

    @property
    def batch_size(self) -> int:
        """The number of samples per batch, of all shards together."""
        return self.batch_maker.batch_size

    @check_arguments
    def served(self, epoch: int | None = None) -> npt.NDArray[np.int64]:
        """Returns the samples of an epoch in serving order, as row numbers of the manifest.

        ``labels[indices]`` and ``np.array(filepaths)[indices]`` match the concatenated batches of
        the epoch, except for files that ``on_error`` skips or substitutes. Of a shard, these are
        its own samples, without the rows that pad the last batch, which come last.

        Args:
            epoch: The epoch, from 0. None: the one that was served last, so that it matches what
                ``predict`` or ``evaluate`` has just read; before the first batch, the current one.

        Returns:
            int64, shape (number of served samples,).
        """
        epoch = self._tracker.served if epoch is None else check_whole("epoch", epoch, 0)
        indices = self.batch_maker.sampler.indices(epoch)[: self.num_batches * self.batch_size]
        shard = self.batch_maker.shard
        indices = indices if shard is None else shard.take(indices, self.batch_size)
        return indices % self.samples

    @check_arguments
    def fill_cache(self, progress: Callable[[], object] | None = None) -> list[Failure]:
        """Loads all samples into the cache, with as many threads as there are workers.

        Args:
            progress: Called after each sample, in the calling thread.

        Returns:
            The files that cannot be read.

        Raises:
            OptionError: The sequence has no cache.
            CacheError: There is not enough space for all samples.

        Example:
            >>> cached = ImageSequence(manifest, image_size=(8, 8), cache="ram")
            >>> cached.fill_cache()
            []
        """
        return self.batch_maker.samples.fill_cache(self.num_workers, progress or (lambda: None))

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose = "fit", steps: int | None = None
    ) -> Weigh | None:
        """See ``EpochSequence``; refuses targets that do not match the outputs of the model."""
        has_targets = self.batch_maker.label_mode.name is not None
        return self.plan_pass(model, class_weight, purpose, steps, has_targets=has_targets)

    def plan_pass(
        self,
        model: Any,
        class_weight: Any,
        purpose: Purpose,
        steps: int | None,
        *,
        has_targets: bool,
    ) -> Weigh | None:
        """Does what ``begin_training`` does, for batches that may have targets from elsewhere."""
        maker = self.batch_maker
        if purpose != "predict":
            check_processes(model, self._shard)
            check_training(maker, model, class_weight)
        is_weighted = is_image_pass_weighted(maker)
        weigh_classes = take_over_class_weight(maker, class_weight, has_weights=is_weighted)
        return plan_image_pass(maker, purpose, steps, weigh_classes, has_targets=has_targets)

    def close(self) -> None:
        """Stops the workers and releases the cache; the next batch starts them again."""
        super().close()
        self.batch_maker.samples.clear_cache()

    def _describe_order(self) -> dict[str, Any]:
        sampler = self.batch_maker.sampler
        return {
            "kind": "ImageSequence",
            "seed": self.seed,
            "batch_size": self.batch_size,
            "samples": self.samples,
            "shuffle": sampler.shuffle,
            "repeats": sampler.repeats,
            "drop_remainder": self.batch_maker.drop_remainder,
            "manifest": self._manifest_digest,
        }

    @functools.cached_property
    def _manifest_digest(self) -> str:
        return digest_manifest(self.manifest)

    def _make_example(self, epoch: int, index: int) -> Batch:
        return make_example(self.batch_maker, epoch, index)

    def _serve(self, made: Batch) -> Any:
        if not self._checked:
            check_first_batch(self.batch_maker, made, is_decoded=self._source.spec is not None)
            self._checked = True
        self._failure_log.record(made)
        return made.served()

    def _epoch_ended(self, epoch: int) -> None:
        if self.batch_maker.samples.cache is not None:
            self.batch_maker.samples.cache.flush()
        self._failure_log.end_epoch(epoch, self.batch_maker)

    def _summary(self) -> list[str]:
        return summarize(self.batch_maker, self._source.spec)[0]

    def __repr__(self) -> str:
        return format_summary("ImageSequence", *summarize(self.batch_maker, self._source.spec))

    def _repr_html_(self) -> str:
        return format_summary_html("ImageSequence", *summarize(self.batch_maker, self._source.spec))
