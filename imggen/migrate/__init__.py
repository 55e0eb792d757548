"""Scripts that load images with Keras: what they use, what it does to them, and the way over.

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
