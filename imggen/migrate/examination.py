"""The examination of a script: uses of Keras's loaders, traps, and edits."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from imggen.migrate.scripts import Cell, Edit, Script, parse
from imggen.migrate.traps import FLOWS, Flow, Generator, Trap, Traps, literal_dict
from imggen.migrate.uses import DATASET, Names, Use, keras_name


@dataclass(frozen=True)
class Examination:
    """The findings in a script.

    Attributes:
        uses: The places where the script uses Keras's loaders.
        traps: Behavior that is probably not intended.
        edits: The changes of imports that switch the script to imggen.
        problems: Code that is left unchanged, with the reason: cells that are not Python, and
            scripts for Keras 2.
    """

    uses: tuple[Use, ...]
    traps: tuple[Trap, ...]
    edits: tuple[Edit, ...]
    problems: tuple[str, ...]


def examine(script: Script) -> Examination:
    """Finds the uses of ImageDataGenerator and image_dataset_from_directory in a script.

    The code is parsed, never run. Names are followed through imports and simple assignments.
    """
    reader = _Reader()
    problems = []
    for number, cell in enumerate(script.cells):
        try:
            reader.read(number, cell, parse(cell, notebook=script.is_notebook))
        except SyntaxError as err:
            line = f", line {err.lineno}" if err.lineno else ""
            problems.append(f"{cell.label}{line} is not Python that can be parsed: {err.msg}")
        except ValueError as err:
            problems.append(f"{cell.label} is not Python that can be parsed: {err}")
        except (RecursionError, MemoryError):
            problems.append(f"{cell.label} is nested too deeply to be parsed")
    uses = tuple(sorted(set(reader.names.uses)))
    edits = tuple(reader.names.edits)
    if edits and reader.is_for_keras_2:
        problems.append(
            f"{script.path} uses tf_keras (Keras 2), whose models cannot read from imggen's "
            "iterators; its imports are left as they are"
        )
        edits = ()
    # Traps are reported only for scripts that use Keras's loaders.
    traps = tuple(reader.traps.finish()) if uses else ()
    return Examination(uses, traps, edits, tuple(problems))


class _Reader(ast.NodeVisitor):
    """Reads the cells of a script in order, as they would run."""

    def __init__(self) -> None:
        self.names = Names()
        self.traps = Traps()
        self._values: dict[str, Generator | Flow] = {}
        self._dicts: dict[str, dict[str, ast.expr]] = {}
        self.is_for_keras_2 = False
        self._number = 0
        self._cell = Cell("", "")

    def read(self, number: int, cell: Cell, tree: ast.Module) -> None:
        self._number, self._cell = number, cell
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        self._note_modules(*(alias.name for alias in node.names))
        self.names.see_import(self._number, self._cell, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._note_modules(node.module or "")
        self.names.see_import_from(self._number, self._cell, node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value == "TF_USE_LEGACY_KERAS":
            self.is_for_keras_2 = True

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._dicts.pop(ast.unparse(node.value), None)  # its content has changed
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self.names.see_use(self._number, self._cell, node):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.names.see_name(self._number, node)
        else:
            self._forget(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._forget(node.name)
        for outside in (*node.decorator_list, node.args, node.returns):
            if outside is not None:
                self.visit(outside)
        with self._scope(_arguments(node.args) | _bound_in(node.body)):
            for statement in node.body:
                self.visit(statement)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._forget(node.name)
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
        for target in node.targets:
            if (
                isinstance(target, ast.Tuple)
                and isinstance(node.value, ast.Tuple)
                and len(target.elts) == len(node.value.elts)
                and not any(isinstance(item, ast.Starred) for item in target.elts)
            ):
                made = [self._value_of(value) for value in node.value.elts]
                for item, value in zip(target.elts, made, strict=True):
                    self._bind(item, value)
                return
        made_one = self._value_of(node.value)
        path = self.names.path_of(node.value)
        items = literal_dict(node.value)
        for target in node.targets:
            self._bind(target, made_one)
            if isinstance(target, ast.Name) and items is not None:
                self._dicts[target.id] = items
            if path is not None and isinstance(target, ast.Name):
                self.names.see_alias(self._number, self._cell, node, target.id, path)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, self._value_of(node.value))

    def visit_Call(self, node: ast.Call) -> None:
        self._value_of(node)

    def _note_modules(self, *modules: str) -> None:
        if any(module.partition(".")[0] == "tf_keras" for module in modules):
            self.is_for_keras_2 = True

    def _bind(self, target: ast.expr, made: Generator | Flow | None) -> None:
        self.visit(target)
        if isinstance(target, ast.Name | ast.Attribute):
            name = ast.unparse(target)
            self._values.pop(name, None)
            if made is not None:
                self._values[name] = made

    def _forget(self, name: str) -> None:
        self.names.forget(name)
        self._values.pop(name, None)
        self._dicts.pop(name, None)

    @contextmanager
    def _scope(self, local: set[str]) -> Iterator[None]:
        """Enters a scope with local names, which hide outer names until it ends."""
        outside = self.names.enter(local)
        values = {name: self._values.pop(name) for name in local if name in self._values}
        dicts = {name: self._dicts.pop(name) for name in local if name in self._dicts}
        yield
        self.names.leave(local, outside)
        for name in local:
            self._values.pop(name, None)
            self._dicts.pop(name, None)
        self._values.update(values)
        self._dicts.update(dicts)

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

    def _value_of(self, node: ast.expr) -> Generator | Flow | None:
        """Visits an expression; returns the generator or flow that it creates, if any."""
        if not isinstance(node, ast.Call):
            self.visit(node)
            if isinstance(node, ast.Name | ast.Attribute):
                return self._values.get(ast.unparse(node))
            return None
        loader = self.names.loader_of(node.func)
        path = self.names.path_of(node.func)
        owner = None
        if isinstance(node.func, ast.Attribute) and loader is None:
            owner = self._value_of(node.func.value)
            if isinstance(node.func.value, ast.Name):
                self._dicts.pop(node.func.value.id, None)  # its own methods may change it
        else:
            self.visit(node.func)
        positional = [self._value_of(argument) for argument in node.args]
        by_name = {keyword.arg: self._value_of(keyword.value) for keyword in node.keywords}
        if loader == "ImageDataGenerator":
            return self.traps.see_generator(self._number, node, self._dicts)
        if loader == DATASET:
            return self.traps.see_dataset(node)
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if isinstance(owner, Generator) and method in FLOWS:
                return self.traps.see_flow(self._number, node, method, owner, self._dicts)
            flows = {
                name or "": value for name, value in by_name.items() if isinstance(value, Flow)
            }
            if positional and isinstance(positional[0], Flow):
                flows["x"] = positional[0]
            self.traps.see_model_call(self._number, node, method, flows)
        if path is not None:
            self.traps.see_other_call(node, keras_name(path))
        return None


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
