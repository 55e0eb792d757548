"""imggen.data"""

from imggen.data.annotations import BoxFormat, KeypointFormat
from imggen.data.manifest import Manifest
from imggen.data.manifest_io import arguments_of
from imggen.data.scanning import Labels, has_folders, scan, scan_splits
from imggen.data.splits import SPLIT_NAMES, Splits, split_name, split_names
from imggen.data.validation import table_column

__all__ = [
    "SPLIT_NAMES",
    "BoxFormat",
    "KeypointFormat",
    "Labels",
    "Manifest",
    "Splits",
    "arguments_of",
    "has_folders",
    "scan",
    "scan_splits",
    "split_name",
    "split_names",
    "table_column",
]
