"""``split`` and ``kfold``: one manifest to several."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_seed, check_whole
from imggen.data import Manifest, Splits, split_name, split_names
from imggen.errors import SplitError
from imggen.splitting.assignment import assign
from imggen.splitting.ratios import DEFAULT_RATIOS, Counts, Ratios, Shares, shares_of


def split(
    manifest: Manifest,
    ratios: Ratios | None = DEFAULT_RATIOS,
    *,
    counts: Counts | None = None,
    seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
    stable: bool = False,
) -> Splits[Manifest]:
    """Splits a manifest into disjoint parts that together hold every sample.

    Within each part samples keep the manifest's order. The same manifest, ratios and seed give
    the same parts on every machine.

    Args:
        manifest: What to split. Samples of one group stay in one part (see ``group_by`` and
            ``find_duplicates``), and so do rows that name the same file.
        ratios: The share of each part, summing to 1: one, two or three numbers for train, val
            and test, or a mapping from part name to share. None: the parts that the manifest's
            own ``splits`` column names. "training", "validation" and the like, in any case, are
            taken for "train", "val" and "test".
        counts: In place of ratios, how many samples of every class val and test get, as (20, 20)
            or {"val": 20}; train takes what is left. With ``stratify=False``, of all together.
        seed: Decides who goes where.
        stratify: Give every class the same shares: without groups, the number of samples of a
            class in a part is within one of its exact share. False: shares hold for the total.
            Or what to go by in place of classes: one value a sample, shape (num_samples,); for
            samples with several labels 0 and 1, shape (num_samples, num_labels).
        stable: Let the part of a sample depend on its group (without groups, on its content hash:
            see ``hash_files``), the ratios and the seed alone, so that no sample ever moves when
            others are added. Shares then hold on average, and ``stratify`` is not used.

    Returns:
        One manifest a part, by position and by name, with ``splits`` set.

    Raises:
        SplitError: Ratios that are not positive or do not sum to 1, a class with too few samples
            for ``counts``, a part that would be empty, no ``splits`` column to go by, or nothing
            that a stable split could go by.

    Warns:
        ImggenWarning: Classes with too few samples to appear in every part, or a part that is off
            its share since groups are kept whole or the split is stable.

    Example:
        >>> from imggen.core.string_column import StringColumn
        >>> manifest = Manifest(".", StringColumn.of(f"{i}.jpg" for i in range(20)),
        ...                     np.arange(20) % 2, ("cat", "dog"))
        >>> train, val = split(manifest, (0.8, 0.2), seed=7)
        >>> train.class_counts, val.class_counts
        ({'cat': 8, 'dog': 8}, {'cat': 2, 'dog': 2})
    """
    if ratios is None and counts is None:
        if stable:
            raise SplitError(
                "stable=True goes by ratios, and ratios=None by the manifest's splits."
            )
        return _split_as_given(manifest)
    shares = shares_of(ratios, counts)
    part_of = assign(manifest, shares, check_seed(seed), stratify, stable)
    return _parts(manifest, part_of, shares.names)


def kfold(
    manifest: Manifest,
    num_folds: int,
    *,
    seed: int = 0,
    stratify: bool | npt.ArrayLike = True,
) -> tuple[Splits[Manifest], ...]:
    """Splits a manifest into folds, each of them the validation part once.

    Args:
        manifest: What to split. Samples of one group stay in one fold.
        num_folds: The number of folds, 2 or more.
        seed: Decides who goes where.
        stratify: As in ``split``.

    Returns:
        For each fold, ``train`` (all others) and ``val`` (this one).

    Raises:
        SplitError: Fewer than 2 folds, or more than there are samples or groups.

    Warns:
        ImggenWarning: As ``split``.

    Example:
        >>> from imggen.core.string_column import StringColumn
        >>> manifest = Manifest(".", StringColumn.of(f"{i}.jpg" for i in range(20)),
        ...                     np.arange(20) % 2, ("cat", "dog"))
        >>> [(len(train), len(val)) for train, val in kfold(manifest, 5)]
        [(16, 4), (16, 4), (16, 4), (16, 4), (16, 4)]
    """
    num_folds = check_whole("num_folds", num_folds, 2, error=SplitError)
    shares = Shares(
        tuple(f"fold {number}" for number in range(num_folds)),
        ratios=np.full(num_folds, 1 / num_folds),
    )
    fold_of = assign(manifest, shares, check_seed(seed), stratify, stable=False)
    return tuple(
        _parts(manifest, (fold_of == fold).astype(np.int64), ("train", "val"))
        for fold in range(num_folds)
    )


def _split_as_given(manifest: Manifest) -> Splits[Manifest]:
    if manifest.splits is None:
        raise SplitError(
            "ratios=None goes by the manifest's own splits, and this manifest has none. Pass "
            "ratios, or build it with a split column or from train/val/test folders."
        )
    names = split_names(manifest.splits, "column of parts")
    number_of = {name: number for number, name in enumerate(names)}
    part_of = np.array([number_of[split_name(name)] for name in manifest.splits], np.int64)
    return _parts(manifest, part_of, names)


def _parts(
    manifest: Manifest, part_of: npt.NDArray[np.int64], names: Sequence[str]
) -> Splits[Manifest]:
    rows = [np.flatnonzero(part_of == part) for part in range(len(names))]
    return Splits(
        (
            dataclasses.replace(manifest.take(taken), splits=StringColumn.of([name] * len(taken)))
            for taken, name in zip(rows, names, strict=True)
        ),
        names,
    )
