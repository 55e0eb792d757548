"""HTML pages about scans, verification, splits, duplicates, previews and augmentations.

Each is one file that needs no network.

In: the results of other rooms. Out: the text of a page, and the file that holds it. Layout and
wording may change here alone; ``render`` is common to all pages, and each page has its own
template.
"""

from imggen.reports.duplicates_page import duplicates_page
from imggen.reports.gallery_page import gallery_page
from imggen.reports.predictions_page import predictions_page
from imggen.reports.preview_page import preview_page
from imggen.reports.render import check_page, make_data_uri, write_page
from imggen.reports.scan_page import scan_page
from imggen.reports.split_page import split_page
from imggen.reports.variant_grid import make_variant_style
from imggen.reports.verify_page import verify_page

__all__ = [
    "check_page",
    "duplicates_page",
    "gallery_page",
    "make_data_uri",
    "make_variant_style",
    "predictions_page",
    "preview_page",
    "scan_page",
    "split_page",
    "verify_page",
    "write_page",
]
