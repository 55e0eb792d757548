"""A split to folders of files.

``recipe`` says who goes where, ``sidecars`` what goes along, ``plan`` to which path; the
``journal`` keeps the plan, and ``steps`` carries it out. ``directory`` is what users call.
"""

from imggen.export.directory import split_directory, undo_split

__all__ = ["split_directory", "undo_split"]
