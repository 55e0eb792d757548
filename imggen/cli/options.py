"""Options and arguments that several verbs share, each one a decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, final

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


@final
class _NonEmptyPath(click.Path):
    """A path; an empty one, as of a variable that is not set, is not the working directory."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        if value == "":
            self.fail("The path is empty.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _NonEmptyPath(path_type=Path)

directory_argument = click.argument("directory", type=PATH)

workers_option = click.option(
    "--workers",
    type=int,
    help="Number of threads that load images; 0 uses the main thread.  [default: one per CPU core]",
)

seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same result.",
)

interpolation_option = click.option(
    "--interpolation",
    default="bilinear",
    show_default=True,
    help="Resizing method: nearest, bilinear, bicubic, area, lanczos3, box, hamming or lanczos.",
)

exact_option = click.option(
    "--exact", is_flag=True, help="Find only files with identical bytes, not similar images."
)

threshold_option = click.option(
    "--threshold",
    type=float,
    default=0.95,
    show_default=True,
    help="Minimum similarity of near-duplicates, above 0 and at most 1.",
)

background_option = click.option(
    "--background",
    default="white",
    show_default=True,
    metavar="COLOR",
    help='Background of transparent pixels: a color name, "#rrggbb" or checker.',
)


force_option = click.option(
    "--force", is_flag=True, help="Replace output files even if imggen did not write them."
)


def policy_option(
    text: str = "Augmentation policy: a file (.yaml, .json), or light, medium or strong.",
    *,
    default: str | None = "medium",
) -> Callable[[_Command], _Command]:
    """``--policy``; ``text`` is its help."""
    return click.option(
        "--policy", default=default, show_default=True, metavar="FILE|PRESET", help=text
    )


def image_size_option(
    text: str = "Size in pixels that the images are resized to.",
    *,
    default: tuple[int, int] | None = None,
    required: bool = False,
) -> Callable[[_Command], _Command]:
    """``--image-size``; ``text`` is its help."""
    return click.option(
        "--image-size",
        type=int,
        nargs=2,
        default=default,
        required=required,
        metavar="HEIGHT WIDTH",
        help=text + (f"  [default: {default[0]} {default[1]}]" if default else ""),
    )


def output_option(text: str) -> Callable[[_Command], _Command]:
    """``-o``/``--output``: a file for all findings; ``text`` is its help."""
    return click.option("-o", "--output", type=PATH, metavar="FILE", help=text)


def html_option(text: str) -> Callable[[_Command], _Command]:
    """``--html``: a page; ``text`` is its help."""
    return click.option("--html", type=PATH, metavar="FILE.html", help=text)
