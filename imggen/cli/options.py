"""Options and arguments that several verbs share, each one a decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, final

import click

from imggen.cli.values import Choice, ImageSizeType
from imggen.cli.verb import AliasedOption

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

# The names in the options of ImageSequence; these modules are not imported for a help text.
INTERPOLATIONS = (
    "nearest",
    "bilinear",
    "bicubic",
    "area",
    "lanczos3",
    "box",
    "hamming",
    "lanczos",
)
COLOR_MODES = ("rgb", "rgba", "grayscale")
ENGINES = ("local", "ray")
PACKS = ("raw", "jpeg")

source_argument = click.argument("source", type=PATH, metavar="SRC")

workers_option = click.option(
    "--workers",
    type=int,
    metavar="N",
    help="Number of threads that load images; 0 uses the main thread.  [default: one per CPU core]",
)

_engine = click.option(
    "--engine",
    type=Choice(ENGINES),
    default="local",
    show_default=True,
    help="Where files are read: by threads of this machine, or by a Ray cluster.",
)

_address = click.option(
    "--address",
    metavar="HOST:PORT|auto",
    help="Address of the Ray cluster.  [default: a cluster that is started on this machine]",
)

seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Random seed; the same seed gives the same result.",
)

batch_size_option = click.option(
    "--batch-size",
    type=int,
    default=32,
    show_default=True,
    metavar="N",
    help="Number of images per batch.",
)

interpolation_option = click.option(
    "--interpolation",
    type=Choice(INTERPOLATIONS),
    default="bilinear",
    show_default=True,
    help="Method of resizing.",
)

color_mode_option = click.option(
    "--color-mode",
    type=Choice(COLOR_MODES),
    default="rgb",
    show_default=True,
    help="Color channels of the loaded images.",
)

exact_option = click.option(
    "--exact", is_flag=True, help="Find only files with identical bytes, not similar images."
)

threshold_option = click.option(
    "--threshold",
    type=float,
    default=0.95,
    show_default=True,
    metavar="SIMILARITY",
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


def engine_options(command: _Command) -> _Command:
    """``--engine`` and ``--address``: where the work is done."""
    return _engine(_address(command))


def augment_option(*, default: str | None = "medium") -> Callable[[_Command], _Command]:
    """``--augment``: a policy file or a preset."""
    return click.option(
        "--augment",
        cls=AliasedOption,
        aliases=["--policy"],
        default=default,
        metavar="FILE|PRESET",
        help="Augmentation: a policy file (.yaml, .json), or light, medium or strong.  "
        f"[default: {default or 'none'}]",
    )


def image_size_option(
    default: str = "", *, required: bool = False
) -> Callable[[_Command], _Command]:
    """``--image-size``; a default that is not a number describes it."""
    note = f"  [default: {default}]" if default else ""
    given: dict[str, Any] = (
        {"default": default} if default.isdigit() else {}
    )  # None would be a value in click 8.3
    return click.option(
        "--image-size",
        type=ImageSizeType(),
        **given,
        required=required,
        metavar="HEIGHT [WIDTH]",
        help=f"Size in pixels that images are resized to; one number for squares.{note}",
    )


group_by_option = click.option(
    "--group-by",
    metavar="parent|stem|REGEX|COLUMN",
    help="Groups of images that belong in one split, such as those of a patient: in the same "
    "folder (parent), whose paths differ only in the extension (stem), whose paths have the same "
    "text where a regular expression matches (its captures, if it has any), or with the same value "
    "in a column.",
)


def output_option(text: str, metavar: str = "FILE.csv|FILE.json") -> Callable[[_Command], _Command]:
    """``-o``/``--output``: a file for the results; ``text`` is its help."""
    return click.option("-o", "--output", type=PATH, metavar=metavar, help=text)


def html_option(text: str, *aliases: str) -> Callable[[_Command], _Command]:
    """``--html``: a page; ``text`` is its help."""
    return click.option(
        "--html", cls=AliasedOption, aliases=aliases, type=PATH, metavar="FILE.html", help=text
    )


def manifest_option(text: str, *aliases: str) -> Callable[[_Command], _Command]:
    """``--manifest``: a table of images; ``text`` is its help."""
    return click.option(
        "--manifest",
        cls=AliasedOption,
        aliases=aliases,
        type=PATH,
        metavar="FILE.csv|FILE.parquet",
        help=text,
    )
