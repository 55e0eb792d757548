"""Rules of the rooms that import-linter does not check."""

import ast
import inspect
import pkgutil
from pathlib import Path

import imggen

PACKAGE = Path(imggen.__file__).parent
ROOMS = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield path, parts[:-1] if parts[-1] == "__init__" else parts


def imported(path):
    """The modules of imggen that a file imports from, as tuples of their names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            parts = tuple(node.module.split("."))
            if parts[0] == "imggen":
                yield parts[1:]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                if parts[0] == "imggen":
                    yield parts[1:]


def test_the_root_contains_rooms_and_few_files():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {
        "__init__.py",
        "__init__.pyi",
        "__main__.py",
        "errors.py",
        "py.typed",
        "README.md",
    }


def test_rooms_import_each_other_through_init():
    for path, own in modules():
        for parts in imported(path):
            other_room = parts and parts[0] in ROOMS and parts[0] != (own or ("",))[0]
            assert not (other_room and len(parts) > 1 and own[:1] != ("cli",)), (
                f"{path.relative_to(PACKAGE)} imports from imggen.{'.'.join(parts)}; import from "
                f"imggen.{parts[0]} instead"
            )


def test_every_room_has_a_docstring():
    for room in sorted(ROOMS):
        doc = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8")))
        assert doc is not None, room
        assert len(doc) > 100, room


def test_no_public_function_has_the_name_of_a_module():
    functions = {name for name in imggen.__all__ if inspect.isfunction(getattr(imggen, name))}
    names = {
        name.rpartition(".")[2]
        for _, name, _ in pkgutil.walk_packages([str(PACKAGE)], "imggen.")
        if not name.startswith("imggen.cli.")
    }
    assert not functions & names


def test_modules_are_short():
    for path, parts in modules():
        if parts != ("legacy", "generator"):  # its signatures are Keras's
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_public_names_are_few():
    assert len(imggen.__all__) <= 50
