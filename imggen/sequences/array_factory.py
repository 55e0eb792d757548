"""The function that makes sequences from arrays in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from imggen.augment import Augment
from imggen.core import StringColumn, check_arguments, shorten
from imggen.data import DEFAULT_SEPARATOR, Manifest, Splits, TargetColumn, to_array, to_names
from imggen.errors import ManifestError, OptionError
from imggen.loading import ArrayImages, default_label_mode, find_label_mode
from imggen.sequences.factories import make_recipe, make_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.option_names import check_factory_options
from imggen.sequences.options import SequenceOptions
from imggen.sequences.target_columns import (
    OutputClassNames,
    Targets,
    read_listed_targets,
    unwrap_single,
)
from imggen.splitting import Ratios

# Arrays are read under these names, and not from files.
_OPTIONS_OF_FILES = ("loader", "exif_orientation")


@check_arguments
def from_arrays(
    x: Any,
    y: Any = None,
    *,
    masks: Any = None,
    inputs: Mapping[str, Any] | None = None,
    sample_weight: Any = None,
    groups: Iterable[object] | None = None,
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
    """Makes sequences from images that are in memory already.

    The batches are those of ``from_directory`` for PNG files of the same pixels. Arrays are not
    copied, unless they are converted to uint8; worker processes get a copy each.

    Args:
        x: Images with values 0 to 255: shape (n, height, width) or (n, height, width, channels)
            with 1, 3 or 4 channels, an array or tensor of any dtype that holds whole numbers; or a
            list of such images of different sizes, without the first axis.
        y: The targets: class indices or class names, shape (n,) or (n, 1), or one-hot rows, shape
            (n, classes). With ``label_mode="regression"`` or "multi_label", see ``labels`` of
            ``from_files``. None: no targets besides ``masks``.
        masks: The class of each pixel, shape (n, height, width) or (n, height, width, 1); with
            ``mask_values=`` of colors, (n, height, width, 3). The default ``label_mode`` is "mask"
            then; see ``from_directory``.
        inputs: A mapping from model input to what the model gets beside the images: numbers, shape
            (n,) or (n, k), or further images of the same form and size as ``x``. ``x`` of batches
            is a dictionary then, with the images as "image".
        sample_weight: The weight of each sample, shape (n,); with ``targets``, for all outputs, or
            a mapping from output to weights, where others have the weight 1. None: no weights.
        groups: The group of each sample, such as a patient; its samples stay in one split.
        targets: As in ``from_files``; ``y`` is a mapping from output to its targets then. An
            output of masks has those of ``masks=``.
        class_names: As in ``from_files``.
        num_classes: As in ``from_files``.
        label_separator: As in ``from_files``.
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
    arrays = {name: _as_input(name, values) for name, values in (inputs or {}).items()}
    further = {name: values for name, values in arrays.items() if _is_images(values)}
    images = ArrayImages.parse(x, masks, further)
    paths = images.image_names
    if isinstance(y, Mapping) and targets is None:
        raise OptionError(
            f"y maps the outputs {shorten(list(y))} to their targets, which needs the label mode "
            'of each. Pass targets=, such as {"kind": "categorical", "age": "regression"}.'
        )
    if isinstance(y, Mapping):
        y = {name: _one_column(values) for name, values in y.items()}
    elif targets is None:
        is_class = find_label_mode(options.get("label_mode", "categorical")).kind == "classes"
        y = None if y is None else _decode_one_hot(y) if is_class else _one_column(y)
    columns, options = read_listed_targets(
        paths,
        {} if y is None and masks is not None and targets is not None else y,
        targets,
        class_names,
        num_classes,
        label_separator,
        options,
        argument="y",
    )
    if targets is not None and len(targets) == 1:
        sample_weight = unwrap_single(next(iter(targets)), sample_weight)
    if isinstance(sample_weight, Mapping):
        columns = _weigh_outputs(columns, sample_weight, len(paths))
        sample_weight = None
    mask_names = images.mask_names
    try:
        manifest = Manifest.from_files(paths, root="", **columns)
    except ManifestError as err:
        raise ManifestError(f"y: {err}") from err
    manifest = dataclasses.replace(
        manifest,
        masks=None if mask_names is None else StringColumn.of(mask_names),
        inputs={name: StringColumn.of(images.further_names(name)) for name in further},
        numbers={
            name: _numbers(name, one, len(paths))
            for name, one in arrays.items()
            if name not in further
        },
        weights=None
        if sample_weight is None
        else _parse_weights(sample_weight, "sample_weight", len(paths)),
        groups=None if groups is None else StringColumn.of(to_names(groups, "groups")),
    )
    image_size = options.get("image_size")
    options = {
        "label_mode": default_label_mode(manifest),
        "color_mode": images.color_mode,
        **options,
        "image_size": images.size if image_size is None else image_size,
        "loader": images,
    }
    recipe = None if split is None else make_recipe(split, split_seed)
    return make_sequences(manifest, recipe, augment, seed, options)


def _weigh_outputs(
    columns: dict[str, Any], sample_weight: Mapping[str, Any], num_samples: int
) -> dict[str, Any]:
    """Adds the weights of each output."""
    outputs = dict(columns.get("outputs", {}))
    unknown = sorted(set(map(str, sample_weight)) - set(outputs))
    if unknown or not outputs:
        known = f"those of targets= are {shorten(list(outputs))}" if outputs else "there are none"
        raise OptionError(
            f"sample_weight is for the outputs {shorten(list(sample_weight))}, and {known}. Pass "
            "weights by the names of outputs, or an array."
        )
    for name, values in sample_weight.items():
        weights = _parse_weights(values, f"sample_weight[{name!r}]", num_samples)
        outputs[name] = dataclasses.replace(outputs[name], weights=weights)
    return {**columns, "outputs": outputs}


def _parse_weights(values: Any, name: str, num_samples: int) -> npt.NDArray[Any]:
    weights = to_array(values, name)
    if weights.shape != (num_samples,) or weights.dtype.kind not in "buif":
        raise ManifestError(
            f"{name} has shape {weights.shape} and the dtype {weights.dtype}; expected numbers of "
            f"shape ({num_samples},), one per sample."
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0])
        raise ManifestError(
            f"{name} is {weights[row]} in row {row}; expected finite numbers of 0 or more."
        )
    return weights


def _as_input(name: str, values: Any) -> Any:
    """Returns images as they are given, and numbers as an array."""
    is_list_of_images = isinstance(values, list | tuple) and any(np.ndim(one) > 1 for one in values)
    return values if is_list_of_images else to_array(values, f"inputs[{name!r}]", OptionError)


def _is_images(values: Any) -> bool:
    return isinstance(values, list | tuple) or values.ndim > 2


def _numbers(name: str, values: npt.NDArray[Any], num_samples: int) -> TargetColumn:
    """Returns the numbers of an input."""
    if values.ndim not in (1, 2) or values.dtype.kind not in "buif":
        raise OptionError(
            f"inputs[{name!r}] has shape {values.shape} and the dtype {values.dtype}; expected "
            "numbers of shape (n,) or (n, k), or images."
        )
    if len(values) != num_samples:
        raise ManifestError(
            f"inputs[{name!r}] has {len(values)} rows and x has {num_samples}; expected one per "
            "sample."
        )
    rows = values.reshape(len(values), -1)
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(rows.astype(np.float32)).all(axis=1)
    if not is_finite.all():
        row = int(np.flatnonzero(~is_finite)[0])
        raise ManifestError(
            f"inputs[{name!r}] is {shorten(rows[row].tolist())} in row {row}; expected finite "
            "numbers. Fix or drop that row."
        )
    return TargetColumn(rows, tuple(map(str, range(rows.shape[1]))), is_single=False)


def _one_column(values: Any) -> Any:
    """Returns rows of one value as values."""
    shape = _shape(values)
    return to_array(values, "y")[:, 0] if len(shape) == 2 and shape[1] == 1 else values


def _shape(values: Any) -> tuple[int, ...]:
    """Returns the shape of values; (n,) for n lists of different lengths."""
    try:
        return np.shape(values)
    except ValueError:
        return (len(values),)


def _decode_one_hot(y: Any) -> Any:
    """Returns one label per sample, of class indices, names or one-hot rows."""
    shape = _shape(y)
    if len(shape) != 2 or shape[1] == 1:
        return _one_column(y)
    rows = to_array(y, "y")
    is_one_hot = rows.dtype.kind in "buif" and np.isin(rows, (0, 1)).all()
    if not is_one_hot or not (rows.sum(axis=1) == 1).all():
        raise ManifestError(
            f"y has shape {shape} and is not one-hot: expected one class per sample, as an index, "
            'a name or a row with a single 1. For numbers, pass label_mode="regression"; for '
            'several classes per sample, "multi_label".'
        )
    return rows.argmax(axis=1)
