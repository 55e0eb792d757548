"""``imggen predict MODEL SOURCE``: predict new images as training saw its own."""

from __future__ import annotations

from pathlib import Path

import click

from imggen.cli.options import PATH, force_option, workers_option


@click.command()
@click.argument("model_file", type=PATH, metavar="MODEL")
@click.argument("source", type=PATH)
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
    metavar="FILE",
    help="Write a row per image (.csv or .json), or a page with the mistakes (.html). Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON.")
@click.option(
    "--from-logits/--from-probabilities",
    default=None,
    help="The model's output, if the model does not reveal it.",
)
@click.option(
    "--batch-size", type=int, default=32, show_default=True, help="Number of images per batch."
)
@force_option
@workers_option
def predict(
    model_file: Path,
    source: Path,
    preprocessing: Path | None,
    outputs: tuple[Path, ...],
    as_json: bool,
    from_logits: bool | None,
    batch_size: int,
    force: bool,
    workers: int | None,
) -> None:
    """Predict the images of SOURCE with the Keras model in the file MODEL.

    SOURCE is a folder, a list with a path per line (.txt), a table (.csv or .parquet) with a column
    path, or an image. Images are read, resized and scaled by the settings of the training, which
    sequence.preprocessing.save(FILE) writes to a JSON file or into MODEL. If the folders in
    SOURCE, or a column label, name classes of the model, predictions are compared with them.

    There is a row for each image, in order. The exit status is 1 if some cannot be read.
    """
    from imggen.cli.output import (
        MAX_LISTED,
        check_places,
        echo_skipped,
        progress_bars,
    )
    from imggen.cli.tensorflow_log import hide_tensorflow_log
    from imggen.core import pluralize, printable
    from imggen.reports import check_page, predictions_page, write_page

    hide_tensorflow_log()
    from imggen.cli.model_file import load_model
    from imggen.preprocessing import Preprocessing
    from imggen.sequences import check_predictions_file, find_new_images, predict_files

    read = [model_file, *([] if preprocessing is None else [preprocessing])]
    check_places("SOURCE", [source], outputs, files=map(str, read))
    pages = [file for file in outputs if file.suffix.lower() in (".html", ".htm")]
    tables = [file for file in outputs if file not in pages]
    for table in tables:
        check_predictions_file(table, overwrite=force)
    for page in pages:
        check_page(page, overwrite=force)
    prep = Preprocessing.load(model_file if preprocessing is None else preprocessing)
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
    if as_json:
        click.echo(predictions.to_json())
    else:
        lines = predictions.describe()
        for line in lines[:MAX_LISTED]:
            click.echo(printable(line))
        if len(lines) > MAX_LISTED:
            click.echo(f"... and {len(lines) - MAX_LISTED} more; -o FILE writes all")
    echo_skipped(images.skipped, err=as_json)
    closing = f"{pluralize(len(predictions.table), 'image')}, {predictions.num_errors} unreadable"
    if predictions.num_evaluated:
        correct, evaluated = predictions.num_correct, predictions.num_evaluated
        closing += f"; {correct} of {evaluated} correct ({correct / evaluated:.2%})"
    click.echo(closing, err=as_json)
    if predictions.num_errors:
        raise SystemExit(1)
