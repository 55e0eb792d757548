"""Values of options: choices, one to three numbers, and sizes in bytes."""

from __future__ import annotations

import difflib
import math
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, final

import click

_MAX_COMPARED = 100  # characters; comparing takes quadratic time


@final
class Choice(click.Choice):  # type: ignore[type-arg]  # not generic before click 8.2
    """A choice of words; for any other word, the error names the closest one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the word if it is one of the choices."""
        if value not in self.choices:
            closest = find_closest(str(value), self.choices)
            hint = f" Did you mean {closest!r}?" if closest else ""
            listed = ", ".join(map(repr, self.choices))
            self.fail(f"{value!r} is not one of {listed}.{hint}", param, ctx)
        return str(value)


@final
class WholeNumber(click.ParamType):  # type: ignore[type-arg]
    """A whole number from ``low`` to ``high``; None: without an upper limit."""

    name = "whole number"

    def __init__(self, low: int, high: int | None = None) -> None:
        self._low = low
        self._high = math.inf if high is None else high
        self._range = f"of {low} or more" if high is None else f"from {low} to {high}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number."""
        try:
            number = int(value)
        except ValueError:
            number = self._low - 1
        if not self._low <= number <= self._high:
            self.fail(f"{value!r} is not a whole number {self._range}.", param, ctx)
        return number


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Several numbers after one option: as separate words, or as one with commas."""

    name = "numbers"

    @abstractmethod
    def takes(self, numbers: Sequence[str], word: str) -> bool:
        """Returns whether a word after some numbers is one of the option's."""

    def split_words(self, value: str) -> list[str]:
        """Splits a value into the words of its numbers."""
        return value.replace(",", " ").split()


@final
class ImageSizeType(Numbers):
    """One number for squares, or height and width: 96, 96 128, 96,128 or 96x128."""

    def takes(self, numbers: Sequence[str], word: str) -> bool:
        """Returns whether a word is the height or the width."""
        return not numbers or (len(numbers) == 1 and _is_number(word) and _is_number(numbers[0]))

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Returns (height, width)."""
        if isinstance(value, tuple):
            return value
        words = self.split_words(re.sub(r"(?<=\d)[x×](?=\d)", " ", value))
        try:
            sides = [int(word) for word in words]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2):
            self.fail(
                f"found {value!r}; expected one whole number for squares, or height and width, "
                "such as 224 or 96 128.",
                param,
                ctx,
            )
        return sides[0], sides[-1]


@final
class ShareType(Numbers):
    """Two or three shares. A third number that cannot be one is the next argument.

    A folder with the name of a number is written "./1".
    """

    def takes(self, numbers: Sequence[str], word: str) -> bool:
        """Returns whether a word is one of the shares."""
        if len(numbers) < 2:
            return not numbers or _is_number(word)
        if not all(map(_is_number, (*numbers, word))):
            return False
        is_complete = math.isclose(sum(map(float, numbers)), 1)
        return not is_complete or (len(numbers) == 2 and 0 <= float(word) <= 1)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Returns the shares of train, val and test; 0 for test if there are two."""
        if isinstance(value, tuple):
            return value
        words = self.split_words(value)
        if len(words) not in (2, 3) or not all(map(_is_number, words)):
            self.fail(
                f"found {value!r}; expected two or three numbers, such as 0.8 0.2.", param, ctx
            )
        return tuple(map(float, [*words, "0"][:3]))


@final
class ByteSize(click.ParamType):  # type: ignore[type-arg]
    """A size as a number of bytes, or with a unit: 500MB, 1.5GB, 2GiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number of bytes."""
        if isinstance(value, int):
            return value
        from imggen.core import parse_bytes

        number = parse_bytes(value)
        if number is None:
            self.fail(
                f"{value!r} is not a size; expected a number of bytes, or one with a unit, such as "
                "500MB, 1GB or 2GiB.",
                param,
                ctx,
            )
        return number


def leave_out_zeros(
    option: str, numbers: tuple[Any, ...], names: tuple[str, ...]
) -> dict[str, Any]:
    """Returns the number of each split, without the splits that are left out by 0.

    Raises:
        UsageError: All of them are left out.
    """
    kept = {name: number for name, number in zip(names, numbers, strict=True) if number != 0}
    if not kept:
        raise click.UsageError(
            f"{option}: 0 leaves out a split, and all are 0. Pass a number above 0 for one of "
            f"{', '.join(names)}."
        )
    return kept


def find_closest(word: str, words: Sequence[str]) -> str | None:
    """Returns the word that is most similar to another one; None if none is similar."""
    found = difflib.get_close_matches(word[:_MAX_COMPARED].lower(), words, n=1)
    return found[0] if found else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
