"""Imports the libraries that bridges lead to, and checks their versions."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from imggen.errors import MissingExtraError


def import_library(name: str, minimum: str, purpose: str) -> ModuleType:
    """Imports a library, for which there is an extra of the same name.

    Args:
        name: The library.
        minimum: The oldest version that works, such as "2.18".
        purpose: The function that needs it, for the error message.

    Raises:
        MissingExtraError: The library is not installed, or too old.
    """
    try:
        library = importlib.import_module(name)
    except ModuleNotFoundError as err:
        if err.name != name:  # the library lacks another one
            raise
        raise MissingExtraError.of(name, name, purpose) from err
    version = str(getattr(library, "__version__", minimum))
    if _numbers(version) < _numbers(minimum):
        raise MissingExtraError(
            f"{purpose} needs {name} {minimum} or newer, and {version} is installed. Update it "
            f"with: pip install --upgrade 'imggen[{name}]'"
        )
    return library


def _numbers(version: str) -> tuple[int, ...]:
    """Returns the leading numbers of a version: (2, 5) for "2.5.0rc1+cpu"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
