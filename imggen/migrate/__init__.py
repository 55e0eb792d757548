"""Migration of scripts from Keras's image loaders to imggen.

In: paths of scripts and notebooks. Out: the uses of Keras's loaders, traps, what Keras 3
has removed, and edited files. No code is run. New loaders are added in ``uses``, new traps in
``traps``, incompatibilities in ``keras3`` (names come from the installed Keras) with hints in
``replacements``.

find_scripts ─▶ read_script ─▶ examine ─▶ changed_cells ─▶ write_script
"""

from imggen.migrate.examination import Examination, examine
from imggen.migrate.scripts import (
    Cell,
    Script,
    changed_cells,
    find_scripts,
    names_loaders,
    read_script,
    write_script,
)
from imggen.migrate.traps import Trap
from imggen.migrate.uses import Use

__all__ = [
    "Cell",
    "Examination",
    "Script",
    "Trap",
    "Use",
    "changed_cells",
    "examine",
    "find_scripts",
    "names_loaders",
    "read_script",
    "write_script",
]
