"""Functions that make sequences from a folder, a dataframe or a list of files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack

from imggen.augment import Augment, CenterCrop, FixedSizeCrop, Pipeline, adapt
from imggen.core import check_arguments, shorten
from imggen.data import (
    DEFAULT_SEPARATOR,
    Boxes,
    ClassNames,
    Column,
    Keypoints,
    Labels,
    Manifest,
    MaskPattern,
    Splits,
    scan,
    scan_splits,
    split_name,
)
from imggen.errors import OptionError, SplitError
from imggen.loading import check_masks_once, choose_seed, default_label_mode
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.option_names import check_factory_options
from imggen.sequences.options import SequenceOptions
from imggen.sequences.target_columns import (
    OutputClassNames,
    Targets,
    read_frame_targets,
    read_listed_targets,
)
from imggen.splitting import Ratios, Recipe, split_by_recipe

if TYPE_CHECKING:
    import pandas as pd

# Options that only make sense for training, with their values for all other splits.
_TRAIN_ONLY: SequenceOptions = {"shuffle": False, "repeats": 1, "drop_remainder": False}


@check_arguments
def from_directory(
    directory: str | os.PathLike[str],
    *,
    split: Ratios | Literal["folders"] | None = None,
    labels: Labels = "inferred",
    class_names: ClassNames | None = None,
    extensions: Collection[str] | None = None,
    mask_dir: str | os.PathLike[str] | None = None,
    mask_pattern: MaskPattern = None,
    input_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from ``directory/<class>/**/<image>``.

    Args:
        directory: A folder with one subfolder per class; with ``split="folders"``, a folder with
            train/, val/ and test/.
        split: Fractions for train, val and test, such as ``(0.7, 0.15, 0.15)``, stratified by
            class; a mapping from split name to fraction; "folders" for a dataset that is already
            split; or None for one sequence of all images.
        labels: "inferred": from the folders; None: images without classes.
        class_names: Order and subset of the classes: names, or a mapping from name to index or from
            index to name. None: all folders, sorted.
        extensions: The image extensions. None: every format that Pillow reads.
        mask_dir: A folder with one mask per image, of the same name except for the extension:
            ``images/cat/1.jpg`` and ``masks/cat/1.png``. The default ``label_mode`` is "mask" then:
            targets are the values of the masks, uint8 or uint16, shape (n, height, width, 1),
            transformed with their images; see ``mask_values`` of ``ImageSequence``. With
            ``split="folders"``, ``masks/train/cat/1.png``.
        mask_pattern: The name of a mask, with "{stem}" for the name of its image without the
            extension, such as "{stem}_mask"; see ``scan``. Without ``mask_dir``, masks are in
            ``directory``, next to their images. None: the same name.
        input_dirs: A mapping from model input to a folder of further images of the same names.
            ``x`` is a dictionary from input to array then, with the images as "image".
        augment: As in ``ImageSequence``, for the split "train" only. To augment other splits, pass
            a mapping: ``{"train": a, "val": b}``. After ``RandomCrop`` or ``CenterCrop`` in
            "train", splits without augmentation get ``CenterCrop``.
        seed: Random seed for order and augmentation of all splits. None: a new one, which
            ``train.seed`` holds.
        split_seed: Random seed for the split. It is independent of ``seed`` and fixed by default,
            so that no run tests on images that another run trained on.
        **options: The other options of ``ImageSequence``. ``shuffle``, ``repeats`` and
            ``drop_remainder`` apply to the split "train"; the other splits are always complete and
            in order.

    Returns:
        One ``ImageSequence``; with ``split``, one per split: ``train, val, test = ...``, also by
        name, as in ``splits.val``.

    Raises:
        ScanError: See ``scan`` and ``scan_splits``.
        SplitError: See ``split``.
        OptionError: See ``ImageSequence``.

    Example:
        >>> train, val, test = from_directory(
        ...     photos, image_size=(32, 32), split=(0.5, 0.25, 0.25), seed=7)
        >>> train.samples, val.samples, test.samples
        (8, 4, 4)
    """
    check_factory_options(from_directory, options)
    if isinstance(split, str) and split != "folders":
        raise OptionError.unknown("split", split, ["folders"])
    manifest = (scan_splits if isinstance(split, str) else scan)(
        directory,
        labels=labels,
        class_names=class_names,
        extensions=extensions,
        mask_dir=mask_dir,
        mask_pattern=mask_pattern,
        input_dirs=input_dirs,
    )
    if isinstance(split, str):
        recipe: Recipe | None = Recipe(None)
    else:
        recipe = None if split is None else make_recipe(split, split_seed)
    return make_sequences(manifest, recipe, augment, seed, options)


@check_arguments
def from_dataframe(
    frame: pd.DataFrame,
    *,
    root: str | os.PathLike[str] = ".",
    x_col: Column = "path",
    y_col: Column | Sequence[Column] | None = "label",
    targets: Targets | None = None,
    group_col: Column | None = None,
    weight_col: Column | Mapping[str, Column] | None = None,
    mask_col: Column | None = None,
    input_cols: Mapping[str, Column | Sequence[Column]] | None = None,
    boxes: Boxes | None = None,
    keypoints: Keypoints | None = None,
    class_names: OutputClassNames | None = None,
    label_separator: str = DEFAULT_SEPARATOR,
    split: Ratios | str | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a table with one row per sample.

    Args:
        frame: The table; its index is ignored.
        root: The folder that paths in the table are relative to.
        x_col: The column of paths.
        y_col: The column of class names; None for samples without classes. With
            ``label_mode="regression"``, the column of the numbers to predict, or a list of such
            columns. With ``label_mode="multi_label"``, a column of lists of class names, of their
            text, or of names with a separator (spaces around them are removed, "" is a sample
            without classes, "NA" is a name); or a list of columns of 0 and 1, one per class.
            Missing values are errors: read the table with ``keep_default_na=False``.
        targets: Instead of ``y_col`` and ``label_mode``, for a model of several outputs: a mapping
            from output to label mode, such as ``{"kind": "categorical", "age": "regression"}``.
            Each output has the column of its name. ``y`` is a dictionary by output; see also
            ``targets_as`` of ``ImageSequence``. A single output is served as an array.
        group_col: The column of group names; the samples of a group stay in one split.
        weight_col: The column of sample weights; with ``targets``, for all outputs, or a mapping
            from output to column. Outputs that it leaves out have the weight 1.
        mask_col: The column of mask paths; see ``mask_dir`` of ``from_directory``.
        input_cols: A mapping from model input to the column of paths of further images, to a column
            of numbers, or to a list of columns of numbers. ``x`` is a dictionary then, with the
            images as "image" and the k columns of numbers as float32 of shape (n, k).
        boxes: The columns of bounding boxes and their format. Boxes are transformed with their
            images, and removed if less than a pixel of what training sees is left of them. The
            default ``label_mode`` is "boxes" then.
        keypoints: The column of keypoints and their format. Keypoints are transformed with their
            images. The default ``label_mode`` is "keypoints" then.
        class_names: Order of the classes, as in ``from_directory``. None: the names in the table,
            sorted. With ``targets``, a mapping from output to class names.
        label_separator: The text between class names, with ``label_mode="multi_label"``.
        split: As in ``from_directory``, or the name of the column of split names.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``.

    Returns:
        As in ``from_directory``.

    Raises:
        ManifestError: See ``Manifest.from_frame``.
        SplitError: See ``split``.
        OptionError: See ``ImageSequence``.
    """
    check_factory_options(from_dataframe, options)
    columns, options = read_frame_targets(
        frame, y_col, targets, class_names, label_separator, weight_col, mask_col, options
    )
    manifest = Manifest.from_frame(
        frame,
        root=root,
        x_col=x_col,
        **columns,
        group_col=group_col,
        input_cols=input_cols,
        boxes=boxes,
        keypoints=keypoints,
        split_col=split if isinstance(split, str) else None,
    )
    if split is None:
        recipe = None
    else:
        recipe = Recipe(None) if isinstance(split, str) else make_recipe(split, split_seed)
    return make_sequences(manifest, recipe, augment, seed, options)


@check_arguments
def from_files(
    files: Sequence[str | os.PathLike[str]],
    labels: Iterable[object] | Mapping[Any, object] | None = None,
    *,
    root: str | os.PathLike[str] = ".",
    targets: Targets | None = None,
    class_names: OutputClassNames | None = None,
    num_classes: int | None = None,
    label_separator: str = DEFAULT_SEPARATOR,
    split: Ratios | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a list of files, or of IDs for ``loader=``.

    Args:
        files: Paths relative to ``root``, or IDs.
        labels: One label per file (a list, an array, a tensor, a column of a table), or a mapping
            from file to label. Integers are class indices; text and truth values are class names.
            None: no classes. With ``label_mode="regression"``, one number per file, or k of them.
            With ``label_mode="multi_label"``, lists of classes or text, as in ``from_dataframe``,
            or an array of 0 and 1, shape (num_files, num_classes).
        root: The folder that the paths are relative to; ``""`` passes IDs to the loader unchanged.
        targets: As in ``from_dataframe``; ``labels`` is a mapping from output to its labels then.
        class_names: As in ``from_directory``. None: see ``Manifest.from_files``. With ``targets``,
            a mapping from output to class names.
        num_classes: See ``Manifest.from_files``.
        label_separator: As in ``from_dataframe``.
        split: As in ``from_directory``.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``; use ``loader=numpy.load`` for arrays.

    Returns:
        As in ``from_directory``.

    Raises:
        ManifestError: A file without a label, labels of another length, or out of range.
        SplitError: See ``split``.
        OptionError: See ``ImageSequence``.
    """
    check_factory_options(from_files, options)
    files = files if hasattr(files, "__len__") else list(files)
    columns, options = read_listed_targets(
        files, labels, targets, class_names, num_classes, label_separator, options
    )
    manifest = Manifest.from_files(files, root=root, **columns)
    recipe = None if split is None else make_recipe(split, split_seed)
    return make_sequences(manifest, recipe, augment, seed, options)


def make_recipe(split: Ratios, seed: int) -> Recipe:
    """Makes the recipe of a random split; an error names the argument ``split``."""
    recipe = Recipe(split, seed=seed)
    try:
        _ = recipe.shares
    except SplitError as err:
        raise SplitError(str(err).replace("ratios", "split", 1)) from err
    return recipe


def make_sequences(
    manifest: Manifest,
    recipe: Recipe | None,
    augment: Augment | Mapping[str, Augment],
    seed: int | None,
    options: SequenceOptions,
) -> ImageSequence | Splits[ImageSequence]:
    """Makes one sequence of a manifest, or one for each split of a recipe."""
    if recipe is None:
        options = _choose_label_mode(manifest, options)
        if isinstance(augment, Mapping):
            raise OptionError(
                f"augment= has the splits {shorten(list(augment))}, but split=None makes a single "
                "sequence. Pass the augmentation itself, or split=."
            )
        return ImageSequence(manifest, augment=augment, seed=seed, **options)
    return make_split_sequences(split_by_recipe(manifest, recipe), augment, seed, options)


def make_split_sequences(
    splits: Splits[Manifest],
    augment: Augment | Mapping[str, Augment],
    seed: int | None,
    options: SequenceOptions,
) -> Splits[ImageSequence]:
    """Makes one sequence of each split; augmentation and shuffling are for train alone."""
    options = _choose_label_mode(splits[0], options)
    if isinstance(augment, Mapping):
        augment_of = {split_name(name): value for name, value in augment.items()}
    else:
        augment_of = {} if augment is None else {"train": augment}
    _add_center_crops(augment_of, splits.names)
    unknown = sorted(set(augment_of) - set(splits.names))
    if unknown:
        raise OptionError(
            f"augment= is for the split {shorten(unknown[0])}, but the splits are "
            f"{shorten(list(splits.names))}. Name the split to augment: "
            "augment={name: augmentation}."
        )
    train_only = sorted(set(options) & set(_TRAIN_ONLY))
    if train_only and "train" not in splits.names:
        raise OptionError(
            f"{', '.join(train_only)} applies to the split 'train', but the splits are "
            f"{shorten(list(splits.names))}. Omit it, or name a split 'train'."
        )
    seed = choose_seed(seed, options.get("shard"))
    other_options: SequenceOptions = {**options, **_TRAIN_ONLY}
    with check_masks_once():
        sequences = [
            ImageSequence(
                manifest,
                augment=augment_of.get(name),
                seed=seed,
                **(options if name == "train" else other_options),
            )
            for name, manifest in splits.as_dict().items()
        ]
    return Splits(sequences, splits.names)


def _choose_label_mode(manifest: Manifest, options: SequenceOptions) -> SequenceOptions:
    if "label_mode" in options:
        return options
    targets = [name for name in manifest.attached if name != "inputs"]
    if len(targets) > 1 and not manifest.outputs:
        raise OptionError(
            f"The table has {' and '.join(targets)}, and targets can only be one of them. Pass "
            "label_mode=."
        )
    return {**options, "label_mode": default_label_mode(manifest)}


def _add_center_crops(augment_of: dict[str, Augment], names: Sequence[str]) -> None:
    """Adds a center crop to the other splits if "train" is cropped to a fixed size."""
    steps = list(adapt(augment_of.get("train")))
    if steps:
        augment_of["train"] = steps  # so that a policy file is read once
    crop = Pipeline(steps).crop
    if isinstance(crop, FixedSizeCrop):
        for name in names:
            augment_of.setdefault(name, CenterCrop(source_size=crop.source_size))
