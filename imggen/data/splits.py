"""The parts of a split: what they are called, and a tuple of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, final

from imggen.errors import SplitError

T = TypeVar("T")

SPLIT_NAMES = ("train", "val", "test")

# What people call the three parts, in lower case.
_SAME_PART = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_name(name: str) -> str:
    """The name that a part goes by here: "train", "val" and "test" however they are spelt.

    Example:
        >>> part_name("Validation"), part_name("TRAIN"), part_name("holdout")
        ('val', 'train', 'holdout')
    """
    return _SAME_PART.get(name.strip().lower(), name)


def split_names(names: Iterable[str], where: str) -> list[str]:
    """The names of several parts, in the order train, val, test, and then all others.

    Raises:
        SplitError: Two of them name the same part.
    """
    by_part: dict[str, str] = {}
    for name in sorted(set(names)):
        part = split_name(name)
        if part in by_part:
            raise SplitError(
                f"The {where} has {by_part[part]!r} and {name!r}, which both name the part "
                f"{part!r}. Give them one name."
            )
        by_part[part] = name
    known = [part for part in SPLIT_NAMES if part in by_part]
    return known + [part for part in by_part if part not in SPLIT_NAMES]


@final
class Splits(tuple[T, ...]):
    """A tuple of parts that are also reached by name: ``parts.train``, ``parts.val``.

    Attributes:
        names: The name of each part, in order.

    Example:
        >>> parts = Parts(["a", "b"], names=("train", "val"))
        >>> train, val = parts
        >>> parts.val
        'b'
    """

    names: tuple[str, ...]

    def __new__(cls, items: Iterable[T], names: Sequence[str]) -> Splits[T]:
        """Makes the tuple and names its items."""
        self = super().__new__(cls, items)
        self.names = tuple(names)
        return self

    def __getnewargs__(self) -> tuple[tuple[T, ...], tuple[str, ...]]:
        return tuple(self), self.names

    def __getattr__(self, name: str) -> T:
        names = self.__dict__.get("names", ())
        if name not in names:
            raise AttributeError(f"There is no part {name!r}; the parts are {list(names)}.")
        part: T = self[names.index(name)]
        return part

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.names]

    def as_dict(self) -> dict[str, T]:
        """Part name to part."""
        return dict(zip(self.names, self, strict=True))

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={part!r}" for name, part in self.as_dict().items())
        return f"Parts({listed})"
