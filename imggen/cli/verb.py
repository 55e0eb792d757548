"""The class of all verbs: options that every verb has, and errors that name the closest word."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Sequence
from typing import Any, final

import click

from imggen.cli.console import Console
from imggen.cli.values import Numbers, find_closest


@final
class AliasedOption(click.Option):
    """An option with further names, such as earlier ones, that --help does not show."""

    def __init__(self, *args: Any, aliases: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.aliases = list(aliases)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Adds the option with all of its names."""
        shown = self.opts
        self.opts = [*shown, *self.aliases]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown


@final
class Verb(click.Command):
    """A command with --quiet and --verbose; with --json too, if it reports.

    If it ``resumes`` an interrupted run, it says so after Ctrl-C. Options of ``Numbers`` take as
    many words as are numbers.
    """

    def __init__(
        self, *args: Any, reports: bool = False, resumes: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._resumes = resumes
        self.params += [_flag("--json", _JSON_HELP)] if reports else []
        self.params += [_flag("-q", "--quiet", _QUIET_HELP)]
        self.params += [_flag("-v", "--verbose", _VERBOSE_HELP)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words after the verb."""
        try:
            left = super().parse_args(ctx, _join_numbers(self.params, args))
        except click.NoSuchOption as err:
            raise self._suggest(err.option_name, ctx) from None
        is_json, is_quiet, is_verbose = (
            bool(ctx.params.pop(name, False)) for name in ("json", "quiet", "verbose")
        )
        ctx.meta[Console.KEY] = console = Console(is_json, is_quiet, is_verbose)
        if console.is_quiet and console.is_verbose:
            raise click.UsageError("--quiet cannot be combined with --verbose.", ctx)
        return left

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the verb. With --json, stdout is for JSON only: all text goes to stderr."""
        console = Console.current()
        started = time.perf_counter()
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            flag = getattr(parameter, "flag_value", None)
            if isinstance(flag, str):  # one of several options for the values of an argument
                value = value == flag
            if value is not None and value is not False and value != ():
                is_option = isinstance(parameter, click.Option)
                name = max(parameter.opts, key=len) if is_option else find_metavar(parameter)
                console.detail(_format(name, value))
        with contextlib.ExitStack() as stack:
            if console.is_json:
                text = io.StringIO() if console.is_quiet else sys.stderr
                stack.enter_context(contextlib.redirect_stdout(text))
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                if self._resumes:
                    click.echo("\nInterrupted. Rerun the same command to resume.", err=True)
                raise
            finally:
                console.detail(f"{ctx.info_name}: {time.perf_counter() - started:.1f} s")

    def _suggest(self, name: str, ctx: click.Context) -> click.UsageError:
        """Returns the error about an unknown option, with the closest option that --help shows."""
        shown: dict[str, str] = {}
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                names = [*parameter.opts, *parameter.secondary_opts]
                shown |= dict.fromkeys(getattr(parameter, "aliases", ()), names[-1])
                shown |= {one: one for one in names}
        closest = find_closest(name, ["--help", *shown])
        hint = f" Did you mean {shown.get(closest, closest)}?" if closest else ""
        return click.UsageError(f"No such option {name!r}.{hint}", ctx)


class VerbGroup(click.Group):
    """A group that names the closest command if there is none of a name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words before the command; its own options follow it."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as err:
            name = err.option_name
            closest = find_closest(name, ["--help", *(one for p in self.params for one in p.opts)])
            place = f"The options of a command follow it: {ctx.command_path} COMMAND {name}."
            is_known = name in _SHARED
            hint = f"Did you mean {closest}?" if closest and not is_known else place
            raise click.UsageError(f"No such option {name!r}. {hint}", ctx) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command of the first word."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            closest = find_closest(name, self.list_commands(ctx))
            hint = f" Did you mean {closest!r}?" if closest else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


# The options of every verb.
_SHARED = ("--json", "-q", "--quiet", "-v", "--verbose")
_MARKS = dict.fromkeys(map(ord, "[]."))  # of what is optional or repeatable
_JSON_HELP = "Print the results as JSON, and everything else to stderr."
_QUIET_HELP = "Print only errors and what the command is for: findings, tables, lists."
_VERBOSE_HELP = "Print all findings, the settings, the duration, and where errors come from."


def find_metavar(argument: click.Parameter) -> str:
    """Returns the name of an argument in --help, such as SRC."""
    return argument.make_metavar(click.Context(click.Command(""))).translate(_MARKS)


def _flag(*names: str) -> click.Option:
    *names_only, text = names
    return click.Option(names_only, is_flag=True, help=text)


def _join_numbers(params: Sequence[click.Parameter], args: Sequence[str]) -> list[str]:
    """Joins the numbers after each option of ``Numbers`` to one word."""
    types = {
        name: param.type
        for param in params
        if isinstance(param.type, Numbers)
        for name in (*param.opts, *getattr(param, "aliases", ()))
    }
    joined: list[str] = []
    left = list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*joined, word, *left]
        name, is_joined, first = word.partition("=")
        if name in types:
            numbers = [first] if is_joined else []
            while left and left[0] != "--" and types[name].takes(numbers, left[0]):
                numbers.append(left.pop(0))
            word = f"{name}={' '.join(numbers)}" if numbers else name
        joined.append(word)
    return joined


def _format(name: str, value: object) -> str:
    if value is True:
        return name
    return f"{name} {' '.join(map(str, value)) if isinstance(value, tuple) else value}"
