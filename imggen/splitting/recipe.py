"""The options of a split as one value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.data import Manifest, Splits
from imggen.errors import SplitError
from imggen.splitting.grouping import GroupBy
from imggen.splitting.ratios import DEFAULT_RATIOS, Counts, Ratios, Shares, parse_shares


@final
@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that decides which split a sample goes to.

    Attributes:
        ratios: As in ``split``.
        counts: As in ``split``.
        num_folds: As in ``kfold``. None: no folds.
        seed: As in ``split``.
        stratify: As in ``split``.
        group_by: As in ``group_by``. None: the manifest's own groups.
        near_duplicates: Whether images that look alike stay in one split.
        stable: As in ``split``.
        oversample: Whether images of rare classes are repeated in train.

    Raises:
        SplitError: Options that exclude each other.
    """

    ratios: Ratios | None = DEFAULT_RATIOS
    counts: Counts | None = None
    num_folds: int | None = None
    seed: int = 0
    stratify: bool | npt.ArrayLike = True
    group_by: GroupBy | None = None
    near_duplicates: bool = False
    stable: bool = False
    oversample: bool = False

    def __post_init__(self) -> None:
        for name in ("ratios", "stratify", "group_by"):
            if isinstance(getattr(self, name), Iterator):  # which can be read only once
                object.__setattr__(self, name, list(getattr(self, name)))
        if self.near_duplicates and self.stable:
            raise SplitError(
                "near_duplicates=True and stable=True exclude each other: a later image may look "
                "like two that are in different splits already. A stable split keeps files with "
                "the same bytes together; for images that look alike, split again without "
                "stable=, or group them by name (group_by=)."
            )
        if self.num_folds is not None and (self.stable or self.counts is not None):
            raise SplitError("num_folds= makes folds of equal size. Leave out stable= and counts=.")
        if self.stable and self.follows_manifest:
            raise SplitError(
                "stable=True needs ratios; ratios=None follows the manifest's own splits. Pass "
                "ratios, or leave out stable=."
            )

    @property
    def follows_manifest(self) -> bool:
        """Whether the manifest's own ``splits`` decide."""
        return self.ratios is None and self.counts is None and self.num_folds is None

    @property
    def shares(self) -> Shares | None:
        """The requested sizes of the splits; None for folds and if ``follows_manifest``."""
        if self.num_folds is not None or self.follows_manifest:
            return None
        return parse_shares(self.ratios, self.counts)

    def disjoint(self, splits: Splits[Manifest]) -> Splits[Manifest]:
        """Returns splits that hold each sample once: the val split of each fold, as "fold_0" ...

        Args:
            splits: The result of ``split_by_recipe``.
        """
        if self.num_folds is None:
            return splits
        folds = {
            name.removesuffix("/val"): split
            for name, split in splits.as_dict().items()
            if name.endswith("/val")
        }
        return Splits(folds.values(), tuple(folds))

    def as_metadata(self) -> dict[str, Any]:
        """Returns values that JSON can hold, equal for equal recipes."""
        metadata: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("num_folds", "seed", "near_duplicates", "stable", "oversample")
        }
        shares = self.shares
        if shares is not None:
            values = shares.counts if shares.ratios is None else shares.ratios.tolist()
            names = shares.names[-len(values) :]
            kind = "counts" if shares.ratios is None else "ratios"
            metadata[kind] = dict(zip(names, values, strict=True))
        metadata["stratify"] = _summarize(self.stratify)
        metadata["group_by"] = _summarize(self.group_by)
        return metadata


def _summarize(value: Any) -> Any:
    """Returns the name of a function, or a hash of one value per sample."""
    if value is None or isinstance(value, bool | str):
        return value
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    listed = json.dumps([str(item) for item in np.asarray(value).ravel().tolist()])
    return hashlib.sha256(listed.encode("utf-8")).hexdigest()
