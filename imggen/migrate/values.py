"""The values that a script handles, as far as they matter to migration."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

# The names of positional arguments, in order.
POSITIONS = {
    "ImageDataGenerator": (
        *("featurewise_center", "samplewise_center", "featurewise_std_normalization"),
        *("samplewise_std_normalization", "zca_whitening", "zca_epsilon", "rotation_range"),
        *("width_shift_range", "height_shift_range", "brightness_range", "shear_range"),
        *("zoom_range", "channel_shift_range", "fill_mode", "cval", "horizontal_flip"),
        *("vertical_flip", "rescale", "preprocessing_function"),
    ),
    "flow": ("x", "y", "batch_size", "shuffle", "sample_weight", "seed"),
    "flow_from_directory": (
        *("directory", "target_size", "color_mode", "classes", "class_mode", "batch_size"),
        *("shuffle", "seed", "save_to_dir", "save_prefix", "save_format", "follow_links"),
        *("subset", "interpolation"),
    ),
    "flow_from_dataframe": (
        *("dataframe", "directory", "x_col", "y_col", "weight_col", "target_size"),
        *("color_mode", "classes", "class_mode", "batch_size", "shuffle", "seed"),
        *("save_to_dir", "save_prefix", "save_format", "subset", "interpolation"),
    ),
}


@dataclass(eq=False)
class Arguments:
    """The arguments of a call.

    Attributes:
        nodes: The code of the arguments that are known, by name; positional ones without a name
            by their number.
        values: Their values.
        is_complete: Whether all are known; with ``*args`` or ``**options`` there may be more.
        num_positional: The number of positional arguments.
    """

    nodes: dict[str | int, ast.expr] = field(default_factory=dict)
    values: dict[str | int, Value | None] = field(default_factory=dict)
    is_complete: bool = True
    num_positional: int = 0

    def add(self, key: str | int, node: ast.expr, value: Value | None) -> None:
        """Adds an argument."""
        self.nodes[key] = node
        self.values[key] = value

    def spread(self, value: Value | None) -> None:
        """Adds ``**value``."""
        if not isinstance(value, Table):
            self.is_complete = False
            return
        for key, node in value.nodes.items():
            self.add(key, node, value.items.get(key))
        self.is_complete = self.is_complete and value.is_complete

    def named(self, function: str) -> Arguments:
        """Returns the arguments with positional ones by their names in ``function``."""
        names = dict(enumerate(POSITIONS.get(function, ())))
        arguments = Arguments(is_complete=self.is_complete, num_positional=self.num_positional)
        for key, node in self.nodes.items():
            name = names.get(key, key) if isinstance(key, int) else key
            arguments.add(name, node, self.values[key])
        return arguments

    def merged(self, other: Arguments) -> Arguments:
        """Returns the arguments of a partial with those of its call."""
        first = self.num_positional
        merged = Arguments(
            dict(self.nodes),
            dict(self.values),
            self.is_complete and other.is_complete,
            first + other.num_positional,
        )
        for key, node in other.nodes.items():
            merged.add(key + first if isinstance(key, int) else key, node, other.values[key])
        return merged

    def value(self, *keys: str | int) -> Value | None:
        """Returns the value of the first of several names that is given."""
        return next((self.values[key] for key in keys if key in self.values), None)

    def keywords(self) -> list[str]:
        """Returns the names that are given."""
        return [key for key in self.nodes if isinstance(key, str)]

    def lacks(self, name: str) -> bool:
        """Whether an argument is certainly missing."""
        return self.is_complete and name not in self.nodes

    def has(self, name: str) -> bool:
        """Whether an argument is given and not None, 0 or False."""
        return name in self.nodes and self.constant(name) not in (Constant(None), Constant(0))

    def constant(self, name: str) -> Constant | None:
        """Returns the value of an argument if it is a constant."""
        value = self.values.get(name)
        return value if isinstance(value, Constant) else None

    def code(self, name: str) -> str:
        """Returns the code of an argument; "0" if it is missing."""
        value = self.constant(name)
        if value is not None:
            return repr(value.value)
        return ast.unparse(self.nodes[name]) if name in self.nodes else "0"


@dataclass(eq=False)
class Generator:
    """An ImageDataGenerator that a script creates.

    Attributes:
        cell: The cell where it is created, from 0.
        line: The line, from 1.
        arguments: Its arguments.
        is_fitted: Whether ``fit`` may have been called on it.
        is_used: Whether a source of batches was created from it.
    """

    cell: int
    line: int
    arguments: Arguments
    is_fitted: bool = False
    is_used: bool = False


@dataclass(eq=False)
class Flow:
    """A source of batches that a script creates.

    Attributes:
        generator: The generator that it comes from; None for other sources.
        is_shuffled: Whether its order changes.
        is_reported: Whether augmented validation has been reported for it.
    """

    generator: Generator | None
    is_shuffled: bool
    is_reported: bool = False


@dataclass(frozen=True)
class Iterated:
    """Batches behind ``zip``, ``map``, ``next`` or a generator function.

    Attributes:
        kind: The name of the function; "generator" for a generator function or expression, and
            "batch" for a single batch.
        flows: The flows that it takes batches from.
        batch: The kind of value that it yields, if known: "list" or "array".
    """

    kind: str
    flows: tuple[Flow, ...]
    batch: str = ""


@dataclass(frozen=True)
class Items:
    """A tuple or list; ``every`` stands for all items where they are not known one by one."""

    items: tuple[Value | None, ...] = ()
    every: Value | None = None


@dataclass(eq=False)
class Table:
    """A dict with keys that are strings.

    Attributes:
        items: The values by key.
        nodes: The code of the values by key.
        is_complete: Whether all keys are known.
        every: What stands for all values where the keys are not known.
    """

    items: dict[str, Value | None]
    nodes: dict[str, ast.expr]
    is_complete: bool = True
    every: Value | None = None


@dataclass(frozen=True)
class Constant:
    """A number, True, False or None."""

    value: object


@dataclass(frozen=True)
class Text:
    """A string, of which the end is known; ``is_whole`` if all of it is."""

    end: str
    is_whole: bool


@dataclass(frozen=True)
class Quantity:
    """A number that is not an int: ``len(files) / 32`` or ``np.ceil(...)``."""

    code: str


@dataclass(frozen=True)
class Scaled:
    """An array that was divided by 255."""


@dataclass(frozen=True)
class Sorted:
    """A table that was sorted."""


@dataclass(frozen=True)
class Array:
    """An array of NumPy; ``is_class_weight`` if it comes from compute_class_weight."""

    is_class_weight: bool = False


@dataclass(frozen=True)
class Reference:
    """A class or function of another package, by its dotted path."""

    path: str


@dataclass(frozen=True)
class Made:
    """An object that a class or function of Keras has returned, by the path of that."""

    path: str


@dataclass(eq=False)
class Scope:
    """The names of a module or a function.

    Attributes:
        cell: The cell of its code.
        parent: The scope around it.
        instance: What ``self`` is, in a method.
        owner: The class that a method belongs to.
        names: The values by name.
        returned: The values that a function returns.
        yielded: The kinds of what a generator function yields.
        read: The flows that the function takes batches from.
    """

    cell: int
    parent: Scope | None = None
    instance: Instance | None = None
    owner: Class | None = None
    names: dict[str, Value | None] = field(default_factory=dict)
    returned: list[Value | None] = field(default_factory=list)
    yielded: list[str] = field(default_factory=list)
    read: list[Flow] = field(default_factory=list)

    def find(self, name: str) -> Value | None:
        """Returns the value of a name, here or in a scope around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None


@dataclass(frozen=True)
class Function:
    """A function of the script; ``instance`` if it is bound to one."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    cell: int
    instance: Instance | None = None
    owner: Class | None = None


@dataclass(frozen=True)
class Partial:
    """``functools.partial(function, ...)``."""

    function: Value | None
    arguments: Arguments


@dataclass(eq=False)
class Class:
    """A class of the script.

    Attributes:
        node: Its code.
        scope: The scope that it is defined in.
        cell: The cell that it is defined in, from 0.
        bases: Its bases in the script.
        paths: The dotted paths of its other bases, and of theirs.
        methods: Its own methods by name.
    """

    node: ast.ClassDef
    scope: Scope
    cell: int
    bases: tuple[Class, ...]
    paths: tuple[str, ...]
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]

    def find(self, name: str) -> tuple[Class, ast.FunctionDef | ast.AsyncFunctionDef] | None:
        """Returns a method, and the class that it is from."""
        if name in self.methods:
            return self, self.methods[name]
        return next((found for base in self.bases if (found := base.find(name))), None)


@dataclass(eq=False)
class Instance:
    """An instance of a class of the script; ``generator`` if it is an ImageDataGenerator."""

    of: Class
    attributes: dict[str, Value | None] = field(default_factory=dict)
    generator: Generator | None = None


@dataclass(frozen=True)
class Either:
    """One of several values, where it depends on a condition which."""

    values: tuple[Value | None, ...]


Value: TypeAlias = (
    Generator
    | Flow
    | Iterated
    | Items
    | Table
    | Constant
    | Text
    | Quantity
    | Scaled
    | Sorted
    | Array
    | Reference
    | Made
    | Function
    | Partial
    | Class
    | Instance
    | Either
)


def alternatives(value: Value | None) -> tuple[Value | None, ...]:
    """Returns the values that a value may be."""
    if isinstance(value, Either):
        return tuple(one for inner in value.values for one in alternatives(inner))
    return (value,)


def merge(*values: Value | None) -> Value | None:
    """Returns a value that is one of several."""
    distinct = list(dict.fromkeys(one for value in values for one in alternatives(value)))
    return distinct[0] if len(distinct) == 1 else Either(tuple(distinct))


def flows_in(value: Value | None) -> tuple[Flow, ...]:
    """Returns the flows that batches of a value come from."""
    found: list[Flow] = []
    for one in alternatives(value):
        if isinstance(one, Flow):
            found.append(one)
        elif isinstance(one, Iterated):
            found += one.flows
    return tuple(dict.fromkeys(found))


def is_quantity(value: Value | None) -> bool:
    """Whether a value is, at least under a condition, a number that is not an int."""
    return any(
        isinstance(one, Quantity) or (isinstance(one, Constant) and isinstance(one.value, float))
        for one in alternatives(value)
    )
