"""``imggen migrate PATH``: find Keras image loaders in scripts and change them to imggen."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imggen.cli.console import Console
from imggen.cli.options import PATH
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imggen.migrate import Cell, Examination, Script, Trap

_LEFT_TO_DO = 1
_NOT_READ = 2


@click.command(cls=Verb, reports=True)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@click.option("--write", is_flag=True, help="Change the imports in the files.")
def migrate(paths: tuple[Path, ...], write: bool) -> None:
    """Find uses of Keras's image loaders in PATH, and show the change to imggen as a diff.

    PATH is a .py file, a notebook, or a folder of them. The code is parsed, but never run. Common
    mistakes, and what does not run with Keras 3, are reported with a fix. Files are changed only
    with --write.

    The exit status is 0 if no import remains to be changed, 1 if there are changes and --write is
    not given, and 2 if a file cannot be read, parsed or written. Reported mistakes do not affect
    it.
    """
    from imggen.core import pluralize, printable
    from imggen.errors import ScriptError
    from imggen.migrate import (
        changed_cells,
        examine,
        find_scripts,
        names_loaders,
        read_script,
        write_script,
    )

    console = Console.current()
    results: list[dict[str, Any]] = []
    status = 0
    num_scripts = num_changed = num_unread = 0
    examinations: list[Examination] = []
    unrelated: list[tuple[Script, Examination]] = []
    for path in paths:
        try:
            scripts = find_scripts(path)
        except ScriptError as err:
            click.echo(f"error: {printable(str(err))}", err=True)
            status = _NOT_READ
            continue
        for file in scripts:
            num_scripts += 1
            changed: dict[int, Cell] = {}
            examination = None
            problems: tuple[str, ...] = ()
            try:
                script = read_script(file)
                examination = examine(script)
                problems = examination.problems
                changed = changed_cells(script, examination.edits)
                if examination.uses_loaders:
                    _show(script, examination, changed)
                    examinations.append(examination)
                elif examination.other_traps:
                    unrelated.append((script, examination))
                if changed and write:
                    write_script(script, changed)
                if changed:
                    num_changed += 1
                    status = max(status, 0 if write else _LEFT_TO_DO)
            except ScriptError as err:
                problems = (*problems, str(err))
            results.append(_describe(file, examination, changed, problems, written=write))
            if problems:
                status = _NOT_READ
                if paths == (file,) or names_loaders(file):
                    console.note("\n".join(f"skipped: {problem}" for problem in problems))
                else:
                    num_unread += 1
    is_project = bool(examinations)
    for script, examination in unrelated:
        # Of the same project, such as the file of the model; or named by the user.
        if is_project or script.path in paths:
            shown = dataclasses.replace(examination, traps=examination.other_traps)
            _show(script, shown, {})
            examinations.append(shown)
    if num_unread:
        unread = pluralize(num_unread, "unreadable file")
        console.note(f"skipped: {unread} without a Keras loader")
    if not console.is_quiet:
        _explain(examinations)
    done = "changed" if write else "to change; rerun with --write"
    outcome = done if num_changed else "to change"
    console.say(f"{pluralize(num_scripts, 'script')} read, {num_changed} {outcome}.")
    console.report({"scripts": results, "num_scripts": num_scripts, "num_changed": num_changed})
    sys.exit(status)


_WITH_IMGGEN = {
    "ImageDataGenerator": (
        "Same arguments, random draws and batches, on several threads. 99.9 % of values are within "
        "0.02 gray levels; with exact=True all are equal. Unlike in Keras, seed= does not change "
        "the global state of np.random: if your own code draws from it, call np.random.seed. "
        'New: on_error="skip", cache="ram", validation_split=(validation, test). '
        "Without the drop-in, flow(x, y) is imggen.from_arrays(x, y, split=(0.8, 0.2), seed=...); "
        'class_mode="raw" is label_mode="regression" of imggen.from_dataframe, and '
        'class_mode="multi_output" its targets={column: label mode}.'
    ),
    "image_dataset_from_directory": (
        "There is no drop-in, so the call is not changed. imggen.from_directory(directory, "
        "image_size=..., batch_size=..., split=(0.7, 0.15, 0.15), seed=...) returns train, val and "
        "test from one call, and knows the file of every row."
    ),
}


def _show(script: Script, examination: Examination, changed: Mapping[int, Cell]) -> None:
    """Prints the diff of a script, and then its remarks by line."""
    if not examination.uses and not examination.traps:
        return
    _say(click.style(str(script.path), bold=True))
    for line in _diff(script, changed):
        color = {"+": "green", "-": "red"}.get(line[:1])
        _say(click.style(line, fg=color) if color else line)
    remarks = [(use.cell, use.line, f"uses {use.name}") for use in examination.uses]
    remarks += [
        (trap.cell, trap.line, click.style(f"trap: {trap.name}", fg="yellow") + _detail(trap))
        for trap in examination.traps
    ]
    for cell_number, line_number, remark in sorted(dict.fromkeys(remarks)):
        _say(f"  {_where(script, cell_number, line_number)}: {remark}")
    _say()


def _detail(trap: Trap) -> str:
    """Returns what a trap is about on its line, and the lines of code below."""
    first, *code = trap.detail.splitlines() or [""]
    lines = [f": {first}" if first else "", *(f"      {line}" for line in code)]
    return "\n".join(lines)


def _explain(examinations: list[Examination]) -> None:
    """Explains each kind of trap and each loader once for all scripts."""
    names = {use.name for examination in examinations for use in examination.uses}
    traps = {
        (trap.name, trap.effect, trap.fix)
        for examination in examinations
        for trap in examination.traps
    }
    for name, effect, fix in sorted(traps):
        _say(click.style(f"trap: {name}", fg="yellow"))
        _paragraph(f"effect: {effect}")
        _paragraph(f"fix: {fix}")
    if names - {"image_dataset_from_directory"}:
        _say("ImageDataGenerator with imggen")
        _paragraph(_WITH_IMGGEN["ImageDataGenerator"])
    if "image_dataset_from_directory" in names:
        _say("image_dataset_from_directory with imggen")
        _paragraph(_WITH_IMGGEN["image_dataset_from_directory"])
    if names:
        _say()


def _describe(
    file: Path,
    examination: Examination | None,
    changed: Mapping[int, Cell],
    problems: tuple[str, ...],
    *,
    written: bool,
) -> dict[str, Any]:
    """Returns what --json prints about a script."""
    traps = () if examination is None else (*examination.traps, *examination.other_traps)
    return {
        "path": file,
        "to_change": bool(changed) and not written,
        "changed": bool(changed) and written,
        "uses": [] if examination is None else [use._asdict() for use in examination.uses],
        "traps": [trap._asdict() for trap in traps],
        "problems": problems,
    }


def _say(text: str = "") -> None:
    Console.current().show(text)


def _where(script: Script, cell: int, line: int) -> str:
    label = script.cells[cell].label.removeprefix(str(script.path)).strip(" ()")
    return f"{label}, line {line}" if label else f"line {line}"


def _paragraph(text: str) -> None:
    _say(click.wrap_text(text, 100, initial_indent="    ", subsequent_indent="      "))


def _diff(script: Script, changed: Mapping[int, Cell]) -> Iterator[str]:
    for number, cell in changed.items():
        before = script.cells[number]
        yield from difflib.unified_diff(
            before.source.splitlines(),
            cell.source.splitlines(),
            before.label,
            cell.label,
            lineterm="",
        )
