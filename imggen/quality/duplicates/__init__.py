"""Pictures that are there more than once: the same bytes, or the same to the eye.

A file becomes one of the ``fingerprints``; ``neighbours`` finds those that may be of the same
picture, ``fitting`` lays one picture over the other, and ``similar`` puts these together. ``find``
is what users call.
"""

from imggen.quality.duplicates.find import Duplicates, find_duplicates
from imggen.quality.duplicates.similarity import THRESHOLD, Pairs

__all__ = ["THRESHOLD", "Duplicates", "Pairs", "find_duplicates"]
