"""Who goes where: by chance within each class, by units that stay whole, or by hash."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import Stream, generator
from imggen.data import Manifest
from imggen.errors import ImggenWarning, SplitError
from imggen.splitting.grouping import units
from imggen.splitting.ratios import Shares, quotas
from imggen.splitting.stable import assign_stable
from imggen.splitting.stratification import assign_units


def assign(
    manifest: Manifest, shares: Shares, seed: int, stratify: bool | npt.ArrayLike, stable: bool
) -> npt.NDArray[np.int64]:
    """Decides, and warns of what came out other than asked for.

    Args:
        manifest: Whose samples.
        shares: What the parts are to get.
        seed: Checked already.
        stratify: As in ``split``.
        stable: As in ``split``.

    Returns:
        The part of each sample, shape (num_samples,).
    """
    if manifest.num_samples == 0:
        raise SplitError("The manifest is empty; there is nothing to split.")
    strata = _strata(manifest, stratify)
    together = units(manifest)
    if stable:
        part_of = _stable(manifest, shares, together, seed)
    else:
        if shares.ratios is None:
            _check_counts(manifest, shares, strata)
        if strata.ndim == 1 and together is None:
            part_of = _assign_samples(strata, shares, seed)
        else:
            part_of = _assign_units(strata, together, shares, seed)
    got = np.bincount(part_of, minlength=len(shares.names))
    if stable or together is not None:
        if shares.ratios is None:
            _warn_of_counts(manifest, part_of, shares, strata)
        else:
            _warn_of_shares(got, shares.names, shares.ratios, stable)
    if not got.all():
        raise SplitError(
            f"The part {shares.names[int(np.argmin(got))]!r} would be empty: "
            f"{manifest.num_samples} samples cannot be split {shares}"
            + ("" if together is None or stable else " without breaking a group")
            + ". Give it a larger share, or fewer parts."
        )
    if strata is manifest.labels:
        _warn_of_missing_classes(manifest, strata, part_of, shares.names)
    return part_of


def _strata(manifest: Manifest, stratify: bool | npt.ArrayLike) -> npt.NDArray[Any]:
    """What to stratify by: integers, shape (n,), or for several labels bool, shape (n, labels)."""
    if stratify is True and manifest.labels is not None:
        return manifest.labels
    if isinstance(stratify, bool | np.bool_):
        return np.zeros(manifest.num_samples, dtype=np.int32)
    try:
        values = np.asarray(stratify)
        if values.ndim == 1:
            values = np.unique(values, return_inverse=True)[1]
    except (TypeError, ValueError) as err:
        raise SplitError(
            f"stratify holds values that cannot be compared, or rows of different lengths: {err} "
            "Pass one value a sample, none missing, or 0 and 1 for each of several labels."
        ) from err
    if values.ndim not in (1, 2) or len(values) != manifest.num_samples:
        raise SplitError(
            f"stratify has shape {values.shape}; expected one value a sample, "
            f"({manifest.num_samples},), or 0 and 1 for several labels, "
            f"({manifest.num_samples}, num_labels)."
        )
    if values.ndim == 1:
        return values
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise SplitError("stratify has two dimensions and values other than 0 and 1.")
    return values.astype(bool)


def _check_counts(manifest: Manifest, shares: Shares, strata: npt.NDArray[Any]) -> None:
    if strata.ndim == 2:
        raise SplitError(
            "counts= cannot be kept for samples with several labels, which count for each of "
            "them; pass ratios."
        )
    totals = np.bincount(strata)
    short = np.flatnonzero((totals > 0) & (totals <= sum(shares.counts)))
    if len(short):
        num_asked, num_present = sum(shares.counts), totals[short[0]]
        if strata is manifest.labels:
            name = manifest.class_names[short[0]]
            who = f"samples of each class are asked for outside train, and {name!r} has"
        elif len(totals) == 1:
            who = "samples are asked for outside train, and there are"
        else:
            who = "samples of each value of stratify are asked for outside train, and one has"
        raise SplitError(
            f"{num_asked} {who} {num_present}; train would get none. Ask for fewer, or pass ratios."
        )


def _assign_samples(
    strata: npt.NDArray[np.int32], shares: Shares, seed: int
) -> npt.NDArray[np.int64]:
    """Gives every sample a part; each stratum is shuffled on its own and cut into its quotas."""
    part_of = np.empty(len(strata), dtype=np.int64)
    by_stratum = np.argsort(strata, kind="stable")
    totals = np.bincount(strata)
    quota = quotas(shares.exact(totals))
    ends = np.cumsum(totals)
    for stratum in np.flatnonzero(totals):
        members = by_stratum[ends[stratum] - totals[stratum] : ends[stratum]]
        shuffled = generator(seed, Stream.SPLIT, index=int(stratum)).permutation(members)
        part_of[shuffled] = np.repeat(np.arange(len(shares.names)), quota[stratum])
    return part_of


def _assign_units(
    strata: npt.NDArray[Any], together: npt.NDArray[np.int64] | None, shares: Shares, seed: int
) -> npt.NDArray[np.int64]:
    num_samples = len(strata)
    if strata.ndim == 1:
        rows, columns, totals = np.arange(num_samples), strata, np.bincount(strata)
    else:
        rows, columns = np.nonzero(strata)
        totals = strata.sum(axis=0)
    wanted = [quotas(shares.exact(totals)), quotas(shares.exact(np.array([num_samples])))]
    if shares.ratios is None:  # which are of every class, and not of all
        wanted[1] = wanted[0].sum(axis=0, keepdims=True)
    return assign_units(
        np.arange(num_samples) if together is None else together,
        np.concatenate([rows, np.arange(num_samples)]),
        np.concatenate([columns, np.full(num_samples, len(totals))]),
        np.concatenate(wanted),
        generator(seed, Stream.SPLIT),
        exclusive=strata.ndim == 1,
    )


def _stable(
    manifest: Manifest, shares: Shares, together: npt.NDArray[np.int64] | None, seed: int
) -> npt.NDArray[np.int64]:
    if shares.ratios is None:
        raise SplitError("A stable split has no fixed counts, which change as samples are added.")
    keys = manifest.hashes if manifest.groups is None else manifest.groups
    if keys is None:
        raise SplitError(
            "A stable split goes by groups or content hashes, and the manifest has neither. See "
            "group_by and hash_files."
        )
    part_of = assign_stable(keys, shares.ratios, seed)
    if together is not None and len(set(zip(together, part_of, strict=True))) > together.max() + 1:
        raise SplitError(
            "A file is listed in two groups that a stable split gives to different parts. Put "
            "its rows into one group."
        )
    return part_of


def _warn_of_shares(
    got: npt.NDArray[np.int64],
    names: Sequence[str],
    ratios: npt.NDArray[np.float64],
    stable: bool,
) -> None:
    have = got / got.sum()
    off = np.abs(have - ratios)
    if off.max() * got.sum() >= 1 and (off.max() > 0.05 or (off > ratios / 2).any()):
        listed = ", ".join(
            f"{name} {share:.3f} (wanted {want:.3f})"
            for name, share, want in zip(names, have, ratios, strict=True)
        )
        reason = "A stable split goes by chance" if stable else "Groups are kept whole"
        warnings.warn(f"{reason}, so the shares are off: {listed}.", ImggenWarning, stacklevel=4)


def _warn_of_counts(
    manifest: Manifest, part_of: npt.NDArray[np.int64], shares: Shares, strata: npt.NDArray[Any]
) -> None:
    wanted = shares.exact(np.bincount(strata)).astype(np.int64)
    num_parts = wanted.shape[1]
    got = np.bincount(strata * num_parts + part_of, minlength=wanted.size).reshape(wanted.shape)
    # Train takes what the others leave.
    off = np.argwhere(got[:, 1:] != wanted[:, 1:])
    if len(off):
        listed = []
        for stratum, before in off[:10].tolist():
            part = before + 1
            of = f"{manifest.class_names[stratum]!r} in " if strata is manifest.labels else ""
            name, have, want = shares.names[part], got[stratum, part], wanted[stratum, part]
            listed.append(f"{of}{name} {have} (wanted {want})")
        warnings.warn(
            f"Groups are kept whole, so the counts are off: {', '.join(listed)}.",
            ImggenWarning,
            stacklevel=4,
        )


def _warn_of_missing_classes(
    manifest: Manifest,
    labels: npt.NDArray[np.int32],
    part_of: npt.NDArray[np.int64],
    names: Sequence[str],
) -> None:
    shape = (manifest.num_classes, len(names))
    counts = np.bincount(labels * shape[1] + part_of, minlength=shape[0] * shape[1])
    counts = counts.reshape(shape)
    short = np.flatnonzero(~counts.all(axis=1))
    if len(short):
        listed = "; ".join(
            f"{manifest.class_names[row]!r} ({counts[row].sum()} samples) is missing in "
            + ", ".join(names[part] for part in np.flatnonzero(counts[row] == 0).tolist())
            for row in short[:10].tolist()
        )
        warnings.warn(
            f"{len(short)} classes are too small to appear in every part: {listed}.",
            ImggenWarning,
            stacklevel=4,
        )
