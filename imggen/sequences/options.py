"""The options of ``ImageSequence`` and their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import numpy.typing as npt

from imggen.cache import CacheLike
from imggen.decode import ColorMode, ImageSize, Interpolation, MaskValuesLike
from imggen.loading import (
    ChannelValues,
    DataFormat,
    LabelModeLike,
    OnError,
    Preprocess,
    Rescale,
    ShardLike,
    TargetsAs,
)


class SequenceOptions(TypedDict, total=False):
    """The options of ``ImageSequence``, with its types; its docstring describes them.

    ``manifest``, ``augment`` and ``seed`` are missing: the ``from_*`` functions have parameters of
    their own for these.
    """

    image_size: ImageSize | None
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
    shard: ShardLike
