"""The function that makes sequences from arrays in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from imggen.augment import Augment
from imggen.core import StringColumn, check_arguments, shorten
from imggen.data import ClassNames, Manifest, Splits, TargetColumn, to_array, to_names
from imggen.errors import ManifestError, OptionError
from imggen.loading import ArrayImages, default_label_mode, find_label_mode
from imggen.sequences.factories import check_factory_options, make_recipe, make_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.options import SequenceOptions
from imggen.splitting import Ratios

# Arrays are read under these names, and not from files.
_OPTIONS_OF_FILES = ("loader", "exif_orientation")


@check_arguments
def from_arrays(
    x: Any,
    y: Any = None,
    *,
    masks: Any = None,
    sample_weight: Any = None,
    groups: Iterable[object] | None = None,
    class_names: ClassNames | None = None,
    num_classes: int | None = None,
    split: Ratios | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from images that are in memory already.

    The batches are those of ``from_directory`` for PNG files of the same pixels. Arrays are not
    copied, unless they are converted to uint8; worker processes get a copy each.

    Args:
        x: Images with values 0 to 255: shape (n, height, width) or (n, height, width, channels)
            with 1, 3 or 4 channels, an array or tensor of any dtype that holds whole numbers; or a
            list of such images of different sizes, without the first axis.
        y: The targets: class indices or class names, shape (n,) or (n, 1), or one-hot rows, shape
            (n, classes); with ``label_mode="regression"``, numbers of shape (n,) or (n, k). None:
            no targets besides ``masks``.
        masks: The class of each pixel, shape (n, height, width) or (n, height, width, 1); with
            ``mask_values=`` of colors, (n, height, width, 3). The default ``label_mode`` is "mask"
            then; see ``from_directory``.
        sample_weight: The weight of each sample, shape (n,). None: no weights.
        groups: The group of each sample, such as a patient; its samples stay in one split.
        class_names: As in ``from_files``.
        num_classes: As in ``from_files``.
        split: As in ``from_directory``.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``. ``image_size=None`` keeps the size of the arrays, and
            the default of ``color_mode`` is the one with as many channels as ``x``. ``cache=`` is
            useful where arrays are resized, and "ram" then.

    Returns:
        As in ``from_directory``. Samples are named "x[0]", "x[1]", ... in tables and messages.

    Raises:
        OptionError: ``x`` or ``masks`` has another shape or other values; see ``ImageSequence``.
        ManifestError: ``y``, ``sample_weight`` or ``groups`` does not fit ``x``.
        SplitError: See ``split``.

    Example:
        >>> x = np.zeros((10, 28, 28), np.uint8)
        >>> train, val = from_arrays(x, [0, 1] * 5, split={"train": 0.8, "val": 0.2}, seed=7)
        >>> images, labels = train[0]
        >>> images.shape, labels.shape
        ((8, 28, 28, 1), (8, 2))
    """
    check_factory_options(from_arrays, options)
    for name in _OPTIONS_OF_FILES:
        if name in options:
            raise OptionError(f"{name}= is for files, and from_arrays reads none. Omit it.")
    images = ArrayImages.parse(x, masks)
    paths = images.image_names
    mode = find_label_mode(options.get("label_mode", "categorical"))
    if y is not None and mode.name == "regression":
        manifest = Manifest("", StringColumn.of(paths), targets=_numbers(y, len(paths)))
    else:
        labels = None if y is None else _labels(y, len(paths))
        manifest = Manifest.from_files(
            paths, labels, root="", class_names=class_names, num_classes=num_classes
        )
    mask_names = images.mask_names
    manifest = dataclasses.replace(
        manifest,
        masks=None if mask_names is None else StringColumn.of(mask_names),
        weights=None if sample_weight is None else to_array(sample_weight, "sample_weight"),
        groups=None if groups is None else StringColumn.of(to_names(groups, "groups")),
    )
    options = {
        "label_mode": default_label_mode(manifest),
        "color_mode": images.color_mode,
        **options,
        "image_size": options.get("image_size") or images.size,
        "loader": images,
    }
    recipe = None if split is None else make_recipe(split, split_seed)
    return make_sequences(manifest, recipe, augment, seed, options)


def _labels(y: Any, num_samples: int) -> Any:
    """Returns one label per sample, of class indices, names or one-hot rows."""
    shape = np.shape(y)
    if len(shape) != 2:
        return y
    rows = to_array(y, "y")
    _check_length(rows, num_samples)
    if shape[1] == 1:
        return rows[:, 0]
    is_one_hot = rows.dtype.kind in "buif" and np.isin(rows, (0, 1)).all()
    if not is_one_hot or not (rows.sum(axis=1) == 1).all():
        raise ManifestError(
            f"y has shape {shape} and is not one-hot: expected one class per sample, as an index, "
            'a name or a row with a single 1. For numbers, pass label_mode="regression".'
        )
    return rows.argmax(axis=1)


def _numbers(y: Any, num_samples: int) -> TargetColumn:
    """Returns the targets of regression."""
    rows = to_array(y, "y")
    _check_length(rows, num_samples)
    if rows.ndim not in (1, 2) or rows.dtype.kind not in "uif":
        raise ManifestError(
            f"y has shape {rows.shape} and the dtype {rows.dtype}; regression needs numbers of "
            "shape (n,) or (n, k)."
        )
    if rows.ndim == 1:
        return TargetColumn(rows[:, np.newaxis], ("y",), is_single=True)
    return TargetColumn(rows, tuple(f"y{index}" for index in range(rows.shape[1])), is_single=False)


def _check_length(rows: npt.NDArray[Any], num_samples: int) -> None:
    if rows.ndim == 0 or len(rows) != num_samples:
        raise ManifestError(
            f"y has shape {shorten(rows.shape)} and x has {num_samples} images; expected one "
            "target for each image."
        )
