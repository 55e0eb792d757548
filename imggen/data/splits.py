"""Names of splits, and a tuple of splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, final

from imggen.core import (
    check_arguments,
    format_block,
    format_class_table,
    format_html_table,
    pluralize,
    shorten,
)
from imggen.errors import SplitError

T = TypeVar("T")

SPLIT_NAMES = ("train", "val", "test")

# Common names of the three splits, in lower case.
_ALIASES = {
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
    """Returns the canonical name of a split: "train", "val" or "test" for every common spelling.

    Example:
        >>> split_name("Validation"), split_name("TRAIN"), split_name("holdout")
        ('val', 'train', 'holdout')
    """
    return _ALIASES.get(name.strip().lower(), name)


def split_names(names: Iterable[str], where: str) -> list[str]:
    """Sorts the names of several splits: train, val, test, and then all others.

    Args:
        names: The names as given.
        where: Their origin, for the error message.

    Raises:
        SplitError: Two names mean the same split.
    """
    given: dict[str, str] = {}
    for name in sorted(set(names)):
        split = split_name(name)
        if split in given:
            raise SplitError(
                f"The {where} has {shorten(given[split])} and {shorten(name)}, which both mean the "
                f"split {split!r}. Use one name."
            )
        given[split] = name
    known = [split for split in SPLIT_NAMES if split in given]
    return known + [split for split in given if split not in SPLIT_NAMES]


@check_arguments
@final
class Splits(tuple[T, ...]):
    """A tuple of splits with access by name: ``splits.train``, ``splits.val``.

    Attributes:
        names: The name of each split, in order.

    Example:
        >>> splits = Splits(["a", "b"], names=("train", "val"))
        >>> train, val = splits
        >>> splits.val
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
            raise AttributeError(
                f"There is no split {shorten(name)}; the splits are {shorten(list(names))}."
            )
        split: T = self[names.index(name)]
        return split

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.names]

    def as_dict(self) -> dict[str, T]:
        """Returns a dictionary from name to split."""
        return dict(zip(self.names, self, strict=True))

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={split!r}" for name, split in self.as_dict().items())
        return f"Splits({listed})"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str]] = []
        counts: dict[str, dict[str, int]] = {}
        item: Any
        for name, item in self.as_dict().items():
            manifest = getattr(item, "manifest", item)
            is_summarized = hasattr(item, "_summary")
            rows.append((name, "; ".join(item._summary()) if is_summarized else repr(item)))
            counts[name] = getattr(manifest, "class_counts", {})
        return format_block(
            "Splits",
            [pluralize(len(self), "split")],
            format_html_table(("split", "contents"), rows, noun="split"),
            format_class_table(counts),
        )
