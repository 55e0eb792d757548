"""What is loaded of a file, and what is made of it before the augmentations: whole, or cut."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Augmentation, RandomResizedCrop
from imggen.decode import ImageSpec, load_image
from imggen.errors import OptionError

Load = Callable[[str], npt.NDArray[Any]]
Cut = Callable[[npt.NDArray[Any], np.random.Generator], npt.NDArray[Any]]


@final
@dataclass(frozen=True)
class Source:
    """Where the images of a sequence come from.

    Attributes:
        load: Path to array, as a cache keeps it.
        loaded_spec: How ``load`` decodes; None for a loader of the user's.
        about: All that decides this array besides the file, in words; None: not known.
        cut: Makes an image of the size that training sees of that array, at random; None where it
            has that size already.
        load_whole: Path to array of the size that training sees, nothing cut off at random.
        spec: How ``load_whole`` decodes; None for a loader of the user's.
        steps: The augmentations that follow.
    """

    load: Load
    loaded_spec: ImageSpec | None
    about: str | None
    cut: Cut | None
    load_whole: Load
    spec: ImageSpec | None
    steps: tuple[Augmentation, ...]


def source_of_loader(loader: Load, steps: tuple[Augmentation, ...]) -> Source:
    """Arrays as the user's own function returns them."""
    return Source(loader, None, None, None, loader, None, steps)


def source_of_files(spec: ImageSpec, steps: tuple[Augmentation, ...]) -> Source:
    """Files that are decoded; ``RandomResizedCrop``, if it comes first, cuts before the resizing.

    Raises:
        OptionError: A crop, and a ``fit`` that cuts or pads by itself.
    """
    whole = functools.partial(load_image, spec=spec)
    crop = steps[0] if steps else None
    if not isinstance(crop, RandomResizedCrop) or spec.image_size is None:
        return Source(whole, spec, spec.about(), None, whole, spec, steps)
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
        cut=functools.partial(crop.cut, spec.image_size),
        load_whole=whole,
        spec=spec,
        steps=steps[1:],
    )
