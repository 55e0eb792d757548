"""The function that makes the sequences of each fold of a cross-validation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Unpack

import numpy as np
import numpy.typing as npt

from imggen.augment import Augment
from imggen.core import check_arguments, check_whole
from imggen.data import (
    ClassNames,
    Labels,
    Manifest,
    Source,
    Splits,
    as_manifest,
    find_folds,
    has_folders,
    is_fold_name,
    is_store,
    keep_listings,
    list_names,
    load_table,
    scan,
    scan_splits,
)
from imggen.errors import OptionError, SplitError
from imggen.loading import choose_seed
from imggen.sequences.factories import make_split_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.option_names import check_factory_options
from imggen.sequences.options import SequenceOptions
from imggen.splitting import kfold, split
from imggen.stores import parse_address

_DEFAULT_NUM_FOLDS = 5


@check_arguments
def kfold_sequences(
    source: Source | ImageSequence,
    num_folds: int | None = None,
    *,
    labels: Labels = "inferred",
    class_names: ClassNames | None = None,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    split_seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
    **options: Unpack[SequenceOptions],
) -> Iterator[Splits[ImageSequence]]:
    """Yields the train and val sequences of each fold of a cross-validation.

    Each image is in val of one fold, and in train of all others. Folds are checked at the call; the
    sequences of a fold are made when it is its turn.

    Args:
        source: A folder of class folders; a manifest or a table (.csv or .parquet), whose groups
            stay whole (``group_by``); or folds that exist already: the folder that
            ``imggen split --kfold`` wrote, or a manifest with the splits "fold_0", "fold_1", ...,
            such as the table that ``imggen split --kfold K --manifest`` wrote. For masks, pass
            ``scan(DIR, mask_dir=...)``. For arrays, pass the sequence that ``from_arrays``
            returned; its image size, color mode and label mode are the defaults of ``options``.
        num_folds: The number of folds. None: of those that exist already, or 5.
        labels: As in ``from_directory``, for a folder.
        class_names: As in ``from_directory``, for a folder.
        augment: As in ``ImageSequence``, for train only. To augment val too, pass a mapping:
            ``{"train": a, "val": b}``.
        seed: Random seed for order and augmentation, the same in every fold. None: a new one.
        split_seed: Random seed for the folds, as in ``kfold``.
        stratify: As in ``kfold``.
        **options: The other options of ``ImageSequence``. ``shuffle``, ``repeats`` and
            ``drop_remainder`` apply to train; val is always complete and in order.

    Returns:
        An iterator of ``train, val``; also by name, as in ``fold.val``.

    Raises:
        ScanError: See ``scan``.
        SplitError: See ``kfold``; or ``num_folds`` is not the number of existing folds.
        OptionError: An option that does not apply to ``source``; and see ``ImageSequence``.

    Warns:
        ImggenWarning: See ``kfold``.

    Example:
        >>> folds = kfold_sequences(photos, 4, image_size=(32, 32), augment="light", seed=7)
        >>> [(train.samples, val.samples) for train, val in folds]
        [(12, 4), (12, 4), (12, 4), (12, 4)]
    """
    check_factory_options(kfold_sequences, options)
    split_seed = check_whole("split_seed", split_seed, 0)
    manifest: Manifest | None = None
    if isinstance(source, ImageSequence):
        options = {**_array_options(source), **options}
        source = source.manifest
    else:
        source = load_table(source)
    if isinstance(source, Manifest):
        if labels is not None and class_names is None:
            folds = _read_table_folds(source)
            manifest = source
        else:
            raise OptionError(
                "labels= and class_names= are for folders, and source is a manifest. Pass them to "
                "the function that makes it."
            )
    else:
        folds = _read_folder_folds(source, labels, class_names)
        if not folds:
            scan_folder = partial(scan, labels=labels, class_names=class_names)
            manifest = as_manifest(source, scan_folder)
    if manifest is not None and not folds:
        number = _DEFAULT_NUM_FOLDS if num_folds is None else num_folds
        folds = list(kfold(manifest, number, seed=split_seed, stratify=stratify))
    elif num_folds not in (None, len(folds)):
        raise SplitError(
            f"num_folds={num_folds}, and source has {len(folds)} folds already. Leave out "
            "num_folds, or pass the images that the folds were made from."
        )
    elif split_seed != 0 or stratify is not True:
        raise OptionError(
            "split_seed= and stratify= make folds, and source has folds already. Leave them out, "
            "or pass the images that the folds were made from."
        )
    seed = choose_seed(seed, options.get("shard"))

    def make(fold: Splits[Manifest]) -> Splits[ImageSequence]:
        return make_split_sequences(fold, augment, seed, options)

    return _iterate(make(folds[0]), map(make, folds[1:]))


def _array_options(sequence: ImageSequence) -> SequenceOptions:
    """Returns the options that make the images of a sequence of arrays."""
    source = sequence._source
    if source.arrays is None or source.spec is None:
        raise OptionError(
            "source is a sequence of files; expected a folder, a manifest or a sequence of "
            "from_arrays. Pass its manifest, as sequence.manifest."
        )
    return {
        "loader": source.arrays,
        "image_size": source.spec.image_size,
        "color_mode": source.spec.color_mode,
        "label_mode": sequence.batch_maker.label_mode,
    }


def _iterate(
    first: Splits[ImageSequence] | None, others: Iterator[Splits[ImageSequence]]
) -> Iterator[Splits[ImageSequence]]:
    """Yields all folds, and keeps none of them."""
    if first is not None:
        yield first
    first = None
    yield from others


@keep_listings()
def _read_folder_folds(
    source: str | os.PathLike[str], labels: Labels, class_names: ClassNames | None
) -> list[Splits[Manifest]]:
    """Reads the folds of a folder; none if it holds something else."""
    root = parse_address(source)
    is_folder = os.path.isdir(root) or is_store(root)
    names = find_folds(root, list_names(root)) if is_folder else []
    folds = []
    for name in names:
        folder = os.path.join(root, name)
        # Folds of images without classes.
        is_flat = class_names is None and not any(
            has_folders(os.path.join(folder, split_folder)) for split_folder in list_names(folder)
        )
        manifest = scan_splits(folder, labels=None if is_flat else labels, class_names=class_names)
        folds.append(split(manifest, None))
    return folds


def _read_table_folds(manifest: Manifest) -> list[Splits[Manifest]]:
    """Reads the folds of a manifest that names the fold in which each sample is validated."""
    if manifest.splits is None or not all(map(is_fold_name, set(manifest.splits))):
        return []
    folds = split(manifest, None)
    found = []
    for name in folds.names:
        is_val = np.array([split_of == name for split_of in manifest.splits])
        found.append(
            Splits(
                (manifest.take(np.flatnonzero(rows)) for rows in (~is_val, is_val)),
                ("train", "val"),
            )
        )
    return found
