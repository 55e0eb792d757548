"""The ``Manifest``: an immutable table of samples.

In: folders, tables or lists of files. Out: a ``Manifest``, which every other room reads. Layouts of
folders and formats of annotations can be added here without changes elsewhere.
"""

from imggen.data.array_like import reject_missing, to_array, to_names, to_paths, to_values
from imggen.data.boxes import Boxes, BoxFormat
from imggen.data.class_names import ClassNames
from imggen.data.columns import concatenate_columns
from imggen.data.dataset_columns import (
    ImageColumn,
    column_names,
    import_datasets,
    is_image_feature,
    read_values,
    replace_class_indices,
)
from imggen.data.folder_trees import keep_listings, list_names
from imggen.data.keypoints import KeypointFormat, Keypoints
from imggen.data.manifest import Manifest
from imggen.data.manifest_io import check_manifest_file, column_arguments
from imggen.data.multi_label_parsing import DEFAULT_SEPARATOR
from imggen.data.multi_labels import MultiLabelColumn
from imggen.data.name_pattern import MaskPattern
from imggen.data.outputs import Output, OutputKind, convert_labels, read_output
from imggen.data.packed_set import (
    PACKED_MANIFEST,
    PackedSet,
    Place,
    Shard,
    find_original_paths,
    is_packed,
    load_packed,
    read_packed,
    save_with_extras,
)
from imggen.data.row_alignment import align_rows
from imggen.data.scanning import Labels, has_folders, scan, scan_any, scan_splits
from imggen.data.sources import (
    ScanFolder,
    Source,
    as_manifest,
    is_store,
    is_table,
    load_table,
    read_table_source,
    scan_all,
    scan_labeled,
    scan_own_splits,
    scan_split_folders,
)
from imggen.data.split_layout import SplitLayout, find_folds, find_split_layout, is_fold_name
from imggen.data.splits import SPLIT_NAMES, Splits, split_name, split_names
from imggen.data.system_names import find_system_name
from imggen.data.targets import TargetColumn
from imggen.data.text_columns import find_text, pack_names
from imggen.data.validation import Column, table_column, weight_column

__all__ = [
    "DEFAULT_SEPARATOR",
    "PACKED_MANIFEST",
    "SPLIT_NAMES",
    "BoxFormat",
    "Boxes",
    "ClassNames",
    "Column",
    "ImageColumn",
    "KeypointFormat",
    "Keypoints",
    "Labels",
    "Manifest",
    "MaskPattern",
    "MultiLabelColumn",
    "Output",
    "OutputKind",
    "PackedSet",
    "Place",
    "ScanFolder",
    "Shard",
    "Source",
    "SplitLayout",
    "Splits",
    "TargetColumn",
    "align_rows",
    "as_manifest",
    "check_manifest_file",
    "column_arguments",
    "column_names",
    "concatenate_columns",
    "convert_labels",
    "find_folds",
    "find_original_paths",
    "find_split_layout",
    "find_system_name",
    "find_text",
    "has_folders",
    "import_datasets",
    "is_fold_name",
    "is_image_feature",
    "is_packed",
    "is_store",
    "is_table",
    "keep_listings",
    "list_names",
    "load_packed",
    "load_table",
    "pack_names",
    "read_output",
    "read_packed",
    "read_table_source",
    "read_values",
    "reject_missing",
    "replace_class_indices",
    "save_with_extras",
    "scan",
    "scan_all",
    "scan_any",
    "scan_labeled",
    "scan_own_splits",
    "scan_split_folders",
    "scan_splits",
    "split_name",
    "split_names",
    "table_column",
    "to_array",
    "to_names",
    "to_paths",
    "to_values",
    "weight_column",
]
