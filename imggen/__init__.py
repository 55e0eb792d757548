"""imggen: folders of images to batches that Keras trains on.

Names that need Keras are loaded when they are first used, so that ``import imggen`` is instant.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from imggen.augment import (
    Applied,
    Augmentation,
    AugMix,
    AutoContrast,
    CutMix,
    Equalization,
    Inversion,
    MixUp,
    MixUpOrCutMix,
    RandAugment,
    RandomBrightness,
    RandomChannelShift,
    RandomContrast,
    RandomErasing,
    RandomFlip,
    RandomGamma,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomHue,
    RandomJPEG,
    RandomPerspective,
    RandomPosterization,
    RandomResizedCrop,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomShear,
    RandomSolarization,
    RandomTranslation,
    RandomZoom,
    Sample,
    TrivialAugment,
    load_policy,
    preset,
    register_adapter,
    save_policy,
)
from imggen.bench import BenchReport, bench
from imggen.cache import Cache
from imggen.columns import StringColumn
from imggen.content import hash_files
from imggen.copies import CopiesReport, augment_directory
from imggen.decode import ImageSpec, load_image
from imggen.duplicates import Duplicates, find_duplicates
from imggen.errors import (
    AugmentationError,
    CacheError,
    ExportError,
    ImageError,
    ImggenError,
    ImggenWarning,
    ManifestError,
    MissingExtraError,
    OptionError,
    PolicyError,
    SampleError,
    ScanError,
    ScriptError,
    SplitError,
    TableError,
    WorkerError,
)
from imggen.explain import Explanation
from imggen.export import split_directory, undo_split
from imggen.leaks import Leaks, find_leaks
from imggen.manifest import Manifest
from imggen.parts import Parts
from imggen.preview import confusion_matrix, contact_sheet
from imggen.scan import scan
from imggen.split import group_by, kfold, oversample, split
from imggen.survey import Survey, survey
from imggen.verify import VerifyReport, verify

if TYPE_CHECKING:
    from imggen.datasets import from_dataframe, from_directory, from_files
    from imggen.legacy import ImageDataGenerator
    from imggen.sequence import ImageSequence
    from imggen.table import TableSequence

__all__ = [
    "Applied",
    "AugMix",
    "Augmentation",
    "AugmentationError",
    "AutoContrast",
    "BenchReport",
    "Cache",
    "CacheError",
    "CopiesReport",
    "CutMix",
    "Duplicates",
    "Equalization",
    "Explanation",
    "ExportError",
    "ImageDataGenerator",
    "ImageError",
    "ImageSequence",
    "ImageSpec",
    "ImggenError",
    "ImggenWarning",
    "Inversion",
    "Leaks",
    "Manifest",
    "ManifestError",
    "MissingExtraError",
    "MixUp",
    "MixUpOrCutMix",
    "OptionError",
    "Parts",
    "PolicyError",
    "RandAugment",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomContrast",
    "RandomErasing",
    "RandomFlip",
    "RandomGamma",
    "RandomGaussianBlur",
    "RandomGaussianNoise",
    "RandomHue",
    "RandomJPEG",
    "RandomPerspective",
    "RandomPosterization",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomSolarization",
    "RandomTranslation",
    "RandomZoom",
    "Sample",
    "SampleError",
    "ScanError",
    "ScriptError",
    "SplitError",
    "StringColumn",
    "Survey",
    "TableError",
    "TableSequence",
    "TrivialAugment",
    "VerifyReport",
    "WorkerError",
    "augment_directory",
    "bench",
    "confusion_matrix",
    "contact_sheet",
    "find_duplicates",
    "find_leaks",
    "from_dataframe",
    "from_directory",
    "from_files",
    "group_by",
    "hash_files",
    "kfold",
    "load_image",
    "load_policy",
    "oversample",
    "preset",
    "register_adapter",
    "save_policy",
    "scan",
    "split",
    "split_directory",
    "survey",
    "undo_split",
    "verify",
]

__version__ = version("imggen")

_NEED_KERAS = {
    "ImageDataGenerator": "imggen.legacy",
    "ImageSequence": "imggen.sequence",
    "TableSequence": "imggen.table",
    "from_dataframe": "imggen.datasets",
    "from_directory": "imggen.datasets",
    "from_files": "imggen.datasets",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_KERAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_NEED_KERAS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
