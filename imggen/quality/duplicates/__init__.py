"""Duplicate images: files with the same bytes, and images that look the same.

In: a ``Manifest``. Out: ``Duplicates``, groups of its rows. ``fingerprints`` reduces files to
thumbnails and hashes, ``hash_index`` finds candidate pairs, ``alignment`` and ``color_agreement``
compare the two images of a pair, and ``similarity`` combines these; ``conflicts`` compares the
labels in a group. Each may be changed here without looking elsewhere.
"""

from imggen.quality.duplicates.conflicts import Conflict, list_images
from imggen.quality.duplicates.find import find_duplicates
from imggen.quality.duplicates.result import MAX_SHOWN_FILES, MAX_SHOWN_GROUPS, Duplicates
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs

__all__ = [
    "MAX_SHOWN_FILES",
    "MAX_SHOWN_GROUPS",
    "THRESHOLD",
    "Conflict",
    "Duplicates",
    "Pairs",
    "find_duplicates",
    "list_images",
]
