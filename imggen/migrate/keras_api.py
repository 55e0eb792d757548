"""The names and signatures of the installed Keras, read from its files and never imported."""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TENSORFLOW_API = ("_tf_keras", "keras")  # what ``tf.keras`` leads to
_NOT_PUBLIC = {"src", "_tf_keras", "__pycache__"}


@dataclass(frozen=True)
class Definition:
    """A class, a function or a module of Keras.

    Attributes:
        module: The path of the file that defines it.
        node: Its code; the module itself if it is one.
    """

    module: Path
    node: ast.ClassDef | ast.FunctionDef | ast.Module


class KerasApi:
    """The names that an installed Keras offers.

    Paths are dotted and as written in a script: ``keras.layers.Dense`` or
    ``tensorflow.keras.layers.Dense``. An answer of None means that it cannot be told without
    running Keras.
    """

    def __init__(self, root: Path) -> None:
        """Reads the Keras in a folder.

        Args:
            root: The folder of the package.
        """
        self._root = root
        self.has = functools.cache(self._has)
        self.parameters = functools.cache(self._parameters)
        self.public_path = functools.cache(self._public_path)
        self._names = functools.cache(self._read_names)

    @functools.cached_property
    def version(self) -> str:
        """Its version; empty if unknown."""
        for node in self._parse(self._root / "src" / "version.py").body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                return str(node.value.value)
        return ""

    def members(self, path: str) -> list[str]:
        """Returns the public names of a module."""
        found = self.find(path)
        if found is None or not isinstance(found.node, ast.Module):
            return []
        return [name for name in self._names(found.module) if not name.startswith(("_", "*"))]

    def _has(self, path: str) -> bool | None:
        """Whether a dotted path leads to something in Keras."""
        place = self._start(path)
        if place is None:
            return None
        module, names = place
        for index, name in enumerate(names):
            found = self._member(module, name)
            if found is None:
                return False if self._is_closed(module) else None
            if not isinstance(found, Definition) or not isinstance(found.node, ast.Module):
                # Attributes of classes and values are not followed.
                return True if index == len(names) - 1 else None
            module = found.module
        return True

    def _parameters(self, path: str, method: str = "__init__") -> frozenset[str] | None:
        """The keywords that a function, a class or a method of it accepts."""
        found = self.find(path)
        if found is None or isinstance(found.node, ast.Module):
            return None
        if isinstance(found.node, ast.FunctionDef):
            arguments = found.node.args
            return None if arguments.kwarg is not None else frozenset(_keywords(arguments))
        return self._method_parameters(found, method)

    def _public_path(self, name: str, *, near: str = "") -> str | None:
        """The shortest public path that ends in a name; ``near`` is one that is preferred."""
        lower = name.lower()
        paths = [path for path in self._public_names if path.rpartition(".")[2] == name]
        # Keras 1 and 2 had classes under names such as ``keras.optimizers.adam`` too.
        paths = paths or [
            path
            for path in self._public_names
            if near in path and path.rpartition(".")[2].lower() == lower
        ]
        return min(paths, key=lambda path: (near not in path, path.count("."), path), default=None)

    def find(self, path: str) -> Definition | None:
        """Finds the class, function or module that a dotted path leads to."""
        place = self._start(path)
        if place is None:
            return None
        module, names = place
        found: Definition | bool | None = Definition(module, ast.Module([], []))
        for name in names:
            if not isinstance(found, Definition) or not isinstance(found.node, ast.Module):
                return None
            found = self._member(found.module, name)
        return found if isinstance(found, Definition) else None

    def _start(self, path: str) -> tuple[Path, list[str]] | None:
        root, *names = path.split(".")
        if root == "keras":
            return self._root, names
        if root == "tensorflow" and names[:1] == ["keras"]:
            return self._root.joinpath(*_TENSORFLOW_API), names[1:]
        return None

    def _member(self, module: Path, name: str) -> Definition | bool | None:
        """Returns what a name of a module leads to; True if it is there but not followed."""
        target = self._names(module).get(name)
        if isinstance(target, ast.ClassDef | ast.FunctionDef):
            return Definition(module, target)
        if isinstance(target, tuple):
            source, original = target
            if source != module or original != name:
                return self._member(source, original) or True
        if (place := _module_file(module, name)) is not None:
            return Definition(place, ast.Module([], []))
        return target is not None or None

    def _is_closed(self, module: Path) -> bool:
        return bool(self._names(module)) and "*" not in self._names(module)

    def _read_names(
        self, module: Path
    ) -> dict[str, ast.ClassDef | ast.FunctionDef | tuple[Path, str] | bool]:
        """The names that a module defines, with their code or the module they come from."""
        names: dict[str, ast.ClassDef | ast.FunctionDef | tuple[Path, str] | bool] = {}
        for node in _statements(self._parse(module).body):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                # A module with __getattr__ has names that its code does not show.
                names["*" if node.name == "__getattr__" else node.name] = node
            elif isinstance(node, ast.ImportFrom):
                source = self._module(node.module or "", module if node.level else None)
                for alias in node.names:
                    names[alias.asname or alias.name] = (source, alias.name) if source else True
            elif isinstance(node, ast.Import):
                names |= {(one.asname or one.name).partition(".")[0]: True for one in node.names}
            else:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                        names[inner.id] = True
        return names

    def _module(self, path: str, relative_to: Path | None) -> Path | None:
        if relative_to is not None:
            return None
        root, *names = path.split(".")
        place: Path | None = self._root if root == self._root.name else None
        for name in names:
            place = _module_file(place, name) if place is not None else None
        return place

    def _method_parameters(self, found: Definition, method: str) -> frozenset[str] | None:
        names: set[str] = set()
        for owner in self._bases(found):
            definition = _method(owner.node, method)
            if definition is None:
                continue
            arguments = definition.args
            names |= set(_keywords(arguments)) - {"self"}
            if arguments.kwarg is None:
                return frozenset(names)
            names |= _taken_from(definition, arguments.kwarg.arg)
            if _rejects(definition, arguments.kwarg.arg):
                return frozenset(names)
            if arguments.vararg is not None or not _passes_on(definition, arguments.kwarg.arg):
                return None
        return None

    def _bases(self, found: Definition) -> Iterator[Definition]:
        """Yields a class and its bases, in the order in which methods are looked up."""
        yield found
        if isinstance(found.node, ast.ClassDef):
            for base in found.node.bases:
                owner: Definition | bool | None = Definition(found.module, ast.Module([], []))
                for name in ast.unparse(base).split("."):
                    if isinstance(owner, Definition):
                        owner = self._member(owner.module, name)
                if isinstance(owner, Definition):
                    yield from self._bases(owner)

    @functools.cached_property
    def _public_names(self) -> list[str]:
        paths = []
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(set(folders) - _NOT_PUBLIC)
            if "__init__.py" in files:
                package = ".".join(["keras", *Path(folder).relative_to(self._root).parts])
                names = self._names(Path(folder))
                paths += [f"{package}.{name}" for name in names if not name.startswith("_")]
        return paths

    def _parse(self, module: Path) -> ast.Module:
        try:
            file = module / "__init__.py" if module.is_dir() else module
            return ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            return ast.Module([], [])


@functools.cache
def installed_keras() -> KerasApi | None:
    """Finds the installed Keras 3, without importing it; None if there is none."""
    try:
        spec = importlib.util.find_spec("keras")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    api = KerasApi(Path(spec.submodule_search_locations[0]))
    return api if api.version.startswith("3.") else None


def _module_file(package: Path, name: str) -> Path | None:
    if (folder := package / name).joinpath("__init__.py").is_file():
        return folder
    return file if (file := package / f"{name}.py").is_file() else None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields the statements of a module, with those in ``if`` and ``try``."""
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            for inner in (node.body, node.orelse, *(_handlers(node))):
                yield from _statements(inner)
        else:
            yield node


def _handlers(node: ast.If | ast.Try) -> list[list[ast.stmt]]:
    if isinstance(node, ast.If):
        return []
    return [*(handler.body for handler in node.handlers), node.finalbody]


def _keywords(arguments: ast.arguments) -> list[str]:
    return [one.arg for one in (*arguments.args, *arguments.kwonlyargs)]


def _method(node: ast.AST, name: str) -> ast.FunctionDef | None:
    if not isinstance(node, ast.ClassDef):
        return None
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            return statement
    return None


def _taken_from(method: ast.FunctionDef, kwargs: str) -> set[str]:
    """The keys that a method reads from its ``**kwargs``."""
    keys = set()
    for node in ast.walk(method):
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if ast.unparse(node.func.value) == kwargs and node.args:
                key = node.args[0]
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == kwargs:
            key = node.left
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == kwargs:
            key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            keys.add(key.value)
    return keys


def _rejects(method: ast.FunctionDef, kwargs: str) -> bool:
    """Whether a method raises an error for what is left in its ``**kwargs``."""
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test) in (kwargs, f"len({kwargs}) > 0", f"len({kwargs}) != 0")
        and any(isinstance(inner, ast.Raise) for inner in node.body)
        for node in ast.walk(method)
    )


def _passes_on(method: ast.FunctionDef, kwargs: str) -> bool:
    """Whether a method calls that of its base class with its ``**kwargs``."""
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == f"super().{method.name}"
        and any(
            keyword.arg is None and ast.unparse(keyword.value) == kwargs
            for keyword in node.keywords
        )
        for node in ast.walk(method)
    )
