"""The examination of a script: uses of Keras's loaders, traps, and edits."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from imggen.migrate.interpreter import Interpreter
from imggen.migrate.keras_api import KerasApi, installed_keras
from imggen.migrate.keras_calls import GENERATOR_METHODS
from imggen.migrate.name_reader import NameReader
from imggen.migrate.recorder import Recorder
from imggen.migrate.scripts import Edit, Script, parse
from imggen.migrate.tensorflow_api import is_of_version_1
from imggen.migrate.traps import Trap
from imggen.migrate.uses import Use, keras_name


@dataclass(frozen=True)
class Examination:
    """The findings in a script.

    Attributes:
        uses: The places where the script uses Keras's loaders.
        traps: Behavior that is probably not intended, and what does not run with Keras 3.
        edits: The changes of imports that switch the script to imggen.
        other_traps: The traps of a script that uses no loader: of a file with the model, for
            example. They matter if other scripts of the project use one.
        problems: Code that is left unchanged, with the reason: cells that are not Python, and
            scripts for Keras 2.
    """

    uses: tuple[Use, ...]
    traps: tuple[Trap, ...]
    edits: tuple[Edit, ...]
    problems: tuple[str, ...]
    other_traps: tuple[Trap, ...] = ()

    @property
    def uses_loaders(self) -> bool:
        """Whether the script uses Keras's loaders, or generators like them."""
        return bool(self.uses or self.traps)


def examine(script: Script) -> Examination:
    """Finds the uses of Keras's loaders in a script, and what breaks with Keras 3.

    The code is parsed, never run. Values are followed through assignments, functions, classes and
    containers.
    """
    api = installed_keras()
    reader = NameReader(api.members if api is not None else lambda _: ())
    trees: dict[int, ast.Module] = {}
    problems = []
    for number, cell in enumerate(script.cells):
        try:
            tree = parse(cell, notebook=script.is_notebook)
            reader.read(number, cell, tree)
            trees[number] = tree
        except SyntaxError as err:
            line = f", line {err.lineno}" if err.lineno else ""
            problems.append(f"{cell.label}{line} is not Python that can be parsed: {err.msg}")
        except ValueError as err:
            problems.append(f"{cell.label} is not Python that can be parsed: {err}")
        except (RecursionError, MemoryError):
            problems.append(f"{cell.label} is nested too deeply to be parsed")
    if len(problems) > 1:
        problems = [f"{problems[0]} (and {len(problems) - 1} more cells)"]
    edits = tuple(reader.names.edits)
    if edits and reader.is_for_keras_2:
        problems.append(
            f"{script.path} uses tf_keras (Keras 2), whose models cannot read from imggen's "
            "iterators; its imports are left as they are"
        )
        edits = ()
    try:
        traps, others = _find_traps(reader, trees, api)
    except RecursionError:
        problems.append(f"{script.path} is nested too deeply to be searched for traps")
        traps, others = (), ()
    uses = tuple(sorted(set(reader.names.uses)))
    return Examination(uses, traps, edits, tuple(problems), others)


def _find_traps(
    reader: NameReader, trees: dict[int, ast.Module], api: KerasApi | None
) -> tuple[tuple[Trap, ...], tuple[Trap, ...]]:
    """Finds the traps of a script that uses Keras's loaders or generators like them, or of another.

    Returns:
        The traps of a script that uses loaders or generators, and those of one that does not; one
        of them is empty.
    """
    paths = {one.path for one in reader.imports} | {one.path for one in reader.references}
    # No other package has methods of these names, so a model may come from anywhere.
    calls_generators = any(
        isinstance(node, ast.Call) and _attribute(node.func) in GENERATOR_METHODS
        for tree in trees.values()
        for node in ast.walk(tree)
    )
    has_keras = any(map(_is_keras, paths))
    if not reader.names.uses and not has_keras and not calls_generators:
        return (), ()
    targets = {
        node.value: ast.unparse(node.targets[0])
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    }
    recorder = Recorder(None if reader.is_for_keras_2 else api, targets)
    interpreter = Interpreter(reader.paths, recorder)
    for number, tree in trees.items():
        interpreter.run(number, tree)
    interpreter.finish()
    _check_names(reader, recorder)
    names_generators = has_keras and any(
        _attribute(node) in GENERATOR_METHODS for tree in trees.values() for node in ast.walk(tree)
    )
    traps = tuple(recorder.finish())
    if reader.names.uses or recorder.sequences or calls_generators or names_generators:
        return traps, ()
    return (), traps


def _check_names(reader: NameReader, recorder: Recorder) -> None:
    """Records the imports and names that Keras 3 has removed."""
    keras3 = recorder.keras3
    if keras3 is None:
        return
    gone: set[str] = set()
    for one in reader.imports:
        if is_of_version_1(one.path) and not one.is_optional:
            keras3.see_tensorflow_1(one.cell, one.statement, one.path)
        if not _is_keras(one.path) or reader.names.is_moved(one.path):
            continue
        if one.is_optional or keras3.see_import(one.cell, one.statement, one.path):
            gone.add(f"{one.path}.")
    for reference in reader.references:
        path = reference.path
        # TensorFlow hides this module: it can only be imported.
        is_hidden = reference.root == "tensorflow" and f"{path}.".startswith("tensorflow.python.")
        if is_of_version_1(path) or is_hidden:
            keras3.see_tensorflow_1(reference.cell, reference.node, path)
        if path == reference.root or not _is_keras(path) or reader.names.is_moved(path):
            continue
        if not f"{path}.".startswith(tuple(gone)):
            keras3.see_path(reference.cell, reference.node, path)


def _attribute(node: ast.AST) -> object:
    """Returns the attribute that ``model.fit`` or ``getattr(model, "fit")`` names."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.value if isinstance(node, ast.Constant) else None


def _is_keras(path: str) -> bool:
    return f"{keras_name(path)}.".startswith("keras.")
