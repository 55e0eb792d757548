"""What people look at: augmented images beside their originals, and a confusion matrix."""

from imggen.preview.confusion import confusion_matrix
from imggen.preview.sheet import contact_sheet
from imggen.preview.variants import Preview, preview

__all__ = ["Preview", "confusion_matrix", "contact_sheet", "preview"]
