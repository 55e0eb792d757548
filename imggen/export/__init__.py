"""Splits, augmented copies and packed sets as files on disk.

In: a folder or manifest, and a target folder. Out: files in the target, and manifests of them.
``journal`` is the plan-and-resume mechanism of both exports; the format of plans may change here
alone, but an interrupted call must always be resumed by the same call without losing a file.
"""

from imggen.export.augmented_copies import CopiesReport, augment_directory
from imggen.export.directory import (
    carry_out_plan,
    plan_split,
    split_directory,
    undo_split,
    warn_of_outcome,
)
from imggen.export.pack_report import PackReport
from imggen.export.packing import DEFAULT_SHARD_SIZE, pack
from imggen.export.plan import Plan
from imggen.export.recipe_splits import RecipeSplits, make_splits, merge_splits
from imggen.export.unpacking import unpack

__all__ = [
    "DEFAULT_SHARD_SIZE",
    "CopiesReport",
    "PackReport",
    "Plan",
    "RecipeSplits",
    "augment_directory",
    "carry_out_plan",
    "make_splits",
    "merge_splits",
    "pack",
    "plan_split",
    "split_directory",
    "undo_split",
    "unpack",
    "warn_of_outcome",
]
