"""The options of ``ImageSequence``: their types, and what several of them decide together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict

import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.cache import CacheLike
from imggen.decode import (
    NUM_CHANNELS,
    ColorMode,
    Fit,
    ImageSpec,
    Interpolation,
    MaskValues,
    MaskValuesLike,
)
from imggen.errors import OptionError
from imggen.loading import (
    ArrayImages,
    ChannelValues,
    ImageSource,
    LabelModeLike,
    OnError,
    Preprocess,
    Rescale,
    Scaling,
    TargetsAs,
)

DataFormat = Literal["channels_last", "channels_first"] | None


class SequenceOptions(TypedDict, total=False):
    """The options of ``ImageSequence``, with its types; its docstring describes them.

    ``manifest``, ``augment`` and ``seed`` are missing: the ``from_*`` functions have parameters of
    their own for these.
    """

    image_size: tuple[int, int] | None
    batch_size: int
    label_mode: LabelModeLike
    targets_as: TargetsAs
    mask_values: MaskValuesLike
    shuffle: bool
    color_mode: ColorMode
    interpolation: Interpolation
    crop_to_aspect_ratio: bool
    pad_to_aspect_ratio: bool
    exif_orientation: bool
    loader: Callable[[str], npt.NDArray[Any]] | None
    rescale: Rescale
    mean: ChannelValues
    std: ChannelValues
    preprocess: Preprocess | None
    dtype: str
    data_format: DataFormat
    drop_remainder: bool
    repeats: int
    on_error: OnError
    cache: CacheLike
    workers: int | None
    use_multiprocessing: bool
    max_queue_size: int


def choose_fit(crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool) -> Fit:
    """Returns how images are fitted to ``image_size``.

    Raises:
        OptionError: Both options are true.
    """
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise OptionError("Pass crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    return "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"


def choose_source(
    loader: Callable[[str], npt.NDArray[Any]] | None,
    image_size: tuple[int, int] | None,
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
    arrays = loader if isinstance(loader, ArrayImages) else None
    if loader is not None and arrays is None:
        if image_size is not None or fit != "stretch":
            raise OptionError(
                "image_size= and the aspect ratio are options of decoding, but arrays from loader= "
                "are not resized. Omit them, or loader=."
            )
        return ImageSource.from_loader(loader, pipeline, mask_values)
    spec = ImageSpec(
        image_size=(256, 256) if image_size is None and arrays is None else image_size,
        color_mode=color_mode,
        interpolation=interpolation,
        fit=fit,
        exif_orientation=exif_orientation,
    )
    return ImageSource.from_spec(spec, pipeline, mask_values, arrays)


def choose_scaling(
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
