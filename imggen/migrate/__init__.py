"""Migration of scripts from Keras's image loaders to imggen.

Comes in: paths of scripts and notebooks. Goes out: the uses of Keras's loaders, traps, and edited
files. New loaders are added in ``uses``, new traps in ``traps``; no code is run.

find_scripts ─▶ read_script ─▶ examine ─▶ changed_cells ─▶ write_script
"""

from imggen.migrate.examination import Examination, examine
from imggen.migrate.scripts import (
    Cell,
    Edit,
    Script,
    changed_cells,
    find_scripts,
    read_script,
    write_script,
)
from imggen.migrate.traps import Trap
from imggen.migrate.uses import Use

__all__ = [
    "Cell",
    "Edit",
    "Examination",
    "Script",
    "Trap",
    "Use",
    "changed_cells",
    "examine",
    "find_scripts",
    "read_script",
    "write_script",
]
