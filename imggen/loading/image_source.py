"""What is loaded of a file: as training sees it, or larger, to be cut from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.decode import ImageSpec, load_image, load_mask
from imggen.errors import OptionError

Load = Callable[[str], npt.NDArray[Any]]


@final
@dataclass(frozen=True)
class Source:
    """Where the images of a sequence come from.

    Attributes:
        load: Path to array, as a cache keeps it.
        loaded_spec: How ``load`` decodes; None for a loader of the user's.
        about: All that decides this array besides the file, in words; None: not known.
        cut_size: (height, width) that training sees, where the first augmentation makes it of a
            larger array; None where the array has that size already.
        load_whole: Path to array of the size that training sees, nothing cut off at random.
        spec: How ``load_whole`` decodes; None for a loader of the user's.
        load_mask: Path of a mask, and of its image, to an array of the height and width that
            ``load`` gives the image.
        pipeline: The augmentations.
    """

    load: Load
    loaded_spec: ImageSpec | None
    about: str | None
    cut_size: tuple[int, int] | None
    load_whole: Load
    spec: ImageSpec | None
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    pipeline: Pipeline


def source_of_loader(loader: Load, pipeline: Pipeline) -> Source:
    """Arrays as the user's own function returns them, of masks too."""
    load_mask = functools.partial(_mask_by_loader, loader=loader)
    return Source(loader, None, None, None, loader, None, load_mask, pipeline)


def source_of_files(spec: ImageSpec, pipeline: Pipeline) -> Source:
    """Files that are decoded; ``RandomResizedCrop``, if it comes first, cuts before the resizing.

    Raises:
        OptionError: A crop, and a ``fit`` that cuts or pads by itself.
    """
    whole = functools.partial(load_image, spec=spec)
    crop = pipeline.crop
    if crop is None or spec.image_size is None:
        load_mask_whole = functools.partial(load_mask, spec=spec)
        return Source(whole, spec, spec.about(), None, whole, spec, load_mask_whole, pipeline)
    if spec.fit != "stretch":
        raise OptionError(
            "RandomResizedCrop cuts a part of another aspect ratio from the whole image; pass it "
            "without crop_to_aspect_ratio and pad_to_aspect_ratio."
        )
    shorter_side = crop.source_size or 2 * max(spec.image_size)
    uncut = dataclasses.replace(spec, image_size=None, shorter_side=shorter_side)
    return Source(
        load=functools.partial(load_image, spec=uncut),
        loaded_spec=uncut,
        about=uncut.about(),
        cut_size=spec.image_size,
        load_whole=whole,
        spec=spec,
        load_mask=functools.partial(load_mask, spec=uncut),
        pipeline=pipeline,
    )


def _mask_by_loader(path: str, image_path: str, loader: Load) -> npt.NDArray[Any]:
    del image_path  # whether their sizes agree shows when both are loaded
    return loader(path)
