"""The command line: one verb per module, imported when it is called.

In: the words of a command line. Out: text on the terminal, files, and an exit status.
Options, help texts and messages can be changed here; the work itself is done by the other rooms.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
import warnings
from importlib import import_module
from typing import Any, final

import click

from imggen.cli.console import Console
from imggen.cli.verb import VerbGroup

# Each verb with the line that --help shows. The command is the attribute of the same name of the
# module of that name; this table spares --help from importing all of them.
_VERBS = {
    "augment": "Write augmented copies of the images of a folder.",
    "bench": "Time each stage of loading images, and recommend changes.",
    "cache": "Build, inspect and clear a cache folder of loaded images.",
    "demo": "Train on real images that come with scikit-learn, offline.",
    "duplicates": "Find duplicate and near-duplicate images.",
    "gallery": "Show every augmentation and preset on one image.",
    "leaks": "Find images that are in more than one split.",
    "migrate": "Find Keras image loaders in scripts and change them to imggen.",
    "pack": "Pack images, labels and annotations into tar files with a manifest.",
    "predict": "Predict new images with a trained model.",
    "preview": "Draw images next to their augmented variants.",
    "scan": "Show the classes of a folder, their sizes and the skipped files.",
    "split": "Split a folder of classes into train, val and test.",
    "studio": "Tune augmentations on a local web page with your own images.",
    "unpack": "Write the images of a packed set to class folders.",
    "verify": "Decode every image, report broken files and quarantine them.",
}


@final
class _LazyGroup(VerbGroup):
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
        from imggen.cli.messages import translate
        from imggen.errors import ImggenError, ImggenWarning

        def explain(message: object) -> str:
            verb = ctx.invoked_subcommand
            return translate(str(message), None if verb is None else self.get_command(ctx, verb))

        _print_any_character()
        with warnings.catch_warnings():
            warnings.simplefilter("always", ImggenWarning)
            show_others = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
                if issubclass(category, ImggenWarning):
                    Console.current().note(f"Warning: {explain(message)}")
                else:
                    show_others(message, category, *where)

            warnings.showwarning = show  # type: ignore[assignment]  # names of arguments
            try:
                return super().invoke(ctx)
            except ImggenError as err:
                Console.current().detail("".join(traceback.format_exception(err)))
                raise click.ClickException(explain(err)) from err
            except OSError as err:
                if err.errno == errno.EPIPE:  # click ends without a message
                    raise
                Console.current().detail("".join(traceback.format_exception(err)))
                place = "the output" if err.filename is None else repr(os.fsdecode(err.filename))
                reason = err.strerror or err
                raise click.ClickException(f"Cannot read or write {place}: {reason}.") from err


def _print_any_character() -> None:
    """Lets characters that the terminal does not have be printed as escapes, not raise errors."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""`imggen COMMAND --help` shows the options of a command.

    \b
    For completion, add to ~/.bashrc, or with zsh_source to ~/.zshrc:
      eval "$(_IMGGEN_COMPLETE=bash_source imggen)"
    """,
)
@click.version_option(package_name="imggen")
def main() -> None:
    """Turn folders of images into batches for training with Keras."""
