"""A policy while it is tuned: steps in order, some of them switched off."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from imggen.augment import (
    AUGMENTATIONS,
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

# Where sliders for ranges end, in times of what they begin with.
_SIGNED, _UNSIGNED = 4.0, 2.5
# So do those for one number that may be a hundred times as large: at ten times.
_FAR, _FEW = 100.0, 10.0
_FEWEST_NOTCHES = 100


class Scale(NamedTuple):
    """The ends and the notches of a slider."""

    least: float
    most: float
    step: float


@dataclass
class Item:
    """One step.

    Attributes:
        step: An augmentation of imggen's own, or albumentations' transform.
        is_on: Whether it is part of the policy.
    """

    step: Any
    is_on: bool = True

    def __post_init__(self) -> None:
        self._first = self.step

    @property
    def name(self) -> str:
        """What it is called."""
        if isinstance(self.step, BuiltIn | Mixer):
            return self.step.name
        return f"albumentations.{type(self.step).__name__}"

    @property
    def options(self) -> dict[str, Constraint]:
        """What can be tuned, by name: what each option may be."""
        if not isinstance(self.step, BuiltIn | Mixer):
            return {}
        legal = option_constraints(type(self.step))
        return {
            field.name: legal[field.name]
            for field in option_fields(type(self.step))
            if field.name in legal
        }

    def first(self, option: str) -> Any:
        """The value that an option had at first, wherever its slider has been moved since."""
        return getattr(self._first, option)

    def set(self, option: str, value: Any) -> None:
        """Changes an option.

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
        """A policy that is there already."""
        return cls([Item(step) for step in steps])

    @property
    def steps(self) -> list[Any]:
        """The steps that are on, in order."""
        return [item.step for item in self.items if item.is_on]

    def add(self, name: str) -> Item:
        """Appends one of imggen's own augmentations.

        Raises:
            OptionError: There is none of this name.
        """
        check_choice("augmentation", name, AUGMENTATIONS)
        if name in MIXERS:  # one at a time
            self.items = [item for item in self.items if not isinstance(item.step, Mixer)]
        item = Item(AUGMENTATIONS[name]())
        self.items.append(item)
        self._put_mixer_last()
        return item

    def move(self, item: Item, places: int) -> None:
        """Moves a step up (below 0) or down."""
        place = self.items.index(item)
        self.items.remove(item)
        self.items.insert(max(0, place + places), item)
        self._put_mixer_last()

    def _put_mixer_last(self) -> None:
        """Augmentations of batches come last, wherever they are put."""
        self.items.sort(key=lambda item: isinstance(item.step, Mixer))

    def copy(self) -> Draft:
        """The same steps, to be tuned apart."""
        return Draft([dataclasses.replace(item) for item in self.items])

    def as_yaml(self) -> str:
        """The policy as a file."""
        return format_policy(self.steps)

    def as_python(self) -> str:
        """The policy as code."""
        return format_python(self.steps)


def scale_of(legal: Bounds, value: Any, first: Any) -> Scale:
    """The slider for an option: as far as is of use, with a notch at the value that it has.

    Most of what is legal is not of use: rotations by 300 degrees, factors of 9. So sliders end at a
    few times the value that the option had at first, or has now.

    Args:
        legal: What the option may be.
        value: What it is, a number or a range.
        first: What it was.

    Example:
        >>> from imggen.augment.options import NumberBounds, RangeBounds
        >>> scale_of(NumberBounds(0, 1), 0.5, 0.5)
        Scale(least=0.0, most=1.0, step=0.01)
        >>> scale_of(RangeBounds(-360, 360, "degrees"), (-2.0, 2.0), (-20.0, 20.0))
        Scale(least=-80.0, most=80.0, step=1.0)
    """
    least, most = float(legal.minimum), float(legal.maximum)
    farthest = float(np.abs(np.array([value, first], dtype=float)).max())
    if not isinstance(value, tuple):
        if 0 < _FAR * farthest <= most:
            most = _FEW * farthest
    elif least < 0:
        farthest = farthest or 1.0
        least, most = max(least, -_SIGNED * farthest), min(most, _SIGNED * farthest)
    else:
        most = min(most, _UNSIGNED * (farthest or 1.0))
    if isinstance(legal, WholeBounds | WholeRangeBounds):
        return Scale(least, float(math.floor(most)), 1.0)
    # As people write numbers, so that what they wrote is a notch.
    step = 10.0 ** math.floor(math.log10((most - least) / _FEWEST_NOTCHES))
    if least > 0 or legal.exclusive:
        least = step * max(1, math.ceil(least / step))
    return Scale(least, most, step)
