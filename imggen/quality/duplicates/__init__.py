"""Duplicate images: files with the same bytes, and images that look the same.

In: a ``Manifest``. Out: ``Duplicates``, groups of its rows. ``fingerprints`` reduces files to
thumbnails and hashes, ``hash_index`` finds candidate pairs, ``alignment`` aligns the two images of
a pair, and ``similarity`` combines these. Each may be changed here without looking elsewhere.
"""

from imggen.quality.duplicates.find import Duplicates, find_duplicates
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs

__all__ = ["THRESHOLD", "Duplicates", "Pairs", "find_duplicates"]
