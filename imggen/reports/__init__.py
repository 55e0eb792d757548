"""Pages that people look at: one file each, with its pictures in it, that needs no network.

``render`` is what they share; each other module makes one page, with the template of its name.
"""

from imggen.reports.duplicates_page import duplicates_page
from imggen.reports.preview_page import preview_page
from imggen.reports.render import check_page, data_uri, write_page
from imggen.reports.scan_page import scan_page
from imggen.reports.split_page import split_page

__all__ = [
    "check_page",
    "data_uri",
    "duplicates_page",
    "preview_page",
    "scan_page",
    "split_page",
    "write_page",
]
