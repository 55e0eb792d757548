"""imggen.quality"""

from imggen.quality.duplicates import Duplicates, Pairs, find_duplicates
from imggen.quality.file_hashes import hash_files
from imggen.quality.image_survey import Survey, survey
from imggen.quality.leaks import Leaks, find_leaks
from imggen.quality.verification import VerifyReport, verify

__all__ = [
    "Duplicates",
    "Leaks",
    "Pairs",
    "Survey",
    "VerifyReport",
    "find_duplicates",
    "find_leaks",
    "hash_files",
    "survey",
    "verify",
]
