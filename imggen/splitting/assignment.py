"""The split of each sample: random per class, by units that stay whole, or by hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, check_seed, generator, pluralize
from imggen.data import Manifest, align_rows, reject_missing, to_array, to_values
from imggen.errors import SplitError
from imggen.splitting.grouping import number_units
from imggen.splitting.presence import keep_classes_in_train
from imggen.splitting.ratios import Shares, round_quotas
from imggen.splitting.recipe import Recipe
from imggen.splitting.split_warnings import warn_of_counts, warn_of_missing_classes, warn_of_shares
from imggen.splitting.stable import assign_stable
from imggen.splitting.stratification import assign_units

# So many values of stratify may be rare; more are those of a continuous column.
_MAX_SMALL_STRATA = 20


def assign(manifest: Manifest, shares: Shares, recipe: Recipe) -> npt.NDArray[np.int64]:
    """Assigns every sample to a split, and warns of deviations from the request.

    Args:
        manifest: The samples.
        shares: The requested sizes.
        recipe: Seed, strata, whether the split is stable, and whether the splits are folds.

    Returns:
        The split of each sample, shape (num_samples,).
    """
    seed = check_seed(recipe.seed)
    if manifest.num_samples == 0:
        raise SplitError("The manifest is empty; expected at least one sample to split.")
    strata, values = _resolve_strata(manifest, recipe.stratify)
    if values is not None:
        _check_strata(strata, len(shares.names))
    together = number_units(manifest)
    if recipe.stable:
        split_of = _assign_stably(manifest, shares, together, seed)
    else:
        if shares.ratios is None:
            _check_counts(manifest, shares, strata)
        priority = shares.priority if recipe.num_folds is None else ()
        if strata.ndim == 1 and together is None:
            split_of = _assign_samples(strata, shares, priority, seed)
        else:
            split_of = _assign_units(strata, together, shares, priority, seed)
        own = manifest.strata
        # With strata of another kind, classes come first and only where sizes allow it.
        others = [own] if own is not None and recipe.stratify is not True else []
        for classes in [*others, strata]:
            split_of = keep_classes_in_train(
                np.arange(manifest.num_samples) if together is None else together,
                classes,
                split_of,
                len(shares.names),
                generator(seed, Stream.SPLIT, epoch=1),
                train=priority[0] if priority else None,
                is_required=classes is strata,
            )
    got = np.bincount(split_of, minlength=len(shares.names))
    if recipe.stable or together is not None:
        if shares.ratios is None:
            warn_of_counts(manifest, split_of, shares, strata)
        else:
            warn_of_shares(got, shares, stable=recipe.stable)
    if not got.all():
        raise SplitError(
            f"The split {shares.names[int(np.argmin(got))]!r} would be empty: "
            f"{pluralize(manifest.num_samples, 'sample')} cannot be split {shares}"
            + _explain_empty(shares, recipe, strata, together is not None)
        )
    if strata is manifest.labels:
        warn_of_missing_classes(
            manifest.class_names, strata, split_of, shares, recipe, noun="class"
        )
    elif values is not None:
        warn_of_missing_classes(values, strata, split_of, shares, recipe, noun="value of stratify")
    return split_of


def _explain_empty(
    shares: Shares, recipe: Recipe, strata: npt.NDArray[Any], is_grouped: bool
) -> str:
    """Returns the reason for an empty split and a way out, as the end of a message."""
    if is_grouped and not recipe.stable:
        return " without breaking a group. Give it a larger share, or make fewer splits."
    num_strata = len(np.unique(strata)) if strata.ndim == 1 else 1
    if num_strata == 1 or recipe.stable or recipe.num_folds is not None:
        return ". Give it a larger share, or make fewer splits."
    return (
        f", since {shares.names[shares.priority[0]]!r} needs a sample of each of {num_strata} "
        "classes. Add samples, make fewer splits, or ignore the classes (stratify=False)."
    )


def _resolve_strata(
    manifest: Manifest, stratify: bool | npt.ArrayLike
) -> tuple[npt.NDArray[Any], Sequence[str] | None]:
    """Returns strata, and the value of each as text if they are those of ``stratify``.

    Strata are integers, shape (n,), or for several labels bool, shape (n, num_labels).
    """
    own = manifest.strata if stratify is True else None
    if own is not None:
        return own, None
    if isinstance(stratify, bool | np.bool_):
        return np.zeros(manifest.num_samples, dtype=np.int32), None
    stratify = align_rows(stratify, "stratify", manifest.paths, SplitError)
    values = to_array(stratify, "stratify", SplitError)
    try:
        if values.ndim == 1:
            reject_missing(to_values(values, "stratify", SplitError), "stratify", SplitError)
            distinct, values = np.unique(values, return_inverse=True)
    except SplitError:
        raise
    except (TypeError, ValueError) as err:
        raise SplitError(
            f"stratify holds values that cannot be compared, or rows of different lengths: {err} "
            "Pass one value per sample, none missing, or 0 and 1 for each of several labels."
        ) from err
    if values.ndim not in (1, 2) or len(values) != manifest.num_samples:
        raise SplitError(
            f"stratify has shape {values.shape}; expected one value per sample, "
            f"({manifest.num_samples},), or 0 and 1 for several labels, "
            f"({manifest.num_samples}, num_labels)."
        )
    if values.ndim == 1:
        return values, list(map(str, distinct.tolist()))
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise SplitError(
            "stratify has two dimensions and holds values other than 0 and 1; expected 0 and 1 for "
            "each label."
        )
    return values.astype(bool), None


def _check_strata(strata: npt.NDArray[np.integer], num_splits: int) -> None:
    """Refuses the values of a continuous column, or of names that are nearly all different."""
    counts = np.bincount(strata)
    num_small = int((counts < num_splits).sum())
    if len(counts) > _MAX_SMALL_STRATA and 2 * num_small > len(counts):
        raise SplitError(
            f"stratify has {len(counts)} different values for {len(strata)} samples; {num_small} "
            f"of them have fewer samples than there are splits ({num_splits}), and cannot be "
            "stratified. Bin a column of measurements first, for example with pandas.qcut; to keep "
            "samples together, pass group_by=."
        )


def _check_counts(manifest: Manifest, shares: Shares, strata: npt.NDArray[Any]) -> None:
    if strata.ndim == 2:
        raise SplitError(
            "counts= cannot hold for samples with several labels, since each sample counts for all "
            "of its labels. Pass ratios."
        )
    totals = np.bincount(strata)
    short = np.flatnonzero((totals > 0) & (totals <= sum(shares.counts)))
    if len(short):
        num_asked, num_present = sum(shares.counts), totals[short[0]]
        if strata is manifest.labels:
            name = manifest.class_names[short[0]]
            who = f"samples of each class are requested outside train, and {name!r} has"
        elif len(totals) == 1:
            who = "samples are requested outside train, and there are"
        else:
            who = "samples of each value of stratify are requested outside train, and one has"
        raise SplitError(
            f"{num_asked} {who} {num_present}; train would be empty. Request fewer, or pass ratios."
        )


def _assign_samples(
    strata: npt.NDArray[np.int32], shares: Shares, priority: tuple[int, ...], seed: int
) -> npt.NDArray[np.int64]:
    """Assigns samples: each stratum is shuffled on its own and cut into its quotas."""
    split_of = np.empty(len(strata), dtype=np.int64)
    by_stratum = np.argsort(strata, kind="stable")
    totals = np.bincount(strata)
    quota = round_quotas(shares.exact_counts(totals), priority)
    ends = np.cumsum(totals)
    for stratum in np.flatnonzero(totals):
        members = by_stratum[ends[stratum] - totals[stratum] : ends[stratum]]
        shuffled = generator(seed, Stream.SPLIT, index=int(stratum)).permutation(members)
        split_of[shuffled] = np.repeat(np.arange(len(shares.names)), quota[stratum])
    return split_of


def _assign_units(
    strata: npt.NDArray[Any],
    together: npt.NDArray[np.int64] | None,
    shares: Shares,
    priority: tuple[int, ...],
    seed: int,
) -> npt.NDArray[np.int64]:
    num_samples = len(strata)
    if strata.ndim == 1:
        rows, columns, totals = np.arange(num_samples), strata, np.bincount(strata)
    else:
        rows, columns = np.nonzero(strata)
        totals = strata.sum(axis=0)
    wanted = [
        round_quotas(shares.exact_counts(totals), priority),
        round_quotas(shares.exact_counts(np.array([num_samples]))),
    ]
    if shares.ratios is None:  # counts are per class, not of all samples
        wanted[1] = wanted[0].sum(axis=0, keepdims=True)
    return assign_units(
        np.arange(num_samples) if together is None else together,
        np.concatenate([rows, np.arange(num_samples)]),
        np.concatenate([columns, np.full(num_samples, len(totals))]),
        np.concatenate(wanted),
        generator(seed, Stream.SPLIT),
        exclusive=strata.ndim == 1,
    )


def _assign_stably(
    manifest: Manifest, shares: Shares, together: npt.NDArray[np.int64] | None, seed: int
) -> npt.NDArray[np.int64]:
    if shares.ratios is None:
        raise SplitError(
            "A stable split cannot have fixed counts, since counts change as samples are added. "
            "Pass ratios."
        )
    keys = manifest.hashes if manifest.groups is None else manifest.groups
    if keys is None:
        raise SplitError(
            "A stable split needs groups or content hashes, and the manifest has neither. Add them "
            "with group_by or hash_files."
        )
    split_of = assign_stable(keys, shares.ratios, seed)
    num_splits = len(shares.names)
    if (
        together is not None
        and np.unique(together * num_splits + split_of).size > together.max() + 1
    ):
        raise SplitError(
            "A file is listed in two groups that a stable split assigns to different splits. Put "
            "its rows into one group."
        )
    return split_of
