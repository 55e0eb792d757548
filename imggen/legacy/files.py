"""The base of DirectoryIterator and DataFrameIterator: batches of image files."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, cast, final, get_args

import keras
import numpy as np
import numpy.typing as npt

from imggen.cache import CacheLike, ImageCache, StackedRows, open_cache
from imggen.core import Stream, generator, shorten, warn_user
from imggen.decode import NUM_CHANNELS, concerns_file, read_nearest
from imggen.errors import ImageError, OptionError
from imggen.legacy.batch import Images, LoadedImages, fill_batch
from imggen.legacy.iterator import Iterator
from imggen.legacy.read_ahead import ReadAhead
from imggen.legacy.saving import save_batch
from imggen.legacy.validation_split import subset_bounds
from imggen.loading import Failure, OnError, load_substitute
from imggen.workers import BufferPool

# The batch that is being made, one that waits, and two that a model holds. If more are waiting,
# the model is slower than this.
_NUM_BUFFERS = 4

# A user's class may list Iterator and this mixin in any order, so neither is a base of the other.
if TYPE_CHECKING:
    _Base = Iterator
else:
    _Base = object


class BatchFromFilesMixin(_Base):
    """Makes batches of image files; a subclass of it and ``Iterator`` defines which files.

    Attributes:
        image_shape: The shape of one served image.
        failures: Path to reason, for all files that could not be read so far.
    """

    dtype: Any
    class_mode: str | None
    class_indices: dict[str, int]
    classes: Any
    samples: int
    # For subclasses that do not call set_processing_attrs.
    on_error: str = "raise"
    _cache: ImageCache | None = None
    _ahead: ReadAhead | None = None
    _buffers: BufferPool | None = None

    def set_processing_attrs(
        self,
        image_data_generator: Any,
        target_size: tuple[int, int],
        color_mode: str,
        data_format: str,
        save_to_dir: str | os.PathLike[str] | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        *,
        on_error: str = "raise",
    ) -> None:
        """Stores the options that turn files into images.

        Raises:
            ValueError: ``color_mode``, ``subset`` or ``on_error`` is not legal.
            TypeError: ``target_size`` is not a tuple.
        """
        self.image_data_generator = image_data_generator
        try:
            self.target_size = tuple(target_size)
        except TypeError as err:
            raise TypeError(
                f"target_size={shorten(target_size)} must be two whole numbers, (height, width)."
            ) from err
        self.keep_aspect_ratio = keep_aspect_ratio
        if color_mode not in NUM_CHANNELS:
            raise OptionError.unknown("color_mode", color_mode, NUM_CHANNELS)
        self.color_mode = color_mode
        self.data_format = data_format
        channels = (NUM_CHANNELS[color_mode],)
        self.image_shape: tuple[int, ...] = (
            (*self.target_size, *channels)
            if data_format == "channels_last"
            else (*channels, *self.target_size)
        )
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.subset = subset
        self.split = (
            None
            if subset is None
            else subset_bounds(subset, image_data_generator._validation_split)
        )
        if on_error not in get_args(OnError):
            raise OptionError.unknown("on_error", on_error, get_args(OnError))
        self.on_error = on_error
        self._ahead = ReadAhead()
        self._buffers = BufferPool(_NUM_BUFFERS)
        self.failures: dict[str, str] = {}

    def _open_cache(self, cache: CacheLike) -> None:
        """Opens the cache; the samples must be known."""
        import PIL

        cache_key = (
            f"keras.utils.load_img(color_mode={self.color_mode!r}, target_size={self.target_size}, "
            f"interpolation={self.interpolation!r}, keep_aspect_ratio={self.keep_aspect_ratio})\n"
            f"floats in {keras.config.floatx()}, decoded by Pillow {PIL.__version__}"
        )
        self._cache = open_cache(
            cache,
            cache_key,
            self.samples,
            lambda at: self.filepaths[at],
            color_mode=self.color_mode,
            same_size=True,
            shape=self.target_size
            if self.color_mode == "grayscale"
            else (*self.target_size, NUM_CHANNELS[self.color_mode]),
        )

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample."""
        raise NotImplementedError(f"{type(self).__name__} must define filepaths.")

    @property
    def labels(self) -> Any:
        """The label of each sample."""
        raise NotImplementedError(f"{type(self).__name__} must define labels.")

    @property
    def sample_weight(self) -> Any:
        """The weight of each sample, or None."""
        raise NotImplementedError(f"{type(self).__name__} must define sample_weight.")

    def _get_batches_of_transformed_samples(self, index_array: npt.NDArray[np.int64]) -> Any:
        images, index_array = self._prepare_loading(index_array)
        self._local.served = index_array
        allocate = np.empty if self._buffers is None else self._buffers.empty
        batch_x = allocate((len(index_array), *self.image_shape), self.dtype)
        fill_batch(
            batch_x,
            images,
            self.image_data_generator,
            self._source,
            self._batch_threads,
            meanwhile=self._read_ahead,
        )
        save_batch(self, batch_x, index_array, num_names=10_000_000)
        if self.class_mode is None:
            return batch_x
        batch_y = self._targets(batch_x, index_array)
        weights = self.sample_weight
        return (batch_x, batch_y) if weights is None else (batch_x, batch_y, weights[index_array])

    def _targets(self, batch_x: npt.NDArray[Any], samples: npt.NDArray[np.int64]) -> Any:
        if self.class_mode == "input":
            return batch_x.copy()
        if self.class_mode == "multi_output":
            return [output[samples] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[samples]
        classes = [self.classes[sample] for sample in samples]
        if self.class_mode in {"binary", "sparse"}:
            return np.array(classes, dtype=self.dtype)
        batch_y = np.zeros((len(samples), len(self.class_indices)), dtype=self.dtype)
        for row, of_sample in zip(batch_y, classes, strict=True):
            row[of_sample] = 1
        return batch_y

    def _prepare_loading(
        self, samples: npt.NDArray[np.int64]
    ) -> tuple[Images, npt.NDArray[np.int64]]:
        """Returns the images of a batch, and its samples.

        The samples differ from the requested ones if some cannot be read.
        """
        filepaths = self.filepaths  # a subclass may build the list at each access
        if self.on_error == "raise":
            return _Files(self, samples, filepaths), samples
        loaded = self._threads.map(lambda sample: self._image_or_error(sample, filepaths), samples)
        bad = {at: image for at, image in enumerate(loaded) if isinstance(image, Exception)}
        for at, err in bad.items():
            self._record_failure(filepaths[samples[at]], err)
        served = list(samples)
        dropped = set(bad) if self.on_error == "skip" else set()
        if len(dropped) == len(samples):
            dropped -= {0}  # Keras does not accept an empty batch
        for at in bad.keys() - dropped:
            served[at], loaded[at] = self._substitute(samples[at], filepaths, bad[at])
        kept = [at for at in range(len(samples)) if at not in dropped]
        images = [cast("npt.NDArray[Any]", loaded[at]) for at in kept]
        indices = np.array([served[at] for at in kept], dtype=np.int64)
        return LoadedImages(images.__getitem__, keras.config.floatx()), indices

    def _read_ahead(self) -> None:
        samples = self._next_samples() if self._cache is None else []
        if samples and self._ahead is not None:
            filepaths = self.filepaths
            paths = [filepaths[sample] for sample in samples]
            threads = self._batch_threads.chosen
            self._ahead.start(paths, self._settings(), self._pixels, threads)

    def _settings(self) -> Hashable:
        keep = bool(self.keep_aspect_ratio)
        return (self.color_mode, self.target_size, self.interpolation, keep)

    def _image(self, sample: int, filepaths: list[str], settings: Hashable) -> npt.NDArray[Any]:
        """Returns an image as Keras does, as an array that may be written to."""
        pixels = self._find_pixels(sample, filepaths[sample], settings)
        # Standardization works in place, so it needs a copy; conversion to another dtype makes one.
        if pixels.dtype == keras.config.floatx():
            pixels = pixels.copy()
        return np.asarray(keras.utils.img_to_array(pixels, data_format=self.data_format))

    def _find_pixels(
        self, sample: int, path: str, settings: Hashable, row: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """Returns the pixels of a file: from the cache, loaded ahead, or loaded now."""
        try:
            if self._cache is not None:
                return self._cache.get(sample, lambda: self._pixels(path))
            if self._ahead is not None:
                pixels = self._ahead.take(path, settings)
                if pixels is not None:
                    return pixels
            return self._pixels(path, row)
        except Exception as err:
            err.add_note(f"The file is {os.fspath(path)!r}.")
            raise

    def _pixels(self, path: str, row: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """Returns the pixels of a file, or ``row`` if they were written there."""
        pixels = self._read_plain(path, row)
        if pixels is None:
            picture = keras.utils.load_img(
                path,
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
                keep_aspect_ratio=self.keep_aspect_ratio,
            )
            pixels = np.asarray(picture)
        if self._cache is not None and self.color_mode == "grayscale":
            # Files may have 8 or 16 bits; a cache holds arrays of one dtype.
            return pixels.astype(keras.config.floatx())
        return pixels

    def _read_plain(self, path: str, row: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
        """Returns the pixels that ``load_img`` returns, if a faster way has the same result."""
        is_gray = self.color_mode == "grayscale"
        is_plain = is_gray or self.color_mode == "rgb"
        if not is_plain or self.interpolation != "nearest" or self.keep_aspect_ratio:
            return None
        height, width = self.target_size
        if type(height) is not int or type(width) is not int or height < 1 or width < 1:
            return None
        pixels = read_nearest(path, (height, width), is_gray=is_gray, row=row)
        return pixels[:, :, 0] if is_gray and pixels is not None and pixels is not row else pixels

    def _image_or_error(
        self, sample: np.int64, filepaths: list[str]
    ) -> npt.NDArray[Any] | Exception:
        try:
            return self._image(int(sample), filepaths, self._settings())
        except Exception as err:
            if not concerns_file(err):
                raise
            return err

    def _record_failure(self, path: str, err: Exception) -> None:
        if path not in self.failures:
            self.failures[path] = f"{type(err).__name__}: {err}"
            done = "skipped" if self.on_error == "skip" else "substituted"
            warn_user(
                f"{path!r} cannot be read and is {done}: {self.failures[path]}. The iterator's "
                "attribute 'failures' lists all such files."
            )

    def _substitute(
        self, sample: np.int64, filepaths: list[str], err: Exception
    ) -> tuple[int, npt.NDArray[Any]]:
        """Returns another sample that can be read, of the same class if possible, and its image."""
        all_samples = np.arange(self.samples)
        classes = getattr(self, "classes", None)
        same_class = (
            all_samples
            if classes is None
            else np.array([other for other in all_samples if classes[other] == classes[sample]])
        )

        def load(other: int) -> npt.NDArray[Any]:
            image = self._image_or_error(np.int64(other), filepaths)
            if isinstance(image, Exception):
                raise ImageError.of(filepaths[other], f"{type(image).__name__}: {image}")
            return image

        # Seeded by the sample only: batches may be made in parallel, so they cannot be counted.
        rng = generator(self.seed or 0, Stream.SUBSTITUTE, index=int(sample))
        failure = Failure(filepaths[sample], f"{type(err).__name__}: {err}")
        try:
            return load_substitute([same_class, all_samples], rng, load, failure)
        except ImageError as none_left:
            raise none_left from err


@final
class _Files:
    """The images of a batch of files; see ``Images``."""

    def __init__(
        self, iterator: BatchFromFilesMixin, samples: npt.NDArray[np.int64], filepaths: list[str]
    ) -> None:
        self._iterator = iterator
        self._samples = samples
        self._numbers = np.asarray(samples).astype(np.int64).tolist()
        self._filepaths = filepaths
        self._settings = iterator._settings()
        self._channels_first = iterator.data_format == "channels_first"
        self.dtype = keras.config.floatx()

    def load(self, position: int) -> npt.NDArray[Any]:
        """Returns an image as Keras does, as an array that may be written to."""
        return self._iterator._image(self._numbers[position], self._filepaths, self._settings)

    def read(self, position: int, row: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """Returns the pixels of a file, with the axes of a batch."""
        sample = self._numbers[position]
        pixels = self._iterator._find_pixels(
            sample,
            self._filepaths[sample],
            self._settings,
            None if self._channels_first else row,
        )
        if pixels is row:
            return pixels
        if pixels.ndim == 2:
            return pixels[np.newaxis] if self._channels_first else pixels[:, :, np.newaxis]
        return pixels.transpose(2, 0, 1) if self._channels_first else pixels

    def find_rows(self) -> StackedRows | None:
        """Returns the rows of the cache; None if there is none, or it lacks some."""
        cache, samples = self._iterator._cache, self._samples
        is_plain = len(samples) > 0 and samples.min() >= 0  # a user may count from the end
        stacked = cache.find_rows(samples) if cache is not None and is_plain else None
        if stacked is None:
            return None
        stack, rows = stacked
        if stack.ndim == 3:
            stack = stack[:, np.newaxis] if self._channels_first else stack[..., np.newaxis]
        elif self._channels_first:
            stack = np.moveaxis(stack, 3, 1)
        return StackedRows(stack, rows)
