"""imggen.loading"""

from imggen.loading.batch_maker import Batch, BatchMaker, OnError, first_readable
from imggen.loading.image_source import source_of_files, source_of_loader
from imggen.loading.label_modes import LabelMode, check_label_mode, class_weights, usual_label_mode
from imggen.loading.sample_loader import Failure, SampleLoader
from imggen.loading.sampler import EpochSampler

__all__ = [
    "Batch",
    "BatchMaker",
    "EpochSampler",
    "Failure",
    "LabelMode",
    "OnError",
    "SampleLoader",
    "check_label_mode",
    "class_weights",
    "first_readable",
    "source_of_files",
    "source_of_loader",
    "usual_label_mode",
]
