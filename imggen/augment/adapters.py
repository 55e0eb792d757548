"""Anything that can augment, made into an Augmentation."""

from __future__ import annotations

import copy
import inspect
import random
import threading
from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.base import Augmentation
from imggen.augment.crop import RandomResizedCrop
from imggen.errors import OptionError

# Accepted wherever an augmentation is asked for.
Augment = Callable[..., Any] | list[Any] | tuple[Any, ...] | None


def adapt(augment: Augment) -> tuple[Augmentation, ...]:
    """Makes the steps of a pipeline from what the user passed.

    Args:
        augment: None; a callable ``image -> image`` or ``(image, rng) -> image``; an
            albumentations transform or Compose; a ``RandomResizedCrop``; or a list of these,
            applied in order. A callable gets ``rng``, a numpy Generator, when it has a parameter of
            that name or needs two arguments.

    Raises:
        OptionError: Something that cannot be called.

    Example:
        >>> def flip(image, rng):
        ...     return image[:, ::-1] if rng.random() < 0.5 else image
        >>> [step.name for step in adapt([flip, np.flipud])]
        ['flip', 'flipud']
    """
    if augment is None:
        return ()
    if isinstance(augment, list | tuple):
        return tuple(step for item in augment for step in adapt(item))
    if not callable(augment):
        raise OptionError(
            f"augment={augment!r} cannot be called; expected a function image -> image or "
            "(image, rng) -> image, an albumentations transform, or a list of these."
        )
    if isinstance(augment, type):
        raise OptionError(
            f"augment={augment.__name__} is a class; pass one of its objects, such as "
            f"{augment.__name__}(...)."
        )
    if isinstance(augment, RandomResizedCrop):
        return (augment,)
    if _comes_from(augment, "albumentations"):
        return (AlbumentationsStep(augment),)
    return (CallableStep(augment),)


@final
class CallableStep:
    """A plain callable as an Augmentation."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = str(getattr(function, "__name__", type(function).__name__))
        self._function = function
        self._rng_passed_as = _rng_passed_as(function)

    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> Any:
        """Calls the function, with ``rng`` if it takes one."""
        if self._rng_passed_as == "keyword":
            return self._function(image, rng=rng)
        if self._rng_passed_as == "position":
            return self._function(image, rng)
        return self._function(image)


@final
class AlbumentationsStep:
    """An albumentations transform or Compose as an Augmentation.

    A transform keeps its random state in itself, so every thread works on a copy of its own, and
    the state is set from the sample's generator before each call.
    """

    def __init__(self, transform: Any) -> None:
        if not hasattr(transform, "set_random_state"):
            raise OptionError(
                f"augment={type(transform).__name__} comes from an albumentations that cannot be "
                "seeded from outside. Install 2.0 or newer: pip install 'albumentations>=2.0'"
            )
        self.name = f"albumentations.{type(transform).__name__}"
        self._transform = transform
        self._copies = threading.local()

    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> Any:
        """Seeds this thread's copy from ``rng`` and calls it."""
        transform = getattr(self._copies, "transform", None)
        if transform is None:
            transform = self._copies.transform = copy.deepcopy(self._transform)
        transform.set_random_state(rng, random.Random(int(rng.integers(2**63))))  # noqa: S311
        result = transform(image=image)["image"]
        # OpenCV drops the channel axis of one-channel images.
        if isinstance(result, np.ndarray) and result.shape == image.shape[:2]:
            return result[:, :, None] if image.shape[2:] == (1,) else result
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_transform": self._transform}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._copies = threading.local()


def _comes_from(value: object, package: str) -> bool:
    """Whether a class of ``package`` is among the value's classes, without importing it."""
    return any(base.__module__.partition(".")[0] == package for base in type(value).__mro__)


def _rng_passed_as(function: Callable[..., Any]) -> str | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # functions written in C do not say
        return None
    if any(
        parameter.name == "rng" and parameter.kind != parameter.POSITIONAL_ONLY
        for parameter in parameters
    ):
        return "keyword"
    needed = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    return "position" if len(needed) == 2 else None
