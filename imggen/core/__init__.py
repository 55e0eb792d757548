"""Files, tables, text, checks and random numbers: what every room uses and none owns.

In: paths, strings and numbers. Out: the same, checked, written or formatted; nothing here knows
an image or a manifest. Formats of files and wording may change here alone; ``rng`` streams must
not, since results depend on them.
"""

from imggen.core.annotations import PathText
from imggen.core.arguments import check_arguments, explain_arguments
from imggen.core.checks import (
    check_at_most,
    check_choice,
    check_number,
    check_optional_whole,
    check_range,
    check_whole,
    is_number,
    is_whole,
)
from imggen.core.file_ops import (
    absolute_link,
    check_not_nested,
    class_folder_path,
    copy_file,
    hardlink_file,
    is_same_file,
    move_file,
    move_link,
    resolve_parent,
    resolve_parents,
    size_and_mtime,
    symlink_file,
)
from imggen.core.input_file import InputFile, parse_json
from imggen.core.keras_import import explain_keras_import
from imggen.core.libraries import import_library
from imggen.core.memory_layout import contiguous_flip
from imggen.core.notebook import (
    BAD,
    COLORS,
    GOOD,
    MAX_PICTURE_BYTES,
    NEUTRAL,
    Bar,
    Number,
    Picture,
    encode_data_uri,
    format_block,
    format_class_table,
    format_curves,
    format_html_table,
    format_paragraph,
    format_pictures,
    format_rest,
    format_scatter,
    format_skipped,
    format_summary_html,
)
from imggen.core.output_check import (
    check_output,
    check_output_folder,
    check_path,
    check_room_for_files,
    find_clash,
    max_name_length,
    read_start,
)
from imggen.core.output_marks import (
    describe_mark,
    describe_output,
    mark_folder,
    mark_name,
    unmark_folder,
)
from imggen.core.path_checks import is_inside, is_relative_path
from imggen.core.report_io import Report, check_report_file, check_report_path, write_records
from imggen.core.rng import (
    SampleGenerators,
    Stream,
    check_seed,
    generator,
    seeded,
    step_generators,
)
from imggen.core.string_column import StringColumn
from imggen.core.table_io import (
    check_table_file,
    has_metadata,
    read_frame,
    read_table,
    replace_files,
    write_table,
)
from imggen.core.text import (
    format_bytes,
    format_summary,
    pluralize,
    printable,
)
from imggen.core.user_warnings import warn_user
from imggen.errors import shorten

__all__ = [
    "BAD",
    "COLORS",
    "GOOD",
    "MAX_PICTURE_BYTES",
    "NEUTRAL",
    "Bar",
    "InputFile",
    "Number",
    "PathText",
    "Picture",
    "Report",
    "SampleGenerators",
    "Stream",
    "StringColumn",
    "absolute_link",
    "check_arguments",
    "check_at_most",
    "check_choice",
    "check_not_nested",
    "check_number",
    "check_optional_whole",
    "check_output",
    "check_output_folder",
    "check_path",
    "check_range",
    "check_report_file",
    "check_report_path",
    "check_room_for_files",
    "check_seed",
    "check_table_file",
    "check_whole",
    "class_folder_path",
    "contiguous_flip",
    "copy_file",
    "describe_mark",
    "describe_output",
    "encode_data_uri",
    "explain_arguments",
    "explain_keras_import",
    "find_clash",
    "format_block",
    "format_bytes",
    "format_class_table",
    "format_curves",
    "format_html_table",
    "format_paragraph",
    "format_pictures",
    "format_rest",
    "format_scatter",
    "format_skipped",
    "format_summary",
    "format_summary_html",
    "generator",
    "hardlink_file",
    "has_metadata",
    "import_library",
    "is_inside",
    "is_number",
    "is_relative_path",
    "is_same_file",
    "is_whole",
    "mark_folder",
    "mark_name",
    "max_name_length",
    "move_file",
    "move_link",
    "parse_json",
    "pluralize",
    "printable",
    "read_frame",
    "read_start",
    "read_table",
    "replace_files",
    "resolve_parent",
    "resolve_parents",
    "seeded",
    "shorten",
    "size_and_mtime",
    "step_generators",
    "symlink_file",
    "unmark_folder",
    "warn_user",
    "write_records",
    "write_table",
]
