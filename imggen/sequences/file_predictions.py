"""Predictions for images that are not samples of a sequence, by the settings of training."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.core import (
    InputFile,
    Number,
    check_output,
    check_report_path,
    check_whole,
    format_block,
    format_html_table,
    format_number,
    format_rest,
    format_skipped,
    pluralize,
    read_start,
    shorten,
    write_records,
)
from imggen.data import Manifest, MultiLabelColumn, TargetColumn
from imggen.decode import read_image
from imggen.errors import ExportError, ImageError, OptionError
from imggen.loading import (
    BatchMaker,
    EpochSampler,
    LabelMode,
    NoTargetMode,
    SampleLoader,
    find_label_mode,
)
from imggen.preprocessing import Preprocessing
from imggen.sequences.new_images import NewImages
from imggen.sequences.predictions import predict_in_order
from imggen.workers import BufferPool, WorkerOptions

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = "imggen-predictions"
_MAX_SHOWN = 20  # in notebooks
# Modes whose predictions are one row of a table for each image.
_CLASS_MODES = (None, "categorical", "int", "binary")


@final
@dataclass(frozen=True)
class FilePredictions:
    """A row for each image, in the order of the input.

    Attributes:
        table: The columns ``path``, ``true`` (only if true classes are known), ``predicted``,
            ``p_<class name>`` and ``error`` (the reason why a file could not be read, or None). For
            several outputs, ``<output>_predicted`` and ``<output>_p_<class name>``. For numbers,
            ``predicted``, or ``predicted_<name>`` for each of a list.
        files: The path of each image.
        class_names: The classes of the model, in order; empty for several outputs.
        skipped: How many files of a folder were skipped, by reason.
        outputs: The names of several outputs; empty for one.
        predicted: The columns of predicted classes and numbers.
    """

    table: pd.DataFrame
    files: Sequence[str]
    class_names: tuple[str, ...]
    skipped: Mapping[str, int]
    outputs: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ("predicted",)

    def __repr__(self) -> str:
        return f"FilePredictions({'; '.join(self._summary())})"

    def _repr_html_(self) -> str:
        shown = self.summarize().head(_MAX_SHOWN)
        names = [name for name in ("path", "true", "predicted", "error") if name in shown]
        columns = [["" if value != value else value for value in shown[name]] for name in names]
        if self.class_names:
            best = self.table[[f"p_{name}" for name in self.class_names]].max(axis=1)
            names.append("score")
            scores = best.head(_MAX_SHOWN).tolist()
            columns.append([Number("" if one != one else f"{one:.3f}") for one in scores])
        return format_block(
            "FilePredictions",
            self._summary(),
            format_html_table(names, list(zip(*columns, strict=True))),
            format_rest(len(self.table) - len(shown), "image", "; table has all of them"),
            format_skipped(self.skipped),
        )

    def _summary(self) -> list[str]:
        known, errors = self.num_evaluated, self.num_errors
        return [
            pluralize(len(self.table), "image"),
            *([f"{self.num_correct:,} of {known:,} correct"] if known else []),
            *([f"{errors:,} cannot be read"] if errors else []),
        ]

    @property
    def num_errors(self) -> int:
        """The number of files that could not be read."""
        return int(self.table["error"].notna().sum())

    @property
    def num_evaluated(self) -> int:
        """The number of images with a prediction and a true class."""
        return len(self._evaluated)

    @property
    def num_correct(self) -> int:
        """The number of those that are predicted correctly."""
        return int((self._evaluated["true"] == self._evaluated["predicted"]).sum())

    @property
    def _evaluated(self) -> pd.DataFrame:
        if "true" not in self.table:
            return self.table.iloc[:0].assign(true=None, predicted=None)
        return self.table.dropna(subset=["true", "predicted"])

    def describe(self) -> list[str]:
        """Returns a line for each image: its class and score, or number, or error."""
        table = self.summarize()
        scores = table[[f"p_{name}" for name in self.class_names]].max(axis=1).tolist()
        lines = []
        for path, value, score, error in zip(
            table["path"], table["predicted"], scores, table["error"], strict=True
        ):
            text = _format_value(value) + ("" if score != score else f" ({score:.4f})")
            lines.append(f"{path}: {f'cannot be read: {error}' if error else text}")
        return lines

    def summarize(self) -> pd.DataFrame:
        """Returns the table with one column "predicted"; for several values, a text of all."""
        is_number = not self.outputs and not self.class_names
        if self.predicted == ("predicted",) and not is_number:
            return self.table
        columns = [self.table[name].tolist() for name in self.predicted]
        names = [" ".join(filter(None, re.split("_?predicted_?", name))) for name in self.predicted]
        texts = [
            None
            if error
            else "; ".join(
                (f"{name}: " if name else "") + _format_value(value)
                for name, value in zip(names, values, strict=True)
            )
            for error, *values in zip(self.table["error"].tolist(), *columns, strict=True)
        ]
        return self.table[["path", "error"]].assign(predicted=np.array(texts, object))

    def to_json(self) -> str:
        """Returns the rows as JSON, as ``save`` writes them."""
        columns = list(self.table.columns)
        rows = [dict(zip(columns, row, strict=True)) for row in self._rows()]
        return json.dumps({**self._metadata(), "rows": rows}, indent=1)

    def save(self, file: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the rows as CSV or JSON, by the extension of ``file``, atomically.

        Raises:
            OptionError: Another extension.
            ExportError: The file cannot be written, or exists and is another one.
        """
        check_predictions_file(file, overwrite=overwrite)
        write_records(file, list(self.table.columns), self._rows(), self._metadata())

    def _rows(self) -> list[list[Any]]:
        """Returns the rows with None for what is missing."""
        return [
            [None if value is None or value != value else value for value in row]
            for row in self.table.astype(object).to_numpy().tolist()
        ]

    def _metadata(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "class_names": list(self.class_names),
            "outputs": list(self.outputs),
            "images": len(self.table),
            "errors": self.num_errors,
            "evaluated": self.num_evaluated,
            "correct": self.num_correct,
        }


def check_predictions_file(file: str | os.PathLike[str] | None, *, overwrite: bool = False) -> None:
    """Checks that ``FilePredictions.save`` can work; None: there is nothing to check.

    Raises:
        ImggenError: See ``FilePredictions.save``.
    """
    if file is not None:
        check_report_path(file)
        check_output(file, _is_own, overwrite=overwrite)


def predict_files(
    model: keras.Model,
    prep: Preprocessing,
    images: NewImages,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    from_logits: bool | None = None,
) -> FilePredictions:
    """Predicts images that are read and scaled as in training.

    Args:
        model: The model.
        prep: The settings of its training.
        images: The images; those that cannot be read get a row with an error.
        batch_size: The number of images per batch, 1 or more.
        workers: As in ``ImageSequence``.
        from_logits: As in ``ImageSequence.predict``.

    Raises:
        OptionError: The model's input or output does not fit the settings, or a prediction is not
            a row of numbers.
    """
    import pandas as pd

    check_whole("batch_size", batch_size, 1)
    _check_model(model, prep)
    manifest = Manifest.from_files(images.files, None, root="")
    prepared = {output.name: _prepare_output(manifest, *output[1:]) for output in prep.outputs}
    names = tuple(name for name, own in prepared.items() if own is not None)
    tabulated: dict[str | None, tuple[LabelMode, Manifest]] = {
        name: own for name, own in prepared.items() if own is not None
    }
    if not prep.outputs:
        only = _prepare_output(manifest, prep.label_mode, prep.class_names, prep.target_names)
        if only is None:
            raise OptionError(
                f"The model was trained with label mode {prep.label_mode!r}, and tables are made "
                "of predictions of classes and numbers. Call model.predict(prep(files)) in Python."
            )
        tabulated = {None: only}
    options = WorkerOptions(workers, False, 10)
    maker = BatchMaker(
        samples=SampleLoader(
            manifest=manifest,
            label_mode=NoTargetMode(),
            load=_choose_load(prep),
            load_mask=_refuse_mask,
            spec=prep.spec,
            cache=None,
        ),
        sampler=EpochSampler(manifest.num_samples, shuffle=False, repeats=1, seed=0),
        batch_size=batch_size,
        drop_remainder=False,
        channels_first=prep.channels_first,
        cut_size=None,
        pipeline=Pipeline([]),
        seed=0,
        scaling=prep.scaling,
        dtype=prep.dtype,
        on_error="blank",
        buffers=BufferPool(options.max_prefetched + 2),
    )
    columns, failures = predict_in_order(
        maker, tabulated, options, model, output=None, from_logits=from_logits, verbose=0
    )
    for name, (_, samples) in tabulated.items():  # the true targets of files are not known
        prefix = "" if name is None else f"{name}_"
        for target in _target_suffixes(samples):
            del columns[f"{prefix}true{target}"]
    predicted = [
        f"{'' if name is None else f'{name}_'}predicted{target}"
        for name, (_, samples) in tabulated.items()
        for target in _target_suffixes(samples)
    ]
    reasons = np.array([failures.get(row) for row in range(len(images.files))], object)
    has_true = images.labels is not None and prep.label_mode in _CLASS_MODES
    true = {"true": np.array(images.labels, object)} if has_true else {}
    made = {"path": np.array(images.names, object), **true, **columns, "error": reasons}
    table = pd.DataFrame(
        {name: pd.Series(values, dtype=values.dtype) for name, values in made.items()}
    )
    classes = [] if names else [name for name in columns if name.startswith("p_")]
    class_names = tuple(name.removeprefix("p_") for name in classes)
    return FilePredictions(
        table, images.files, class_names, images.skipped, names, tuple(predicted)
    )


def _target_suffixes(manifest: Manifest) -> list[str]:
    """Returns what follows "predicted" in the names of columns."""
    targets = manifest.targets
    if targets is None or targets.is_single:
        return [""]
    return [f"_{name}" for name in targets.names]


def _prepare_output(
    manifest: Manifest,
    label_mode: str | None,
    class_names: tuple[str, ...],
    target_names: tuple[str, ...],
) -> tuple[LabelMode, Manifest] | None:
    """Returns the mode that makes the columns of an output, and the samples without true targets.

    None for masks and other targets that are not values of a table.
    """
    manifest = dataclasses.replace(manifest, class_names=class_names)
    if label_mode in _CLASS_MODES:
        return find_label_mode(None), manifest
    if label_mode == "multi_label":
        none = np.zeros((len(manifest), len(class_names)), bool)
        labels = MultiLabelColumn.from_matrix(none, ";")
        return find_label_mode("multi_label"), dataclasses.replace(manifest, multi_labels=labels)
    if label_mode == "regression":
        names = target_names or ("target",)
        zeros = np.zeros((len(manifest), len(names)), np.float32)
        targets = TargetColumn(zeros, names, is_single=not target_names)
        return find_label_mode("regression"), dataclasses.replace(manifest, targets=targets)
    return None


def _format_value(predicted: object) -> str:
    """Returns a number, a class, or the classes of a sample as text."""
    if isinstance(predicted, float):
        return format_number(predicted)
    return str(predicted) or "no classes"


def _choose_load(prep: Preprocessing) -> Any:
    return prep.loader if prep.spec is None else functools.partial(read_image, spec=prep.spec)


def _refuse_mask(path: str, image_path: str) -> npt.NDArray[Any]:
    raise ImageError.of(path, f"{image_path!r} has no mask")


def _check_model(model: keras.Model, prep: Preprocessing) -> None:
    """Checks shapes before thousands of images are read.

    Raises:
        OptionError: The model takes other images, or has scores for other classes.
    """
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise OptionError(
            f"The model has {len(inputs)} inputs, {shorten([one.name for one in inputs])}, and "
            "files give the images only. Call model.predict in Python, with prep(files) as one of "
            "its inputs."
        )
    taken = getattr(model, "input_shape", None)
    shape = prep.input_shape
    if isinstance(taken, tuple) and shape is not None:
        sides = taken[1:]
        fits = len(sides) == len(shape) and all(
            side in (None, given) for side, given in zip(sides, shape, strict=True)
        )
        if not fits:
            raise OptionError(
                f"The model takes images of shape {sides}, and the preprocessing settings make "
                f"{shape}. Pass the settings that the model was trained with."
            )
    made, names = getattr(model, "output_shape", None), prep.class_names
    if isinstance(made, tuple) and len(made) == 2 and names:
        units = made[1]
        if units not in (None, len(names)) and (units, len(names)) != (1, 2):
            raise OptionError(
                f"The model's output has {units} scores per image, and the preprocessing settings "
                f"name {len(names)} classes, {list(names)}. Pass the settings that the model was "
                "trained with."
            )


def _is_own(path: str) -> bool:
    """Whether a file holds predictions."""
    if path.lower().endswith(".csv"):
        header = read_start(path, 2**20).partition(b"\n")[0].rstrip(b"\r")
        return bool(re.match(rb"path,(true,|.*predicted[,_]).*error$", header))
    try:
        return InputFile(path, ExportError).read_json_object().get("format") == _FORMAT
    except ExportError:
        return False
