"""One manifest to several that share no sample.

``parts`` holds ``split`` and ``kfold``; ``shares`` checks what is asked for; ``grouping`` says what
stays together; ``assign`` decides who goes where, with ``units`` for what stays whole and
``stable`` for what never moves.
"""

from imggen.split.grouping import group_by, join_groups
from imggen.split.oversample import oversample
from imggen.split.parts import kfold, split
from imggen.split.shares import Counts, Ratios

__all__ = ["Counts", "Ratios", "group_by", "join_groups", "kfold", "oversample", "split"]
