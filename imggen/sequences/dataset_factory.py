"""The function that makes sequences from Hugging Face datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from imggen.augment import Augment
from imggen.core import StringColumn, check_arguments, shorten
from imggen.data import (
    DEFAULT_SEPARATOR,
    Boxes,
    Keypoints,
    Manifest,
    Splits,
    import_datasets,
)
from imggen.errors import OptionError
from imggen.loading import find_label_mode
from imggen.sequences.dataset_arguments import check_dataset_options, choose_recipe
from imggen.sequences.dataset_table import DatasetTable, find_tables
from imggen.sequences.factories import make_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.options import SequenceOptions
from imggen.sequences.target_columns import OutputClassNames, Targets, read_frame_targets
from imggen.splitting import Ratios


@check_arguments
def from_hf(
    dataset: Any,
    image: str = "image",
    label: str | Sequence[str] | None = "label",
    *,
    targets: Targets | None = None,
    group_col: str | None = None,
    weight_col: str | Mapping[str, str] | None = None,
    mask_col: str | None = None,
    input_cols: Mapping[str, str | Sequence[str]] | None = None,
    boxes: Boxes | None = None,
    keypoints: Keypoints | None = None,
    class_names: OutputClassNames | None = None,
    label_separator: str = DEFAULT_SEPARATOR,
    split: Ratios | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a Hugging Face dataset; images are decoded when they are needed.

    The batches are those of ``from_directory`` for the same files: imggen decodes what the dataset
    stores, so that a format, a transform or a mode that is set in the dataset has no effect.

    Args:
        dataset: A ``datasets.Dataset``; or a ``DatasetDict``, which gives one sequence per split.
        image: The column of images: an ``Image`` feature, the bytes or the paths of files, or
            arrays of shape (height, width) or (height, width, channels) with values 0 to 255.
        label: The column of classes: a ``ClassLabel``, whose names and order are kept, names, or
            integers, which become names. Lists of these, as for ``label_mode="multi_label"``, and
            floats, as for "regression", decide the default ``label_mode``. See ``y_col`` of
            ``from_dataframe``, also for lists of columns. None: images without classes.
        targets: As in ``from_dataframe``.
        group_col: As in ``from_dataframe``.
        weight_col: As in ``from_dataframe``.
        mask_col: The column of mask images; see ``mask_dir`` of ``from_directory``.
        input_cols: As in ``from_dataframe``; further images are columns like ``image``.
        boxes: As in ``from_dataframe``. Columns inside others are named with a dot:
            ``Boxes(col="objects.bbox", format="coco", labels="objects.category")``.
        keypoints: As in ``from_dataframe``.
        class_names: As in ``from_dataframe``. None: those of the ``ClassLabel``, if it is one.
        label_separator: As in ``from_dataframe``.
        split: As in ``from_directory``, for a ``Dataset``.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``, without ``loader``. Rows without an image are an error,
            unless ``on_error`` skips or substitutes them.

    Returns:
        As in ``from_directory``. Where a dataset refers to local files, samples have their paths;
        elsewhere they are named "image[0]", "image[1] cat.jpg", ... in tables and messages, by row
        and, if it is known, path.

    Raises:
        OptionError: A column that does not exist, a dataset that is streamed, or ``split`` for a
            ``DatasetDict``; see ``ImageSequence``.
        ManifestError: See ``Manifest.from_frame``.
        SplitError: See ``split``; or a split of a ``DatasetDict`` has no rows.
        MissingExtraError: The package ``datasets`` is not installed, or too old.

    Example:
        >>> import datasets
        >>> import numpy as np
        >>> files = datasets.Dataset.from_dict(
        ...     {"image": [np.zeros((8, 8, 3), np.uint8)] * 4, "label": ["cat", "dog"] * 2})
        >>> x, y = from_hf(files, image_size=(8, 8))[0]
        >>> x.shape, y.shape
        ((4, 8, 8, 3), (4, 2))
    """
    check_dataset_options(from_hf, options, "a dataset")
    tables = find_tables(dataset, import_datasets("from_hf()"))
    recipe = choose_recipe(split, split_seed, tables, argument="dataset", noun="dataset")
    table = DatasetTable(tables, image)
    if mask_col is not None:
        table.read_images("mask_col", mask_col)
    has_others = mask_col is not None or boxes is not None or keypoints is not None
    y_col: Any = label
    if targets is not None:
        y_col = label if label not in ("label", None) else None
        _read_outputs(table, targets)
    elif label is not None:
        y_col, options = _read_label(table, label, options, has_others=has_others)
    if boxes is not None:
        boxes = _read_boxes(table, boxes)
    if keypoints is not None:
        table.read("keypoints.col", str(keypoints.col))
    for argument, columns in (
        ("group_col", [group_col]),
        ("weight_col", weight_col.values() if isinstance(weight_col, Mapping) else [weight_col]),
    ):
        for column in columns:
            if column is not None:
                table.read(argument, column)
    for name, cols in (input_cols or {}).items():
        _read_input(table, f"input_cols[{name!r}]", cols)
    if options.get("on_error", "raise") == "raise":
        table.check_missing()
    frame, images = table.build()
    try:
        arguments, options = read_frame_targets(
            frame,
            y_col,
            targets,
            _choose_class_names(table, class_names, y_col, targets),
            label_separator,
            weight_col,
            mask_col,
            options,
        )
    except OptionError as err:  # y_col is the name in from_dataframe
        raise OptionError(str(err).replace("y_col=", "label=")) from err
    manifest = Manifest.from_frame(
        frame,
        root="",
        x_col=image,
        **arguments,
        group_col=group_col,
        input_cols=input_cols,
        boxes=boxes,
        keypoints=keypoints,
    )
    if table.splits is not None:
        manifest = dataclasses.replace(manifest, splits=StringColumn.of(table.splits))
    if images is not None:
        options = {**options, "loader": images}
    return make_sequences(manifest, recipe, augment, seed, options)


def _read_label(
    table: DatasetTable,
    label: str | Sequence[str],
    options: SequenceOptions,
    *,
    has_others: bool,
) -> tuple[str | Sequence[str] | None, SequenceOptions]:
    """Reads the column of ``label``, or several.

    Args:
        table: The dataset.
        label: The argument.
        options: The options of the sequence.
        has_others: Whether there are masks, boxes or keypoints, which are targets by default.

    Returns:
        The names of the columns, and the options with a ``label_mode`` that fits them.
    """
    if not isinstance(label, str):
        for name in label:
            table.read("label", name)
        return label, options
    is_unused = options.get("label_mode", "categorical") in (None, "input")
    if (has_others or is_unused) and label == "label" and not table.has_column(label):
        return None, options
    table.read("label", label)
    kind = table.describe(label)
    mode = options.get("label_mode")
    if kind == "classes":
        return label, options
    if is_unused or (has_others and mode is None):
        return None, options
    if kind == "multi_label" and mode is not None:
        return label, options
    columns = table.expand(label) if kind == "rows" else label
    if mode is None:
        mode = "multi_label" if kind == "multi_label" else "regression"
    return columns, {**options, "label_mode": mode}


def _read_outputs(table: DatasetTable, targets: Targets) -> None:
    for name, mode in targets.items():
        if find_label_mode(mode).name == "mask":
            table.read_images("targets", str(name))
        else:
            table.read("targets", str(name))


def _read_boxes(table: DatasetTable, boxes: Boxes) -> Boxes:
    """Reads the boxes; returns their columns with the names of their classes."""
    table.read("boxes.col", str(boxes.col))
    if boxes.labels is None:
        return boxes
    table.read("boxes.labels", str(boxes.labels))
    names = table.class_names.get(str(boxes.labels))
    return dataclasses.replace(boxes, class_names=names) if boxes.class_names is None else boxes


def _read_input(table: DatasetTable, argument: str, cols: str | Sequence[str]) -> None:
    for column in [cols] if isinstance(cols, str) else cols:
        if isinstance(cols, str) and table.has_images(column):
            table.read_images(argument, column)
        else:
            table.read(argument, column)
            if not table.has_numbers(column):
                raise OptionError(
                    f"{argument}={shorten(column)} is not a column of images, or of one number per "
                    "row; expected one of these."
                )


def _choose_class_names(
    table: DatasetTable, class_names: OutputClassNames | None, y_col: Any, targets: Targets | None
) -> OutputClassNames | None:
    """Returns the class names that are given, or else those of the dataset."""
    if targets is None:
        found = table.class_names.get(y_col) if isinstance(y_col, str) else None
        return found if class_names is None else class_names
    of_outputs = {name: table.class_names[name] for name in targets if name in table.class_names}
    if isinstance(class_names, Mapping):
        return dict[Any, Any](of_outputs) | dict(class_names)
    return of_outputs if class_names is None else class_names
