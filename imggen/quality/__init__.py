"""The quality of image files: broken files, sizes and formats, duplicates, leaks between splits.

In: a folder or a ``Manifest``. Out: a report, a value that can be saved as CSV or JSON, and for
duplicates and leaks a manifest without them. What counts as a problem, and how duplicates are
found, may be changed here without looking elsewhere.
"""

from imggen.quality.duplicates import Conflict, Duplicates, Pairs, find_duplicates
from imggen.quality.file_hashes import hash_files
from imggen.quality.findings import Finding, Problem
from imggen.quality.image_survey import Survey, survey
from imggen.quality.leaks import Leaks, find_leaks
from imggen.quality.packed_check import check_shards
from imggen.quality.verification import VerifyReport, verify

__all__ = [
    "Conflict",
    "Duplicates",
    "Finding",
    "Leaks",
    "Pairs",
    "Problem",
    "Survey",
    "VerifyReport",
    "check_shards",
    "find_duplicates",
    "find_leaks",
    "hash_files",
    "survey",
    "verify",
]
