"""``imggen bench DIR``: where the time of a batch goes, and what to change."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import keras


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--image-size",
    type=int,
    nargs=2,
    metavar="HEIGHT WIDTH",
    help="What the model takes or, without one, 256 256, if not given.",
)
@click.option("--batch-size", type=int, default=32, show_default=True)
@click.option("--workers", type=int, help="Threads; one a core, if not given.")
@click.option("--interpolation", default="bilinear", show_default=True)
@click.option("--cache", metavar="FOLDER|ram", help="Time what later epochs find there.")
@click.option(
    "--model",
    "model_file",
    type=click.Path(path_type=Path),
    metavar="FILE.keras",
    help="Time this model too, and say whether it will wait for images.",
)
@click.option(
    "--policy",
    metavar="FILE|PRESET",
    help="Augment: by a policy file (.yaml, .json), or light, medium or strong.",
)
@click.option("--seconds", type=float, default=5.0, show_default=True, help="To take, about.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Draw it as a picture.",
)
def bench(
    directory: Path,
    image_size: tuple[int, int] | None,
    batch_size: int,
    workers: int | None,
    interpolation: str,
    cache: str | None,
    model_file: Path | None,
    policy: str | None,
    seconds: float,
    output: Path | None,
) -> None:
    """Time each stage of loading all images below DIRECTORY, and say what to change.

    For an augmentation in Python, call imggen.bench(sequence).
    """
    # Before TensorFlow is imported, which greets with news of its own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from rich.console import Console
    from rich.progress import Progress

    import imggen
    from imggen.cli.output import check_picture

    if output is not None:
        check_picture(output)
    model = None if model_file is None else _loaded(model_file)
    height, width, channels = (None, None, 3) if model is None else _input_of(model)
    sequence = imggen.ImageSequence(
        **_samples(directory, model),
        image_size=image_size or (height or 256, width or 256),
        color_mode={1: "grayscale", 4: "rgba"}.get(channels, "rgb"),  # type: ignore[arg-type]
        interpolation=interpolation,  # type: ignore[arg-type]  # checked by ImageSpec
        batch_size=batch_size,
        cache=cache,
        workers=workers,
        augment=policy,
        seed=0,
    )
    progress_on = Console(stderr=True)
    with Progress(console=progress_on, transient=True, disable=not progress_on.is_terminal) as bar:
        task = bar.add_task("timing", total=None)
        report = imggen.bench(
            sequence,
            model=model,
            seconds=seconds,
            progress=lambda what: bar.update(task, description=f"timing: {what}"),
        )
    click.echo(_printable(str(report)))
    if output is not None:
        report.picture().save(output)
        click.echo(f"picture: {_printable(str(output))}")


def _loaded(model_file: Path) -> keras.Model:
    import keras

    from imggen.errors import OptionError

    try:
        with warnings.catch_warnings():
            # That an optimizer's state does not fit, for one: nothing is trained here.
            warnings.simplefilter("ignore")
            return keras.models.load_model(model_file)
    except Exception as err:
        # Keras raises whatever it meets in a file.
        reason = f"{err}".partition("\n")[0] or type(err).__name__
        raise OptionError(f"{str(model_file)!r} cannot be loaded as a model: {reason}") from err


def _input_of(model: keras.Model) -> tuple[int | None, int | None, int | None]:
    """The height, width and channels that a model takes, as far as it says."""
    import keras

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        return None, None, 3
    if keras.config.image_data_format() == "channels_first":
        return shape[2], shape[3], shape[1]
    return shape[1], shape[2], shape[3]


def _samples(directory: Path, model: keras.Model | None) -> dict[str, Any]:
    """All images, with classes where a model is to be trained on them and the folder has some."""
    import imggen
    from imggen.errors import ScanError

    if model is not None and model.compiled:
        loss = str(getattr(model, "loss", ""))
        mode = "int" if "sparse" in loss else "binary" if "binary" in loss else "categorical"
        try:
            manifest = imggen.scan(directory)
        except ScanError:
            pass
        else:
            if mode != "binary" or manifest.num_classes == 2:
                return {"manifest": manifest, "label_mode": mode}
    return {"manifest": imggen.scan(directory, labels=None), "label_mode": None}


def _printable(text: str) -> str:
    # A file name need not be valid UTF-8; its odd bytes are shown as a mark.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
