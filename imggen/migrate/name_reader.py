"""Resolves the names of a script: which expressions refer to which packages."""

# ruff: noqa: D102 - the methods of ast.NodeVisitor are called like what they visit

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from imggen.migrate.scripts import Cell
from imggen.migrate.uses import Names


class Imported(NamedTuple):
    """The import of something; ``is_optional`` if the script handles that it fails."""

    cell: int
    statement: ast.stmt
    path: str
    is_optional: bool


class Referred(NamedTuple):
    """An expression that refers to something in a package, by way of an import at ``root``."""

    cell: int
    node: ast.expr
    path: str
    root: str


class NameReader(ast.NodeVisitor):
    """Reads the cells of a script in order, as they would run.

    Attributes:
        names: The names that refer to Keras, and the edits of their imports.
        paths: The dotted paths of expressions that refer to packages.
        imports: The imports.
        references: The longest expressions that refer to packages.
        is_for_keras_2: Whether the script asks for Keras 2.
    """

    def __init__(self, members: Callable[[str], Collection[str]]) -> None:
        self.names = Names(members)
        self.paths: dict[ast.expr, str] = {}
        self.imports: list[Imported] = []
        self.references: list[Referred] = []
        self.is_for_keras_2 = False
        self._number = 0
        self._cell = Cell("", "")
        self._is_optional = False

    def read(self, number: int, cell: Cell, tree: ast.Module) -> None:
        """Reads the next cell."""
        self._number, self._cell = number, cell
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._note_import(node, alias.name)
        self.names.see_import(self._number, self._cell, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            for alias in node.names:
                name = "" if alias.name == "*" else f".{alias.name}"
                self._note_import(node, node.module + name)
        self.names.see_import_from(self._number, self._cell, node)

    def visit_Try(self, node: ast.Try) -> None:
        before = self._is_optional
        self._is_optional = bool(node.handlers)
        for statement in node.body:
            self.visit(statement)
        for handler in node.handlers:
            self.visit(handler)
        self._is_optional = before
        for statement in (*node.orelse, *node.finalbody):
            self.visit(statement)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value == "TF_USE_LEGACY_KERAS":
            self.is_for_keras_2 = True

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._note_path(node)
        if not self.names.see_use(self._number, self._cell, node):
            self._note_inner_paths(node)
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name | ast.Attribute):
                self._note_path(node.value)
            if node not in self.paths:
                self.generic_visit(node)
            else:
                root: ast.expr = node
                while isinstance(root, ast.Attribute):
                    root = root.value
                self.visit(root)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note_path(node)
            self.names.see_name(self._number, node)
        else:
            self.names.forget(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.names.forget(node.name)
        for outside in (*node.decorator_list, node.args, node.returns):
            if outside is not None:
                self.visit(outside)
        with self._scope(_arguments(node.args) | _bound_in(node.body)):
            for statement in node.body:
                self.visit(statement)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.forget(node.name)
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        with self._scope(_arguments(node.args)):
            self.visit(node.body)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        path = self.names.path_of(node.value)
        for target in node.targets:
            self.visit(target)
            if path is not None and isinstance(target, ast.Name):
                self.names.see_alias(self._number, self._cell, node, target.id, path)

    def _note_import(self, statement: ast.stmt, path: str) -> None:
        if path.partition(".")[0] == "tf_keras":
            self.is_for_keras_2 = True
        self.imports.append(Imported(self._number, statement, path, self._is_optional))

    def _note_path(self, node: ast.Name | ast.Attribute) -> None:
        path = self.names.path_of(node)
        if path is not None:
            self.paths[node] = path
            root = self.names.root_of(node)
            if isinstance(node.ctx, ast.Load) and root is not None:
                self.references.append(Referred(self._number, node, path, root))

    def _note_inner_paths(self, node: ast.Attribute) -> None:
        inner = node.value
        while isinstance(inner, ast.Attribute):
            path = self.names.path_of(inner)
            if path is not None:
                self.paths[inner] = path
            inner = inner.value

    @contextmanager
    def _scope(self, local: set[str]) -> Iterator[None]:
        """Enters a scope with local names, which hide outer names until it ends."""
        outside = self.names.enter(local)
        yield
        self.names.leave(local, outside)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        targets = [generator.target for generator in node.generators]
        with self._scope(_bound_in(targets)):
            for generator in node.generators:  # they bind what the element uses
                self.visit(generator)
            for element in ("elt", "key", "value"):
                if hasattr(node, element):
                    self.visit(getattr(node, element))


def _arguments(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return {one.arg for one in every}


def _bound_in(nodes: Sequence[ast.AST]) -> set[str]:
    """Collects the names that these statements or targets bind in their own scope."""
    bound: set[str] = set()
    elsewhere: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere |= set(node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            continue
        if not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            waiting += ast.iter_child_nodes(node)
    return bound - elsewhere
