"""The policy that is being tuned: a list of steps, some of them switched off."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from imggen.augment import (
    BUILT_INS,
    MIXERS,
    Bounds,
    BuiltIn,
    Constraint,
    Mixer,
    WholeBounds,
    WholeRangeBounds,
    format_policy,
    format_python,
    option_constraints,
    option_fields,
)
from imggen.core import check_choice

# What can be added: all that keep the size of the image.
MENU: dict[str, type[BuiltIn | Mixer]] = {**BUILT_INS, **MIXERS}
# Sliders for ranges end at these multiples of the initial value.
_SIGNED_FACTOR, _UNSIGNED_FACTOR = 4.0, 2.5
# Sliders for a number end at 10 times the value if 100 times the value would be legal.
_FAR_FACTOR, _NEAR_FACTOR = 100.0, 10.0
_MIN_STEPS = 100


class Scale(NamedTuple):
    """The ends of a slider and the size of its steps."""

    low: float
    high: float
    step: float


@dataclass
class Item:
    """One step of a policy.

    Attributes:
        step: A built-in augmentation, or a transform of albumentations.
        is_on: Whether the step is part of the policy.
    """

    step: Any
    is_on: bool = True

    def __post_init__(self) -> None:
        self._initial = self.step

    @property
    def name(self) -> str:
        """The name of the augmentation."""
        if isinstance(self.step, BuiltIn | Mixer):
            return self.step.name
        return f"albumentations.{type(self.step).__name__}"

    @property
    def options(self) -> dict[str, Constraint]:
        """The options that can be tuned, each with its legal values; by name."""
        if not isinstance(self.step, BuiltIn | Mixer):
            return {}
        legal = option_constraints(type(self.step))
        return {
            field.name: legal[field.name]
            for field in option_fields(type(self.step))
            if field.name in legal
        }

    def get_initial(self, option: str) -> Any:
        """Returns the initial value of an option."""
        return getattr(self._initial, option)

    def set(self, option: str, value: Any) -> None:
        """Sets an option.

        Raises:
            OptionError: The value is not legal.
        """
        self.step = dataclasses.replace(self.step, **{option: value})


@dataclass
class Draft:
    """A policy that is being tuned."""

    items: list[Item]

    @classmethod
    def of(cls, steps: list[Any]) -> Draft:
        """Creates a draft of an existing policy."""
        return cls([Item(step) for step in steps])

    @property
    def steps(self) -> list[Any]:
        """The steps that are on, in order."""
        return [item.step for item in self.items if item.is_on]

    def add(self, name: str) -> Item:
        """Appends a built-in augmentation; a new mixer replaces the previous one.

        Raises:
            OptionError: There is no augmentation of this name.
        """
        check_choice("augmentation", name, MENU)
        if name in MIXERS:  # a policy has at most one mixer
            self.items = [item for item in self.items if not isinstance(item.step, Mixer)]
        item = Item(MENU[name]())
        self.items.append(item)
        self._put_mixer_last()
        return item

    def move(self, item: Item, places: int) -> None:
        """Moves a step by a number of places: up if it is negative, else down."""
        place = self.items.index(item)
        self.items.remove(item)
        self.items.insert(max(0, place + places), item)
        self._put_mixer_last()

    def _put_mixer_last(self) -> None:
        """Moves augmentations of batches to the end, where they are applied."""
        self.items.sort(key=lambda item: isinstance(item.step, Mixer))

    def copy(self) -> Draft:
        """Returns an independent copy."""
        return Draft([dataclasses.replace(item) for item in self.items])

    def as_yaml(self) -> str:
        """Formats the policy as YAML."""
        return format_policy(self.steps)

    def as_python(self) -> str:
        """Formats the policy as Python code."""
        return format_python(self.steps)


def choose_scale(legal: Bounds, value: Any, initial: Any) -> Scale:
    """Chooses the slider of an option: a useful range, with a step at the current value.

    Most legal values are not useful: rotations by 300 degrees, factors of 9. Therefore sliders end
    at a few times the initial value, or the current one if it is larger.

    Args:
        legal: The legal values of the option.
        value: The current value, a number or a range.
        initial: The initial value.

    Example:
        >>> from imggen.augment.options import NumberBounds, RangeBounds
        >>> choose_scale(NumberBounds(0, 1), 0.5, 0.5)
        Scale(low=0.0, high=1.0, step=0.01)
        >>> choose_scale(RangeBounds(-360, 360, "degrees"), (-2.0, 2.0), (-20.0, 20.0))
        Scale(low=-80.0, high=80.0, step=1.0)
    """
    low, high = float(legal.minimum), float(legal.maximum)
    farthest = float(np.abs(np.array([value, initial], dtype=float)).max())
    if not isinstance(value, tuple):
        if 0 < _FAR_FACTOR * farthest <= high:
            high = _NEAR_FACTOR * farthest
    elif low < 0:
        farthest = farthest or 1.0
        low, high = max(low, -_SIGNED_FACTOR * farthest), min(high, _SIGNED_FACTOR * farthest)
    else:
        high = min(high, _UNSIGNED_FACTOR * (farthest or 1.0))
    if isinstance(legal, WholeBounds | WholeRangeBounds):
        return Scale(low, float(math.floor(high)), 1.0)
    # A power of ten, so that values with few digits can be chosen.
    step = 10.0 ** math.floor(math.log10((high - low) / _MIN_STEPS))
    if low > 0 or legal.exclusive:
        low = step * max(1, math.ceil(low / step))
    return Scale(low, high, step)
