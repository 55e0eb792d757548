"""Adapter for plain callables, with or without parameters ``rng`` and ``mask``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, final

import numpy as np

from imggen.augment.base import DrawnParameters
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, OptionError


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
        self._needs_mask = self._check_arguments()

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
        self.check_alignment(sample)
        image, mask = self._function(*arguments, **keywords, mask=sample.masks[0])
        return dataclasses.replace(sample, image=image, masks=(mask,)), {}

    def check_alignment(self, sample: Sample) -> None:
        """See ``SelectiveStep``."""
        if sample.boxes is not None or sample.keypoints is not None:
            raise AugmentationError(
                "a function of the image cannot keep boxes and keypoints aligned. Write a class "
                "with a name and a method augment(sample, rng) instead, see "
                "imggen.augment.Augmentation"
            )
        if sample.is_image_only:
            if self._needs_mask:
                raise AugmentationError(
                    "a function whose parameter mask has no default needs a mask. Give the "
                    'parameter a default; or pass label_mode="mask", for samples that have masks'
                )
            return
        if not self._takes_mask or len(sample.masks) != 1 or sample.images:
            raise AugmentationError(
                "a function of the image cannot keep masks and further images aligned. Add a "
                "parameter mask, and return (image, mask)"
            )

    def _check_arguments(self) -> bool:
        """Checks that the function can be called.

        Returns:
            Whether it can be called with a mask only.
        """
        try:
            signature = inspect.signature(self._function)
        except (TypeError, ValueError):  # functions written in C may have no signature
            return False
        arguments = [None, None] if self._rng_passed_as == "position" else [None]
        keywords = {"rng": None} if self._rng_passed_as == "keyword" else {}
        for mask in [{}, {"mask": None}] if self._takes_mask else [{}]:
            try:
                signature.bind(*arguments, **keywords, **mask)
            except TypeError as err:
                problem = err
            else:
                return bool(mask)
        raise OptionError(
            f"augment={self.name} cannot be called with an image: {problem}; expected a function "
            "image -> image or (image, rng) -> image, also with a parameter mask. Set further "
            "arguments by functools.partial."
        ) from problem


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
