"""Options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def policy_option(
    text: str = "A policy file (.yaml, .json), or light, medium or strong.",
) -> Callable[[_Command], _Command]:
    """``--policy``; ``text`` is what --help says of it."""
    return click.option(
        "--policy", default="medium", show_default=True, metavar="FILE|PRESET", help=text
    )


def image_size_option() -> Callable[[_Command], _Command]:
    """``--image-size``, of a verb that shows what training sees."""
    return click.option(
        "--image-size",
        type=int,
        nargs=2,
        default=(224, 224),
        show_default=True,
        metavar="HEIGHT WIDTH",
    )
