"""One manifest to several that share no sample."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.columns import StringColumn
from imggen.errors import ImggenWarning, SplitError
from imggen.manifest import Manifest
from imggen.parts import PART_NAMES, Parts, part_name, part_names
from imggen.rng import Stream, check_seed, generator

Ratios = Sequence[float] | Mapping[str, float]


def split(
    manifest: Manifest,
    ratios: Ratios | None = (0.7, 0.15, 0.15),
    *,
    seed: int = 0,
    stratify: bool = True,
) -> Parts[Manifest]:
    """Splits a manifest into disjoint parts that together hold every sample.

    Within each part samples keep the manifest's order. The same manifest, ratios and seed give
    the same parts on every machine.

    Args:
        manifest: What to split. Samples of one group stay in one part, and so do rows that name
            the same file.
        ratios: The share of each part, summing to 1: one, two or three numbers for train, val
            and test, or a mapping from part name to share. None: the parts that the manifest's
            own ``splits`` column names. "training", "validation" and the like, in any case, are
            taken for "train", "val" and "test".
        seed: Decides who goes where.
        stratify: Give every class the same shares: without groups, the number of samples of a
            class in a part is within one of its exact share. False: shares hold for the total.

    Returns:
        One manifest a part, by position and by name, with ``splits`` set.

    Raises:
        SplitError: Ratios that are not positive or do not sum to 1, a part that would be empty,
            or no ``splits`` column to go by.

    Warns:
        ImggenWarning: Classes with too few samples to appear in every part, or groups so large
            that a part is off its share.

    Example:
        >>> from imggen.columns import StringColumn
        >>> manifest = Manifest(".", StringColumn.of(f"{i}.jpg" for i in range(20)),
        ...                     np.arange(20) % 2, ("cat", "dog"))
        >>> train, val = split(manifest, (0.8, 0.2), seed=7)
        >>> train.class_counts, val.class_counts
        ({'cat': 8, 'dog': 8}, {'cat': 2, 'dog': 2})
    """
    if ratios is None:
        return _split_as_given(manifest)
    names, shares = _checked_ratios(ratios)
    seed = check_seed(seed)
    if manifest.num_samples == 0:
        raise SplitError("The manifest is empty; there is nothing to split.")
    if stratify and manifest.labels is not None:
        strata = manifest.labels
    else:
        strata = np.zeros(manifest.num_samples, dtype=np.int32)
    groups = _groups(manifest)
    if groups is None:
        part_of = _assign_samples(strata, shares, seed)
    else:
        part_of = _assign_groups(strata, groups, shares, seed)
        _warn_of_shares(part_of, names, shares)
    parts = Parts(
        (_part(manifest, part_of == number, name) for number, name in enumerate(names)), names
    )
    for name, part in parts.as_dict().items():
        if part.num_samples == 0:
            raise SplitError(
                f"The part {name!r} would be empty: {manifest.num_samples} samples cannot be "
                f"split {tuple(shares.tolist())}"
                + ("" if groups is None else " without breaking a group")
                + ". Give it a larger share, or fewer parts."
            )
    if stratify and manifest.labels is not None:
        _warn_of_missing_classes(manifest, parts)
    return parts


def _checked_ratios(ratios: Any) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    if isinstance(ratios, Mapping):
        part_names(map(str, ratios), "mapping of ratios")
        names, values = tuple(part_name(str(name)) for name in ratios), list(ratios.values())
    else:
        if isinstance(ratios, str) or not isinstance(ratios, Sequence | np.ndarray):
            raise SplitError(f"ratios={ratios!r} must be numbers such as (0.7, 0.15, 0.15).")
        values = list(ratios)
        if not 1 <= len(values) <= len(PART_NAMES):
            raise SplitError(
                f"ratios={tuple(values)} has {len(values)} numbers; expected 1 to 3, for train, "
                "val and test. For other parts pass a mapping from name to share."
            )
        names = PART_NAMES[: len(values)]
    try:
        shares = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise SplitError(f"ratios={ratios!r} must be numbers: {err}.") from err
    if not shares.size or not np.all(np.isfinite(shares)) or np.any(shares <= 0):
        raise SplitError(
            f"ratios={tuple(values)} must all be greater than 0; leave out empty parts."
        )
    if not math.isclose(shares.sum(), 1.0, abs_tol=1e-6):
        raise SplitError(f"ratios={tuple(values)} sum to {shares.sum():g}; they must sum to 1.")
    return names, shares / shares.sum()


def _split_as_given(manifest: Manifest) -> Parts[Manifest]:
    if manifest.splits is None:
        raise SplitError(
            "ratios=None goes by the manifest's own splits, and this manifest has none. Pass "
            "ratios, or build it with a split column or from train/val/test folders."
        )
    names = part_names(manifest.splits, "column of parts")
    given = np.array([part_name(name) for name in manifest.splits], dtype=object)
    return Parts((_part(manifest, given == name, name) for name in names), names)


def _part(manifest: Manifest, members: npt.NDArray[np.bool_], name: str) -> Manifest:
    rows = np.flatnonzero(members)
    splits = StringColumn.of([name] * len(rows))
    return dataclasses.replace(manifest.take(rows), splits=splits)


def _assign_samples(
    strata: npt.NDArray[np.int32], shares: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.int64]:
    """Gives every sample a part; each stratum is shuffled on its own and cut into its quotas."""
    part_of = np.empty(len(strata), dtype=np.int64)
    by_stratum = np.argsort(strata, kind="stable")
    counts = np.bincount(strata)
    quotas = _quotas(counts, shares)
    ends = np.cumsum(counts)
    for stratum in np.flatnonzero(counts):
        members = by_stratum[ends[stratum] - counts[stratum] : ends[stratum]]
        shuffled = generator(seed, Stream.SPLIT, index=int(stratum)).permutation(members)
        part_of[shuffled] = np.repeat(np.arange(len(shares)), quotas[stratum])
    return part_of


def _quotas(
    counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Whole numbers within one of ``counts × shares``, rows summing to ``counts``.

    scikit-learn's StratifiedShuffleSplit keeps a class within one for a single cut, but not
    through the two cuts that three parts need; so the rounding is done here, once, for all parts.
    What rounding gave a part too little in one stratum is carried to the next, so that the totals
    stay near their shares too.

    Returns:
        Shape (num_strata, num_parts).
    """
    exact = counts[:, None] * shares[None, :]
    quotas = np.floor(exact + 1e-9).astype(np.int64)
    carry = np.zeros(len(shares))
    for row in range(len(counts)):
        fractions = np.maximum(exact[row] - quotas[row], 0.0)
        left = int(counts[row] - quotas[row].sum())
        eligible = np.where(fractions > 1e-9, fractions + carry, -np.inf)
        chosen = np.argsort(-eligible, kind="stable")[:left]
        quotas[row, chosen] += 1
        carry += exact[row] - quotas[row]
    return quotas


def _assign_groups(
    strata: npt.NDArray[np.int32],
    groups: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    seed: int,
) -> npt.NDArray[np.int64]:
    """Gives every group a part, large groups first, each to where its classes lack most.

    scikit-learn's StratifiedGroupKFold works this way too, but only for parts of equal size.
    """
    num_groups, num_strata = int(groups.max()) + 1, int(strata.max()) + 1
    wanted = np.bincount(strata, minlength=num_strata)[None, :] * shares[:, None]
    weight = 1.0 / np.maximum(np.bincount(strata, minlength=num_strata), 1)
    by_group = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=num_groups)
    ends = np.cumsum(sizes)
    shuffled = generator(seed, Stream.SPLIT).permutation(num_groups)
    part_of_group = np.empty(num_groups, dtype=np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        members = by_group[ends[group] - sizes[group] : ends[group]]
        present, counts = np.unique(strata[members], return_counts=True)
        lack = (wanted[:, present] * (counts * weight[present])).sum(axis=1)
        part = int(np.argmax(lack))
        part_of_group[group] = part
        wanted[part, present] -= counts
    return part_of_group[groups]


def _groups(manifest: Manifest) -> npt.NDArray[np.int64] | None:
    """What must stay together, numbered: the manifest's groups, and rows of the same file.

    A table may list a file several times, once for each object in it, say; a file that stood in
    two parts would be a leak. None where every row may go its own way.
    """
    files = _codes(os.path.normpath(path) for path in manifest.paths)
    repeated = int(files.max()) + 1 < len(files)
    if manifest.groups is None:
        return files if repeated else None
    groups = _codes(manifest.groups)
    if not repeated:
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Groups that share a file belong together, and so do groups that share those ...
    num_groups = int(groups.max()) + 1
    num_nodes = num_groups + int(files.max()) + 1
    links = coo_array(
        (np.ones(len(files), bool), (groups, num_groups + files)), shape=(num_nodes, num_nodes)
    )
    _, component_of = connected_components(links, directed=False)
    joined: npt.NDArray[np.int64] = component_of[groups].astype(np.int64)
    return joined


def _codes(groups: Iterable[str]) -> npt.NDArray[np.int64]:
    """Numbers the groups in order of first appearance."""
    number_of: dict[str, int] = {}
    return np.array([number_of.setdefault(group, len(number_of)) for group in groups], np.int64)


def _warn_of_shares(
    part_of: npt.NDArray[np.int64], names: Sequence[str], shares: npt.NDArray[np.float64]
) -> None:
    got = np.bincount(part_of, minlength=len(names)) / len(part_of)
    if np.abs(got - shares).max() > 0.05:
        listed = ", ".join(
            f"{name} {have:.3f} (wanted {want:.3f})"
            for name, have, want in zip(names, got, shares, strict=True)
        )
        warnings.warn(
            f"Groups are kept whole, so the shares are off: {listed}.", ImggenWarning, stacklevel=3
        )


def _warn_of_missing_classes(manifest: Manifest, parts: Parts[Manifest]) -> None:
    counts = {name: part.class_counts for name, part in parts.as_dict().items()}
    totals = manifest.class_counts
    short: dict[str, tuple[int, list[str]]] = {}
    for class_name in manifest.class_names:
        absent = [name for name in parts.names if not counts[name][class_name]]
        if absent:
            short[class_name] = (totals[class_name], absent)
    if short:
        listed = "; ".join(
            f"{name!r} ({total} samples) is missing in {', '.join(absent)}"
            for name, (total, absent) in list(short.items())[:10]
        )
        warnings.warn(
            f"{len(short)} classes are too small to appear in every part: {listed}.",
            ImggenWarning,
            stacklevel=3,
        )
