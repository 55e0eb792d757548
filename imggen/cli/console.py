"""The output of a verb: text, JSON, and as much of it as --quiet and --verbose ask for."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TextIO, final

import click

# The number of findings that are printed; files have all of them.
_MAX_LISTED = 20


@final
@dataclass(frozen=True)
class Console:
    """The output of a verb: its amount, and where it goes.

    Attributes:
        is_json: Print JSON to stdout, and everything else to stderr.
        is_quiet: Leave out summaries, notes, warnings and progress.
        is_verbose: Print all findings, and details.
        stdout: Where JSON goes.
    """

    KEY: ClassVar[str] = "imggen.cli.console"

    is_json: bool = False
    is_quiet: bool = False
    is_verbose: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)

    @classmethod
    def current(cls) -> Console:
        """Returns the console of the verb that runs."""
        context = click.get_current_context(silent=True)
        found = None if context is None else context.meta.get(cls.KEY)
        return found if isinstance(found, cls) else cls()

    @property
    def max_listed(self) -> int:
        """The number of findings to print."""
        return sys.maxsize if self.is_verbose else _MAX_LISTED

    def show(self, text: str) -> None:
        """Prints what the verb is for."""
        click.echo(_replace_surrogates(text))

    def say(self, text: str) -> None:
        """Prints a summary or a closing line, unless --quiet is given."""
        if not self.is_quiet:
            click.echo(_replace_surrogates(text))

    def note(self, text: str) -> None:
        """Prints a remark to stderr, unless --quiet is given."""
        if not self.is_quiet:
            click.echo(_replace_surrogates(text), err=True)

    def detail(self, text: str) -> None:
        """Prints a detail to stderr, if --verbose is given."""
        if self.is_verbose:
            click.echo(_replace_surrogates(text), err=True)

    def wrote(self, what: str, path: str | os.PathLike[str]) -> None:
        """Prints what was written, and where."""
        from imggen.core import printable

        self.say(f"Wrote {what} to {printable(os.path.abspath(path))}")

    def report(self, results: Mapping[str, Any] | list[Any]) -> None:
        """Prints the results of the verb, if --json is given."""
        if self.is_json:
            text = json.dumps(_to_json(results), indent=1)
            click.echo(text, file=self.stdout)


def _replace_surrogates(text: str) -> str:
    """Replaces the bytes of file names that are not valid UTF-8, which cannot be printed."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _to_json(value: Any) -> Any:
    """Converts values of NumPy, paths, and numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _to_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(one) for one in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
