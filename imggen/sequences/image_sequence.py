"""ImageSequence: a manifest as a dataset that Keras trains on."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, final, get_args

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import Augment, Pipeline, adapt
from imggen.cache import CacheLike, cache_of, open_cache
from imggen.core import (
    check_choice,
    check_number,
    check_seed,
    check_whole,
    format_summary,
    format_summary_html,
    is_whole,
)
from imggen.data import Manifest
from imggen.decode import ColorMode, Fit, ImageSpec, Interpolation
from imggen.errors import ImggenError, ImggenWarning, OptionError
from imggen.loading import (
    Batch,
    BatchMaker,
    EpochSampler,
    Failure,
    ImageSource,
    LabelModeLike,
    OnError,
    SampleLoader,
    class_weights,
    find_label_mode,
)
from imggen.preview import Explanation, draw_batch, explain
from imggen.sequences.base import EpochSequence
from imggen.sequences.predictions import prediction_table
from imggen.workers import BufferPool, WorkerOptions, single_threaded_opencv

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

DataFormat = Literal["channels_last", "channels_first"] | None


@final
class ImageSequence(EpochSequence[Batch]):
    """A ``keras.utils.PyDataset`` over the samples of a manifest.

    What a sample looks like depends on (seed, epoch, index) and nothing else, so batches are the
    same for any number of workers, threads or processes, and on every Keras backend.

    Args:
        manifest: The samples.
        image_size: (height, width) in pixels. None: (256, 256); with ``loader``, arrays as loaded.
        batch_size: Samples a batch.
        label_mode: "categorical" (one-hot), "int", "binary", "regression" (the manifest's
            targets: float32 of shape (n,) for one column, (n, k) for a list of columns), "mask"
            (the class of each pixel, from the manifest's masks), "boxes" (a dictionary: "boxes",
            float32 of shape (n, capacity, 4) in the format of the table, and "labels", int32 of
            shape (n, capacity), -1 where there is no box), "keypoints" (float32 of shape
            (n, capacity, 2 to 4), NaN where there is none),
            "input" (the images are their own targets, for autoencoders) or None (no targets).
        augment: Augmentations of imggen's own, of albumentations, Keras or torchvision, callables
            ``image -> image`` or ``(image, rng) -> image`` on uint8 arrays of shape (height, width,
            channels), "light", "medium", "strong", a policy file, or a list of these; see
            ``imggen.augment.adapt``. ``RandomResizedCrop`` first cuts from the image before it is
            resized; MixUp and CutMix come last. None: no augmentation.
        seed: Decides order and augmentation. None: a fresh one, to be read from ``seed``.
        shuffle: Serve every epoch in an order of its own.
        color_mode: "rgb", "rgba" or "grayscale". Transparency is laid over white except in "rgba".
        interpolation: How to resize; see ``ImageSpec``.
        crop_to_aspect_ratio: Keep the aspect ratio by cropping the centre.
        pad_to_aspect_ratio: Keep the aspect ratio by padding with black.
        exif_orientation: Turn photographs upright as their EXIF tag says.
        loader: A function from path to array, in place of decoding; samples may have any rank.
        rescale: A factor for all values, such as ``1 / 255``. None: 0 to 255.
        dtype: "float32", "float16", "float64" or "uint8".
        data_format: "channels_last" or "channels_first". None: Keras's own setting. Arrays from
            ``loader`` are left as they are.
        drop_remainder: Leave out a last batch that would be smaller.
        repeats: How many times an epoch serves each sample, each time augmented anew.
        on_error: A file that cannot be read raises ("raise"), is left out of its batch ("skip"),
            or gives its place to another of its class ("substitute"). What was left out is
            counted in ``failures`` and summed up in a warning at the end of the epoch.
        cache: Keeps decoded images, as they are before augmentation: "ram" in memory; a folder on
            disk, for later runs and other processes too. A file that has changed since is decoded
            anew by the next sequence. A ``Cache`` says more. None: decode each time.
        workers: Threads that make batches. None: one a core; 0: the calling thread. While there
            are several, OpenCV uses one thread a call in this process, ``cv2.setNumThreads(1)``.
        use_multiprocessing: Processes in place of threads, for Python code that holds the
            interpreter lock.
        max_queue_size: How many batches may wait, made or in the making. Batches take up to
            ``(max_queue_size + 2) × bytes of a batch`` of memory, which is used again and again
            until ``close()``.

    Raises:
        OptionError: An argument outside its legal set, or two that contradict each other.
        CacheError: The cache folder cannot be used.

    Attributes:
        manifest: The samples.
        seed: The seed in use.
        batch_maker: Makes any batch of any epoch, without side effects on the sequence.
        failures: How often each file could not be read so far.

    Example:
        >>> sequence = ImageSequence(manifest, image_size=(32, 32), batch_size=4, seed=7)
        >>> x, y = sequence[0]
        >>> x.shape, str(x.dtype), y.shape
        ((4, 32, 32, 3), 'float32', (4, 2))
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        image_size: tuple[int, int] | None = None,
        batch_size: int = 32,
        label_mode: LabelModeLike = "categorical",
        augment: Augment = None,
        seed: int | None = None,
        shuffle: bool = True,
        color_mode: ColorMode = "rgb",
        interpolation: Interpolation = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        exif_orientation: bool = True,
        loader: Callable[[str], npt.NDArray[Any]] | None = None,
        rescale: float | None = None,
        dtype: str = "float32",
        data_format: DataFormat = None,
        drop_remainder: bool = False,
        repeats: int = 1,
        on_error: OnError = "raise",
        cache: CacheLike = None,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        if manifest.num_samples == 0:
            raise OptionError("The manifest is empty; a sequence needs at least one sample.")
        mode = find_label_mode(label_mode)
        mode.check_manifest(manifest)
        batch_size = check_whole("batch_size", batch_size, 1)
        repeats = check_whole("repeats", repeats, 1)
        check_choice("on_error", on_error, get_args(OnError))
        options = WorkerOptions(workers, use_multiprocessing, max_queue_size)
        kept = cache_of(cache)
        if kept is not None and kept.is_in_memory and use_multiprocessing:
            raise OptionError(
                'cache="ram" is not shared between processes; use threads with it, or a folder.'
            )
        check_number("rescale", rescale, unit="such as 1 / 255", allow_none=True)
        check_choice("data_format", data_format, ("channels_last", "channels_first", None))
        if loader is None:
            self._source = ImageSource.from_spec(
                ImageSpec(
                    image_size=(256, 256) if image_size is None else image_size,
                    color_mode=color_mode,
                    interpolation=interpolation,
                    fit=_fit(crop_to_aspect_ratio, pad_to_aspect_ratio),
                    exif_orientation=exif_orientation,
                ),
                Pipeline(adapt(augment)),
            )
            channels_first = (data_format or keras.config.image_data_format()) == "channels_first"
        elif image_size is not None or crop_to_aspect_ratio or pad_to_aspect_ratio:
            raise OptionError(
                "image_size and the aspect ratio go with decoding; arrays from loader= are not "
                "resized."
            )
        else:
            self._source = ImageSource.from_loader(loader, Pipeline(adapt(augment)))
            channels_first = False
        self.manifest = manifest
        self.seed = check_seed(seed)
        self.failures: Counter[Failure] = Counter()
        # By (epoch, draw): Keras asks for some batches twice, which are not two failures.
        self._epoch_failures: dict[tuple[int, int], Failure] = {}
        self._checked = False
        samples = SampleLoader(
            manifest=manifest,
            label_mode=mode,
            load=self._source.load,
            load_mask=self._source.load_mask,
            spec=self._source.loaded_spec,
            cache=open_cache(
                kept,
                self._source.cache_key,
                manifest.num_samples,
                manifest.filepath,
                color_mode=color_mode,
                same_size=self._source.cut_size is None,
            ),
        )
        self.batch_maker = BatchMaker(
            samples=samples,
            sampler=EpochSampler(manifest.num_samples, shuffle, repeats, self.seed),
            batch_size=batch_size,
            drop_remainder=drop_remainder,
            channels_first=channels_first,
            cut_size=self._source.cut_size,
            pipeline=self._source.pipeline,
            seed=self.seed,
            rescale=rescale,
            dtype=dtype,
            on_error=on_error,
            # As many as may be in use: those that wait, the one served, and the one before it,
            # which Keras may still be reading from.
            buffers=BufferPool(options.max_prefetched + 2),
        )
        if self.batch_maker.num_batches == 0:
            raise OptionError(
                f"drop_remainder=True leaves no batch: {self.samples} samples make less than one "
                f"batch of {batch_size}."
            )
        super().__init__(self.batch_maker, self.batch_maker.num_batches, options)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.manifest.num_samples

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample, in the manifest's order."""
        return self.manifest.filepaths

    @property
    def labels(self) -> npt.NDArray[np.int32] | None:
        """The class index of each sample, in the manifest's order; int32, shape (samples,)."""
        return self.manifest.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class; position is class index."""
        return self.manifest.class_names

    @property
    def class_indices(self) -> dict[str, int]:
        """Class name to class index."""
        return self.manifest.class_indices

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self.manifest.num_classes

    @property
    def batch_size(self) -> int:
        """Samples a batch."""
        return self.batch_maker.batch_size

    def epoch_indices(self, epoch: int | None = None) -> npt.NDArray[np.int64]:
        """Which samples an epoch serves, in order: row numbers of the manifest.

        ``labels[served]`` and ``np.array(filepaths)[served]`` line up with the batches of the
        epoch, one after the other (but for files left out by ``on_error="skip"`` or substituted).

        Args:
            epoch: The epoch, from 0. None: the current one.

        Returns:
            int64, shape (number of samples served,).
        """
        indices = self.batch_maker.sampler.indices(self.epoch if epoch is None else epoch)
        return indices[: len(self) * self.batch_size] % self.samples

    def class_weight(self) -> dict[int, float]:
        """Class index to the weight that makes all classes count the same.

        For ``fit(..., class_weight=train.class_weight())``.

        Raises:
            OptionError: The samples have no classes.
        """
        if self.labels is None:
            raise OptionError("class_weight() needs labels, and these samples have none.")
        return class_weights(self.labels)

    def predict(self, model: keras.Model, *, verbose: str | int = 0) -> pd.DataFrame:
        """Predicts every sample once; row i is file i, however this sequence is shuffled.

        Images are not augmented. Where the model's loss says ``from_logits=True``, scores are
        turned into probabilities.

        Args:
            model: A model with one output: a score for each class, or one sigmoid for two classes.
            verbose: As in ``model.predict``.

        Returns:
            A table with the columns ``path``, ``true`` and ``predicted`` (class names; ``true`` is
            None for samples without classes) and ``p_<class name>``, one score a class. Where
            the manifest names no classes, they are called "0", "1", ... A file that could not be
            read (with ``on_error`` other than "raise") has None and NaN.

        Raises:
            OptionError: The model's output does not fit the classes, or targets are none.
        """
        maker = self.batch_maker
        if maker.cut_size is not None:
            # A cache holds what parts are cut from, and not whole images of the right size.
            whole = dataclasses.replace(maker.samples, load=self._source.load_whole, cache=None)
            maker = dataclasses.replace(maker, samples=whole, cut_size=None)
        return prediction_table(maker, self.worker_options, model, verbose)

    def original(self, index: int) -> npt.NDArray[Any]:
        """Sample ``index`` as loaded: uint8, shape (height, width, channels), not augmented.

        Before a ``RandomResizedCrop`` that comes first, that is the image that parts are cut from.
        """
        return self.batch_maker.samples.image(index).copy()

    def augmented(self, index: int, epoch: int) -> npt.NDArray[Any]:
        """Sample ``index`` as ``epoch`` trains on it, before rescaling; like ``original``."""
        sample = self.batch_maker.samples(index)
        return self.batch_maker.augment(sample, epoch, index, index).sample.image.copy()

    def explain(self, epoch: int, index: int) -> Explanation:
        """Shows sample ``index`` as ``epoch`` trained on it, and says how it came about.

        Args:
            epoch: Any epoch, past or to come, from 0.
            index: The sample, by its row in the manifest; with ``repeats``, repeat r of it is
                ``index + r * samples``.

        Returns:
            The image, its file, its target, and what each augmentation drew.

        Raises:
            ImageError: The file cannot be read, with ``on_error="raise"``.
            AugmentationError: An augmentation broke its contract.
            OptionError: There is no such sample, or ``on_error="skip"`` left it out.

        Example:
            >>> from imggen import RandomFlip
            >>> flipping = ImageSequence(manifest, augment=RandomFlip(p=1.0), seed=7)
            >>> flipping.explain(epoch=3, index=5).steps
            (Applied(name='RandomFlip', parameters={'horizontal': True, 'vertical': False}),)
        """
        return explain(self.batch_maker, epoch, index)

    def show_batch(self, index: int = 0, *, num_images: int = 16, cell: int = 128) -> Image.Image:
        """Draws a batch of the current epoch, as it is served, with its targets; for notebooks.

        Args:
            index: The batch.
            num_images: The most images to show.
            cell: The larger side of each, in pixels.

        Returns:
            An RGB picture. Masks are laid over their images.

        Raises:
            OptionError: The samples are not images.

        Example:
            >>> sequence.show_batch(cell=32).size
            (158, 62)
        """
        count = self.batch_maker.num_batches
        if not is_whole(index) or not -count <= index < count:
            raise OptionError(f"index={index!r} must be the number of a batch, 0 to {count - 1}.")
        return draw_batch(
            self.batch_maker, self.batch_maker(self.epoch, index % count), num_images, cell
        )

    def fill_cache(self, progress: Callable[[], object] = lambda: None) -> list[Failure]:
        """Loads all samples into the cache, on as many threads as there are workers.

        Args:
            progress: Called after each sample, by the thread that calls this.

        Returns:
            The files that cannot be read.

        Raises:
            OptionError: The sequence has no cache.
            CacheError: The folder has no room for all samples.

        Example:
            >>> cached = ImageSequence(manifest, image_size=(8, 8), cache="ram")
            >>> cached.fill_cache()
            []
        """
        with single_threaded_opencv():
            return self.batch_maker.samples.fill_cache(self.num_workers, progress)

    def close(self) -> None:
        """Stops the workers and lets go of the cache; a batch asked for later starts them anew."""
        super().close()
        self.batch_maker.buffers.clear()
        if self.batch_maker.samples.cache is not None:
            self.batch_maker.samples.cache.clear()

    def _serve(self, made: Batch) -> Any:
        if self.batch_maker.pipeline.steps and not self._checked:
            self._checked = True
            self._warn_of_other_chance()
        for draw, failure in made.failures.items():
            if (made.epoch, draw) not in self._epoch_failures:
                self._epoch_failures[made.epoch, draw] = failure
                self.failures[failure] += 1
        if made.y is None and made.weights is None:
            return made.x
        return (made.x, made.y) if made.weights is None else (made.x, made.y, made.weights)

    def _epoch_ended(self, epoch: int) -> None:
        if self.batch_maker.samples.cache is not None:
            self.batch_maker.samples.cache.flush()
        failures = [self._epoch_failures[key] for key in self._epoch_failures if key[0] == epoch]
        self._epoch_failures = {
            key: failure for key, failure in self._epoch_failures.items() if key[0] > epoch
        }
        if failures:
            done = "left out" if self.batch_maker.on_error == "skip" else "substituted"
            num_indices = self.batch_maker.sampler.num_indices
            warnings.warn(
                f"Epoch {epoch}: {len(failures)} of {num_indices} images could not be read and "
                f"were {done}; first {failures[0].path!r}: {failures[0].reason}. The sequence's "
                "attribute 'failures' lists them all.",
                ImggenWarning,
                stacklevel=2,
            )

    def _warn_of_other_chance(self) -> None:
        """Warns of augmentations that draw from elsewhere than the generator they are given."""
        try:
            names = self.batch_maker.find_unrepeatable_steps()
        except ImggenError:
            return  # the batch that meets the error raises it, or deals with it
        if names:
            warnings.warn(
                f"The augmentations {names} give another result when they are given the same "
                "random generator again, so they draw from elsewhere (np.random, random): batches "
                "will differ from run to run and with the number of workers. Draw from the "
                "parameter rng instead: def augmentation(image, rng). An albumentations transform "
                "is passed as it is, not wrapped in a function.",
                ImggenWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        manifest = self.manifest
        return format_summary(
            "ImageSequence", self._facts(), manifest.class_counts, manifest.skipped
        )

    def _repr_html_(self) -> str:
        manifest = self.manifest
        return format_summary_html(
            "ImageSequence", self._facts(), manifest.class_counts, manifest.skipped
        )

    def _facts(self) -> list[str]:
        boxes, targets = self.manifest.boxes, self.manifest.targets
        return [
            f"{self.samples} samples",
            f"{self.num_classes} classes",
            *([] if boxes is None else [f"boxes of {', '.join(boxes.class_names)}"]),
            *([] if targets is None else [f"targets {', '.join(targets.names)}"]),
            f"{self._num_batches} batches of {self.batch_size}",
            f"x {self._shape_of_x()} {self.batch_maker.dtype}",
            f"label_mode={self.batch_maker.label_mode.name!r}",
            f"seed={self.seed}",
        ]

    def _shape_of_x(self) -> str:
        if self._source.spec is None:
            return f"({self.batch_size}, as loaded)"
        height, width, channels = self._source.spec.shape or (None, None, None)
        if self.batch_maker.channels_first:
            return f"({self.batch_size}, {channels}, {height}, {width})"
        return f"({self.batch_size}, {height}, {width}, {channels})"


def _fit(crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool) -> Fit:
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise OptionError("Pass crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    return "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
