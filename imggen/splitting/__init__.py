"""One manifest to several that share no sample.

In: a manifest and a ``Recipe`` (ratios or counts, seed, strata, groups). Out: one manifest per
split or fold. How units are assigned may change here alone; the same recipe must give the same
splits on every machine.
"""

from imggen.splitting.deviation import find_deviation
from imggen.splitting.grouping import GroupBy, group_by, join_groups
from imggen.splitting.oversampling import oversample
from imggen.splitting.partition import kfold, split, split_by_recipe
from imggen.splitting.ratios import DEFAULT_RATIOS, Counts, Ratios
from imggen.splitting.recipe import Recipe

__all__ = [
    "DEFAULT_RATIOS",
    "Counts",
    "GroupBy",
    "Ratios",
    "Recipe",
    "find_deviation",
    "group_by",
    "join_groups",
    "kfold",
    "oversample",
    "split",
    "split_by_recipe",
]
