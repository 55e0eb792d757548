"""Python files and notebooks: read as cells, edited in place, and written back."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from imggen.core import InputFile, replace_files, shorten
from imggen.errors import ScriptError

_SUFFIXES = {".py", ".ipynb"}
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}
_LOADERS = re.compile(
    rb"ImageDataGenerator|image_dataset_from_directory|flow_from_d|fit_generator|keras_preprocessing"
)


class Edit(NamedTuple):
    """A replacement of a piece of text.

    Attributes:
        cell: The cell that it is in, from 0.
        start: (line, column), the line from 1, the column in characters from 0.
        stop: The place after its last character, in the same way.
        text: The new text.
    """

    cell: int
    start: tuple[int, int]
    stop: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Cell:
    """A unit of code: a whole .py file, or one code cell of a notebook.

    Attributes:
        label: The path, and the number of the cell among all cells.
        source: The code as in the file.
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
        cells: Its code cells.
        encoding: The encoding of the file.
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
    """Finds the scripts at ``path``: itself, or all .py and .ipynb files below it, sorted.

    Hidden folders, virtual environments and installed packages are skipped.

    Raises:
        ScriptError: ``path`` does not exist, or is neither a script nor a folder.
    """
    if os.path.isdir(path):
        return sorted(_scripts_below(path))
    if not os.path.exists(path):
        raise ScriptError(
            f"{shorten(str(path))} does not exist; expected a script, a notebook or a folder."
        )
    if path.suffix.lower() not in _SUFFIXES:
        raise ScriptError(f"{shorten(str(path))} is neither a .py file nor a notebook (.ipynb).")
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
    content = InputFile(path, ScriptError).read_bytes()
    try:
        if path.suffix.lower() == ".ipynb":
            encoding: str = json.detect_encoding(content)
            cells = tuple(_code_cells(path, json.loads(content)))
        else:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            cells = (Cell(str(path), content.decode(encoding)),)
    except (
        ValueError,
        SyntaxError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as err:
        raise ScriptError(f"{shorten(str(path))} cannot be read: {_reason(err)}.") from err
    return Script(path, cells, encoding, content)


def names_loaders(path: Path) -> bool:
    """Whether a file, even if it cannot be parsed, contains the name of a loader of Keras."""
    try:
        content = InputFile(path, ScriptError).read_bytes()
    except ScriptError:
        return False
    return _LOADERS.search(content) is not None


def _reason(err: Exception) -> str:
    if isinstance(err, RecursionError):
        return "it is nested too deeply"
    if isinstance(err, json.JSONDecodeError):
        return f"it is not a notebook ({err})"
    if isinstance(err, KeyError | TypeError | AttributeError):
        return "it is not a notebook of format 4, whose cells have a cell_type and a source"
    return str(err)


def _code_cells(path: Path, notebook: Any) -> Iterator[Cell]:
    kernel = notebook.get("metadata", {}).get("kernelspec", {})
    if kernel.get("language", "python") != "python":
        return
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            yield Cell(f"{path} (cell {number})", "".join(cell["source"]))


# Magics that run the rest of their cell as Python.
_PYTHON_MAGICS = (["capture"], ["prun"], ["time"], ["timeit"])
_MAGIC_LINE = re.compile(r"(\s*)([%!?]|[\w.]+\?|[^=!%]+=\s*[%!])")


def parse(cell: Cell, *, notebook: bool) -> ast.Module:
    """Parses a cell; statements keep their lines and columns.

    In a notebook, the syntax of IPython (magics) is skipped.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It contains null characters.
        RecursionError: It is nested too deeply.
        MemoryError: Same as RecursionError, in some versions of Python.
    """
    lines = cell.lines
    indented = False
    if notebook:
        first = next((line for line in lines if line.strip()), "")
        if first.startswith("%%") and first[2:].split()[:1] not in _PYTHON_MAGICS:
            return ast.Module([], [])
        indented = first[:1].isspace()  # IPython accepts an indented cell
    if indented:
        lines.insert(0, "if True:\n")
    while True:
        try:
            tree = _parsed("".join(lines), cell.label)
        except SyntaxError as err:
            # Only where Python stumbles: "% name" may also be the rest of an expression.
            at = (err.lineno or 0) - 1
            magic = _MAGIC_LINE.match(lines[at]) if notebook and 0 <= at < len(lines) else None
            if magic is None:
                raise
            more = lines[at].rstrip().endswith("\\")
            lines[at] = f"{magic[1]}pass\n"
            while more and (at := at + 1) < len(lines):
                more = lines[at].rstrip().endswith("\\")
                lines[at] = "\n"
        else:
            if indented:
                tree.body = cast("ast.If", tree.body[0]).body
                ast.increment_lineno(tree, -1)
            return tree


def _parsed(source: str, label: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as about "\d", which is not our concern
        return cast("ast.Module", compile(source, label, "exec", flags=flags, dont_inherit=True))


def changed_cells(script: Script, edits: Iterable[Edit]) -> dict[int, Cell]:
    """Applies edits; returns the changed cells by number.

    Raises:
        ScriptError: A changed cell would not be valid Python.
    """
    of_cell: dict[int, list[Edit]] = {}
    for edit in edits:
        of_cell.setdefault(edit.cell, []).append(edit)
    changed = {}
    for number, here in sorted(of_cell.items()):
        changed[number] = replace(script.cells[number], source=_edited(script.cells[number], here))
        try:
            parse(changed[number], notebook=script.is_notebook)
        except SyntaxError as err:
            raise ScriptError(
                f"{script.cells[number].label} is written in a way that cannot be changed safely; "
                "change its imports by hand."
            ) from err
    return changed


def _edited(cell: Cell, edits: Sequence[Edit]) -> str:
    starts = [0]
    for line in cell.lines:
        starts.append(starts[-1] + len(line))

    def offset(place: tuple[int, int]) -> int:
        return starts[place[0] - 1] + place[1]

    source = cell.source
    newline = next((ending for ending in ("\r\n", "\n", "\r") if ending in source), "\n")
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):  # from the end
        text = edit.text.replace("\r\n", "\n").replace("\n", newline)
        source = source[: offset(edit.start)] + text + source[offset(edit.stop) :]
    return source


def write_script(script: Script, changed: Mapping[int, Cell]) -> None:
    """Writes a script with some cells changed; the file is replaced atomically.

    Raises:
        ScriptError: The file cannot be written.
    """
    if not changed:
        return
    if script.is_notebook:
        content = _notebook_with(script, changed).encode(script.encoding)
    else:
        content = changed[0].source.encode(script.encoding)
    path = Path(os.path.realpath(script.path))  # a link stays a link

    def write(place: Path) -> None:
        place.write_bytes(content)
        place.chmod(path.stat().st_mode & 0o7777)

    try:
        replace_files({path: write})
    except OSError as err:
        raise ScriptError(f"{str(script.path)!r} cannot be written: {_reason(err)}.") from err


def _notebook_with(script: Script, changed: Mapping[int, Cell]) -> str:
    """Returns the text of a notebook with some cells changed; all other text is kept exactly."""
    text = script._content.decode(script.encoding)
    (cells,) = (place for key, place in _members(text, 0) if key == "cells")
    code = [
        members["source"]
        for members in (dict(_members(text, start)) for start, _ in _items(text, cells[0]))
        if _decoded(text, members["cell_type"]) == "code"
    ]
    for number, cell in sorted(changed.items(), reverse=True):  # from the end
        start, stop = code[number]
        if text[start] == "[":
            source = _lines_in_json(text, start, cell.lines)
        else:
            source = _in_json(cell.source, text)
        text = text[:start] + source + text[stop:]
    return text


def _lines_in_json(text: str, start: int, lines: list[str]) -> str:
    """Rewrites the array of lines at ``start``; unchanged lines keep their JSON text."""
    places = list(_items(text, start))
    written = {_decoded(text, place): text[slice(*place)] for place in places}
    first, last = places[0], places[-1]
    lead, tail = text[start : first[0]], text[last[1] : _end_of(text, start)]
    between = text[first[1] : places[1][0]] if len(places) > 1 else "," + lead[1:]
    return lead + between.join(written.get(line) or _in_json(line, text) for line in lines) + tail


def _in_json(value: str, like: str) -> str:
    return json.dumps(value, ensure_ascii=like.isascii() and "\\u" in like)


# A notebook is edited as text, since JSON that is written again would differ everywhere: in its
# indentation, line endings, escapes and numbers.
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[\s,:]*")


def _end_of(text: str, start: int) -> int:
    return _DECODER.raw_decode(text, start)[1]


def _decoded(text: str, place: tuple[int, int]) -> Any:
    return json.loads(text[slice(*place)])


def _members(text: str, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yields the keys of the JSON object at ``start`` with the positions of their values."""
    at = _next(text, _next(text, start) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _next(text, at)
        yield key, (at, at := _end_of(text, at))
        at = _next(text, at)


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yields the positions of the items of the JSON array at ``start``."""
    at = _next(text, start + 1)
    while text[at] != "]":
        yield at, (at := _end_of(text, at))
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    """Returns the next position that is neither space nor separator."""
    return cast("re.Match[str]", _SPACE.match(text, at)).end()
