"""The option ``--ratio`` of ``imggen split``: two or three numbers."""

from __future__ import annotations

import itertools
import math
from typing import final

import click


@final
class RatioCommand(click.Command):
    """A command whose option --ratio takes two or three numbers."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses arguments after completing the numbers of --ratio."""
        return super().parse_args(ctx, _complete_ratios(args))


def _complete_ratios(args: list[str]) -> list[str]:
    """Adds a share of 0 for test if --ratio has two numbers.

    The next argument is a third number if it may be one: a folder of such a name is written "./1".

    Raises:
        click.BadOptionUsage: There are fewer than two numbers.
    """
    end = args.index("--") if "--" in args else len(args)
    places = [place for place in range(end) if args[place].partition("=")[0] == "--ratio"]
    completed = list(args)
    for place in reversed(places):
        given = [*filter(None, [args[place].partition("=")[2]]), *args[place + 1 : end]]
        is_joined = "=" in args[place]
        numbers = list(itertools.takewhile(_is_number, given[:3]))
        if len(numbers) < 2:
            raise click.BadOptionUsage(
                "--ratio",
                "--ratio expects two or three numbers, such as --ratio 0.8 0.2; found "
                f"{' '.join(given[:2]) or 'none'}.",
            )
        is_complete = len(numbers) == 3 and (
            0 <= float(numbers[2]) <= 1 or not math.isclose(sum(map(float, numbers[:2])), 1)
        )
        if not is_complete:
            completed.insert(place + 3 - is_joined, "0")
    return completed


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
