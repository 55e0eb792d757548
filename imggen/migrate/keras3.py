"""Checks of what Keras 3 has removed, ignores or refuses; answers come from the installed Keras."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from imggen.migrate.keras_api import KerasApi
from imggen.migrate.keras_calls import (
    GENERATOR_METHODS,
    OF_GENERATOR_METHODS,
    OF_KERAS,
    as_imported,
    is_called_model,
    is_foreign,
    is_iterator,
    is_model,
    is_optimizer,
    own_node,
    whole,
    with_names,
)
from imggen.migrate.replacements import (
    ARGUMENTS,
    BACKEND,
    EFFECTS,
    FLOW_ATTRIBUTES,
    MODEL_ATTRIBUTES,
    NAMES,
)
from imggen.migrate.traps import EVALUATE, FIT, PREDICT, Trap
from imggen.migrate.uses import keras_name
from imggen.migrate.values import (
    Arguments,
    Array,
    Constant,
    Flow,
    Instance,
    Items,
    Iterated,
    Text,
    Value,
    alternatives,
    flows_in,
    is_quantity,
)

# Any of the backends: their methods have the same arguments.
_TRAINER = "keras.src.backend.tensorflow.trainer.TensorFlowTrainer"
_WHOLE = ("steps_per_epoch", "validation_steps", "steps", "epochs", "initial_epoch", "nb_epoch")
_ACCEPTED = {"generator", "batch"}  # kinds of ``Iterated`` that fit takes
_SAVED = (".keras", ".h5", ".hdf5")
# Attributes that objects of other packages have too.
_OF_OTHERS = {"predict_proba", "targets", "updates", "output_shape"}


@dataclass
class Keras3:
    """The incompatibilities of a script with Keras 3 found so far."""

    api: KerasApi
    found: list[Trap] = field(default_factory=list)
    _metrics: set[str] = field(default_factory=set)
    _monitored: list[tuple[int, ast.expr, str]] = field(default_factory=list)

    def see_import(self, cell: int, node: ast.stmt, path: str) -> bool:
        """Records the import of a path; returns whether it fails in Keras 3."""
        if path.startswith("tensorflow.python.keras"):
            self._add(cell, node, "Keras 2 inside TensorFlow", f"{path}{self._instead(path)}")
            return True
        if path.startswith("keras_preprocessing"):
            advice = self._instead(path) or f"; write {keras_name(path)}"
            self._add(cell, node, "removed in Keras 3", f"{path}{advice}")
            return True
        path = as_imported(path)
        if self.api.has(path) is not False:
            return False
        self._add(cell, node, "removed in Keras 3", f"{path}{self._instead(path)}")
        return True

    def see_path(self, cell: int, node: ast.expr, path: str) -> None:
        """Records the use of a name of Keras by its dotted path."""
        path = as_imported(path)
        name = path.rpartition(".")[2]
        if name in GENERATOR_METHODS:
            self._add(cell, node, "removed in Keras 3", f"{path}; {MODEL_ATTRIBUTES[name]}")
        elif self.api.has(path) is False:
            self._add(cell, node, "removed in Keras 3", f"{path}{self._instead(path)}")

    def see_tensorflow_1(self, cell: int, node: ast.expr | ast.stmt, path: str) -> None:
        """Records a name of TensorFlow 1."""
        instead = path.replace("tensorflow.", "tensorflow.compat.v1.", 1)
        is_gone = path.startswith(("tensorflow.contrib", "tensorflow.python"))
        detail = path if is_gone else f"{path}; write {instead}, or leave it out"
        self._add(cell, node, "TensorFlow 1", detail)

    def see_attribute(self, cell: int, node: ast.Attribute, owner: Value | None) -> None:
        """Records the use of an attribute of anything else."""
        if any(isinstance(one, Instance) and one.of.find(node.attr) for one in alternatives(owner)):
            return
        of_model = all(is_model(one) for one in alternatives(owner))
        if node.attr in FLOW_ATTRIBUTES and isinstance(owner, Flow):
            detail = f".{node.attr}; {FLOW_ATTRIBUTES[node.attr]}"
            self._add(cell, node, "removed in Keras 3", detail)
        elif node.attr in MODEL_ATTRIBUTES and (of_model or node.attr not in _OF_OTHERS):
            hint = MODEL_ATTRIBUTES[node.attr]
            self._add(cell, node, "removed in Keras 3", f".{node.attr}; {hint}")
        elif node.attr == "lr" and is_optimizer(node.value, owner):
            if isinstance(node.ctx, ast.Store):
                detail = f"{ast.unparse(node)} = ...; write .learning_rate"
                self._add(cell, node, "ignored by Keras 3", detail)
            else:
                detail = f"{ast.unparse(node)}; write .learning_rate"
                self._add(cell, node, "removed in Keras 3", detail)

    def see_keras_call(self, cell: int, call: ast.Call, path: str, given: Arguments) -> None:
        """Records the call of a class or function of Keras."""
        path = as_imported(path)
        name = path.rpartition(".")[2]
        if ".optimizers.legacy." in path:
            self._add(cell, call, "removed in Keras 3", f"{path}; write keras.optimizers.{name}")
        self._check_keywords(cell, call, name, self.api.parameters(path), given)
        if name == "Model" and {"input", "output"} & {*given.keywords()}:
            self._add(
                cell, call, "removed in Keras 3", "Model(input=, output=); write inputs=, outputs="
            )
        if ".optimizers." in path:
            self._check_optimizer(cell, call, name, given)
        elif ".callbacks." in path:
            self._check_callback(cell, call, name, given)
        elif name in ("load_model", "save_model"):
            key: tuple[str | int, ...] = (
                (0, "filepath") if name == "load_model" else (1, "filepath")
            )
            self._check_name(cell, call, name, given.value(*key), _SAVED, ".keras")
        elif name in ("Conv2D", "Convolution2D"):
            self._check_convolution(cell, call, name, given)

    def see_model_call(
        self,
        cell: int,
        call: ast.Call,
        method: str,
        owner: Value | None,
        given: Arguments,
    ) -> None:
        """Records the call of a method that models have."""
        if is_foreign(method, given):
            return
        given = with_names(given, method)
        of_model = all(is_model(one) for one in alternatives(owner))
        source = given.value("x", 0, "generator")
        validation = given.value("validation_data")
        used = (source, validation)
        is_keras = (
            of_model
            or method in GENERATOR_METHODS
            or any(flows_in(one) or isinstance(one, Iterated) for one in used)
            or bool(OF_KERAS & {*given.keywords()} - ({"epochs"} if source is None else set()))
        )
        if method in FIT | EVALUATE | PREDICT and is_keras:
            accepted = self.api.parameters(_TRAINER, method.removesuffix("_generator"))
            if accepted is not None and method in GENERATOR_METHODS:
                accepted |= OF_GENERATOR_METHODS
            self._check_keywords(cell, call, method, accepted, given)
            for name in _WHOLE:
                if name in given.values and is_quantity(given.values[name]):
                    code = f"{name}={ast.unparse(given.nodes[name])}"
                    self._add(cell, own_node(call, given.nodes[name]), "fractional steps", code)
            for what, one in zip(("x", "validation_data"), used, strict=True):
                self._check_source(cell, call, method, what, one)
            self._check_weights(cell, call, given, source)
        elif method == "compile" and (of_model or {"loss", "metrics"} & {*given.keywords()}):
            if of_model or "optimizer" in given.values or 0 in given.values:
                accepted = self.api.parameters(_TRAINER, "compile")
                self._check_keywords(cell, call, "compile", accepted, given)
            metrics = given.value("metrics", 2)
            for item in metrics.items if isinstance(metrics, Items) else ():
                self._metrics |= {one.end for one in alternatives(item) if isinstance(one, Text)}
            # A function may be called acc, too.
            self._metrics |= set(re.findall(r"\bacc\b", ast.unparse(call)))
        elif method in ("save_weights", "load_weights", "save"):
            self._check_saving(cell, call, method, of_model, given)

    def see_returned(self, cell: int, function: ast.AST, value: Value | None) -> None:
        """Records what a function returns that the script itself does not call."""
        for one in alternatives(value):
            for item in one.items if isinstance(one, Items) else (one,):
                if isinstance(item, Iterated) and item.kind not in _ACCEPTED and item.flows:
                    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
                    detail = f"{item.kind}(...) of flows is returned, which fit does not accept"
                    self._add(cell, returns[0], "source refused by Keras 3", detail)

    def see_key(self, cell: int, node: ast.expr, owner: ast.expr, key: Value | None) -> None:
        """Records ``history["acc"]`` or ``logs.get("acc")``."""
        if isinstance(key, Text) and key.is_whole and key.end in ("acc", "val_acc"):
            name = ast.unparse(owner).rpartition(".")[2].lower()
            if re.fullmatch(r"\w*hist\w*|logs", name):
                self._monitored.append((cell, node, key.end))

    def finish(self) -> list[Trap]:
        """Returns all findings in order."""
        if "accuracy" in self._metrics and "acc" not in self._metrics:
            for cell, node, name in self._monitored:
                wanted = name.replace("acc", "accuracy")
                detail = f'"{name}"; write "{wanted}"'
                self._add(cell, node, "metric of another name", detail)
        return sorted(dict.fromkeys(self.found), key=lambda trap: (trap.cell, trap.line))

    def _instead(self, path: str) -> str:
        """Returns what to write instead of a path; empty if there is nothing."""
        path = keras_name(path)
        name = path.rpartition(".")[2]
        if path.startswith("keras.backend."):
            known = BACKEND.get(name) or self.api.public_path(name, near="keras.ops.")
            is_known = known is not None and (name in BACKEND or known.startswith("keras.ops."))
            return f"; {_advice(known)}" if is_known and known is not None else ""
        known = NAMES.get(path) or NAMES.get(name)
        if known is not None:
            return f"; {known}"
        if (public := self.api.public_path(name, near=".".join(path.split(".")[1:2]))) is not None:
            return f"; write {public}"
        parent = path.rpartition(".")[0]
        is_module = name.islower() and parent in ("keras.layers", "keras.utils", "keras.callbacks")
        return f"; write {parent}" if is_module else ""

    def _check_keywords(
        self,
        cell: int,
        call: ast.Call,
        name: str,
        accepted: frozenset[str] | None,
        given: Arguments,
    ) -> None:
        if accepted is None:
            return
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in accepted:
                hint = ARGUMENTS.get((name, keyword.arg)) or ARGUMENTS.get(("", keyword.arg))
                code = f"{name}({keyword.arg}=...)"
                detail = f"{code}; {hint or 'leave it out'}"
                self._add(cell, keyword.value, "removed in Keras 3", detail)
        for key in given.keywords():
            if key not in accepted and all(key != one.arg for one in call.keywords):
                hint = ARGUMENTS.get((name, key)) or ARGUMENTS.get(("", key)) or "leave it out"
                self._add(cell, call, "removed in Keras 3", f"{name}({key}=...); {hint}")

    def _check_convolution(self, cell: int, call: ast.Call, name: str, given: Arguments) -> None:
        rows, cols = given.values.get(1), given.values.get(2)
        if not isinstance(rows, Constant) or not isinstance(cols, Constant):
            return
        # Conv2D(64, 3, 2) may mean a stride of 2.
        is_size = name == "Convolution2D" or (rows == cols and rows.value not in (1, 2))
        if is_size and isinstance(cols.value, int) and cols.value > 1:
            code = f"{name}(..., {rows.value}, {cols.value})"
            detail = f"{code}; write ({rows.value}, {cols.value})"
            self._add(cell, call, "arguments of Keras 1", detail)

    def _check_optimizer(self, cell: int, call: ast.Call, name: str, given: Arguments) -> None:
        if given.has("decay"):
            detail = (
                f"{name}(decay=...); write learning_rate=keras.optimizers.schedules."
                "InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)"
            )
            self._add(cell, own_node(call, given.nodes["decay"]), "ignored by Keras 3", detail)
        if given.constant("epsilon") == Constant(None):
            detail = f"{name}(epsilon=None); leave it out"
            self._add(cell, own_node(call, given.nodes["epsilon"]), "removed in Keras 3", detail)

    def _check_callback(self, cell: int, call: ast.Call, name: str, given: Arguments) -> None:
        first = 1 if name == "ModelCheckpoint" else 0
        monitor = given.value("monitor", first)
        for named in (monitor, given.value("filepath", 0) if first else None):
            used = re.fullmatch(r"(?:.*\{)?((?:val_)?acc)(?:[:}].*)?", whole(named), re.DOTALL)
            if used is not None:
                self._monitored.append((cell, call, used[1]))
        if name == "ReduceLROnPlateau" and "epsilon" in given.nodes:
            detail = f"{name}(epsilon=...); write min_delta="
            self._add(cell, call, "ignored by Keras 3", detail)
        if name == "ModelCheckpoint":
            if 6 in given.values and "save_freq" not in given.values:
                detail = f'{name}(..., {ast.unparse(given.nodes[6])}); write save_freq="epoch"'
                self._add(cell, call, "period is in batches", detail)
            only = given.value("save_weights_only", 4)
            is_only = (
                only
                if "save_weights_only" in given.values or 4 in given.values
                else Constant(False)
            )
            if isinstance(is_only, Constant) and given.is_complete:
                ends = (".weights.h5",) if is_only.value else (".keras", ".h5")
                label = "ModelCheckpoint(save_weights_only=True)" if is_only.value else name
                self._check_name(cell, call, label, given.value("filepath", 0), ends, ends[0])

    def _check_source(
        self, cell: int, call: ast.Call, method: str, what: str, source: Value | None
    ) -> None:
        if isinstance(source, Instance) and is_iterator(source):
            detail = f"{what} of {method} is a {source.of.node.name}, not a PyDataset"
            self._add(cell, call, "source refused by Keras 3", detail)
        elif isinstance(source, Iterated):
            if source.kind not in _ACCEPTED:
                detail = f"{what} of {method} is {source.kind}(...)"
                self._add(cell, call, "source refused by Keras 3", detail)
            elif source.batch == "list":
                detail = f"{what} of {method} yields lists; yield tuples"
                self._add(cell, call, "source refused by Keras 3", detail)
            elif source.batch == "array":
                detail = f"{what} of {method} yields arrays; yield (images,)"
                self._add(cell, call, "source refused by Keras 3", detail)

    def _check_weights(
        self, cell: int, call: ast.Call, given: Arguments, source: Value | None
    ) -> None:
        weights = given.value("class_weight")
        if isinstance(weights, Items):
            detail = "class_weight= is a list; write dict(enumerate(weights))"
        elif isinstance(weights, Text):
            detail = f'class_weight="{weights.end}"; compute them with sklearn.utils.class_weight'
        elif isinstance(weights, Array) and weights.is_class_weight:
            detail = "class_weight= is an array; write dict(enumerate(weights))"
        elif isinstance(source, Iterated) and source.kind != "batch" and given.has("class_weight"):
            detail = "class_weight= with a generator; yield sample weights as a third item"
        else:
            return
        self._add(cell, call, "class weights refused by Keras 3", detail)

    def _check_saving(
        self, cell: int, call: ast.Call, method: str, of_model: bool, given: Arguments
    ) -> None:
        name = given.value("filepath", 0)
        if method == "save_weights":
            self._check_name(
                cell, call, method, name, (".weights.h5", ".weights.json"), ".weights.h5"
            )
        elif not of_model and not is_called_model(call.func):
            return
        elif method == "load_weights":
            self._check_name(cell, call, method, name, (*_SAVED, ".weights.json"), ".weights.h5")
        else:
            self._check_name(cell, call, method, name, _SAVED, ".keras")
        accepted = self.api.parameters("keras.models.Model", method)
        self._check_keywords(cell, call, method, accepted, given)
        save_format = given.value("save_format")
        if method == "save" and save_format == Text("tf", is_whole=True):
            detail = 'save(save_format="tf"); write model.export(path)'
            self._add(cell, call, "removed in Keras 3", detail)

    def _check_name(
        self,
        cell: int,
        call: ast.Call,
        what: str,
        name: Value | None,
        ends: tuple[str, ...],
        advised: str,
    ) -> None:
        if not isinstance(name, Text) or name.end.endswith(ends):
            return
        is_extension = re.search(r"\.\w+$", name.end) and name.end not in ("weights.h5", "keras")
        if not name.is_whole and not is_extension:
            return  # the end that is known is too short
        shown = name.end if name.is_whole else f"...{name.end}"
        detail = f'{what} with "{shown}"; write {advised} at its end'
        self._add(cell, call, "file name refused by Keras 3", detail)

    def _add(self, cell: int, node: ast.expr | ast.stmt, name: str, detail: str) -> None:
        effect, fix = EFFECTS[name]
        effect = effect.format(version=self.api.version)
        self.found.append(Trap(cell, node.lineno, name, detail, effect, fix))


def _advice(text: str) -> str:
    return text if text.startswith(("leave", "pass")) else f"write {text}"
