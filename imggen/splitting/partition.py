"""``split``, ``kfold`` and ``split_by_recipe``: one manifest to several."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_arguments, check_whole, number_strings, pluralize
from imggen.data import (
    Manifest,
    Source,
    Splits,
    as_manifest,
    scan_any,
    scan_splits,
    split_name,
    split_names,
)
from imggen.errors import SplitError
from imggen.splitting.assignment import assign
from imggen.splitting.oversampling import oversample
from imggen.splitting.ratios import DEFAULT_RATIOS, Counts, Ratios, Shares
from imggen.splitting.recipe import Recipe


@check_arguments
def split(
    manifest: Source,
    ratios: Ratios | None = DEFAULT_RATIOS,
    *,
    counts: Counts | None = None,
    seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
    stable: bool = False,
) -> Splits[Manifest]:
    """Splits a manifest into disjoint splits that together hold every sample.

    Samples keep the manifest's order. The same manifest, ratios and seed give the same splits on
    every machine. Train gets at least one sample of every class (a group goes there whole);
    where shares are rounded, val gets one next, then test. If no split is called "train", the first
    one takes its place. A stable split is the exception: it never moves a file because of others,
    and warns of a class that train lacks.

    Args:
        manifest: The samples: a manifest, a folder, or a table (.csv or .parquet). Those of one
            group stay in one split (see ``group_by`` and ``find_duplicates``), and so do rows of
            the same file.
        ratios: The share of each split, summing to 1: one, two or three numbers for train, val
            and test, or a mapping from split name to share. None: follow the manifest's own
            ``splits`` column, or the folders train, val and test. "training", "validation" and the
            like, in any case, mean "train", "val" and "test".
        counts: Instead of ratios, the number of samples of every class in val and test, such as
            (20, 20) or {"val": 20}; train gets the rest. With ``stratify=False``, of all classes
            together.
        seed: Random seed for the split.
        stratify: True: give every class the same shares; without groups, the number of samples of
            a class in a split is within one of its exact share. False: shares hold for the total,
            and a class is only missing in train if there are more classes than room.
            Or values to stratify by instead of classes: one per sample, shape (num_samples,), or
            for samples with several labels 0 and 1, shape (num_samples, num_labels).
        stable: Make the split of a sample depend only on its group (without groups, on its content
            hash: see ``hash_files``), the ratios and the seed, so that no sample ever moves when
            others are added. Shares then hold on average, and ``stratify`` is not used.

    Returns:
        One manifest per split, by position and by name, with ``splits`` set.

    Raises:
        SplitError: Ratios that are not positive or do not sum to 1, a class with too few samples
            for ``counts``, a split that would be empty since there are too few samples, groups, or
            samples besides those that train needs of each class; no ``splits`` column to follow,
            or neither groups nor hashes for a stable split.
        ScanError: See ``scan``.
        ManifestError: The table is missing or invalid.

    Warns:
        ImggenWarning: Classes with too few samples to appear in every split, or a split that
            deviates from its share since groups are kept whole or the split is stable.

    Example:
        >>> names = [f"{number}.jpg" for number in range(20)]
        >>> manifest = Manifest.from_files(names, ["cat", "dog"] * 10)
        >>> train, val = split(manifest, (0.8, 0.2), seed=7)
        >>> train.class_counts, val.class_counts
        ({'cat': 8, 'dog': 8}, {'cat': 2, 'dog': 2})
    """
    recipe = Recipe(ratios, counts=counts, seed=seed, stratify=stratify, stable=stable)
    scan_folder = scan_any if recipe.shares is not None else scan_splits
    return _split(as_manifest(manifest, scan_folder), recipe)


@check_arguments
def kfold(
    manifest: Source,
    num_folds: int,
    *,
    seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
) -> tuple[Splits[Manifest], ...]:
    """Splits a manifest into folds, each of them the validation split once.

    A class of two or more samples (or groups, where groups hold one class each) is in train of
    every fold. A class of one is validated in one fold, whose train lacks it, with a warning.

    Args:
        manifest: The samples, as in ``split``. Those of one group stay in one fold.
        num_folds: The number of folds, 2 or more.
        seed: Random seed for the split.
        stratify: As in ``split``.

    Returns:
        For each fold, ``train`` (all others) and ``val`` (this one).

    Raises:
        SplitError: Fewer than 2 folds, or more than there are samples or groups.

    Warns:
        ImggenWarning: A class that is in one fold only; and see ``split``.

    Example:
        >>> names = [f"{number}.jpg" for number in range(20)]
        >>> manifest = Manifest.from_files(names, ["cat", "dog"] * 10)
        >>> [(len(train), len(val)) for train, val in kfold(manifest, 5)]
        [(16, 4), (16, 4), (16, 4), (16, 4), (16, 4)]
    """
    recipe = Recipe(num_folds=num_folds, seed=seed, stratify=stratify)
    return _make_folds(as_manifest(manifest), recipe)


def split_by_recipe(manifest: Manifest, recipe: Recipe) -> Splits[Manifest]:
    """Splits a manifest by all options of a recipe but those that set groups.

    Args:
        manifest: The samples, with their groups.
        recipe: The options.

    Returns:
        The splits; those of folds are named "fold_0/train", "fold_0/val" and so on.

    Raises:
        SplitError: See ``split``, ``kfold`` and ``oversample``.
    """
    if recipe.num_folds is None:
        named = _split(manifest, recipe).as_dict()
    else:
        named = {
            f"fold_{number}/{name}": samples
            for number, fold in enumerate(_make_folds(manifest, recipe))
            for name, samples in fold.as_dict().items()
        }
    if recipe.oversample:
        for name, samples in named.items():
            if name.rpartition("/")[2] == "train":
                named[name] = oversample(samples, seed=recipe.seed)
    return Splits(named.values(), tuple(named))


def _split(manifest: Manifest, recipe: Recipe) -> Splits[Manifest]:
    shares = recipe.shares
    if shares is None:
        return _follow_manifest(manifest)
    if len(shares.names) > manifest.num_samples > 0:
        raise SplitError(
            f"The split {shares.names[-1]!r} would be empty: "
            f"{pluralize(manifest.num_samples, 'sample')} cannot "
            f"be split into {len(shares.names)} splits. Make fewer splits."
        )
    return _take_splits(manifest, assign(manifest, shares, recipe), shares.names)


def _make_folds(manifest: Manifest, recipe: Recipe) -> tuple[Splits[Manifest], ...]:
    num_folds = check_whole("num_folds", recipe.num_folds, 2, error=SplitError)
    if num_folds > manifest.num_samples > 0:
        raise SplitError(
            f"The split 'fold {num_folds - 1}' would be empty: "
            f"{pluralize(manifest.num_samples, 'sample')} cannot be split into "
            f"num_folds={num_folds}. Make fewer folds."
        )
    shares = Shares(
        tuple(f"fold {number}" for number in range(num_folds)),
        ratios=np.full(num_folds, 1 / num_folds),
    )
    fold_of = assign(manifest, shares, recipe)
    return tuple(
        _take_splits(manifest, (fold_of == fold).astype(np.int64), ("train", "val"))
        for fold in range(num_folds)
    )


def _follow_manifest(manifest: Manifest) -> Splits[Manifest]:
    if manifest.splits is None:
        raise SplitError(
            "ratios=None follows the manifest's own splits, and this manifest has none. Pass "
            "ratios, or build it with a split column or from train/val/test folders."
        )
    numbers, first_rows = number_strings(manifest.splits)
    given = list(manifest.splits.take(first_rows))
    names = split_names(given, "split column")
    split_of = np.array([names.index(split_name(name)) for name in given], np.int64)
    return _take_splits(manifest, split_of[numbers], names)


def _take_splits(
    manifest: Manifest, split_of: npt.NDArray[np.int64], names: Sequence[str]
) -> Splits[Manifest]:
    rows = [np.flatnonzero(split_of == number) for number in range(len(names))]
    return Splits(
        (
            dataclasses.replace(manifest.take(taken), splits=StringColumn.repeat(name, len(taken)))
            for taken, name in zip(rows, names, strict=True)
        ),
        names,
    )
