"""Loading: the numbers of an epoch and a batch to the arrays of this batch.

A manifest, decoding, augmentations and a label mode come in; ``BatchMaker`` makes any batch of any
epoch. The order of epochs (``sampler``), what targets are (``label_modes``), how samples become
arrays (``collate``), which part of a batch a process loads (``shards``) and what happens to
unreadable files (``batch_maker``) each change in one file.
``TableBatchMaker`` does the same for table files. Nothing in this room imports Keras, so worker
processes start without it.
"""

from imggen.loading.array_images import ArrayImages, parse_image
from imggen.loading.batch import Batch
from imggen.loading.batch_maker import BatchMaker, OnError
from imggen.loading.blends import draw_blends, draw_partners
from imggen.loading.channel_statistics import ChannelStatistics, statistics
from imggen.loading.function_names import (
    Preprocess,
    describe_function,
    import_function,
    import_name,
    is_from_keras,
)
from imggen.loading.image_batches import DataFormat, ImageBatches
from imggen.loading.image_source import ImageSource
from imggen.loading.image_store import ImageStore
from imggen.loading.label_modes import (
    LABEL_MODES,
    LabelMode,
    LabelModeLike,
    MultiOutputMode,
    NoTargetMode,
    OutputMeaning,
    SingleLabelMode,
    TargetsAs,
    check_masks_once,
    class_weights,
    default_label_mode,
    find_label_mode,
)
from imggen.loading.lone_batches import ServedBatches, make_example
from imggen.loading.row_images import RowImages, name_row
from imggen.loading.sample_loader import Failure, SampleLoader
from imggen.loading.sampler import EpochSampler
from imggen.loading.scaling import ChannelValues, Rescale, Scaling
from imggen.loading.shards import Shard, ShardLike, choose_seed, map_arrays, repeat_rows
from imggen.loading.substitutes import load_substitute
from imggen.loading.table_batch_maker import (
    TableBatch,
    TableBatchMaker,
    TableReader,
    TableTransform,
)

__all__ = [
    "LABEL_MODES",
    "ArrayImages",
    "Batch",
    "BatchMaker",
    "ChannelStatistics",
    "ChannelValues",
    "DataFormat",
    "EpochSampler",
    "Failure",
    "ImageBatches",
    "ImageSource",
    "ImageStore",
    "LabelMode",
    "LabelModeLike",
    "MultiOutputMode",
    "NoTargetMode",
    "OnError",
    "OutputMeaning",
    "Preprocess",
    "Rescale",
    "RowImages",
    "SampleLoader",
    "Scaling",
    "ServedBatches",
    "Shard",
    "ShardLike",
    "SingleLabelMode",
    "TableBatch",
    "TableBatchMaker",
    "TableReader",
    "TableTransform",
    "TargetsAs",
    "check_masks_once",
    "choose_seed",
    "class_weights",
    "default_label_mode",
    "describe_function",
    "draw_blends",
    "draw_partners",
    "find_label_mode",
    "import_function",
    "import_name",
    "is_from_keras",
    "load_substitute",
    "make_example",
    "map_arrays",
    "name_row",
    "parse_image",
    "repeat_rows",
    "statistics",
]
