"""imggen.core"""

from imggen.core.checks import (
    check_choice,
    check_number,
    check_range,
    check_whole,
    is_number,
    is_whole,
)
from imggen.core.file_ops import (
    absolute_link,
    check_apart,
    copy_file,
    entries,
    entry,
    hardlink_file,
    inside,
    is_same_file,
    move_file,
    move_link,
    size_and_time,
    symlink_file,
)
from imggen.core.memory_layout import contiguous_flip
from imggen.core.report_io import check_ending, write_records
from imggen.core.rng import Stream, check_seed, generator, seeded, step_generators
from imggen.core.run_lock import one_run_at_a_time
from imggen.core.string_column import StringColumn
from imggen.core.table_io import has_metadata, read_frame, read_table, replace_files, write_table
from imggen.core.text import as_html, as_text, counted, in_units, printable

__all__ = [
    "Stream",
    "StringColumn",
    "absolute_link",
    "as_html",
    "as_text",
    "check_apart",
    "check_choice",
    "check_ending",
    "check_number",
    "check_range",
    "check_seed",
    "check_whole",
    "contiguous_flip",
    "copy_file",
    "counted",
    "entries",
    "entry",
    "generator",
    "hardlink_file",
    "has_metadata",
    "in_units",
    "inside",
    "is_number",
    "is_same_file",
    "is_whole",
    "move_file",
    "move_link",
    "one_run_at_a_time",
    "printable",
    "read_frame",
    "read_table",
    "replace_files",
    "seeded",
    "size_and_time",
    "step_generators",
    "symlink_file",
    "write_records",
    "write_table",
]
