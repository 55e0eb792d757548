"""A script to its uses of Keras's loaders, the traps in it, and the edits that bring it over."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from imggen.migrate.scripts import Cell, Edit, Script, parse
from imggen.migrate.traps import FLOWS, Flow, Generator, Trap, Traps
from imggen.migrate.uses import DATASET, Names, Use, keras_name


@dataclass(frozen=True)
class Examination:
    """What was found in a script.

    Attributes:
        uses: Where it uses Keras's loaders.
        traps: What it gets today without having asked for it.
        edits: The changes of imports that bring it over.
        problems: The cells that are no Python, with the reason.
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
            tree = parse(cell, notebook=script.is_notebook)
        except (SyntaxError, ValueError, RecursionError) as err:
            line = f", line {err.lineno}" if isinstance(err, SyntaxError) else ""
            reason = err.msg if isinstance(err, SyntaxError) else err
            problems.append(f"{cell.label}{line} is not Python that can be parsed: {reason}")
            continue
        reader.read(number, cell, tree)
    uses = tuple(sorted(set(reader.names.uses)))
    # Traps are told of where Keras's loaders are at work, not of what else a model may be fed with.
    traps = tuple(reader.traps.finish()) if uses else ()
    return Examination(uses, traps, tuple(reader.names.edits), tuple(problems))


class _Reader(ast.NodeVisitor):
    """Reads the cells of a script in order, as they would run."""

    def __init__(self) -> None:
        self.names = Names()
        self.traps = Traps()
        self._values: dict[str, Generator | Flow] = {}
        self._number = 0
        self._cell = Cell("", "")

    def read(self, number: int, cell: Cell, tree: ast.Module) -> None:
        self._number, self._cell = number, cell
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        self.names.see_import(self._number, self._cell, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.names.see_import_from(self._number, self._cell, node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self.names.see_use(self._number, self._cell, node):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.names.see_name(self._number, node)
        else:
            self.names.forget(node.id)
            self._values.pop(node.id, None)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assign(node.value, node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.value, [node.target])

    def visit_Call(self, node: ast.Call) -> None:
        self._value_of(node)

    def _assign(self, value: ast.expr, targets: list[ast.expr]) -> None:
        made = self._value_of(value)
        for target in targets:
            self.visit(target)
            if made is not None and isinstance(target, ast.Name | ast.Attribute):
                self._values[ast.unparse(target)] = made

    def _value_of(self, node: ast.expr) -> Generator | Flow | None:
        """Reads an expression, and says what it makes, if that matters."""
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
        else:
            self.visit(node.func)
        positional = [self._value_of(argument) for argument in node.args]
        by_name = {keyword.arg: self._value_of(keyword.value) for keyword in node.keywords}
        if loader == "ImageDataGenerator":
            return self.traps.see_generator(self._number, node)
        if loader == DATASET:
            return self.traps.see_dataset(node)
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if isinstance(owner, Generator) and method in FLOWS:
                return self.traps.see_flow(self._number, node, method, owner)
            flows = {
                name or "": value for name, value in by_name.items() if isinstance(value, Flow)
            }
            if positional and isinstance(positional[0], Flow):
                flows["x"] = positional[0]
            self.traps.see_model_call(self._number, node, method, dict(flows))
        if path is not None:
            self.traps.see_other_call(node, keras_name(path))
        return None
