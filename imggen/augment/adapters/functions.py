"""Adapter for plain callables, with or without parameters ``rng`` and ``mask``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, final

import numpy as np

from imggen.augment.base import DrawnParameters
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError


@final
class FunctionStep:
    """Adapts a plain callable.

    The callable is passed the image; ``rng`` if it has a parameter of this name or requires two
    arguments; and ``mask`` if it has a parameter of this name: it must return ``(image, mask)``
    then.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = str(getattr(function, "__name__", type(function).__name__))
        self._function = function
        self._rng_passed_as = _rng_passed_as(function)
        self._takes_mask = _takes_keyword(function, "mask")

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Calls the function; the parameters that it draws are unknown."""
        arguments: list[Any] = [sample.image]
        keywords: dict[str, Any] = {}
        if self._rng_passed_as == "keyword":
            keywords["rng"] = rng
        elif self._rng_passed_as == "position":
            arguments.append(rng)
        if sample.is_image_only:
            image = self._function(*arguments, **keywords)
            return dataclasses.replace(sample, image=image), {}
        if sample.positions:
            raise AugmentationError(
                "a function of the image cannot keep boxes and keypoints aligned. Write a class "
                "with a name and a method augment(sample, rng) instead, see "
                "imggen.augment.Augmentation"
            )
        if not self._takes_mask or len(sample.masks) != 1 or sample.images:
            raise AugmentationError(
                "a function of the image cannot keep masks and further images aligned. Add a "
                "parameter mask, and return (image, mask)"
            )
        image, mask = self._function(*arguments, **keywords, mask=sample.masks[0])
        return dataclasses.replace(sample, image=image, masks=(mask,)), {}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C may have no signature
        return []


def _takes_keyword(function: Callable[..., Any], name: str) -> bool:
    return any(
        parameter.name == name and parameter.kind != parameter.POSITIONAL_ONLY
        for parameter in _parameters(function)
    )


def _rng_passed_as(function: Callable[..., Any]) -> str | None:
    if _takes_keyword(function, "rng"):
        return "keyword"
    needed = [
        parameter
        for parameter in _parameters(function)
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
        and parameter.name != "mask"
    ]
    return "position" if len(needed) == 2 else None
