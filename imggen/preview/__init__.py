"""Pictures for people: images next to their augmented variants, and the confusion matrix.

In: a sequence (anything ``Previewable``), images on disk, or a table of predictions. Out: Pillow
pictures, and ``Preview`` values that the reports and the studio show. Layout, colors and texts can
be changed here; which pixels training sees is decided by ``augment`` and ``loading``.
"""

from imggen.preview.batch_drawing import (
    choose_samples,
    draw_batch,
    draw_sample_of,
    select_samples,
)
from imggen.preview.charts import Bar, Section, draw_chart
from imggen.preview.confusion import confusion_matrix
from imggen.preview.explanation import Explanation, explain
from imggen.preview.gallery import Gallery, make_gallery
from imggen.preview.layout import Cell, Note, check_columns, check_sheet_size, draw_cells
from imggen.preview.picture_file import check_picture, save_picture
from imggen.preview.results import Result, describe_results, draw_result, find_worst, read_results
from imggen.preview.sample_drawing import check_cell, draw_sample
from imggen.preview.sheet import contact_sheet, draw_preview
from imggen.preview.variants import Preview, Row, Variant, find_readable, make_preview, make_row

__all__ = [
    "Bar",
    "Cell",
    "Explanation",
    "Gallery",
    "Note",
    "Preview",
    "Result",
    "Row",
    "Section",
    "Variant",
    "check_cell",
    "check_columns",
    "check_picture",
    "check_sheet_size",
    "choose_samples",
    "confusion_matrix",
    "contact_sheet",
    "describe_results",
    "draw_batch",
    "draw_cells",
    "draw_chart",
    "draw_preview",
    "draw_result",
    "draw_sample",
    "draw_sample_of",
    "explain",
    "find_readable",
    "find_worst",
    "make_gallery",
    "make_preview",
    "make_row",
    "read_results",
    "save_picture",
    "select_samples",
]
