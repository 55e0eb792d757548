"""The split of each sample: random per class, by units that stay whole, or by hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, check_seed, generator, pluralize, warn_user
from imggen.data import Manifest, align_rows, reject_missing, to_array, to_values
from imggen.errors import SplitError
from imggen.splitting.grouping import number_units
from imggen.splitting.ratios import Shares, round_quotas
from imggen.splitting.recipe import Recipe
from imggen.splitting.stable import assign_stable
from imggen.splitting.stratification import assign_units

# So many values of stratify may be rare; more are those of a continuous column.
_MAX_SMALL_STRATA = 20


def assign(manifest: Manifest, shares: Shares, recipe: Recipe) -> npt.NDArray[np.int64]:
    """Assigns every sample to a split, and warns of deviations from the request.

    Args:
        manifest: The samples.
        shares: The requested sizes.
        recipe: Seed, strata, and whether the split is stable.

    Returns:
        The split of each sample, shape (num_samples,).
    """
    seed = check_seed(recipe.seed)
    if manifest.num_samples == 0:
        raise SplitError("The manifest is empty; expected at least one sample to split.")
    strata = _resolve_strata(manifest, recipe.stratify)
    if strata is not manifest.labels and strata.ndim == 1:
        _check_strata(strata, len(shares.names))
    together = number_units(manifest)
    if recipe.stable:
        split_of = _assign_stably(manifest, shares, together, seed)
    else:
        if shares.ratios is None:
            _check_counts(manifest, shares, strata)
        if strata.ndim == 1 and together is None:
            split_of = _assign_samples(strata, shares, seed)
        else:
            split_of = _assign_units(strata, together, shares, seed)
    got = np.bincount(split_of, minlength=len(shares.names))
    if recipe.stable or together is not None:
        if shares.ratios is None:
            _warn_of_counts(manifest, split_of, shares, strata)
        else:
            _warn_of_shares(got, shares.names, shares.ratios, recipe.stable)
    if not got.all():
        raise SplitError(
            f"The split {shares.names[int(np.argmin(got))]!r} would be empty: "
            f"{manifest.num_samples} samples cannot be split {shares}"
            + ("" if together is None or recipe.stable else " without breaking a group")
            + ". Give it a larger share, or make fewer splits."
        )
    if strata is manifest.labels:
        _warn_of_missing_classes(manifest, strata, split_of, shares.names)
    return split_of


def _resolve_strata(manifest: Manifest, stratify: bool | npt.ArrayLike) -> npt.NDArray[Any]:
    """Returns strata: integers, shape (n,), or for several labels bool, shape (n, num_labels)."""
    if stratify is True and manifest.labels is not None:
        return manifest.labels
    if isinstance(stratify, bool | np.bool_):
        return np.zeros(manifest.num_samples, dtype=np.int32)
    stratify = align_rows(stratify, "stratify", manifest.paths, SplitError)
    values = to_array(stratify, "stratify", SplitError)
    try:
        if values.ndim == 1:
            reject_missing(to_values(values, "stratify", SplitError), "stratify", SplitError)
            values = np.unique(values, return_inverse=True)[1]
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
        return values
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise SplitError(
            "stratify has two dimensions and holds values other than 0 and 1; expected 0 and 1 for "
            "each label."
        )
    return values.astype(bool)


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
    strata: npt.NDArray[np.int32], shares: Shares, seed: int
) -> npt.NDArray[np.int64]:
    """Assigns samples: each stratum is shuffled on its own and cut into its quotas."""
    split_of = np.empty(len(strata), dtype=np.int64)
    by_stratum = np.argsort(strata, kind="stable")
    totals = np.bincount(strata)
    quota = round_quotas(shares.exact_counts(totals))
    ends = np.cumsum(totals)
    for stratum in np.flatnonzero(totals):
        members = by_stratum[ends[stratum] - totals[stratum] : ends[stratum]]
        shuffled = generator(seed, Stream.SPLIT, index=int(stratum)).permutation(members)
        split_of[shuffled] = np.repeat(np.arange(len(shares.names)), quota[stratum])
    return split_of


def _assign_units(
    strata: npt.NDArray[Any], together: npt.NDArray[np.int64] | None, shares: Shares, seed: int
) -> npt.NDArray[np.int64]:
    num_samples = len(strata)
    if strata.ndim == 1:
        rows, columns, totals = np.arange(num_samples), strata, np.bincount(strata)
    else:
        rows, columns = np.nonzero(strata)
        totals = strata.sum(axis=0)
    wanted = [
        round_quotas(shares.exact_counts(totals)),
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
    if together is not None and len(set(zip(together, split_of, strict=True))) > together.max() + 1:
        raise SplitError(
            "A file is listed in two groups that a stable split assigns to different splits. Put "
            "its rows into one group."
        )
    return split_of


def _warn_of_shares(
    got: npt.NDArray[np.int64],
    names: Sequence[str],
    ratios: npt.NDArray[np.float64],
    stable: bool,
) -> None:
    have = got / got.sum()
    deviation = np.abs(have - ratios)
    is_notable = deviation.max() > 0.05 or (deviation > ratios / 2).any()
    if is_notable and deviation.max() * got.sum() >= 1:
        listed = ", ".join(
            f"{name} {share:.3f} (wanted {want:.3f})"
            for name, share, want in zip(names, have, ratios, strict=True)
        )
        reason = "A stable split is random" if stable else "Groups are kept whole"
        warn_user(f"{reason}, so the shares deviate: {listed}.")


def _warn_of_counts(
    manifest: Manifest, split_of: npt.NDArray[np.int64], shares: Shares, strata: npt.NDArray[Any]
) -> None:
    wanted = shares.exact_counts(np.bincount(strata)).astype(np.int64)
    num_splits = wanted.shape[1]
    got = np.bincount(strata * num_splits + split_of, minlength=wanted.size).reshape(wanted.shape)
    # Train gets the rest.
    deviating = np.argwhere(got[:, 1:] != wanted[:, 1:])
    if len(deviating):
        listed = []
        for stratum, column in deviating[:10].tolist():
            split = column + 1
            of = f"{manifest.class_names[stratum]!r} in " if strata is manifest.labels else ""
            name, have, want = shares.names[split], got[stratum, split], wanted[stratum, split]
            listed.append(f"{of}{name} {have} (wanted {want})")
        warn_user(f"Groups are kept whole, so the counts deviate: {', '.join(listed)}.")


def _warn_of_missing_classes(
    manifest: Manifest,
    labels: npt.NDArray[np.int32],
    split_of: npt.NDArray[np.int64],
    names: Sequence[str],
) -> None:
    shape = (manifest.num_classes, len(names))
    counts = np.bincount(labels * shape[1] + split_of, minlength=shape[0] * shape[1])
    counts = counts.reshape(shape)
    short = np.flatnonzero(~counts.all(axis=1))
    if len(short):
        listed = "; ".join(
            f"{manifest.class_names[row]!r} ({pluralize(counts[row].sum(), 'sample')}) is "
            "missing in "
            + ", ".join(names[split] for split in np.flatnonzero(counts[row] == 0).tolist())
            for row in short[:10].tolist()
        )
        warn_user(f"{pluralize(len(short), 'class')} too small to appear in every split: {listed}.")
