"""Pictures of a model's predictions: a few of them, and the worst mistakes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample
from imggen.core import check_arguments, check_whole, shorten
from imggen.errors import OptionError
from imggen.loading import BatchMaker, MultiOutputMode, OutputMeaning
from imggen.preview import (
    Cell,
    Note,
    check_cell,
    check_columns,
    check_sheet_size,
    choose_samples,
    describe_results,
    draw_cells,
    draw_result,
    draw_sample_of,
    find_worst,
    read_results,
    select_samples,
)
from imggen.sequences.model_output import select_output
from imggen.sequences.predictions import PredictionView, prediction_table

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

_MASK = "mask"


class ResultView(PredictionView):
    """A mixin with methods that draw predictions.

    Attributes:
        batch_maker: Makes any batch of any epoch.
    """

    @check_arguments
    def show_results(
        self,
        model: keras.Model,
        *,
        num_images: int = 16,
        columns: int | None = None,
        cell: int = 128,
        output: str | int | None = None,
        from_logits: bool | None = None,
    ) -> Image.Image:
        """Draws images with what a model predicts for them, and what is true.

        The images are of as many classes as possible, the same ones each time, and not augmented.
        Predictions of classes are marked as right (a green check mark) or wrong (a red cross). For
        masks, each image is drawn with the true mask and next to it with the predicted one.

        Args:
            model: The model.
            num_images: The most images to show.
            columns: The number of images per row. None: as many as fit.
            cell: The most pixels of the larger side of each image.
            output: See ``predict``.
            from_logits: See ``predict``.

        Returns:
            An RGB picture.

        Raises:
            OptionError: The targets are boxes, keypoints, or those of several outputs without
                ``output``; the model's output does not match the targets; or the samples are not
                images.

        Example:
            >>> import keras
            >>> pool = keras.layers.GlobalAveragePooling2D()
            >>> model = keras.Sequential([pool, keras.layers.Dense(2, "softmax")])
            >>> sequence.show_results(model, num_images=4).mode
            'RGB'
        """
        count = min(check_whole("num_images", num_images, 1), self.batch_maker.manifest.num_samples)
        _check_drawing(count, cell, columns)
        maker = dataclasses.replace(
            self.batch_maker,
            samples=self.whole_images(),
            cut_size=None,
            pipeline=Pipeline([]),
            shard=None,
        )
        mode = maker.label_mode
        if mode.name == _MASK:
            batch = select_samples(maker, choose_samples(maker, count))
            cells = _draw_masks(batch, model, output, from_logits, cell)
            return draw_cells(cells, columns, cell, group=2)
        if mode.has_positions and maker.manifest.labels is None:
            raise OptionError(
                f"show_results() draws classes, numbers and masks, and these targets are "
                f"{mode.name}. Compare model.predict(sequence), of a sequence with shuffle=False, "
                "to sequence.show_batch()."
            )
        if isinstance(mode, MultiOutputMode) and output is None:
            raise OptionError(
                f"The targets are for the outputs {list(mode.modes)}, and show_results() draws one "
                f"of them. Pass output=, for example output={next(iter(mode.modes))!r}."
            )
        rows = choose_samples(maker, count)
        table = prediction_table(
            maker,
            self.worker_options,
            model,
            output=output,
            from_logits=from_logits,
            verbose=0,
            rows=rows,
        )
        results = read_results(table, separator=_find_separator(maker, table))
        if not results:
            raise OptionError(f"None of these {count} images could be read and predicted.")
        return draw_cells(
            [
                draw_result(_draw_image(maker, rows[result.position], cell), result)
                for result in results
            ],
            columns,
            cell,
        )

    @check_arguments
    def show_mistakes(
        self,
        table: pd.DataFrame,
        *,
        num_images: int = 16,
        columns: int | None = None,
        cell: int = 128,
    ) -> Image.Image:
        """Draws the worst mistakes of a table of predictions, the worst first.

        For classes these are the images whose wrong class has the highest probability; with several
        classes per image, those with a class whose probability is the furthest from the truth; for
        numbers, those with the largest absolute error, of several columns on average, in standard
        deviations of each.

        Args:
            table: What ``predict`` of this sequence returned, or some of its rows.
            num_images: The most images to show.
            columns: The number of images per row. None: as many as fit.
            cell: The most pixels of the larger side of each image.

        Returns:
            An RGB picture. Without mistakes, it says so.

        Raises:
            OptionError: The table does not have the columns of a prediction of one output, has no
                true classes, or is about files that are not samples of this sequence; or the
                samples are not images.
            ImageError: A file cannot be read.

        Example:
            >>> import keras
            >>> pool = keras.layers.GlobalAveragePooling2D()
            >>> model = keras.Sequential([pool, keras.layers.Dense(2, "softmax")])
            >>> table = sequence.predict(model)
            >>> sequence.show_mistakes(table, num_images=4).mode
            'RGB'
        """
        count = min(check_whole("num_images", num_images, 1), len(table))
        _check_drawing(count, cell, columns)
        maker = dataclasses.replace(self.batch_maker, samples=self.whole_images(), cut_size=None)
        results = read_results(table, separator=_find_separator(maker, table))
        if all(result.true is None for result in results):
            raise OptionError(
                "The table has no true classes, so that mistakes are not known. Predict a sequence "
                "of samples with labels."
            )
        worst = find_worst(results)[:count]
        rows = _find_rows(maker, table, [result.position for result in worst])
        cells = [
            draw_result(
                _draw_image(maker, row, cell), result, os.path.basename(maker.manifest.paths[row])
            )
            for row, result in zip(rows, worst, strict=True)
        ]
        header = Note(describe_results(results, len(cells)), max_lines=6)
        return draw_cells(cells, columns, cell, header=[header])


def _check_drawing(count: int, cell: int, columns: int | None) -> None:
    check_sheet_size(count, check_cell(cell))
    check_columns(columns)


def _draw_image(maker: BatchMaker, row: int, cell: int) -> Image.Image:
    return draw_sample_of(maker, Sample(maker.samples.image(row)), cell)


def _find_separator(maker: BatchMaker, table: pd.DataFrame) -> str | None:
    """Returns the text between the classes of an image; None where an image has one class."""
    names = tuple(str(name)[2:] for name in table.columns if str(name).startswith("p_"))
    for mode, manifest in maker.label_mode.tabulated_outputs(maker.manifest).values():
        column = manifest.multi_labels
        if mode.kind == "multi_label" and column is not None and manifest.class_names == names:
            return column.separator
    return None


def _find_rows(maker: BatchMaker, table: pd.DataFrame, positions: Sequence[int]) -> list[int]:
    """Finds the samples that rows of a table are about."""
    if "path" not in table:
        raise OptionError(
            f"The table has no column 'path', but {shorten(list(map(str, table.columns)))}. Pass a "
            "table that predict() of this sequence returns."
        )
    manifest = maker.manifest
    paths = table["path"].tolist()
    files = manifest.filepaths
    if paths == files:
        return list(positions)
    row_of = {path: row for row, path in enumerate(manifest.paths)}
    row_of |= {path: row for row, path in enumerate(files)}
    for position in positions:
        if paths[position] not in row_of:
            raise OptionError(
                f"The table is about {shorten(paths[position])}, which is not a sample of this "
                "sequence. Call show_mistakes() of the sequence that made the table."
            )
    return [row_of[paths[position]] for position in positions]


def _draw_masks(
    maker: BatchMaker,
    model: keras.Model,
    output: str | int | None,
    from_logits: bool | None,
    cell: int,
) -> list[Cell]:
    """Draws each sample of a batch with its true mask, and next to it with the predicted one."""
    maker = dataclasses.replace(maker, on_error="raise")
    batch = maker(0, 0)
    predicted = model.predict(batch.x, verbose=0)
    scores, meaning = select_output(model, predicted, output, from_logits)
    true = np.asarray(batch.y)
    found = _to_classes(scores, meaning, true.shape, channels_first=maker.channels_first)
    cells = []
    rows = maker.batch_indices(0, 0).tolist()
    for row, mask, guess in zip(rows, true.reshape(found.shape), found, strict=True):
        image = maker.samples.image(row)
        share = float((mask == guess).mean())
        for note, shown in (("true", mask), (f"predicted, {share:.1%} of pixels right", guess)):
            picture = draw_sample_of(maker, Sample(image, (shown,)), cell)
            cells.append(Cell(picture, [Note(note)]))
    return cells


def _to_classes(
    scores: npt.NDArray[Any],
    meaning: OutputMeaning,
    shape: tuple[int, ...],
    *,
    channels_first: bool,
) -> npt.NDArray[np.int64]:
    """Returns the class of each pixel, int64, of shape (n, height, width)."""
    axis = 1 if channels_first else -1
    size = (shape[0], *(shape[2:] if channels_first else shape[1:-1]))
    found = scores.shape
    scores = np.moveaxis(scores, axis, -1) if scores.ndim == 4 else scores[..., np.newaxis]
    if scores.shape[:-1] != size:
        raise OptionError(
            f"The model's output has shape {found}; expected {(*size, 'classes')}, the "
            "scores of each pixel of a mask."
        )
    if scores.shape[-1] == 1:
        return np.asarray(scores[..., 0] >= (0.0 if meaning.is_logits() else 0.5), np.int64)
    return np.asarray(scores.argmax(axis=-1))
