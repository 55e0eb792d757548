"""Follows the expressions of a script; no code is run."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from imggen.migrate.values import (
    Arguments,
    Array,
    Class,
    Constant,
    Either,
    Function,
    Instance,
    Items,
    Iterated,
    Partial,
    Quantity,
    Reference,
    Scaled,
    Scope,
    Table,
    Text,
    Value,
    alternatives,
    flows_in,
    is_quantity,
    merge,
)


class Observer(Protocol):
    """Is shown the calls of a script, and returns what they create."""

    def see_call(
        self, cell: int, call: ast.Call, path: str | None, owner: Value | None, given: Arguments
    ) -> Value | None:
        """Records a call.

        Args:
            cell: The cell that it is in, from 0.
            call: The call.
            path: The dotted path of the function, if it is from another package.
            owner: The object whose method is called.
            given: The arguments.
        """

    def see_base(
        self, cell: int, call: ast.Call, path: str, given: Arguments, *, is_only: bool
    ) -> Value | None:
        """Records the creation of an instance of a class whose base is at ``path``.

        ``is_only`` tells whether it has no other bases, which the arguments may be for.
        """

    def see_instance(self, call: ast.Call, instance: Instance, given: Arguments) -> None:
        """Records the creation of an instance of a class of the script."""

    def see_returned(self, cell: int, function: ast.AST, value: Value | None) -> None:
        """Records what a function returns that the script itself does not call."""

    def see_class(self, cell: int, made: Class, paths: Mapping[ast.expr, str]) -> None:
        """Records a class of the script."""

    def see_attribute(self, cell: int, node: ast.Attribute, owner: Value | None) -> None:
        """Records the use of an attribute."""

    def see_key(self, cell: int, node: ast.Subscript, key: Value | None) -> None:
        """Records the use of an item."""


_NAMESPACE = Class(
    cast(ast.ClassDef, ast.parse("class SimpleNamespace: ...").body[0]), Scope(0), 0, (), (), {}
)


class Expressions(ABC):
    """Follows expressions; what calls and statements do is up to a subclass."""

    def __init__(self, paths: Mapping[ast.expr, str], observer: Observer) -> None:
        """Prepares.

        Args:
            paths: The dotted paths of the expressions that refer to other packages.
            observer: Is shown the calls.
        """
        self._paths = paths
        self._observer = observer
        self._scope = self._module = Scope(0)

    @abstractmethod
    def _call(self, node: ast.Call) -> Value | None:
        """Follows a call; returns what it returns."""

    @abstractmethod
    def _statement(self, node: ast.stmt) -> None:
        """Follows a statement."""

    def value(self, node: ast.expr) -> Value | None:
        """Follows an expression; returns its value, or None if it does not matter."""
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Constant():
                if isinstance(node.value, str):
                    return Text(node.value, is_whole=True)
                return Constant(node.value)
            case ast.Name():
                known = self._scope.find(node.id)
                return Reference(self._paths[node]) if node in self._paths else known
            case ast.Attribute():
                owner = self.value(node.value)
                if node in self._paths:
                    return Reference(self._paths[node])
                self._observer.see_attribute(self._scope.cell, node, owner)
                return get_attribute(owner, node)
            case ast.Subscript():
                owner, key = self.value(node.value), self.value(node.slice)
                self._observer.see_key(self._scope.cell, node, key)
                return _subscript(owner, key)
            case ast.Tuple() | ast.List():
                return Items(tuple(self.value(item) for item in node.elts))
            case ast.Dict():
                return self._dict(node)
            case ast.BinOp():
                return self._binary(node, node.left, node.right, node.op)
            case ast.UnaryOp():
                value = self.value(node.operand)
                if isinstance(node.op, ast.Not):
                    is_true = truth(value)
                    return None if is_true is None else Constant(not is_true)
                if isinstance(node.op, ast.USub) and isinstance(value, Constant):
                    return Constant(-value.value) if isinstance(value.value, int) else value
                return value if isinstance(value, Quantity) else None
            case ast.IfExp():
                known_test = truth(self.value(node.test))
                body, orelse = self.value(node.body), self.value(node.orelse)
                if known_test is not None:
                    return body if known_test else orelse
                return merge(body, orelse)
            case ast.BoolOp():
                return merge(*[self.value(one) for one in node.values])
            case ast.Compare():
                return self._compare(node)
            case ast.NamedExpr():
                value = self.value(node.value)
                self._bind(node.target, value)
                return value
            case ast.JoinedStr():
                ends = [self.value(one) for one in node.values]
                last = ends[-1] if ends else None
                return Text(last.end, is_whole=False) if isinstance(last, Text) else None
            case ast.Lambda():
                return Function(node, self._scope, self._scope.cell)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Await() | ast.Starred():
                return self.value(node.value)
            case ast.Yield() if node.value is not None:
                self._scope.yielded.append(_batch(node.value, self.value(node.value)))
                return None
            case _:
                self._each(ast.iter_child_nodes(node))
                return None

    def _dict(self, node: ast.Dict) -> Table:
        table = Table({}, {})
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            name = self.value(key) if key is not None else None
            if isinstance(name, Text) and name.is_whole:
                table.items[name.end], table.nodes[name.end] = value, item
            elif key is None and isinstance(value, Table):
                table.items |= value.items
                table.nodes |= value.nodes
                table.is_complete = table.is_complete and value.is_complete
            else:
                table.is_complete, table.every = False, value
        return table

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Value | None:
        names = dict(self._scope.names)
        sources = []
        for generator in node.generators:
            sources.append(self.value(generator.iter))
            self._bind(generator.target, get_any_item(sources[-1]))
            self._each(generator.ifs)
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            made: Value | None = Table({}, {}, False, self.value(node.value))
        else:
            element = self.value(node.elt)
            made = Items((), element)
            if isinstance(node, ast.GeneratorExp):
                flows = tuple(flow for source in sources for flow in flows_in(source))
                made = Iterated("generator", flows, _batch(node.elt, element))
        self._scope.names = names
        return made

    def _binary(
        self, node: ast.AST, left: ast.expr, right: ast.expr, operator: ast.operator
    ) -> Value | None:
        one, other = self.value(left), self.value(right)
        if isinstance(one, Text) and isinstance(operator, ast.Mod):
            return Text(literal_end(one.end, "%"), is_whole=False)
        if isinstance(other, Text):
            if isinstance(operator, ast.Add) and isinstance(one, Text):
                return Text(one.end + other.end, one.is_whole)
            return Text(other.end, is_whole=False)
        if isinstance(operator, ast.Div):
            if isinstance(other, Constant) and other.value in (255, 255.0):
                return Scaled()
            return Quantity(ast.unparse(node))
        if is_quantity(one) or is_quantity(other):
            return Quantity(ast.unparse(node))
        return one if isinstance(one, Scaled) else None

    def _compare(self, node: ast.Compare) -> Value | None:
        left, *others = [self.value(one) for one in (node.left, *node.comparators)]
        if len(others) == 1 and all(
            isinstance(one, Constant) or (isinstance(one, Text) and one.is_whole)
            for one in (left, others[0])
        ):
            if isinstance(node.ops[0], ast.Eq | ast.Is):
                return Constant(left == others[0])
            if isinstance(node.ops[0], ast.NotEq | ast.IsNot):
                return Constant(left != others[0])
        return None

    def _bind(self, target: ast.expr, value: Value | None, node: ast.expr | None = None) -> None:
        match target:
            case ast.Name():
                self._scope.names[target.id] = value
            case ast.Starred():
                self._bind(target.value, None)
            case ast.Tuple() | ast.List():
                for index, item in enumerate(target.elts):
                    self._bind(item, get_item(value, index, len(target.elts)))
            case ast.Attribute():
                owner = self.value(target.value)
                self._observer.see_attribute(self._scope.cell, target, owner)
                if isinstance(owner, Instance):
                    owner.attributes[target.attr] = value
            case ast.Subscript():
                owner, key = self.value(target.value), self.value(target.slice)
                if isinstance(owner, Table):
                    if isinstance(key, Text) and key.is_whole:
                        owner.items[key.end] = value
                        owner.nodes[key.end] = node or target
                    else:
                        owner.is_complete, owner.every = False, value

    def _built_in(self, node: ast.Call, path: str | None, given: Arguments) -> Value | None:
        name = path or (node.func.id if isinstance(node.func, ast.Name) else "")
        first = given.value(0)
        if name == "dict" and not given.num_positional:
            nodes = {key: given.nodes[key] for key in given.keywords()}
            values = {key: given.values[key] for key in given.keywords()}
            return Table(values, nodes, given.is_complete)
        if name == "functools.partial":
            rest = Arguments(is_complete=given.is_complete)
            for key, value in given.values.items():
                if key != 0:
                    rest.add(key - 1 if isinstance(key, int) else key, given.nodes[key], value)
            rest.num_positional = max(given.num_positional - 1, 0)
            return Partial(first, rest)
        if name in ("list", "tuple", "sorted", "reversed") and isinstance(first, Items):
            return first
        if name in ("os.path.join", "str", "os.fspath", "pathlib.Path", "os.path.abspath"):
            last = given.value(max(given.num_positional - 1, 0))
            is_whole = given.num_positional == 1
            return Text(last.end, last.is_whole and is_whole) if isinstance(last, Text) else None
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text = self.value(node.func.value)
            return Text(literal_end(text.end, "}"), False) if isinstance(text, Text) else None
        if name in ("types.SimpleNamespace", "argparse.Namespace"):
            return Instance(_NAMESPACE, {key: given.values[key] for key in given.keywords()})
        return None

    def _each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if isinstance(node, ast.expr):
                self.value(node)
            elif isinstance(node, ast.stmt):
                self._statement(node)
            elif node is not None:
                self._each(ast.iter_child_nodes(node))


def forget_items(table: Table, method: str) -> None:
    """Forgets what a dict contains if one of its methods changes that."""
    if method in ("clear", "update", "pop", "popitem", "setdefault"):
        table.items.clear()
        table.nodes.clear()
        table.is_complete, table.every = False, None


def get_item(value: Value | None, index: int, count: int) -> Value | None:
    """Returns an item of a value that is unpacked into ``count`` names."""
    if isinstance(value, Either):
        return merge(*(get_item(one, index, count) for one in value.values))
    if isinstance(value, Items):
        if value.every is None and len(value.items) == count:
            return value.items[index]
        return value.every
    return None


def get_any_item(value: Value | None) -> Value | None:
    """Returns what stands for all items of a value."""
    if isinstance(value, Items) and (value.items or value.every):
        return merge(*value.items, *([value.every] if value.every else []))
    return None


def _subscript(owner: Value | None, key: Value | None) -> Value | None:
    if isinstance(owner, Either):
        return merge(*(_subscript(one, key) for one in owner.values))
    if isinstance(owner, Items) and isinstance(key, Constant) and isinstance(key.value, int):
        inside = -len(owner.items) <= key.value < len(owner.items)
        return owner.items[key.value] if inside else owner.every
    if isinstance(owner, Table):
        if isinstance(key, Text) and key.is_whole and key.end in owner.items:
            return owner.items[key.end]
        return owner.every
    return None


def truth(value: Value | None) -> bool | None:
    """Whether a value is true; None if it is not known."""
    if isinstance(value, Constant):
        return bool(value.value)
    return bool(value.end) if isinstance(value, Text) and value.is_whole else None


def literal_end(text: str, sign: str) -> str:
    """Returns what certainly ends a text after formatting."""
    if sign == "}":
        return text.rpartition("}")[2]
    rest = text.rpartition("%")[2]
    return rest.lstrip("0123456789.-+ #").removeprefix(rest.lstrip("0123456789.-+ #")[:1])


def _batch(node: ast.expr, value: Value | None) -> str:
    """Returns the kind of what a generator function yields, as far as Keras refuses it."""
    if isinstance(node, ast.List):
        return "list"
    return "array" if isinstance(value, Array | Scaled) else ""


def bind_method(
    owner: Class, node: ast.FunctionDef | ast.AsyncFunctionDef, instance: Instance | None
) -> Function:
    """Returns a method of a class, bound to an instance."""
    return Function(node, owner.scope, owner.cell, instance, owner)


def get_attribute(owner: Value | None, node: ast.Attribute) -> Value | None:
    """Returns an attribute of a value."""
    found: list[Value | None] = []
    for one in alternatives(owner):
        if isinstance(one, Instance):
            if node.attr in one.attributes:
                found.append(one.attributes[node.attr])
            elif (method := one.of.find(node.attr)) is not None:
                found.append(bind_method(*method, one))
            else:
                found.append(None)
        elif isinstance(one, Class) and (method := one.find(node.attr)) is not None:
            found.append(bind_method(*method, None))
        else:
            found.append(None)
    return merge(*found)
