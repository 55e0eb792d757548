"""Follows the values of a script through assignments, calls and classes; no code is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from imggen.migrate.expressions import (
    Expressions,
    Observer,
    bind_method,
    forget_items,
    get_any_item,
    get_attribute,
    truth,
)
from imggen.migrate.values import (
    Arguments,
    Class,
    Function,
    Generator,
    Instance,
    Iterated,
    Partial,
    Reference,
    Scope,
    Table,
    Text,
    Value,
    alternatives,
    flows_in,
    merge,
)

_MAX_DEPTH = 6  # of calls inside calls that are followed
_MAX_CALLS = 3000


class Interpreter(Expressions):
    """Follows the values of a script, cell by cell, as it would run.

    Both branches of a condition are followed; a name then has either value. A function of the
    script is followed at every call, and once on its own, with unknown arguments.
    """

    def __init__(self, paths: Mapping[ast.expr, str], observer: Observer) -> None:
        """Prepares.

        Args:
            paths: The dotted paths of the expressions that refer to other packages.
            observer: Is shown the calls.
        """
        super().__init__(paths, observer)
        self._functions: list[Function] = []
        self._active: list[ast.AST] = []
        self._called: set[ast.AST] = set()
        self._num_calls = 0

    def run(self, number: int, tree: ast.Module) -> None:
        """Follows the next cell."""
        self._module.cell = number
        self._block(tree.body)

    def finish(self) -> None:
        """Follows all functions once more, with unknown arguments."""
        done = 0
        while done < len(self._functions):  # functions inside functions are added on the way
            function = self._functions[done]
            done += 1
            returned = self._enter(function, self._file_names(function))
            if function.node not in self._called:
                self._observer.see_returned(function.cell, function.node, returned)

    def _file_names(self, function: Function) -> dict[str, Value | None]:
        """Returns the default values of parameters that are names of files."""
        defaults = self._parameters(function, Arguments())
        return {
            name: value
            for name, value in defaults.items()
            if isinstance(value, Text) and "." in value.end
        }

    def _block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._each([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
                function = Function(node, self._scope, self._scope.cell)
                self._scope.names[node.name] = self._decorate(function)
                self._functions.append(function)
            case ast.ClassDef():
                self._class(node)
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self._bind(target, value, node.value)
            case ast.AnnAssign() if node.value is not None:
                self._bind(node.target, self.value(node.value))
            case ast.AugAssign():
                self._bind(node.target, self._binary(node, node.target, node.value, node.op))
            case ast.Return():
                self._scope.returned.append(self.value(node.value) if node.value else None)
            case ast.If():
                self._branch(node)
            case ast.For() | ast.AsyncFor():
                source = self.value(node.iter)
                self._scope.read += flows_in(source)
                self._bind(node.target, get_any_item(source))
                self._block([*node.body, *node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    value = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, value)
                self._block(node.body)
            case ast.Delete():
                for target in node.targets:
                    if isinstance(target, ast.Subscript):
                        owner = self.value(target.value)
                        if isinstance(owner, Table):
                            forget_items(owner, "pop")
            case ast.Try() | ast.While() | ast.Match():
                self._inner(node)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self._scope.names[(alias.asname or alias.name).partition(".")[0]] = None
            case _:
                self._each(ast.iter_child_nodes(node))

    def _decorate(self, function: Function) -> Value:
        """Returns what the decorators of the script itself make of a function."""
        made: Value = function
        for node in reversed(getattr(function.node, "decorator_list", [])):
            decorator = self.value(node)
            if isinstance(decorator, Function):
                given = Arguments({0: node}, {0: made}, num_positional=1)
                returned = self._enter(decorator, self._parameters(decorator, given), given)
                made = returned if isinstance(returned, Function) else made
        return made

    def _inner(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.expr):
                self.value(child)
            else:
                self._inner(child)

    def _branch(self, node: ast.If) -> None:
        known = truth(self.value(node.test))
        before = dict(self._scope.names)
        self._block(node.body)
        then = self._scope.names
        self._scope.names = dict(before)
        self._block(node.orelse)
        otherwise = self._scope.names
        if known is not None:
            self._scope.names = then if known else otherwise
            return
        for name in {*then, *otherwise}:
            one, other = then.get(name), otherwise.get(name)
            if name in then and name in otherwise and one is not other:
                one = merge(one, other)
            otherwise[name] = one if name in then else other

    def _class(self, node: ast.ClassDef) -> None:
        bases: list[Class] = []
        paths: list[str] = []
        for expression in node.bases:
            base = self.value(expression)
            if isinstance(base, Class):
                bases.append(base)
                paths += base.paths
            elif expression in self._paths:
                paths.append(self._paths[expression])
        self._each([*node.decorator_list, *(keyword.value for keyword in node.keywords)])
        methods = {
            one.name: one
            for one in node.body
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        made = Class(node, self._scope, self._scope.cell, tuple(bases), tuple(paths), methods)
        self._scope.names[node.name] = made
        self._observer.see_class(self._scope.cell, made, self._paths)
        attributes = Scope(self._scope.cell, self._scope)
        outside, self._scope = self._scope, attributes
        self._block(one for one in node.body if one not in methods.values())
        self._scope = outside
        anyone = Instance(made, dict(attributes.names))
        if "__init__" in methods:
            self._functions.append(bind_method(made, methods["__init__"], anyone))
        self._functions += [
            bind_method(made, method, anyone)
            for name, method in methods.items()
            if name != "__init__"
        ]

    def _call(self, node: ast.Call) -> Value | None:
        path = self._paths.get(node.func)
        owner = function = None
        if path is None and isinstance(node.func, ast.Attribute):
            if (base := self._super(node)) is not None:
                return base[0]
            owner = self.value(node.func.value)
            function = get_attribute(owner, node.func)
        elif path is None:
            function = self.value(node.func)
        given = self._arguments(node)
        if isinstance(owner, Table) and isinstance(node.func, ast.Attribute):
            forget_items(owner, node.func.attr)
        if isinstance(node.func, ast.Name) and node.func.id == "next":
            self._scope.read += flows_in(given.value(0))
        results = []
        functions = alternatives(function)
        for one in functions:
            if isinstance(one, Partial):
                given, one = one.arguments.merged(given), one.function
            if isinstance(one, Function):
                self._called.add(one.node)
                results.append(self._enter(one, self._parameters(one, given), given))
            elif isinstance(one, Class):
                results.append(self._create(node, one, given))
            elif len(functions) > 1 and isinstance(one, Reference):
                results.append(None)  # it is not certain that this is called
            else:
                known = one.path if isinstance(one, Reference) else path
                seen = self._observer.see_call(self._scope.cell, node, known, owner, given)
                results.append(seen if seen is not None else self._built_in(node, known, given))
        return merge(*results)

    def _arguments(self, node: ast.Call) -> Arguments:
        given = Arguments(num_positional=len(node.args))
        for index, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred):
                given.is_complete = False
                self.value(argument.value)
            elif given.is_complete:
                given.add(index, argument, self.value(argument))
            else:
                self.value(argument)
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is None:
                given.spread(value)
            else:
                given.add(keyword.arg, keyword.value, value)
        return given

    def _super(self, node: ast.Call) -> tuple[Value | None] | None:
        """Follows ``super().method(...)`` and ``Base.method(self, ...)``."""
        function, instance = node.func, self._scope.instance
        if not isinstance(function, ast.Attribute) or instance is None:
            return None
        value = function.value
        is_super = isinstance(value, ast.Call) and ast.unparse(value.func) == "super"
        is_base = value in self._paths and self._paths[value] in instance.of.paths
        if not is_super and not is_base:
            return None
        given = self._arguments(node)
        if is_base:
            given = Arguments(
                {key: one for key, one in given.nodes.items() if isinstance(key, str)},
                {key: one for key, one in given.values.items() if isinstance(key, str)},
                given.is_complete and given.num_positional == 1,
            )
        for base in self._scope.owner.bases if self._scope.owner is not None else ():
            if (found := base.find(function.attr)) is not None:
                method = bind_method(*found, instance)
                return (self._enter(method, self._parameters(method, given), given),)
        if function.attr == "__init__":
            self._create_base(node, instance, given)
            return (None,)
        owner = instance.generator
        return (self._observer.see_call(self._scope.cell, node, None, owner, given),)

    def _create(self, node: ast.Call, made: Class, given: Arguments) -> Instance:
        instance = Instance(made)
        found = made.find("__init__")
        if found is not None:
            method = bind_method(*found, instance)
            self._enter(method, self._parameters(method, given), given)
        else:
            self._create_base(node, instance, given)
            fields = [
                statement.target.id
                for statement in made.node.body
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            ]
            for key, value in given.values.items():
                if isinstance(key, str) or key < len(fields):
                    instance.attributes[fields[key] if isinstance(key, int) else key] = value
        self._observer.see_instance(node, instance, given)
        return instance

    def _create_base(self, node: ast.Call, instance: Instance, given: Arguments) -> None:
        bases = instance.of.node.bases
        is_only = len(bases) == len(instance.of.paths) == 1
        for path in instance.of.paths:
            made = self._observer.see_base(self._scope.cell, node, path, given, is_only=is_only)
            if isinstance(made, Generator):
                instance.generator = made

    def _parameters(self, function: Function, given: Arguments) -> dict[str, Value | None]:
        arguments = function.node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        is_static = any(
            ast.unparse(one) == "staticmethod"
            for one in getattr(function.node, "decorator_list", [])
        )
        if function.instance is not None and not is_static:
            names = names[1:]
        defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
        defaults |= {
            one.arg: default
            for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        }
        values: dict[str, Value | None] = {}
        if given.is_complete:
            values = {name: self.value(node) for name, node in defaults.items()}
        extra = Table({}, {}, given.is_complete)
        for key, value in given.values.items():
            if isinstance(key, int):
                if key < len(names):
                    values[names[key]] = value
            elif key in names or key in [one.arg for one in arguments.kwonlyargs]:
                values[key] = value
            else:
                extra.items[key], extra.nodes[key] = value, given.nodes[key]
        if arguments.kwarg is not None:
            values[arguments.kwarg.arg] = extra
        return values

    def _enter(
        self, function: Function, values: dict[str, Value | None], given: Arguments | None = None
    ) -> Value | None:
        """Follows a function with the values of its parameters; returns what it returns."""
        node = function.node
        self._num_calls += 1
        if (
            node in self._active
            or len(self._active) >= _MAX_DEPTH
            or (given is not None and self._num_calls > _MAX_CALLS)
        ):
            return None
        arguments = node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        scope = Scope(function.cell, function.scope, function.instance, function.owner)
        scope.names = {one.arg: values.get(one.arg) for one in every}
        for one in (arguments.vararg, arguments.kwarg):
            if one is not None:
                scope.names[one.arg] = values.get(one.arg)
        if function.instance is not None and every:
            scope.names.setdefault(every[0].arg, None)
            scope.names[every[0].arg] = values.get(every[0].arg) or function.instance
        outside, self._scope = self._scope, scope
        self._active.append(node)
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body)
            self._block(node.body)
        finally:
            self._active.pop()
            self._scope = outside
        if scope.yielded:
            flows = tuple(flow for one in scope.names.values() for flow in flows_in(one))
            flows = tuple(dict.fromkeys((*flows, *scope.read)))
            kinds = set(scope.yielded)
            return Iterated("generator", flows, kinds.pop() if len(kinds) == 1 else "")
        return merge(*scope.returned) if scope.returned else None
