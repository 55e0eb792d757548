"""All that decides who goes where, and the parts that it makes of a manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn
from imggen.data import Manifest, Splits
from imggen.errors import ImggenWarning, SplitError
from imggen.export.sidecars import sidecars_of
from imggen.quality import find_duplicates, hash_files
from imggen.splitting import (
    DEFAULT_RATIOS,
    Counts,
    GroupBy,
    Ratios,
    Shares,
    group_by,
    join_groups,
    kfold,
    oversample,
    shares_of,
    split,
)
from imggen.workers import Progress


class Made(NamedTuple):
    """What a recipe makes of a manifest.

    Attributes:
        parts: One manifest a part.
        duplicates: The paths of pictures that were kept together since they are the same or look
            alike; None if nobody looked.
        num_torn: How many of these groups would be in several parts otherwise.
    """

    parts: Splits[Manifest]
    duplicates: list[list[str]] | None = None
    num_torn: int = 0


@final
@dataclass(frozen=True, eq=False)
class Recipe:
    """What users ask for; each field as in ``split_directory``."""

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
        if self.near_duplicates and self.stable:
            raise SplitError(
                "near_duplicates=True and stable=True exclude each other: a picture that comes "
                "later may be much like two that are in different parts already. A stable split "
                "keeps files of the same bytes together; for pictures that are much alike, split "
                "anew, or group them by name (group_by=)."
            )
        if self.num_folds is not None and (self.stable or self.counts is not None):
            raise SplitError("num_folds= makes folds of equal size; leave out stable= and counts=.")

    def make(self, manifest: Manifest, progress: Progress | None = None) -> Made:
        """Splits a manifest; the parts of folds are called "fold_0/train", "fold_0/val" ...

        Raises:
            SplitError: As ``split``, ``kfold`` and ``group_by``.
            ManifestError: A file cannot be read, where it must be.
        """
        manifest = self._grouped(manifest)
        if self.stable and manifest.groups is None and manifest.hashes is None:
            manifest = hash_files(manifest, progress=progress)
        if not self.near_duplicates:
            return Made(self._parts(manifest))
        found = find_duplicates(manifest, progress=progress)
        parts = self._parts(found.grouped())
        groups = [[manifest.paths[row] for row in sorted(group)] for group in found.groups]
        with warnings.catch_warnings():  # of a split that is not used
            warnings.simplefilter("ignore", ImggenWarning)
            return Made(parts, groups, self._num_torn(groups, manifest))

    def _parts(self, manifest: Manifest) -> Splits[Manifest]:
        if self.num_folds is not None:
            folds = kfold(manifest, self.num_folds, seed=self.seed, stratify=self.stratify)
            named = {
                f"fold_{number}/{name}": part
                for number, fold in enumerate(folds)
                for name, part in fold.as_dict().items()
            }
        else:
            named = split(
                manifest,
                self.ratios,
                counts=self.counts,
                seed=self.seed,
                stratify=self.stratify,
                stable=self.stable,
            ).as_dict()
        if self.oversample:
            for name, part in named.items():
                if name.rpartition("/")[2] == "train":
                    named[name] = oversample(part, seed=self.seed)
        return Splits(named.values(), tuple(named))

    def _num_torn(self, groups: list[list[str]], manifest: Manifest) -> int:
        """How many groups would be in several parts, had nobody looked for them."""
        part_of = {
            path: name
            for name, part in self.once(self._parts(manifest)).as_dict().items()
            for path in part.paths
        }
        return sum(len({part_of[path] for path in group}) > 1 for group in groups)

    @property
    def follows_manifest(self) -> bool:
        """Whether the manifest's own ``splits`` say who goes where."""
        return self.ratios is None and self.counts is None and self.num_folds is None

    @property
    def shares(self) -> Shares | None:
        """What the parts are to get; None for folds, and where the manifest says who goes where."""
        if self.num_folds is not None or self.follows_manifest:
            return None
        return shares_of(self.ratios, self.counts)

    def once(self, parts: Splits[Manifest]) -> Splits[Manifest]:
        """The parts that hold each sample once: of folds what validates, "fold_0" and so on."""
        if self.num_folds is None:
            return parts
        folds = {
            name.removesuffix("/val"): part
            for name, part in parts.as_dict().items()
            if name.endswith("/val")
        }
        return Splits(folds.values(), tuple(folds))

    def table(self, parts: Splits[Manifest]) -> Manifest:
        """One manifest of all parts; of folds, each sample with the fold that validates on it."""
        return Manifest.concatenate(
            [
                dataclasses.replace(part, splits=StringColumn.of([name] * len(part)))
                for name, part in self.once(parts).as_dict().items()
            ]
        )

    def as_facts(self) -> dict[str, Any]:
        """What can be written as JSON, and is the same for the same recipe."""
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
        metadata["stratify"] = _as_fact(self.stratify)
        metadata["group_by"] = _as_fact(self.group_by)
        return metadata

    def _grouped(self, manifest: Manifest) -> Manifest:
        """With all that must stay together in one group."""
        if self.group_by is not None:
            manifest = group_by(manifest, self.group_by)
        if self.stable:  # by content; what is found together here may not be so when files come
            return manifest
        names = _same_files(manifest)
        if names is not None:
            manifest = join_groups(manifest, names)
        shared = _shared_sidecars(manifest)
        return manifest if shared is None else join_groups(manifest, shared)


def _as_fact(value: Any) -> Any:
    """What stands for a value: of a function its name, of one value a sample a hash of them."""
    if value is None or isinstance(value, bool | str):
        return value
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    listed = json.dumps([str(item) for item in np.asarray(value).ravel().tolist()])
    return hashlib.sha256(listed.encode("utf-8")).hexdigest()


def _same_files(manifest: Manifest) -> list[str] | None:
    """A name for each sample, the same for links to one file; None if there are none."""
    first: dict[tuple[int, int], str] = {}
    names = []
    for row, path in enumerate(manifest.paths):
        try:
            found = os.stat(manifest.filepath(row))
        except OSError:  # for whoever reads it to complain about
            names.append(path)
        else:
            names.append(first.setdefault((found.st_dev, found.st_ino), path))
    return names if len(set(names)) < len(names) else None


def _shared_sidecars(manifest: Manifest) -> list[str] | None:
    """A name for each sample, the same for those that share a sidecar; None if there are none."""
    names = list(manifest.paths)
    is_shared = False
    for sidecar in sidecars_of(manifest):
        for row in sidecar.rows[1:]:
            names[row] = names[sidecar.rows[0]]
            is_shared = True
    return names if is_shared else None
