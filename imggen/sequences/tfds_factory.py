"""The function that makes sequences from data sources of TensorFlow Datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Unpack, final

import numpy as np

from imggen.augment import Augment
from imggen.core import StringColumn, check_arguments, check_choice, import_library, shorten
from imggen.data import ClassNames, Manifest, Splits, replace_class_indices, split_names
from imggen.errors import OptionError, OptionTypeError
from imggen.loading import RowImages, name_row
from imggen.sequences.dataset_arguments import check_dataset_options, choose_recipe
from imggen.sequences.factories import make_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.options import SequenceOptions
from imggen.sequences.target_columns import read_listed_targets
from imggen.splitting import Ratios

# The first version with data sources of random access for all datasets.
_OLDEST = "4.9.3"
# The kinds of features that targets are read from.
_LABELS = ("ClassLabel", "Text", "Scalar", "Tensor")


@check_arguments
def from_tfds(
    data_source: Any,
    image: str = "image",
    label: str | None = "label",
    *,
    class_names: ClassNames | None = None,
    split: Ratios | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from TensorFlow Datasets; images are decoded when they are needed.

    The batches are those of ``from_directory`` for the files that the dataset was made of. Labels
    are read once, in a pass over all records. Sequences need no TensorFlow.

    Args:
        data_source: What ``tfds.data_source(name, split="train")`` returns; or that of
            ``tfds.data_source(name)``, which gives one sequence per split.
        image: The feature of images, of 8 or 16 bits.
        label: The feature of classes: a ``ClassLabel``, whose names and order are kept, text, or
            integers, which are class indices. Sequences of these, as for
            ``label_mode="multi_label"``, and floats, as for "regression", decide the default
            ``label_mode``. None: images without classes.
        class_names: As in ``from_files``. None: those of the ``ClassLabel``, if it is one.
        split: As in ``from_directory``, for a single split.
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        split_seed: As in ``from_directory``.
        **options: As in ``from_directory``, without ``loader``.

    Returns:
        As in ``from_directory``. Samples are named "image[0]", "image[1]", ... in tables and
        messages.

    Raises:
        OptionError: A feature that does not exist or holds something else, or ``split`` for
            several splits; see ``ImageSequence``.
        ManifestError: A label that is missing or of another kind.
        SplitError: See ``split``.
        MissingExtraError: The package ``tensorflow-datasets`` is not installed, or too old.

    Example:
        >>> import tensorflow_datasets as tfds                            # doctest: +SKIP
        >>> train = from_tfds(tfds.data_source("mnist", split="train"))   # doctest: +SKIP
    """
    check_dataset_options(from_tfds, options, "records")
    sources = _find_sources(data_source)
    recipe = choose_recipe(split, split_seed, sources, argument="data_source", noun="data source")
    if options.get("label_mode", "categorical") in (None, "input"):
        label = _drop_unused(label, next(iter(sources.values())).dataset_info.features)
    names: list[str] = []
    labels: list[Any] = []
    splits: list[str] = []
    columns = {}
    for of_split, source in sources.items():
        prefix = image if of_split is None else f"{of_split} {image}"
        column = columns[prefix] = _RecordColumn(source, image)
        names += [name_row(prefix, row, None) for row in range(len(column))]
        splits += [str(of_split)] * len(column)
        if label is not None:
            labels += column.read_labels(label)
    if label is not None:
        feature = next(iter(sources.values())).dataset_info.features[label]
        class_names = getattr(_leaf(feature), "names", None) if class_names is None else class_names
        if "label_mode" not in options and (mode := _choose_label_mode(feature)) is not None:
            options = {**options, "label_mode": mode}  # type: ignore[typeddict-item]
    arguments, options = read_listed_targets(
        names,
        None if label is None else labels,
        None,
        class_names,
        None,
        ";",
        options,
        argument="label",
    )
    manifest = Manifest.from_files(names, root="", **arguments)
    if None not in sources:
        manifest = dataclasses.replace(manifest, splits=StringColumn.of(splits))
    return make_sequences(
        manifest, recipe, augment, seed, {**options, "loader": RowImages(columns)}
    )


@final
class _RecordColumn:
    """The images of a data source, as they are encoded: a function from row to the bytes."""

    def __init__(self, source: Any, image: str) -> None:
        from tensorflow_datasets import decode, features

        known = source.dataset_info.features
        check_choice("image", image, list(known))
        feature = known[image]
        dtype = np.dtype(getattr(feature, "np_dtype", object))
        if not isinstance(feature, features.Image) or dtype not in (np.uint8, np.uint16):
            raise OptionError(
                f"image={shorten(image)} is a feature of {feature}; expected images of 8 or 16 "
                "bits."
            )
        self._source = dataclasses.replace(source, decoders={image: decode.SkipDecoding()})
        self._image = image

    def __len__(self) -> int:
        return len(self._source)

    def __call__(self, row: int) -> bytes:
        encoded: bytes = self._source[row][self._image]
        return encoded

    def read_labels(self, name: str) -> list[Any]:
        """Reads a feature of all records, with class names in place of class indices."""
        known = self._source.dataset_info.features
        check_choice("label", name, list(known))
        leaf = _leaf(known[name])
        if type(leaf).__name__ not in _LABELS:
            raise OptionError(
                f"label={shorten(name)} is a feature of {known[name]}; expected classes or numbers."
            )
        names = getattr(leaf, "names", None)
        values = [np.asarray(self._source[row][name]).tolist() for row in range(len(self))]
        if names is None:
            return [_decode(value) for value in values]
        return [
            replace_class_indices(value, names, f"feature {name!r}", row)
            for row, value in enumerate(values)
        ]


def _find_sources(data_source: Any) -> dict[str | None, Any]:
    """Returns the data sources by split; a single one is that of None."""
    import_library(
        "tensorflow_datasets", _OLDEST, "from_tfds()", extra="tfds", package="tensorflow-datasets"
    )
    sources = data_source if isinstance(data_source, dict) else {None: data_source}
    for source in sources.values() or [None]:
        if not hasattr(source, "dataset_info") or not dataclasses.is_dataclass(source):
            raise OptionTypeError(
                f"data_source={shorten(data_source)} is of type {type(data_source).__name__}; "
                "expected a data source with random access. Pass tfds.data_source(NAME, "
                "split=...), or builder.as_data_source(split=...)."
            )
    if None not in sources:
        split_names(map(str, sources), "data source")
    return dict(sources)


def _leaf(feature: Any) -> Any:
    """Returns the feature inside of sequences."""
    while hasattr(feature, "feature"):
        feature = feature.feature
    return feature


def _drop_unused(label: str | None, features: Any) -> str | None:
    """Replaces a label that is not needed by None, unless it gives the names of the classes."""
    if label in features:
        return label if _choose_label_mode(features[label]) is None else None
    return None if label == "label" else label


def _choose_label_mode(feature: Any) -> str | None:
    is_float = np.dtype(getattr(_leaf(feature), "np_dtype", object)).kind == "f"
    if is_float:
        return "regression"
    return "multi_label" if hasattr(feature, "feature") else None


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value
