"""A policy while it is tuned: steps in order, some of them switched off."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

from imggen.augment import MIXERS, BuiltIn, Mixer
from imggen.augment.catalog import KINDS
from imggen.augment.options import Allowed, Bounds, Whole, allowed, fields_of
from imggen.augment.policy import format_policy, format_python
from imggen.errors import OptionError

# Where sliders for ranges end, in times of what they begin with.
_SIGNED, _UNSIGNED = 4.0, 2.5
_NOTCHES = 200


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

    @property
    def name(self) -> str:
        """What it is called."""
        if isinstance(self.step, BuiltIn | Mixer):
            return self.step.name
        return f"albumentations.{type(self.step).__name__}"

    @property
    def options(self) -> dict[str, Allowed]:
        """What can be tuned, by name: what each option may be."""
        if not isinstance(self.step, BuiltIn | Mixer):
            return {}
        legal = allowed(type(self.step))
        return {
            field.name: legal[field.name]
            for field in fields_of(type(self.step))
            if field.name in legal
        }

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
        """The steps that are on, in order; an augmentation of batches comes last."""
        steps = [item.step for item in self.items if item.is_on]
        return sorted(steps, key=lambda step: isinstance(step, Mixer))

    def add(self, name: str) -> Item:
        """Appends one of imggen's own augmentations.

        Raises:
            OptionError: There is none of this name.
        """
        if name not in KINDS:
            raise OptionError.unknown("augmentation", name, KINDS)
        if name in MIXERS:  # one at a time
            self.items = [item for item in self.items if not isinstance(item.step, Mixer)]
        item = Item(KINDS[name]())
        self.items.append(item)
        return item

    def move(self, item: Item, places: int) -> None:
        """Moves a step up (below 0) or down."""
        place = self.items.index(item)
        self.items.remove(item)
        self.items.insert(max(0, place + places), item)

    def copy(self) -> Draft:
        """The same steps, to be tuned apart."""
        return Draft([Item(item.step, item.is_on) for item in self.items])

    def as_yaml(self) -> str:
        """The policy as a file."""
        return format_policy(self.steps)

    def as_python(self) -> str:
        """The policy as code."""
        return format_python(self.steps)


def scale_of(legal: Bounds, value: object) -> Scale:
    """The slider for an option: as far as is of use, and wide enough for the value that it has.

    Most of what is legal is not: rotations by 300 degrees, factors of 9. So sliders for ranges end
    at a few times what they begin with.

    Example:
        >>> from imggen.augment.options import Number, Span
        >>> scale_of(Number(0, 1), 0.5)
        Scale(least=0.0, most=1.0, step=0.005)
        >>> scale_of(Span(-360, 360, "degrees"), (-20.0, 20.0))
        Scale(least=-80.0, most=80.0, step=0.8)
    """
    least, most = float(legal.least), float(legal.most)
    if isinstance(value, tuple):
        farthest = max(map(abs, value)) or 1.0
        if least < 0:
            least, most = max(least, -_SIGNED * farthest), min(most, _SIGNED * farthest)
        else:
            most = min(most, _UNSIGNED * farthest)
    if isinstance(legal, Whole):
        return Scale(least, most, 1.0)
    step = float(f"{(most - least) / _NOTCHES:.1g}")
    return Scale(least + step if legal.above else least, most, step)
