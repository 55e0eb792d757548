"""The command line: one verb a file, each loaded when it is called."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import click

# Verb to the line that --help shows. The function of the same name stands in the module of that
# name; a listing here spares --help from importing all of them.
_VERBS = {
    "augment": "Write augmented copies of the images of a folder.",
    "bench": "Time each stage of loading a folder, and say what to change.",
    "cache": "Fill, look into and empty a folder of loaded images (cache=FOLDER).",
    "demo": "Train on real images that come with scikit-learn, and show what happens.",
    "duplicates": "Find files that show the same picture.",
    "leaks": "Find pictures that are in more than one part of a split.",
    "migrate": "Show what in scripts uses Keras's image loaders, and change it to imggen.",
    "preview": "Draw what augmentations make of the images of a folder.",
    "scan": "Show the classes of a folder, their sizes, and what would be passed over.",
    "split": "Share out a folder of classes among train, val and test.",
    "studio": "Tune augmentations on a page, with the images of a folder.",
    "verify": "Decode every image, tell what is broken, and move it out of the way.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(f"imggen.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        from imggen.errors import ImggenError, ImggenWarning

        with warnings.catch_warnings():
            warnings.simplefilter("always", ImggenWarning)
            show_others = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
                if issubclass(category, ImggenWarning):
                    click.echo(f"Warning: {message}", err=True)
                else:
                    show_others(message, category, *where)

            warnings.showwarning = show  # type: ignore[assignment]  # names of arguments
            try:
                return super().invoke(ctx)
            except ImggenError as err:
                raise click.ClickException(str(err)) from err


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imggen")
def main() -> None:
    """Folders of images to batches that Keras trains on."""
