"""What the user passed as ``augment=`` to the steps of a pipeline."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from typing import Any

from imggen.augment.adapters.albumentations import AlbumentationsStep
from imggen.augment.adapters.functions import FunctionStep
from imggen.augment.adapters.imgaug import ImgaugStep
from imggen.augment.adapters.keras import KerasStep
from imggen.augment.adapters.registry import comes_from, registered_adapter
from imggen.augment.adapters.torchvision import TorchvisionStep
from imggen.augment.base import Augmentation
from imggen.augment.builtin import BuiltIn
from imggen.augment.mixing import Mixer
from imggen.augment.pipeline import Step
from imggen.augment.policy import POLICY_SUFFIXES, load_policy
from imggen.augment.presets import PRESETS, preset
from imggen.errors import OptionError

# Accepted wherever an augmentation is asked for.
Augment = (
    Augmentation
    | BuiltIn
    | Mixer
    | Callable[..., Any]
    | str
    | os.PathLike[str]
    | list[Any]
    | tuple[Any, ...]
    | None
)

_WHAT_WOULD_DO = (
    "an augmentation of imggen, albumentations, Keras or torchvision, a function image -> image or "
    "(image, rng) -> image, a list of these, "
    f"one of {', '.join(map(repr, PRESETS))}, or a policy file ({', '.join(POLICY_SUFFIXES)})."
)


def adapt(augment: Augment) -> tuple[Step | Mixer, ...]:
    """Makes the steps of a pipeline from what the user passed.

    Args:
        augment: None; an augmentation of imggen's own; an albumentations transform or Compose; a
            Keras preprocessing layer or Sequential of them; a transform of torchvision's v2; an
            augmenter in the style of imgaug; a callable ``image -> image`` or
            ``(image, rng) -> image``, which gets ``rng``, a numpy Generator, when it has a
            parameter of that name or needs two arguments; "light", "medium" or "strong" (see
            ``preset``); a policy file; or a list of these, applied in order.

    Raises:
        OptionError: Something else.
        PolicyError: A policy file that cannot be used.

    Example:
        >>> import numpy as np
        >>> def flip(image, rng):
        ...     return image[:, ::-1] if rng.random() < 0.5 else image
        >>> [step.name for step in adapt([flip, np.flipud])]
        ['flip', 'flipud']
    """
    if augment is None:
        return ()
    if isinstance(augment, list | tuple):
        return tuple(step for item in augment for step in adapt(item))
    if isinstance(augment, str) and augment in PRESETS:
        return preset(augment)
    if isinstance(augment, str | os.PathLike):
        return adapt(_policy(augment))
    if isinstance(augment, type):
        raise OptionError(
            f"augment={augment.__name__} is a class; pass one of its objects, such as "
            f"{augment.__name__}(...)."
        )
    if isinstance(augment, BuiltIn | Mixer):
        return (augment,)
    make = registered_adapter(augment)
    if make is not None:
        return (make(augment),)
    if isinstance(augment, Augmentation):
        return (augment,)
    return (_adapted(augment),)


def unadapted(steps: Sequence[Step | Mixer]) -> list[Any]:
    """The steps as policies have them: albumentations' own transforms in place of their adapters.

    Example:
        >>> import albumentations
        >>> [type(step).__name__ for step in unadapted(adapt([albumentations.HorizontalFlip()]))]
        ['HorizontalFlip']
    """
    return [step.transform if isinstance(step, AlbumentationsStep) else step for step in steps]


def _policy(file: str | os.PathLike[str]) -> list[Any]:
    if not os.fspath(file).lower().endswith(POLICY_SUFFIXES):
        close = difflib.get_close_matches(os.fspath(file).lower(), PRESETS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise OptionError(f"augment={file!r} is none of these: {_WHAT_WOULD_DO}{hint}")
    return load_policy(file)


def _adapted(augment: Any) -> Augmentation:
    if comes_from(augment, "albumentations"):
        return AlbumentationsStep(augment)
    if comes_from(augment, "keras"):
        return KerasStep(augment)
    if comes_from(augment, "torchvision") or comes_from(augment, "torch"):
        return TorchvisionStep(augment)
    if hasattr(augment, "augment_image") and hasattr(augment, "seed_"):
        return ImgaugStep(augment)
    if not callable(augment):
        raise OptionError(f"augment={augment!r} cannot be called; expected {_WHAT_WOULD_DO}")
    return FunctionStep(augment)
