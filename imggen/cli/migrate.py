"""``imggen migrate PATH``: find Keras image loaders in scripts and change them to imggen."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imggen.cli.options import PATH
from imggen.cli.output import replace_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imggen.migrate import Cell, Examination, Script

_LEFT_TO_DO = 1
_NOT_READ = 2


@click.command()
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@click.option("--write", is_flag=True, help="Change the imports in the files.")
def migrate(paths: tuple[Path, ...], write: bool) -> None:
    """Find uses of Keras's image loaders in PATH, and show the change to imggen as a diff.

    PATH is a .py file, a notebook, or a folder of them. The code is parsed, but never run. Common
    mistakes are reported with a fix. Files are changed only with --write.

    The exit status is 0 if nothing remains to be changed, 1 if there are changes and --write is not
    given, and 2 if a file cannot be read, parsed or written.
    """
    from imggen.errors import ScriptError
    from imggen.migrate import changed_cells, examine, find_scripts, read_script, write_script

    status = 0
    num_scripts = num_changed = 0
    examinations: list[Examination] = []
    for path in paths:
        try:
            scripts = find_scripts(path)
        except ScriptError as err:
            _say(f"error: {err}", err=True)
            status = _NOT_READ
            continue
        for file in scripts:
            num_scripts += 1
            try:
                script = read_script(file)
                examination = examine(script)
                changed = changed_cells(script, examination.edits)
                _show(script, examination, changed)
                examinations.append(examination)
                if changed and write:
                    write_script(script, changed)
            except ScriptError as err:
                _say(f"skipped: {err}", err=True)
                status = _NOT_READ
                continue
            for problem in examination.problems:
                _say(f"skipped: {problem}", err=True)
                status = _NOT_READ
            if changed:
                num_changed += 1
                status = max(status, 0 if write else _LEFT_TO_DO)
    _explain(examinations)
    done = "changed" if write else "to change; --write does it"
    _say(f"{num_scripts} scripts read, {num_changed} {done if num_changed else 'to change'}.")
    sys.exit(status)


_WITH_IMGGEN = {
    "ImageDataGenerator": (
        "the same arguments, draws and batches, made on several threads. 99.9 % of values are "
        "within 0.02 grey levels, with exact=True all are the same. A seed leaves np.random as it "
        "is: code of yours that draws from there, and pluralize on a seed= elsewhere, needs "
        "np.random.seed. "
        'New: on_error="skip", cache="ram", validation_split=(validation, test).'
    ),
    "image_dataset_from_directory": (
        "no drop-in, so the call is left as it is. imggen.from_directory(directory, "
        "image_size=..., batch_size=..., split=(0.7, 0.15, 0.15), seed=...) serves train, val and "
        "test from one call, and knows the file of every row."
    ),
}


def _show(script: Script, examination: Examination, changed: Mapping[int, Cell]) -> None:
    """Prints the diff of a script, and then its remarks by line."""
    if not examination.uses:
        return
    _say(click.style(str(script.path), bold=True))
    for line in _diff(script, changed):
        color = {"+": "green", "-": "red"}.get(line[:1])
        _say(click.style(line, fg=color) if color else line)
    remarks = [(use.cell, use.line, f"uses {use.name}") for use in examination.uses]
    remarks += [
        (trap.cell, trap.line, click.style(f"trap: {trap.name}", fg="yellow"))
        for trap in examination.traps
    ]
    for cell_number, line_number, remark in sorted(dict.fromkeys(remarks)):
        _say(f"  {_where(script, cell_number, line_number)}: {remark}")
    _say()


def _explain(examinations: list[Examination]) -> None:
    """Explains each kind of trap and each loader once for all scripts."""
    names = {use.name for examination in examinations for use in examination.uses}
    traps = {
        (trap.name, trap.today, trap.remedy)
        for examination in examinations
        for trap in examination.traps
    }
    for name, today, remedy in sorted(traps):
        _say(click.style(f"trap: {name}", fg="yellow"))
        _paragraph(f"today: {today}")
        _paragraph(f"remedy: {remedy}")
    if names - {"image_dataset_from_directory"}:
        _say("ImageDataGenerator with imggen")
        _paragraph(_WITH_IMGGEN["ImageDataGenerator"])
    if "image_dataset_from_directory" in names:
        _say("image_dataset_from_directory with imggen")
        _paragraph(_WITH_IMGGEN["image_dataset_from_directory"])
    if names:
        _say()


def _say(text: str = "", *, err: bool = False) -> None:
    click.echo(replace_surrogates(text), err=err)


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
