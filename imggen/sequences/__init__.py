"""imggen.sequences"""

from imggen.sequences.factories import from_dataframe, from_directory, from_files
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.keras_compat import KerasEpochTracker, ManualEpochTracker, called_by_keras
from imggen.sequences.table_sequence import TableSequence

__all__ = [
    "ImageSequence",
    "KerasEpochTracker",
    "ManualEpochTracker",
    "TableSequence",
    "called_by_keras",
    "from_dataframe",
    "from_directory",
    "from_files",
]
