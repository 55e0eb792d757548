"""One manifest to several that share no sample.

``parts`` holds ``split`` and ``kfold``; ``shares`` checks what is asked for; ``grouping`` says what
stays together; ``assign`` decides who goes where, with ``units`` for what stays whole and
``stable`` for what never moves.
"""

from imggen.splitting.deviation import furthest_off
from imggen.splitting.grouping import GroupBy, group_by, join_groups
from imggen.splitting.oversampling import oversample
from imggen.splitting.partition import kfold, split
from imggen.splitting.ratios import DEFAULT_RATIOS, Counts, Ratios, Shares, shares_of

__all__ = [
    "DEFAULT_RATIOS",
    "Counts",
    "GroupBy",
    "Ratios",
    "Shares",
    "furthest_off",
    "group_by",
    "join_groups",
    "kfold",
    "oversample",
    "shares_of",
    "split",
]
