from . import augment, errors
from .augment import load_policy, preset, register_adapter, save_policy
from .benchmark import bench
from .cache import Cache
from .data import Boxes, Keypoints, Manifest, Splits, scan
from .decode import ImageSpec, load_image
from .export import augment_directory, pack, split_directory, undo_split, unpack
from .legacy import ImageDataGenerator
from .loading import statistics
from .preprocessing import Preprocessing
from .preview import confusion_matrix, contact_sheet
from .quality import find_duplicates, find_leaks, hash_files, survey, verify
from .sequences import (
    ImageSequence,
    LogImages,
    Resume,
    TableSequence,
    from_arrays,
    from_dataframe,
    from_directory,
    from_files,
    from_hf,
    from_packed,
    from_tfds,
    kfold_sequences,
    zip_sequences,
)
from .splitting import group_by, kfold, oversample, split

__all__ = [
    "Boxes",
    "Cache",
    "ImageDataGenerator",
    "ImageSequence",
    "ImageSpec",
    "Keypoints",
    "LogImages",
    "Manifest",
    "Preprocessing",
    "Resume",
    "Splits",
    "TableSequence",
    "augment",
    "augment_directory",
    "bench",
    "confusion_matrix",
    "contact_sheet",
    "errors",
    "find_duplicates",
    "find_leaks",
    "from_arrays",
    "from_dataframe",
    "from_directory",
    "from_files",
    "from_hf",
    "from_packed",
    "from_tfds",
    "group_by",
    "hash_files",
    "kfold",
    "kfold_sequences",
    "load_image",
    "load_policy",
    "oversample",
    "pack",
    "preset",
    "register_adapter",
    "save_policy",
    "scan",
    "split",
    "split_directory",
    "statistics",
    "survey",
    "undo_split",
    "unpack",
    "verify",
    "zip_sequences",
]
__version__: str
