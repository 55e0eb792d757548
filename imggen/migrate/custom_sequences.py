"""Classes of a script that read images for Keras, and the lines of imggen that replace them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from imggen.migrate.traps import Trap
from imggen.migrate.uses import keras_name
from imggen.migrate.values import Arguments, Class, Function, Instance

_BASES = {"Sequence", "PyDataset"}
_READERS = re.compile(
    r"cv2\.imread|PIL\.Image\.open|keras\..*\.load_img|matplotlib\.(pyplot|image)\.imread"
    r"|(skimage\.io|imageio|imageio\.v[23]|scipy\.misc|scipy\.ndimage)\.imread"
    r"|.*\.(load|read|open)_(image|img)"
)
# Batches of boxes have many layouts, which no single call replaces.
_OTHER_LABELS = re.compile(r"anchor|bbox|boxes")

# Functions that list the files of a folder.
_LISTERS = re.compile(r"os\.(listdir|scandir|walk)|glob\.i?glob|pathlib\.Path")

# The role of a parameter of the class, by its name; the first that fits.
_ROLES = {
    "batch_size": r"batch_?(size|sz)?|bs",
    "shuffle": r"shuffle",
    "image_size": r"(image_?|img_?|target_?|input_?|resize_?)?(size|dim|shape)|dims?|resize",
    "masks": r".*(mask|segm|ground_truth).*",
    "labels": r"(.*_)?(labels?|y|ys|targets?|classes)(_.*)?",
    "frame": r"(.*_)?(df|data_?frame|frame)(_.*)?",
    "root": r"([a-z]+_)?(dir|directory|folder|path|root)_?",
    "files": r".*(path|file|image|img|ids|samples|names).*|x|xs|x_.*",
}


@dataclass
class _Candidate:
    cell: int
    made: Class
    paths: Mapping[ast.expr, str]
    calls: list[tuple[ast.Call, dict[str, ast.expr]]] = field(default_factory=list)

    def code(self) -> Iterator[ast.AST]:
        """Yields the code of the class, and of the functions of the script that it calls."""
        called: dict[ast.AST, None] = {}
        for node in ast.walk(self.made.node):
            yield node
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                function = self.made.scope.find(node.func.id)
                if isinstance(function, Function):
                    called[function.node] = None
        for inner in called:
            yield from ast.walk(inner)

    def called(self) -> dict[str, ast.Call]:
        """Returns the functions of other packages that the class calls, by their paths."""
        return {
            keras_name(self.paths[node.func]): node
            for node in self.code()
            if isinstance(node, ast.Call) and node.func in self.paths
        }

    def reader(self) -> str | None:
        """Returns the function that reads images; None if there is none, or boxes are read."""
        if _OTHER_LABELS.search(ast.unparse(self.made.node).lower()):
            return None
        return next((path for path in self.called() if _READERS.fullmatch(path)), None)


@dataclass
class CustomSequences:
    """The classes found so far.

    Attributes:
        targets: The code of what calls are assigned to.
    """

    targets: Mapping[ast.expr, str]
    _candidates: dict[ast.ClassDef, _Candidate] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether a class reads images."""
        return any(one.reader() for one in self._candidates.values())

    def see_class(self, cell: int, made: Class, paths: Mapping[ast.expr, str]) -> None:
        """Records a class."""
        is_sequence = any(
            keras_name(path).startswith("keras.") and path.rpartition(".")[2] in _BASES
            for path in made.paths
        )
        if is_sequence and made.find("__getitem__") is not None:
            self._candidates.setdefault(made.node, _Candidate(cell, made, paths))

    def see_instance(self, call: ast.Call, instance: Instance, given: Arguments) -> None:
        """Records the creation of an instance."""
        candidate = self._candidates.get(instance.of.node)
        init = instance.of.find("__init__")
        if candidate is None or init is None or not given.is_complete:
            return
        names = [one.arg for one in init[1].args.args][1:]
        nodes = {
            names[key] if isinstance(key, int) else key: node
            for key, node in given.nodes.items()
            if isinstance(key, str) or key < len(names)
        }
        if all(call is not other for other, _ in candidate.calls):
            candidate.calls.append((call, nodes))

    def finish(self) -> list[Trap]:
        """Returns the findings."""
        return [
            self._trap(one, reader)
            for one in self._candidates.values()
            if (reader := one.reader()) is not None
        ]

    def _trap(self, candidate: _Candidate, reader: str) -> Trap:
        node = candidate.made.node
        lines = [
            f"{self.targets.get(call, 'data')} = {_native(candidate, nodes)}  # line {call.lineno}"
            for call, nodes in candidate.calls
        ]
        lines = lines or [f"data = {_native(candidate, {})}"]
        if any("(files, " in line for line in lines):
            lines.insert(0, "# files, labels: the paths of the images and their classes, as lists")
        if any("pd." in line for line in lines):
            lines.insert(0, "import pandas as pd")
        detail = [
            f"{node.name} reads images with {reader}; imggen can replace it:",
            "import imggen",
            *lines,
        ]
        return Trap(
            candidate.cell,
            node.lineno,
            "custom Sequence",
            "\n".join(detail),
            "The class reads, resizes and batches images one at a time, in Python.",
            "Check the files, labels and sizes in the lines shown, and pass augmentations as "
            "augment=. Keras reads an imggen sequence like any PyDataset. Images are RGB, while "
            "cv2.imread gives BGR.",
        )


def _native(candidate: _Candidate, nodes: Mapping[str, ast.expr]) -> str:
    """Returns the call of imggen that replaces the creation of an instance."""
    roles: dict[str, str] = {}
    for name, node in nodes.items():
        for role, pattern in _ROLES.items():
            if role not in roles and re.fullmatch(pattern, name, re.IGNORECASE):
                roles[role] = ast.unparse(node)
                break
    code = ast.unparse(candidate.made.node)
    called = candidate.called()
    size = _size(candidate, called) or _two_sides(nodes, roles) or "(224, 224)"
    options = [f"image_size={size}"]
    options += [f"{name}={roles[name]}" for name in ("batch_size", "shuffle") if name in roles]
    if re.search(r"IMREAD_GRAYSCALE|imread\([^()]*, 0\)|convert\('L'\)|'grayscale'", code):
        options.append('color_mode="grayscale"')
    if re.search(r"/=? ?\(?255", code):
        options.append("rescale=1 / 255")
    files, root = roles.get("files"), roles.get("root")
    if nodes and any(map(_LISTERS.fullmatch, called)):
        masks = f"mask_dir={roles['masks']}, labels=None" if "masks" in roles else ""
        listed = ", ".join(filter(None, [root or files or "folder", masks, *options]))
        return f"imggen.from_directory({listed})"
    if files and root:
        options.append(f"root={root}")
    files = files or root or "files"
    if "masks" in roles:
        frame = f'pd.DataFrame({{"path": {files}, "mask": {roles["masks"]}}})'
        columns = 'y_col=None, mask_col="mask"'
        return f"imggen.from_dataframe({frame}, {columns}, {', '.join(options)})"
    if any(path.endswith(".to_categorical") for path in called):
        options.append('label_mode="categorical"')
    if "frame" in roles:
        columns = 'x_col="path", y_col="label"'
        return f"imggen.from_dataframe({roles['frame']}, {columns}, {', '.join(options)})"
    labels = roles.get("labels", "" if nodes else "labels")
    return f"imggen.from_files({', '.join(filter(None, [files, labels, *options]))})"


def _two_sides(nodes: Mapping[str, ast.expr], roles: Mapping[str, str]) -> str:
    """Returns the code of the size that an instance is given, without channels."""
    for node in nodes.values():
        if ast.unparse(node) == roles.get("image_size"):
            return _written_out(node) or ast.unparse(node)
    return ""


def _size(candidate: _Candidate, called: Mapping[str, ast.Call]) -> str:
    """Returns the code of (height, width) that images are resized to, if it is written out."""
    for path, call in called.items():
        for keyword in call.keywords:
            if path.endswith(".load_img") and keyword.arg == "target_size":
                return _written_out(keyword.value)
        if path in ("cv2.resize", "skimage.transform.resize") and len(call.args) > 1:
            return _written_out(call.args[1], reverse=path == "cv2.resize")
    for node in candidate.code():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "resize"
            and len(node.args) == 1
        ):
            return _written_out(node.args[0], reverse=True)  # of Pillow
    return ""


def _written_out(node: ast.expr, *, reverse: bool = False) -> str:
    if not isinstance(node, ast.Tuple | ast.List):
        return ""
    sides = [str(one.value) for one in node.elts[:2] if isinstance(one, ast.Constant)]
    if len(sides) < 2:
        return ""
    return f"({', '.join(reversed(sides) if reverse else sides)})"
