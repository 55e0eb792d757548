"""import_library: the errors for libraries that are missing, broken or too old."""

import importlib
import sys

import pytest

from imggen.core import import_library
from imggen.errors import MissingExtraError


def test_each_way_to_lack_a_library_names_the_pip_command(monkeypatch):
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[no_such_library\]'"):
        import_library("no_such_library", "1.0", "f()")
    monkeypatch.setitem(sys.modules, "json", None)
    with pytest.raises(MissingExtraError, match=r"f\(\) needs the package 'j'.*'imggen\[extra\]'"):
        import_library("json", "1.0", "f()", extra="extra", package="j")

    def fail(name):
        raise ModuleNotFoundError(f"No module named {name!r}")  # without name=

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[json\]'"):
        import_library("json", "1.0", "f()")


def test_a_library_that_lacks_another_one_says_so(tmp_path, monkeypatch):
    (tmp_path / "lacks_another.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        import_library("lacks_another", "1.0", "f()")


def test_versions_are_compared_to_the_last_number(monkeypatch):
    module = importlib.import_module("json")
    for version in ("0.2.3", "0.2.3.post1", "0.2.18", "0.10.0rc1", "1.0+cpu"):
        monkeypatch.setattr(module, "__version__", version)
        assert import_library("json", "0.2.3", "f()") is module
    for version in ("0.2.2", "0.2", "0.1.30"):
        monkeypatch.setattr(module, "__version__", version)
        with pytest.raises(MissingExtraError, match=f"0.2.3 or newer, and {version} is installed"):
            import_library("json", "0.2.3", "f()")
