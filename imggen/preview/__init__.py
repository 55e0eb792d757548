"""What people look at: augmented images beside their originals, and a confusion matrix."""

from imggen.preview.confusion import confusion_matrix
from imggen.preview.drawing import Bar, Section, chart
from imggen.preview.explanation import Explanation, draw_batch, explain
from imggen.preview.sample_drawing import picture_of_sample
from imggen.preview.sheet import contact_sheet, draw_preview
from imggen.preview.variants import Preview, Row, Variant, preview, readable, row_of

__all__ = [
    "Bar",
    "Explanation",
    "Preview",
    "Row",
    "Section",
    "Variant",
    "chart",
    "confusion_matrix",
    "contact_sheet",
    "draw_batch",
    "draw_preview",
    "explain",
    "picture_of_sample",
    "preview",
    "readable",
    "row_of",
]
