"""From a folder, a dataframe or a list to sequences, in one call."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from imggen.augment import Augment
from imggen.core import check_choice, check_seed
from imggen.data import (
    Boxes,
    Keypoints,
    Labels,
    Manifest,
    Splits,
    scan,
    scan_splits,
    split_name,
)
from imggen.errors import OptionError
from imggen.loading import default_label_mode, find_label_mode
from imggen.sequences.image_sequence import ImageSequence
from imggen.splitting import Ratios, split

if TYPE_CHECKING:
    import pandas as pd

# What only makes sense for training, with the value that all other parts get.
_TRAIN_ONLY: dict[str, Any] = {"shuffle": False, "repeats": 1, "drop_remainder": False}


def from_directory(
    directory: str | os.PathLike[str],
    *,
    split: Ratios | Literal["folders"] | None = None,
    labels: Labels = "inferred",
    class_names: Sequence[str] | None = None,
    extensions: Collection[str] | None = None,
    mask_dir: str | os.PathLike[str] | None = None,
    input_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Any,
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from ``directory/<class>/**/<image>``.

    Args:
        directory: The folder of class folders; with ``split="folders"``, of train/, val/, test/.
        split: Shares of train, val and test, such as ``(0.7, 0.15, 0.15)``, stratified by class;
            a mapping from part name to share; "folders" for a dataset that comes split; or None
            for one sequence of everything.
        labels: "inferred" from the folders, or None for images without classes.
        class_names: Order and subset of the classes. None: all folders, sorted.
        extensions: The file extensions to take. None: every format that Pillow reads.
        mask_dir: A folder of masks, one an image, of the same name but for the extension:
            ``images/cat/1.jpg`` and ``masks/cat/1.png``. ``label_mode`` is "mask" then, if not
            given: targets are the values of the masks, uint8 or uint16, shape (n, height, width,
            1), moved as the images are.
        input_dirs: The name of a model's input to a folder of further images, named alike: ``x`` is
            then a dictionary of arrays by name, with the images as "image".
        augment: As in ``ImageSequence``, for the part "train" only. To augment another part,
            name it: ``{"train": a, "val": b}``.
        seed: Decides order and augmentation, the same for all parts. None: a fresh one, to be read
            from ``train.seed``.
        split_seed: Decides who goes into which part. Apart from ``seed``, and fixed unless you
            change it, so that no run tests on what another one trained on.
        **options: As in ``ImageSequence``. ``shuffle``, ``repeats`` and ``drop_remainder`` go to
            the part "train"; the others are always served whole and in order.

    Returns:
        One ``ImageSequence``; with ``split``, one a part: ``train, val, test = ...``, also by
        name, as in ``parts.val``.

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
    _check_names(options)
    if split == "folders":
        if labels is None:
            raise OptionError('split="folders" needs labels="inferred".')
        if mask_dir is not None or input_dirs:
            raise OptionError('mask_dir and input_dirs cannot go with split="folders".')
        manifest = scan_splits(directory, class_names=class_names, extensions=extensions)
        return _sequences(manifest, "given", augment, seed, split_seed, options)
    if isinstance(split, str):
        raise OptionError.unknown("split", split, ["folders"])
    manifest = scan(
        directory,
        labels=labels,
        class_names=class_names,
        extensions=extensions,
        mask_dir=mask_dir,
        input_dirs=input_dirs,
    )
    return _sequences(manifest, split, augment, seed, split_seed, options)


def from_dataframe(
    frame: pd.DataFrame,
    *,
    root: str | os.PathLike[str] = ".",
    x_col: str = "path",
    y_col: str | Sequence[str] | None = "label",
    group_col: str | None = None,
    weight_col: str | None = None,
    mask_col: str | None = None,
    input_cols: Mapping[str, str] | None = None,
    boxes: Boxes | None = None,
    keypoints: Keypoints | None = None,
    class_names: Sequence[str] | None = None,
    split: Ratios | str | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Any,
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a table with one row a sample.

    Args:
        frame: The table; its index is not used.
        root: The folder that paths in the table are relative to.
        x_col: The column of paths.
        y_col: The column of class names; None for samples without classes. With
            ``label_mode="regression"``, the column of the numbers to predict, or a list of such
            columns.
        group_col: The column of group names: samples of one group stay in one part.
        weight_col: The column of sample weights.
        mask_col: The column of paths of masks; see ``mask_dir`` of ``from_directory``.
        input_cols: Name of a model's input to the column of paths of further images.
        boxes: The columns of bounding boxes and their format. Boxes are transformed with their
            images, and removed if less than a pixel of what training sees is left of them. The
            default ``label_mode`` is "boxes" then.
        keypoints: The column of keypoints and their format. Keypoints are transformed with their
            images. The default ``label_mode`` is "keypoints" then.
        class_names: Order of the classes. None: the names in the table, sorted.
        split: As in ``from_directory``, or the name of the column that holds each row's part.
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
    _check_names(options)
    mode = find_label_mode(options.get("label_mode", "categorical"))
    manifest = Manifest.from_frame(
        frame,
        root=root,
        x_col=x_col,
        **mode.frame_columns(y_col),
        group_col=group_col,
        weight_col=weight_col,
        mask_col=mask_col,
        input_cols=input_cols,
        boxes=boxes,
        keypoints=keypoints,
        split_col=split if isinstance(split, str) else None,
        class_names=class_names,
    )
    return _sequences(
        manifest, "given" if isinstance(split, str) else split, augment, seed, split_seed, options
    )


def from_files(
    files: Sequence[str | os.PathLike[str]],
    labels: Sequence[object] | Mapping[Any, object] | npt.NDArray[np.generic] | None = None,
    *,
    root: str | os.PathLike[str] = ".",
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
    split: Ratios | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Any,
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a list of files, or of IDs that ``loader=`` understands.

    Args:
        files: Paths relative to ``root``, or IDs.
        labels: One label a file, or a mapping from file to label. Integers are class indices,
            anything else a class name. None: no classes.
        root: The folder that the paths are relative to; ``""`` hands IDs to the loader as
            they are.
        class_names: The classes; position is index. None: see ``Manifest.from_files``.
        num_classes: With integer labels, how many classes there are. None: the largest + 1.
        split: As in ``from_directory``.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``; ``loader=numpy.load`` for arrays.

    Returns:
        As in ``from_directory``.

    Raises:
        ManifestError: A file without a label, labels of another length, or out of range.
        SplitError: See ``split``.
        OptionError: See ``ImageSequence``.
    """
    _check_names(options)
    manifest = Manifest.from_files(
        files, labels, root=root, class_names=class_names, num_classes=num_classes
    )
    return _sequences(manifest, split, augment, seed, split_seed, options)


def _sequences(
    manifest: Manifest,
    ratios: Ratios | Literal["given"] | None,
    augment: Augment | Mapping[str, Augment],
    seed: int | None,
    split_seed: int,
    options: dict[str, Any],
) -> ImageSequence | Splits[ImageSequence]:
    targets = [name for name in manifest.attached if name != "inputs"]
    if len(targets) > 1 and "label_mode" not in options:
        raise OptionError(
            f"The table has {' and '.join(targets)}, and targets can be one of them: pass "
            "label_mode=."
        )
    options = {"label_mode": default_label_mode(manifest), **options}
    if ratios is None:
        if isinstance(augment, Mapping):
            raise OptionError(
                f"augment names the parts {list(augment)}, but split=None makes no parts. Pass "
                "the augmentation itself, or a split."
            )
        return ImageSequence(manifest, augment=augment, seed=seed, **options)
    parts = split(manifest, None if ratios == "given" else ratios, seed=split_seed)
    if isinstance(augment, Mapping):
        by_part = {split_name(name): value for name, value in augment.items()}
    else:
        by_part = {} if augment is None else {"train": augment}
    unknown = sorted(set(by_part) - set(parts.names))
    if unknown:
        raise OptionError(
            f"augment is for the part {unknown[0]!r}, but the parts are {list(parts.names)}. Name "
            "the part to augment: augment={name: augmentation}."
        )
    for_train = sorted(set(options) & set(_TRAIN_ONLY))
    if for_train and "train" not in parts.names:
        raise OptionError(
            f"{', '.join(for_train)} is for the part 'train', but the parts are "
            f"{list(parts.names)}."
        )
    seed = check_seed(seed)
    return Splits(
        [
            ImageSequence(
                part,
                augment=by_part.get(name),
                seed=seed,
                **(options if name == "train" else {**options, **_TRAIN_ONLY}),
            )
            for name, part in parts.as_dict().items()
        ],
        parts.names,
    )


def _check_names(options: Mapping[str, object]) -> None:
    """Refuses a mistyped option before any file is looked at."""
    known = list(inspect.signature(ImageSequence).parameters)
    for name in options:
        check_choice("option", name, known)
