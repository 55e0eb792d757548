"""Records the calls of a script for all kinds of findings."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from imggen.migrate.custom_sequences import CustomSequences
from imggen.migrate.keras3 import Keras3
from imggen.migrate.keras_api import KerasApi
from imggen.migrate.keras_calls import is_foreign
from imggen.migrate.traps import FLOWS, Trap, Traps
from imggen.migrate.uses import DATASET, keras_name, loader_at
from imggen.migrate.values import (
    Arguments,
    Array,
    Class,
    Generator,
    Instance,
    Iterated,
    Made,
    Quantity,
    Scaled,
    Sorted,
    Text,
    Value,
    alternatives,
    flows_in,
    is_quantity,
    merge,
)

_ITERATORS = {
    *("zip", "map", "filter", "enumerate", "itertools.islice", "itertools.cycle"),
    *("itertools.chain", "itertools.izip", "itertools.zip_longest", "itertools.imap"),
}
_FLOATS = {"ceil", "floor", "round", "rint", "trunc", "around", "true_divide", "divide"}
_ARRAYS = ("numpy.", "cv2.", "skimage.", "imageio.", "PIL.ImageOps.")
_KEPT = {"astype", "reshape", "copy"}  # methods of arrays that keep the scale of values


class Recorder:
    """Is shown the calls of a script by an interpreter, and collects findings.

    Attributes:
        keras3: The incompatibilities with Keras 3; None if they are not looked for.
        sequences: The classes of the script that read images for Keras.
    """

    def __init__(self, api: KerasApi | None, targets: Mapping[ast.expr, str]) -> None:
        """Prepares.

        Args:
            api: The installed Keras; None to report no incompatibilities.
            targets: The code of what calls are assigned to.
        """
        self.keras3 = None if api is None else Keras3(api)
        self.sequences = CustomSequences(targets)
        self._traps = Traps()

    def finish(self) -> list[Trap]:
        """Returns all findings in order, after all code was followed."""
        found = [*self._traps.finish(), *self.sequences.finish()]
        if self.keras3 is not None:
            found += self.keras3.finish()
        return sorted(found, key=lambda trap: (trap.cell, trap.line))

    def see_call(
        self, cell: int, call: ast.Call, path: str | None, owner: Value | None, given: Arguments
    ) -> Value | None:
        """Records a call; returns what it creates."""
        for value in given.values.values():
            for one in alternatives(value):
                if isinstance(one, Generator):
                    one.is_fitted = True  # whoever gets it may call fit
        if path is not None:
            return self._see_function(cell, call, path, given)
        if isinstance(call.func, ast.Name):
            return self._see_builtin(cell, call, call.func.id, given)
        if isinstance(call.func, ast.Attribute):
            if self.keras3 is not None and not is_foreign(call.func.attr, given):
                self.keras3.see_attribute(cell, call.func, owner)
                if call.func.attr == "get":
                    self.keras3.see_key(cell, call, call.func.value, given.value(0))
            return self._see_method(cell, call, call.func.attr, owner, given)
        return None

    def see_base(
        self, cell: int, call: ast.Call, path: str, given: Arguments, *, is_only: bool
    ) -> Value | None:
        """Records the creation of an instance of a class whose base is at ``path``."""
        if loader_at(path) == "ImageDataGenerator":
            return self._traps.see_generator(cell, call, given)
        if is_only and self.keras3 is not None and keras_name(path).startswith("keras."):
            self.keras3.see_keras_call(cell, call, path, given)
        return None

    def see_instance(self, call: ast.Call, instance: Instance, given: Arguments) -> None:
        """Records the creation of an instance of a class of the script."""
        self.sequences.see_instance(call, instance, given)

    def see_returned(self, cell: int, function: ast.AST, value: Value | None) -> None:
        """Records what a function returns that the script itself does not call."""
        if self.keras3 is not None:
            self.keras3.see_returned(cell, function, value)

    def see_class(self, cell: int, made: Class, paths: Mapping[ast.expr, str]) -> None:
        """Records a class of the script."""
        self.sequences.see_class(cell, made, paths)

    def see_attribute(self, cell: int, node: ast.Attribute, owner: Value | None) -> None:
        """Records the use of an attribute."""
        if self.keras3 is not None:
            self.keras3.see_attribute(cell, node, owner)

    def see_key(self, cell: int, node: ast.Subscript, key: Value | None) -> None:
        """Records the use of an item."""
        if self.keras3 is not None:
            self.keras3.see_key(cell, node, node.value, key)

    def _see_function(self, cell: int, call: ast.Call, path: str, given: Arguments) -> Value | None:
        loader, name = loader_at(path), path.rpartition(".")[2]
        if loader == "ImageDataGenerator":
            return self._traps.see_generator(cell, call, given)
        if loader == DATASET:
            return self._traps.see_dataset(given)
        if path in _ITERATORS:
            return _iterated(name, given)
        if path == "operator.methodcaller":
            self._see_named_attribute(cell, call, given.value(0))
        if name == "compute_class_weight":
            return Array(is_class_weight=True)
        if path == "numpy.random.seed" or keras_name(path) == "keras.utils.set_random_seed":
            self._traps.see_seed(given)
        if path.startswith("numpy.") and name in _FLOATS:
            return Quantity(ast.unparse(call))
        if path.startswith(_ARRAYS):
            first = given.value(0)
            return first if isinstance(first, Scaled) else Array()
        if keras_name(path).startswith("keras."):
            if self.keras3 is not None:
                self.keras3.see_keras_call(cell, call, path, given)
            self._traps.see_other_call(keras_name(path), given)
            return Made(keras_name(path))
        return None

    def _see_builtin(self, cell: int, call: ast.Call, name: str, given: Arguments) -> Value | None:
        if name == "getattr":
            self._see_named_attribute(cell, call, given.value(1))
        if name == "iter":
            return given.value(0)  # iterators of Keras are their own
        if name == "next":
            return Iterated("batch", flows_in(given.value(0)))
        if name in _ITERATORS:
            return _iterated(name, given)
        if name in ("float", "abs") and (name == "float" or is_quantity(given.value(0))):
            return Quantity(ast.unparse(call))
        return None

    def _see_named_attribute(self, cell: int, call: ast.Call, name: Value | None) -> None:
        """Records ``getattr(model, "fit")``."""
        if isinstance(name, Text) and name.is_whole and self.keras3 is not None:
            node = ast.Attribute(call.args[0], name.end, ast.Load())
            self.keras3.see_attribute(cell, ast.copy_location(node, call), None)

    def _see_method(
        self, cell: int, call: ast.Call, method: str, owner: Value | None, given: Arguments
    ) -> Value | None:
        made: list[Value | None] = []
        for one in alternatives(owner):
            generator = one.generator if isinstance(one, Instance) else one
            if not isinstance(generator, Generator):
                made.append(None)
            elif method in FLOWS:
                made.append(self._traps.see_flow(cell, call, method, generator, given))
            else:
                generator.is_fitted = generator.is_fitted or method == "fit"
                return None
        if any(made):
            return merge(*made)
        if method == "sort_values":
            return Sorted()
        if isinstance(owner, Array | Scaled | Sorted):
            kept = {*_KEPT, "reset_index"} if isinstance(owner, Sorted) else _KEPT
            return owner if method in kept else None
        if self.keras3 is not None:
            self.keras3.see_model_call(cell, call, method, owner, given)
        used = {
            "x": given.value("x", 0, "generator"),
            "validation_data": given.value("validation_data"),
        }
        self._traps.see_model_call(cell, call, method, used)
        return None


def _iterated(name: str, given: Arguments) -> Iterated:
    flows = tuple(flow for value in given.values.values() for flow in flows_in(value))
    return Iterated(name, flows)
