"""``imggen predict MODEL SRC``: predict new images as training saw its own."""

from __future__ import annotations

import json
from pathlib import Path

import click

from imggen.cli.console import Console
from imggen.cli.options import (
    PATH,
    batch_size_option,
    force_option,
    html_option,
    source_argument,
    workers_option,
)
from imggen.cli.verb import Verb


@click.command(cls=Verb, reports=True)
@click.argument("model_file", type=PATH, metavar="MODEL")
@source_argument
@click.option(
    "--preprocessing",
    type=PATH,
    metavar="FILE.json",
    help="Preprocessing settings of the training.  [default: those in MODEL]",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    type=PATH,
    multiple=True,
    metavar="FILE.csv|FILE.json",
    help="Write a row per image. Repeatable.",
)
@html_option("Write an HTML page with the mistakes.")
@click.option(
    "--from-logits/--from-probabilities",
    default=None,
    help="The model's output, if the model does not reveal it.",
)
@batch_size_option
@force_option
@workers_option
def predict(
    model_file: Path,
    source: Path,
    preprocessing: Path | None,
    outputs: tuple[Path, ...],
    html: Path | None,
    from_logits: bool | None,
    batch_size: int,
    force: bool,
    workers: int | None,
) -> None:
    """Predict the images of SRC with the Keras model in the file MODEL.

    SRC is a folder, a packed set, a list with a path per line (.txt), a table (.csv or .parquet)
    with a column path, or an image. Images are read, resized and scaled by the settings of the
    training, which sequence.preprocessing.save(FILE) writes to a JSON file or into MODEL. If the
    folders in SRC, or a column label, name classes of the model, predictions are compared with
    them.

    There is a row for each image, in order. The exit status is 1 if some cannot be read.
    """
    from imggen.cli.model_file import check_model_file, load_model
    from imggen.cli.output import check_places, echo_more, progress_bars, say_skipped
    from imggen.cli.tensorflow_log import hide_tensorflow_log
    from imggen.core import pluralize, printable
    from imggen.preprocessing import Preprocessing
    from imggen.reports import check_page, predictions_page, write_page

    check_model_file(model_file)
    prep = Preprocessing.load(model_file if preprocessing is None else preprocessing)
    hide_tensorflow_log()
    from imggen.sequences import check_predictions_file, find_new_images, predict_files

    read = [model_file, *([] if preprocessing is None else [preprocessing])]
    check_places("SRC", [source], [*outputs, html], files=map(str, read))
    tables = [file for file in outputs if file.suffix.lower() not in (".html", ".htm")]
    pages = [file for file in (*outputs, html) if file is not None and file not in tables]
    for table in tables:
        check_predictions_file(table, overwrite=force)
    for page in pages:
        check_page(page, overwrite=force)
    images = find_new_images(source, prep.class_names)
    predictions = predict_files(
        load_model(model_file),
        prep,
        images,
        batch_size=batch_size,
        workers=workers,
        from_logits=from_logits,
    )
    for table in tables:
        predictions.save(table, overwrite=force)
    with progress_bars() as progress:
        for page in pages:
            text = predictions_page(predictions.summarize(), predictions.files, source, progress)
            write_page(page, text, overwrite=force)
    console = Console.current()
    lines = predictions.describe()
    for line in lines[: console.max_listed]:
        console.show(printable(line))
    echo_more(len(lines))
    say_skipped(images.skipped)
    closing = f"{pluralize(len(predictions.table), 'image')}, {predictions.num_errors} unreadable"
    if predictions.num_evaluated:
        correct, evaluated = predictions.num_correct, predictions.num_evaluated
        closing += f"; {correct} of {evaluated} correct ({correct / evaluated:.2%})"
    console.say(closing)
    for table in tables:
        console.wrote(pluralize(len(predictions.table), "prediction"), table)
    for page in pages:
        console.wrote("a page", page)
    console.report(json.loads(predictions.to_json()))
    if predictions.num_errors:
        raise SystemExit(1)
