"""Pictures for people: images next to their augmented variants, and the confusion matrix.

In: a sequence (anything ``Previewable``), images on disk, or a table of predictions. Out: Pillow
pictures, and ``Preview`` values that the reports and the studio show. Layout, colors and texts can
be changed here; which pixels training sees is decided by ``augment`` and ``loading``.
"""

from imggen.preview.confusion import confusion_matrix
from imggen.preview.drawing import Bar, Section, draw_chart
from imggen.preview.explanation import Explanation, draw_batch, explain
from imggen.preview.picture_file import check_picture, save_picture
from imggen.preview.sample_drawing import draw_sample
from imggen.preview.sheet import contact_sheet, draw_preview
from imggen.preview.variants import Preview, Row, Variant, find_readable, make_preview, make_row

__all__ = [
    "Bar",
    "Explanation",
    "Preview",
    "Row",
    "Section",
    "Variant",
    "check_picture",
    "confusion_matrix",
    "contact_sheet",
    "draw_batch",
    "draw_chart",
    "draw_preview",
    "draw_sample",
    "explain",
    "find_readable",
    "make_preview",
    "make_row",
    "save_picture",
]
