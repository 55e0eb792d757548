"""Python files and notebooks: read into cells, changed in places, written back as they were."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import secrets
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from imggen.errors import ScriptError

_SUFFIXES = {".py", ".ipynb"}
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}


class Edit(NamedTuple):
    """A piece of text and what takes its place.

    Attributes:
        cell: The cell that it is in, from 0.
        start: (line, column), the line from 1, the column in characters from 0.
        stop: The place after its last character, in the same way.
        text: What takes its place.
    """

    cell: int
    start: tuple[int, int]
    stop: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Cell:
    """Code that stands together: a whole .py file, or one code cell of a notebook.

    Attributes:
        label: What to call it: the path, and the number of the cell among all cells.
        source: The code as it stands in the file.
    """

    label: str
    source: str

    @property
    def lines(self) -> list[str]:
        """The lines as Python counts them, each with its own line ending."""
        # str.splitlines would also split at form feeds, at which Python does not.
        return list(io.StringIO(self.source, newline=""))


@dataclass(frozen=True)
class Script:
    """A Python file or a notebook.

    Attributes:
        path: The file.
        cells: Its code.
        encoding: Of the file.
    """

    path: Path
    cells: tuple[Cell, ...]
    encoding: str
    _content: bytes

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook."""
        return self.path.suffix.lower() == ".ipynb"


def find_scripts(path: Path) -> list[Path]:
    """The scripts at ``path``: itself, or all .py and .ipynb files below it, sorted.

    Hidden folders, virtual environments and installed packages are passed over.

    Raises:
        ScriptError: There is nothing at ``path``, or a file that is no script.
    """
    if path.is_dir():
        return sorted(_scripts_below(path))
    if not path.exists():
        raise ScriptError(f"There is no file or folder {str(path)!r}.")
    if path.suffix.lower() not in _SUFFIXES:
        raise ScriptError(f"{str(path)!r} is neither a .py file nor a notebook (.ipynb).")
    return [path]


def _scripts_below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and not os.path.exists(os.path.join(root, name, "pyvenv.cfg"))
        ]
        for name in files:
            path = Path(root, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield path


def read_script(path: Path) -> Script:
    """Reads a script.

    Raises:
        ScriptError: The file cannot be read, is not text, or is not a notebook.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".ipynb":
            return Script(path, tuple(_code_cells(path, json.loads(content))), "utf-8", content)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return Script(path, (Cell(str(path), content.decode(encoding)),), encoding, content)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, AttributeError) as err:
        raise ScriptError(f"{str(path)!r} cannot be read: {_reason(err)}.") from err


def _reason(err: Exception) -> str:
    if isinstance(err, OSError):
        return (err.strerror or str(err)).lower()
    if isinstance(err, json.JSONDecodeError):
        return f"it is not a notebook ({err})"
    if isinstance(err, KeyError | TypeError | AttributeError):
        return "it is not a notebook of format 4, whose cells have a cell_type and a source"
    return str(err)


def _code_cells(path: Path, notebook: Any) -> Iterator[Cell]:
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            yield Cell(f"{path} (cell {number})", "".join(cell["source"]))


# Magics that run the rest of their cell as Python.
_PYTHON_MAGICS = {"capture", "prun", "time", "timeit"}
_MAGIC_LINE = re.compile(r"(\s*)([%!?]|[\w.]+\?|[\w, ]+=\s*[%!])")


def parse(cell: Cell, *, notebook: bool) -> ast.Module:
    """Parses a cell; every statement is in its line and column.

    In a notebook, what only IPython understands is passed over.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds null characters.
        RecursionError: It is nested too deeply.
    """
    lines = cell.lines
    if notebook:
        first = next((line.strip() for line in lines if line.strip()), "")
        if first.startswith("%%") and first[2:].split(" ")[0] not in _PYTHON_MAGICS:
            return ast.Module([], [])
    while True:
        try:
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree = compile("".join(lines), cell.label, "exec", flags=flags, dont_inherit=True)
            return cast("ast.Module", tree)
        except SyntaxError as err:
            # Only where Python stumbles: "% name" may also be the rest of an expression.
            at = (err.lineno or 0) - 1
            magic = _MAGIC_LINE.match(lines[at]) if notebook and 0 <= at < len(lines) else None
            if magic is None:
                raise
            lines[at] = f"{magic[1]}pass\n"


def changed_cells(script: Script, edits: Iterable[Edit]) -> dict[int, Cell]:
    """The cells that edits change, by number, as they are afterwards."""
    of_cell: dict[int, list[Edit]] = {}
    for edit in edits:
        of_cell.setdefault(edit.cell, []).append(edit)
    return {
        number: replace(script.cells[number], source=_edited(script.cells[number], here))
        for number, here in sorted(of_cell.items())
    }


def _edited(cell: Cell, edits: Sequence[Edit]) -> str:
    starts = [0]
    for line in cell.lines:
        starts.append(starts[-1] + len(line))

    def offset(place: tuple[int, int]) -> int:
        return starts[place[0] - 1] + place[1]

    source = cell.source
    newline = "\r\n" if "\r\n" in source else "\n"
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):  # from the end
        text = edit.text.replace("\n", newline)
        source = source[: offset(edit.start)] + text + source[offset(edit.stop) :]
    return source


def write_script(script: Script, changed: Mapping[int, Cell]) -> None:
    """Writes a script with some cells changed; the file is replaced in one step.

    Raises:
        ScriptError: The file cannot be written.
    """
    if script.is_notebook:
        content = _with_cells(script, changed)
    else:
        content = changed[0].source.encode(script.encoding)
        if script._content.startswith(b"\xef\xbb\xbf") and not content.startswith(b"\xef\xbb\xbf"):
            content = b"\xef\xbb\xbf" + content
    path = Path(os.path.realpath(script.path))  # a link stays a link
    place = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        place.write_bytes(content)
        place.chmod(path.stat().st_mode & 0o7777)
        os.replace(place, path)
    except OSError as err:
        raise ScriptError(f"{str(script.path)!r} cannot be written: {_reason(err)}.") from err
    finally:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


def _with_cells(script: Script, changed: Mapping[int, Cell]) -> bytes:
    text = script._content.decode("utf-8")
    notebook = json.loads(text)
    layout = _layout_of(text, notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in changed.items():
        as_lines = isinstance(code[number]["source"], list)
        code[number]["source"] = cell.lines if as_lines else cell.source
    return (json.dumps(notebook, **layout) + text[len(text.rstrip()) :]).encode("utf-8")


def _layout_of(text: str, notebook: Any) -> dict[str, Any]:
    """How the JSON was laid out, so that nothing changes but what is meant to."""
    layouts: list[dict[str, Any]] = [
        {"indent": indent, "ensure_ascii": ascii_only}
        for indent in (1, 2, 4, None)
        for ascii_only in (False, True)
    ]
    same = [layout for layout in layouts if json.dumps(notebook, **layout) == text.rstrip()]
    return same[0] if same else layouts[0]
