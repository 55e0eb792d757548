"""Errors of ``import keras``: the missing backend, and the command that installs it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imggen.core.checks import check_choice
from imggen.errors import MissingExtraError

# Those with an extra of the same name.
_BACKENDS = ("tensorflow", "jax", "torch")
# The package that a backend of another name needs.
_NEEDS = {"numpy": "jax"}
_MIN_KERAS = (3, 8)


@contextmanager
def explain_keras_import() -> Iterator[None]:
    """Explains why ``import keras`` fails in its block; any other error is left alone.

    Keras is installed without a backend, and imports it with itself.

    Raises:
        MissingExtraError: Keras or its backend is not installed, or Keras is too old.
        OptionError: Keras is set to a backend that it does not have.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        package = (err.name or "").partition(".")[0]
        if package == "keras" and not _is_installed("keras"):
            raise MissingExtraError(
                "Training and predicting need Keras, which is not installed. Install it with: "
                f"{_install_keras()}"
            ) from err
        backend, _ = _find_setting()
        if package.replace("jaxlib", "jax") != _NEEDS.get(backend, backend):
            raise
        if _is_installed(package):  # but broken
            raise
        _forget_keras()
        raise MissingExtraError(_describe_missing(package)) from err
    except ValueError as err:
        backend, setting = _find_setting()
        if backend not in str(err) or "backend" not in str(err):
            raise
        _forget_keras()
        check_choice(setting or "backend", backend, _BACKENDS)
        raise
    _check_version()


def _describe_missing(package: str) -> str:
    backend, setting = _find_setting()
    extra = "jax" if package == "jaxlib" else package
    command = f"pip install 'imggen[{extra}]'" if extra in _BACKENDS else f"pip install {extra}"
    fact = f"Keras uses the backend {backend!r}{setting and f' (set by {setting})'}, which "
    fact += "is not installed" if package == backend else f"needs {package!r}, which is missing"
    others = [name for name in _BACKENDS if name != extra]
    for name in filter(_is_installed, others):
        return (
            f"{fact}, but {name!r} is installed. Set the environment variable KERAS_BACKEND={name} "
            f"before Keras is imported, or install {package!r} with: {command}"
        )
    return (
        f"{fact}. Install it with: {command} (or install "
        f"{' or '.join(f'imggen[{name}]' for name in others)}, and set the environment variable "
        "KERAS_BACKEND to the name of that backend)"
    )


def _find_setting() -> tuple[str, str]:
    """Returns Keras's backend, and the setting that decides it; empty if that is the default."""
    backend = os.environ.get("KERAS_BACKEND")
    if backend:
        return backend, "KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path("~/.keras").expanduser()
    try:
        backend = json.loads((folder / "keras.json").read_text("utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        backend = None
    if not isinstance(backend, str) or backend == "tensorflow":
        return "tensorflow", ""
    return backend, str(folder / "keras.json")


def _is_installed(package: str) -> bool:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None  # not just a folder of that name


def _forget_keras() -> None:
    """Removes what was imported of Keras, which would keep the backend when it is tried again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
        del sys.modules[name]


def _check_version() -> None:
    version = getattr(sys.modules.get("keras"), "__version__", "")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is not None and tuple(map(int, found.groups())) < _MIN_KERAS:
        raise MissingExtraError(
            f"Keras {version} is installed, and imggen needs {'.'.join(map(str, _MIN_KERAS))} or "
            f"newer. Upgrade it with: {_install_keras()}"
        )


def _install_keras() -> str:
    return f"pip install 'keras>={'.'.join(map(str, _MIN_KERAS))}'"
