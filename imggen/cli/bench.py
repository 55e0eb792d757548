"""``imggen bench SRC``: time each stage of loading, and recommend changes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    augment_option,
    batch_size_option,
    force_option,
    image_size_option,
    interpolation_option,
    output_option,
    source_argument,
    workers_option,
)
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    import keras

    from imggen.loading import DataFormat


@click.command(cls=Verb, reports=True)
@source_argument
@image_size_option("the model's input size, or 256")
@batch_size_option
@workers_option
@interpolation_option
@click.option(
    "--cache",
    metavar="FOLDER|ram",
    help="Cache loaded images in a folder or in memory (ram), and time the epochs after the first.",
)
@click.option(
    "--model",
    "model_file",
    type=PATH,
    metavar="FILE.keras",
    help="Also time this Keras model, and report how long it waits for images.",
)
@augment_option(default=None)
@click.option(
    "--seconds",
    type=float,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Approximate duration of the benchmark, in seconds.",
)
@output_option("Write a bar chart of the results.", "FILE.png")
@force_option
def bench(
    source: Path,
    image_size: tuple[int, int] | None,
    batch_size: int,
    workers: int | None,
    interpolation: str,
    cache: str | None,
    model_file: Path | None,
    augment: str | None,
    seconds: float,
    output: Path | None,
    force: bool,
) -> None:
    """Time each stage of loading the images in SRC, and recommend changes.

    SRC is a folder of images, at any depth, or a table (.csv or .parquet) with a column path. To
    time augmentations written in Python, call imggen.bench(sequence).
    """
    from rich.console import Console as RichConsole
    from rich.progress import Progress

    from imggen.benchmark import bench as time_stages
    from imggen.cli.model_file import load_model
    from imggen.cli.output import check_places
    from imggen.loading import ImageBatches
    from imggen.preview import check_picture, save_picture

    if output is not None:
        check_places("SRC", [source], [output])
        check_picture(output, overwrite=force)
    model = None if model_file is None else load_model(model_file)
    shape = (None, None, 3, None) if model is None else _input_shape(model)
    height, width, channels, data_format = shape
    batches = ImageBatches(
        **_choose_samples(source, model),
        image_size=image_size or (height or 256, width or 256),
        color_mode={1: "grayscale", 4: "rgba"}.get(channels, "rgb"),  # type: ignore[arg-type]
        interpolation=interpolation,  # type: ignore[arg-type]  # checked by ImageSpec
        batch_size=batch_size,
        data_format=data_format,
        cache=cache,
        workers=workers,
        augment=augment,
        seed=0,
    )
    console, terminal = Console.current(), RichConsole(stderr=True)
    is_hidden = console.is_quiet or not terminal.is_terminal
    with Progress(console=terminal, transient=True, disable=is_hidden) as bar:
        task = bar.add_task("timing", total=None)
        report = time_stages(
            batches,
            model=model,
            seconds=seconds,
            progress=lambda what: bar.update(task, description=f"timing: {what}"),
        )
    command = click.get_current_context().command
    advice = tuple(translate_advice(text, command) for text in report.advice)
    console.show(str(dataclasses.replace(report, advice=advice)))
    if output is not None:
        save_picture(report.picture(), output, overwrite=force)
        console.wrote("a chart", output)
    console.report(dataclasses.asdict(report) | {"waiting_share": report.waiting_share})


def translate_advice(text: str, command: click.Command) -> str:
    """Translates advice, unless it is about an argument that is not an option of the command."""
    from imggen.cli.messages import translate

    argument = re.match(r"(\w+)=", text)
    is_option = any(argument and argument[1] == parameter.name for parameter in command.params)
    return translate(text, command) if is_option or argument is None else text


def _input_shape(
    model: keras.Model,
) -> tuple[int | None, int | None, int | None, DataFormat]:
    """Returns the height, width, channels (None: any) and data format of a model's input."""
    import keras

    data_format: DataFormat = keras.config.image_data_format()
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        return None, None, 3, data_format
    if data_format == "channels_first":
        return shape[2], shape[3], shape[1], data_format
    return shape[1], shape[2], shape[3], data_format


def _choose_samples(source: Path, model: keras.Model | None) -> dict[str, Any]:
    """Reads the images: with classes if a compiled model needs them and there are some."""
    from imggen.data import as_manifest, scan, scan_all
    from imggen.errors import ScanError

    if model is not None and model.compiled:
        loss = str(getattr(model, "loss", ""))
        mode = "int" if "sparse" in loss else "binary" if "binary" in loss else "categorical"
        try:
            manifest = as_manifest(source, scan)
        except ScanError:
            pass
        else:
            if mode != "binary" or manifest.num_classes == 2:
                return {"manifest": manifest, "label_mode": mode}
    return {"manifest": as_manifest(source, scan_all), "label_mode": None}
