"""Label modes: the kinds of targets a model can be trained on, one module each.

A ``label_mode=`` and a manifest come in; a ``LabelMode`` goes out, which loads, collates, blends,
explains and predicts targets. A new mode is one more subclass of ``LabelMode``, passed as
``label_mode=`` or listed in ``registry``; nothing outside this room knows the modes by name.
"""

from imggen.loading.label_modes.base import FindGeometry, LabelMode, LoadedImage, TargetBatch
from imggen.loading.label_modes.classes import class_weights
from imggen.loading.label_modes.mask_check import check_masks_once
from imggen.loading.label_modes.multi_output import MultiOutputMode, TargetsAs
from imggen.loading.label_modes.none import NoTargetMode
from imggen.loading.label_modes.output_meaning import OutputMeaning
from imggen.loading.label_modes.registry import (
    LABEL_MODES,
    LabelModeLike,
    SingleLabelMode,
    default_label_mode,
    find_label_mode,
)

__all__ = [
    "LABEL_MODES",
    "FindGeometry",
    "LabelMode",
    "LabelModeLike",
    "LoadedImage",
    "MultiOutputMode",
    "NoTargetMode",
    "OutputMeaning",
    "SingleLabelMode",
    "TargetBatch",
    "TargetsAs",
    "check_masks_once",
    "class_weights",
    "default_label_mode",
    "find_label_mode",
]
