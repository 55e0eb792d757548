"""A split to folders of files.

``recipe`` says who goes where, ``sidecars`` what goes along, ``plan`` to which path; the
``journal`` keeps the plan, and ``steps`` carries it out. ``directory`` is what users call.
"""

from imggen.export.augmented_copies import CopiesReport, augment_directory
from imggen.export.directory import carry_out_plan, plan_split, split_directory, undo_split, warn_of
from imggen.export.plan import Plan
from imggen.export.recipe import Recipe

__all__ = [
    "CopiesReport",
    "Plan",
    "Recipe",
    "augment_directory",
    "carry_out_plan",
    "plan_split",
    "split_directory",
    "undo_split",
    "warn_of",
]
