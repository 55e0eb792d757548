"""Datasets for Keras: ``ImageSequence``, ``TableSequence`` and the ``from_*`` functions.

In: a manifest, or a folder, table or list of files, and options. Out: a ``PyDataset`` for
``model.fit``. The internals of Keras are dealt with in ``keras_compat`` and ``keras_view``, the
epoch of each request in ``epochs``; options, warnings and prediction tables can be changed here
without changes elsewhere.
"""

from imggen.sequences import keras_import  # noqa: F401 - before others import Keras

# isort: split
from imggen.sequences.array_factory import from_arrays
from imggen.sequences.dataset_factory import from_hf
from imggen.sequences.factories import from_dataframe, from_directory, from_files
from imggen.sequences.file_predictions import (
    FilePredictions,
    check_predictions_file,
    predict_files,
)
from imggen.sequences.folds import kfold_sequences
from imggen.sequences.image_logging import LogImages
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.keras_compat import (
    as_trainable,
    called_by_keras,
    next_batch_in_keras,
    refuse_tf_keras,
)
from imggen.sequences.messages import print_message
from imggen.sequences.new_images import NewImages, find_new_images
from imggen.sequences.packed_factory import from_packed
from imggen.sequences.resume import Resume
from imggen.sequences.table_sequence import TableSequence
from imggen.sequences.tfds_factory import from_tfds
from imggen.sequences.zipped import zip_sequences

__all__ = [
    "FilePredictions",
    "ImageSequence",
    "LogImages",
    "NewImages",
    "Resume",
    "TableSequence",
    "as_trainable",
    "called_by_keras",
    "check_predictions_file",
    "find_new_images",
    "from_arrays",
    "from_dataframe",
    "from_directory",
    "from_files",
    "from_hf",
    "from_packed",
    "from_tfds",
    "kfold_sequences",
    "next_batch_in_keras",
    "predict_files",
    "print_message",
    "refuse_tf_keras",
    "zip_sequences",
]
