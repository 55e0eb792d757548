"""Imports optional libraries, and checks their versions."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from imggen.errors import MissingExtraError


def import_library(
    name: str, minimum: str, purpose: str, *, extra: str | None = None, package: str | None = None
) -> ModuleType:
    """Imports a library that an extra installs.

    Args:
        name: The module.
        minimum: The oldest version that setup.cfg allows, such as "2.18" or "0.2.3".
        purpose: The function that needs it, for the error message.
        extra: The extra. None: one of the same name.
        package: The package that pip installs. None: one of the same name.

    Raises:
        MissingExtraError: The library is not installed, or too old.
    """
    try:
        library = importlib.import_module(name)
    except ModuleNotFoundError as err:
        if err.name not in (name, None):  # the library lacks another one
            raise
        raise MissingExtraError.of(package or name, extra or name, purpose) from err
    version = str(getattr(library, "__version__", minimum))
    if _parse_release(version) < _parse_release(minimum):
        raise MissingExtraError(
            f"{purpose} needs {package or name} {minimum} or newer, and {version} is installed. "
            f"Update it with: pip install --upgrade 'imggen[{extra or name}]'"
        )
    return library


def _parse_release(version: str) -> tuple[int, ...]:
    """Returns the numbers of a version: (2, 5, 0) for "2.5.0rc1+cpu"."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return () if release is None else tuple(map(int, release[0].split(".")))
