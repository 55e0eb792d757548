"""Conversion of ``augment=`` to the steps of a pipeline."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from typing import Any

from imggen.augment.adapters.albumentations import AlbumentationsStep
from imggen.augment.adapters.functions import FunctionStep
from imggen.augment.adapters.imgaug import ImgaugStep
from imggen.augment.adapters.keras import KerasStep
from imggen.augment.adapters.registry import is_from_package, registered_adapter
from imggen.augment.adapters.torchvision import TorchvisionStep
from imggen.augment.base import Augmentation
from imggen.augment.builtin import BuiltIn
from imggen.augment.mixing import Mixer
from imggen.augment.pipeline import Step
from imggen.augment.policy import POLICY_SUFFIXES, load_policy
from imggen.augment.presets import PRESETS, preset
from imggen.core import shorten
from imggen.errors import OptionError

# All that can be passed as ``augment=``.
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

_EXPECTED = (
    "expected an augmentation of imggen, albumentations, Keras or torchvision, a function "
    "image -> image or (image, rng) -> image, a list of these, a preset "
    f"({', '.join(map(repr, PRESETS))}), or a policy file ({', '.join(POLICY_SUFFIXES)})."
)


def adapt(augment: Augment) -> tuple[Step | Mixer, ...]:
    """Converts ``augment=`` to the steps of a pipeline.

    Args:
        augment: One of these, or a list of them, which are applied in order:

            - None;
            - a built-in augmentation;
            - an albumentations transform or Compose;
            - a Keras preprocessing layer, or a Sequential of them;
            - a transform of torchvision's v2;
            - an augmenter in the style of imgaug;
            - a callable ``image -> image`` or ``(image, rng) -> image``. It is passed ``rng``, a
              NumPy Generator, if it has a parameter of this name or requires two arguments;
            - a preset: "light", "medium" or "strong" (see ``preset``);
            - the path of a policy file.

    Raises:
        OptionError: The object is none of these.
        PolicyError: The policy file cannot be read, or is not valid.

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
        try:
            return tuple(step for item in augment for step in adapt(item))
        except RecursionError as err:
            raise OptionError(
                "augment= has too many lists inside of lists. Pass one list."
            ) from err
    if isinstance(augment, str) and augment in PRESETS:
        return preset(augment)
    if isinstance(augment, str | os.PathLike):
        return adapt(_load(augment))
    if isinstance(augment, type):
        raise OptionError(
            f"augment={augment.__name__} is a class; expected an object. Pass "
            f"{augment.__name__}(...)."
        )
    if isinstance(augment, BuiltIn | Mixer):
        return (augment,)
    make = registered_adapter(augment)
    if make is not None:
        return (make(augment),)
    if isinstance(augment, Augmentation):
        return (augment,)
    return (_adapt_foreign(augment),)


def unwrap_steps(steps: Sequence[Step | Mixer]) -> list[Any]:
    """Replaces adapters of albumentations transforms by the transforms, as in policies.

    Example:
        >>> import albumentations
        >>> [type(step).__name__ for step in unwrap_steps(adapt([albumentations.HorizontalFlip()]))]
        ['HorizontalFlip']
    """
    return [step.transform if isinstance(step, AlbumentationsStep) else step for step in steps]


def _load(file: str | os.PathLike[str]) -> list[Any]:
    if not os.fspath(file).lower().endswith(POLICY_SUFFIXES):
        close = difflib.get_close_matches(os.fspath(file)[:100].lower(), PRESETS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise OptionError(
            f"augment={shorten(file)} is not a preset or policy file; {_EXPECTED}{hint}"
        )
    return load_policy(file)


def _adapt_foreign(augment: Any) -> Augmentation:
    if is_from_package(augment, "albumentations"):
        return AlbumentationsStep(augment)
    if is_from_package(augment, "keras"):
        return KerasStep(augment)
    if is_from_package(augment, "torchvision") or is_from_package(augment, "torch"):
        return TorchvisionStep(augment)
    if hasattr(augment, "augment_image") and hasattr(augment, "seed_"):
        return ImgaugStep(augment)
    if not callable(augment):
        raise OptionError(f"augment={shorten(augment)} is not callable; {_EXPECTED}")
    return FunctionStep(augment)
