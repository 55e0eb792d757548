"""Uses of Keras's loaders in a script, and the changes of its imports."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from imggen.migrate.scripts import Cell, Edit

_HELPERS = {
    *("array_to_img", "flip_axis", "img_to_array", "load_img", "save_img", "smart_resize"),
    "validate_filename",
}
_DEPRECATED = {
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
}
DATASET = "image_dataset_from_directory"

# The names that were used between the package and Keras's own modules over the years.
_ROOTS = {"keras", "tensorflow", "tensorflow_core", "tf_keras"}
_BETWEEN = {
    *("_api", "_legacy", "_tf_keras", "_v1", "_v2", "api", "compat", "contrib", "keras", "legacy"),
    *("python", "src", "v1", "v2"),
}


class Use(NamedTuple):
    """A place where a script uses one of Keras's loaders.

    Attributes:
        cell: The cell that it is in, from 0.
        line: The line, from 1.
        name: The name in Keras.
    """

    cell: int
    line: int
    name: str


def keras_name(path: str) -> str:
    """Converts a dotted path to its form in Keras 3.

    Example:
        >>> keras_name("tensorflow.keras.preprocessing.image.load_img")
        'keras.preprocessing.image.load_img'
    """
    root, *rest = path.split(".")
    if root == "keras_preprocessing":
        return ".".join(["keras", "preprocessing", *rest])
    front = list(itertools.takewhile(_BETWEEN.__contains__, rest))
    if root not in _ROOTS or (root.startswith("tensorflow") and "keras" not in front):
        return path
    return ".".join(["keras", *rest[len(front) :]])


def loader_at(path: str) -> str | None:
    """Returns the name of the loader at a path, or None."""
    path = keras_name(path)
    name = path.rpartition(".")[2]
    if path.startswith("keras.preprocessing.image.") and name in _DEPRECATED:
        return name
    if name == DATASET and path.startswith(("keras.preprocessing.", "keras.utils.")):
        return DATASET
    return None


class _Binding(NamedTuple):
    """The dotted path that a name refers to, and the statements that may have bound it."""

    path: str
    statements: tuple[tuple[int, Cell, ast.stmt], ...]


@dataclass
class Names:
    """The names of a script that refer to Keras, and the uses of its loaders.

    Attributes:
        uses: The uses found so far.
        edits: The changes that switch them to imggen.
        members: Returns the names that a star import of a module gives.
    """

    members: Callable[[str], Collection[str]]
    uses: list[Use] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    _bindings: dict[str, _Binding] = field(default_factory=dict)
    _added: set[tuple[int, int, str]] = field(default_factory=set)
    _has_imggen: bool = False

    def path_of(self, node: ast.expr) -> str | None:
        """Returns the dotted path that an expression refers to, or None."""
        if isinstance(node, ast.Name):
            return self._bindings[node.id].path if node.id in self._bindings else None
        if isinstance(node, ast.Attribute):
            base = self.path_of(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def root_of(self, node: ast.expr) -> str | None:
        """Returns the dotted path of the name that an expression begins with, or None."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return self.path_of(node)

    def is_moved(self, path: str) -> bool:
        """Whether the edits replace a path, so that it needs nothing of Keras."""
        is_helper = path.startswith("keras_preprocessing.") and path.rpartition(".")[2] in _HELPERS
        return is_helper or loader_at(path) not in (None, DATASET)

    def loader_of(self, node: ast.expr) -> str | None:
        """Returns the name of the loader that an expression refers to, or None."""
        path = self.path_of(node)
        return None if path is None else loader_at(path)

    def forget(self, name: str) -> None:
        """Records that a name now refers to something else."""
        self._bindings.pop(name, None)

    def enter(self, local: Collection[str]) -> dict[str, _Binding]:
        """Enters a scope with local names; returns the hidden names, for ``leave``."""
        outside = {name: self._bindings[name] for name in local if name in self._bindings}
        for name in outside:
            self.forget(name)
        return outside

    def leave(self, local: Collection[str], outside: dict[str, _Binding]) -> None:
        """Leaves a scope."""
        for name in local:
            self.forget(name)
        self._bindings.update(outside)

    def see_alias(self, number: int, cell: Cell, node: ast.stmt, name: str, path: str) -> None:
        """Records ``name = tf.keras``."""
        self._bind(name, path, (number, cell, node))

    def see_import(self, number: int, cell: Cell, node: ast.Import) -> None:
        """Records ``import a.b as c``."""
        for alias in node.names:
            if alias.name == "imggen" and not alias.asname and not node.col_offset:
                self._has_imggen = True
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            self._bind(alias.asname or path, path, (number, cell, node))

    def see_import_from(self, number: int, cell: Cell, node: ast.ImportFrom) -> None:
        """Records ``from a.b import c as d``, and changes it where it imports a loader."""
        if node.module is None or node.level:
            return
        moved: list[ast.alias] = []
        kept: list[ast.alias] = []
        for alias in node.names:
            path = f"{node.module}.{alias.name}"
            if alias.name == "*":
                if keras_name(f"{node.module}.x") == "keras.preprocessing.image.x":
                    for name in _DEPRECATED:
                        self._bind(name, f"{node.module}.{name}", (number, cell, node))
                for name in self.members(node.module):
                    self._bind(name, f"{node.module}.{name}", (number, cell, node))
                kept.append(alias)
                continue
            self._bind(alias.asname or alias.name, path, (number, cell, node))
            loader = loader_at(path)
            if node.module.startswith("keras_preprocessing") and alias.name in _HELPERS:
                loader = alias.name  # keras_preprocessing is no longer maintained
            if loader is not None:
                self.uses.append(Use(number, node.lineno, loader))
            (kept if loader in (None, DATASET) else moved).append(alias)
        if moved:
            self.edits += _moved_import(number, cell, node, moved, kept)

    def see_use(self, number: int, cell: Cell, node: ast.Attribute) -> bool:
        """Records, and changes, ``tf.keras.preprocessing.image.ImageDataGenerator``.

        Returns:
            Whether the expression is one.
        """
        loader = self.loader_of(node)
        if loader is None:
            return False
        self.uses.append(Use(number, node.lineno, loader))
        if loader != DATASET:
            module = "imggen" if loader == "ImageDataGenerator" else "imggen.legacy"
            start, stop = _span(cell, node)
            self.edits.append(Edit(number, start, stop, f"{module}.{loader}"))
            self._import(module, node)
        return True

    def see_name(self, number: int, node: ast.Name) -> None:
        """Records the use of a loader by a name that was imported."""
        loader = self.loader_of(node)
        if loader is None:
            return
        self.uses.append(Use(number, node.lineno, loader))
        for at, cell, statement in self._bindings[node.id].statements:
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                self._add(at, cell, statement, _import_line([ast.alias(loader)]))

    def _bind(self, name: str, path: str, where: tuple[int, Cell, ast.stmt]) -> None:
        # In "try: import a as x; except ImportError: import b as x" either may be the one.
        known = self._bindings.get(name, _Binding(path, ()))
        self._bindings[name] = _Binding(path, (*known.statements, where))

    def _import(self, module: str, node: ast.Attribute) -> None:
        """Imports imggen next to the import of the name at the root of an expression."""
        if self._has_imggen and module == "imggen":
            return
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            for where in self._bindings[root.id].statements:
                self._add(*where, f"import {module}")

    def _add(self, number: int, cell: Cell, statement: ast.stmt, line: str) -> None:
        # One import at the top level is enough; an import inside a function is local to it, and
        # the names of a star import must be imported again after each.
        once = line.startswith("import ") and not statement.col_offset
        key = (-1, 0, line) if once else (number, statement.lineno, line)
        if key not in self._added:
            self._added.add(key)
            _, stop = _span(cell, statement)
            self.edits.append(Edit(number, stop, stop, _next_to(cell, statement) + line))


def _moved_import(
    number: int,
    cell: Cell,
    node: ast.ImportFrom,
    moved: list[ast.alias],
    kept: list[ast.alias],
) -> list[Edit]:
    start, stop = _span(cell, node)
    text = _between(cell, start, stop)
    target = _import_line(moved)
    if not kept:
        # Only the module changes; comments between the names are kept.
        module = re.compile(r"(from\s+)([\w.\s\\]+?)(\s+import\b)")
        text = module.sub(rf"\1{target.split()[1]}\3", text, count=1)
        return [Edit(number, start, stop, text)]
    added = _next_to(cell, node) + target
    if "#" in text:
        # Each name is removed separately, so that the others keep their comments.
        cuts, comments = zip(*(_cut(number, cell, alias) for alias in moved), strict=True)
        return [Edit(number, stop, stop, added + "".join(comments)), *cuts]
    names = ", ".join(_as_written(alias) for alias in kept)
    return [Edit(number, start, stop, f"from {node.module} import {names}{added}")]


def _cut(number: int, cell: Cell, alias: ast.alias) -> tuple[Edit, str]:
    """Removes a name and its comment from an import in parentheses; returns both."""
    start, (line, column) = _span(cell, alias)
    whole = cell.lines[line - 1]
    before, after = whole[: start[1]], whole[column:]
    rest = cast("re.Match[str]", re.match(r"\s*,?[ \t]*", after))
    comment = after[rest.end() :].rstrip()
    if start[0] == line and not before.strip() and (not comment or comment[0] == "#"):
        return Edit(number, (line, 0), (line, len(whole)), ""), f"  {comment}" if comment else ""
    return Edit(number, start, (line, column + rest.end()), ""), ""


def _import_line(names: list[ast.alias]) -> str:
    module = "imggen" if {alias.name for alias in names} == {"ImageDataGenerator"} else None
    listed = ", ".join(_as_written(alias) for alias in names)
    return f"from {module or 'imggen.legacy'} import {listed}"


def _as_written(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _next_to(cell: Cell, statement: ast.stmt) -> str:
    """Returns the separator between a statement and one that is added after it."""
    start, stop = _span(cell, statement)
    before = cell.lines[start[0] - 1][: start[1]]
    after = cell.lines[stop[0] - 1][stop[1] :].strip()
    alone = not before.strip() and not after
    return f"\n{before}" if alone else "; "


def _span(
    cell: Cell, node: ast.expr | ast.stmt | ast.alias
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the start and stop of a node; columns in characters, not in bytes as in ast."""
    lines = cell.lines

    def place(line: int, column: int) -> tuple[int, int]:
        return line, len(lines[line - 1].encode()[:column].decode())

    # ast.parse always sets the end of a node; only hand-made trees may lack it.
    stop = place(cast("int", node.end_lineno), cast("int", node.end_col_offset))
    return place(node.lineno, node.col_offset), stop


def _between(cell: Cell, start: tuple[int, int], stop: tuple[int, int]) -> str:
    lines = cell.lines[start[0] - 1 : stop[0]]
    lines[-1] = lines[-1][: stop[1]]
    lines[0] = lines[0][start[1] :]
    return "".join(lines)
