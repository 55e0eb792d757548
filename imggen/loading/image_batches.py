"""The batches of a manifest of images, as the options of ``ImageSequence`` decide them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, final, get_args

import numpy.typing as npt

from imggen.augment import Augment, Pipeline, adapt
from imggen.cache import Cache, CacheLike, ImageCache, as_cache, open_cache
from imggen.core import check_at_most, check_choice, check_whole
from imggen.data import Source, as_manifest
from imggen.decode import (
    NUM_CHANNELS,
    ColorMode,
    Fit,
    ImageSize,
    ImageSpec,
    Interpolation,
    MaskValues,
    MaskValuesLike,
)
from imggen.errors import OptionError
from imggen.loading.batch_maker import BatchMaker, OnError
from imggen.loading.function_names import Preprocess
from imggen.loading.image_source import ImageSource
from imggen.loading.image_store import ImageStore
from imggen.loading.label_modes import LabelModeLike, TargetsAs, find_label_mode
from imggen.loading.sample_loader import SampleLoader
from imggen.loading.sampler import EpochSampler
from imggen.loading.scaling import ChannelValues, Rescale, Scaling
from imggen.loading.shards import Shard, ShardLike, choose_seed
from imggen.workers import BufferPool, WorkerOptions

DataFormat = Literal["channels_last", "channels_first"] | None


@final
class ImageBatches:
    """The batches of an ``ImageSequence`` without Keras: for previews, caches and benchmarks.

    Args:
        manifest: The samples.
        options: See ``ImageSequence``, which has the same options with the same defaults, except
            that ``data_format=None`` is "channels_last" here.

    Raises:
        OptionError: An argument outside its legal set, or two that contradict each other.
        CacheError: The cache folder cannot be used.

    Attributes:
        manifest: The samples.
        seed: The random seed.
        source: Loads the images.
        batch_maker: Makes any batch of any epoch.
        worker_options: The workers that make the batches.
        shard: The part of each batch that is made; None if all processes are meant to have all of
            it, or there is only one.
    """

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
        manifest = as_manifest(manifest)
        if manifest.num_samples == 0:
            raise OptionError("The manifest is empty; expected at least one sample.")
        mode = find_label_mode(label_mode, targets_as)
        mode.check_manifest(manifest)
        values = MaskValues.parse(mask_values)
        if values is not None and (manifest.masks is None or not mode.moves_with_image):
            raise OptionError('mask_values= is for masks; pass it with label_mode="mask".')
        batch_size = check_whole("batch_size", batch_size, 1)
        repeats = check_whole("repeats", repeats, 1)
        check_at_most("repeats", repeats, 10_000, "each epoch serves each sample that often")
        check_choice("on_error", on_error, get_args(OnError))
        self.shard = Shard.parse(shard)
        if self.shard is not None:
            self.shard.check_batches(batch_size, on_error)
        options = WorkerOptions(workers, use_multiprocessing, max_queue_size)
        self.worker_options = options
        cache = as_cache(cache)
        if cache is not None and cache.is_in_memory and use_multiprocessing:
            raise OptionError(
                'cache="ram" is not shared between processes. Use threads, or a cache folder.'
            )
        check_choice("data_format", data_format, ("channels_last", "channels_first", None))
        self.source = _choose_source(
            loader,
            image_size,
            _choose_fit(crop_to_aspect_ratio, pad_to_aspect_ratio),
            color_mode=color_mode,
            interpolation=interpolation,
            exif_orientation=exif_orientation,
            pipeline=Pipeline(adapt(augment)),
            mask_values=values,
        )
        self.manifest = manifest
        self.seed = choose_seed(seed, shard)
        loaded_spec = self.source.loaded_spec
        samples = SampleLoader(
            manifest=mode.prepare_manifest(manifest, self.source.pipeline),
            label_mode=mode,
            load=self.source.load,
            load_mask=self.source.load_mask,
            find_geometry=self.source.find_geometry,
            spec=loaded_spec,
            cache=self._open_cache(cache, color_mode),
        )
        self.batch_maker = BatchMaker(
            samples=samples,
            sampler=EpochSampler(manifest.num_samples, shuffle, repeats, self.seed),
            batch_size=batch_size,
            drop_remainder=drop_remainder,
            channels_first=loaded_spec is not None and data_format == "channels_first",
            cut_size=self.source.cut_size,
            pipeline=self.source.pipeline,
            seed=self.seed,
            scaling=_choose_scaling(self.source, rescale, mean, std, preprocess),
            dtype=dtype,
            on_error=on_error,
            # The prefetched batches, the one being served, and the one before it, which Keras may
            # still be reading.
            buffers=BufferPool(options.max_prefetched + 2),
            shard=None if self.shard is None or self.shard.count == 1 else self.shard,
        )
        if self.batch_maker.num_batches == 0:
            raise OptionError(
                f"drop_remainder=True leaves no batch: {self.samples} samples are less than one "
                f"batch of {batch_size}. Use smaller batches."
            )
        if loader is None:
            mode.check_files(manifest, values, is_lenient=on_error != "raise")
        if self.source.spec is not None:
            self.batch_maker.check_preprocess(self.source.spec.shape)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.manifest.num_samples

    def _open_cache(self, cache: Cache | None, color_mode: ColorMode) -> ImageCache | None:
        """Returns the cache of loaded images; arrays in memory may be one themselves."""
        manifest, source = self.manifest, self.source
        preloaded = source.find_preloaded(manifest, cache)
        return preloaded or open_cache(
            cache,
            source.cache_key,
            manifest.num_samples,
            source.find_files(manifest),
            color_mode=color_mode,
            same_size=source.cut_size is None,
            shape=None if source.loaded_spec is None else source.loaded_spec.shape,
        )


def _choose_fit(crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool) -> Fit:
    """Returns how images are fitted to ``image_size``.

    Raises:
        OptionError: Both options are true.
    """
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise OptionError("Pass crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    return "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"


def _choose_source(
    loader: Callable[[str], npt.NDArray[Any]] | None,
    image_size: ImageSize | None,
    fit: Fit,
    *,
    color_mode: ColorMode,
    interpolation: Interpolation,
    exif_orientation: bool,
    pipeline: Pipeline,
    mask_values: MaskValues | None,
) -> ImageSource:
    """Returns the source of a sequence's images: files, arrays in memory, or a custom loader.

    Raises:
        OptionError: Options of decoding together with ``loader``.
    """
    arrays = loader if isinstance(loader, ImageStore) else None
    if loader is not None and arrays is None:
        if image_size is not None or fit != "stretch":
            raise OptionError(
                "image_size= and the aspect ratio are options of decoding, but arrays from loader= "
                "are not resized. Omit them, or loader=."
            )
        return ImageSource.from_loader(loader, pipeline, mask_values)
    keeps_size = arrays is not None and arrays.keeps_size
    spec = ImageSpec(
        image_size=(256, 256) if image_size is None and not keeps_size else image_size,
        color_mode=color_mode,
        interpolation=interpolation,
        fit=fit,
        exif_orientation=exif_orientation,
    )
    return ImageSource.from_spec(spec, pipeline, mask_values, arrays)


def _choose_scaling(
    source: ImageSource,
    rescale: Rescale,
    mean: ChannelValues,
    std: ChannelValues,
    preprocess: Preprocess | None,
) -> Scaling:
    """Returns the scaling of a sequence's images.

    Raises:
        OptionError: See ``Scaling.parse``.
    """
    channels = None if source.spec is None else NUM_CHANNELS[source.spec.color_mode]
    return Scaling.parse(rescale, mean, std, preprocess, channels=channels)
