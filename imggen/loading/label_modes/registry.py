"""The label modes by name, and the choice of one."""

from __future__ import annotations

from typing import Literal

from imggen.core import check_choice
from imggen.data import Manifest
from imggen.loading.label_modes.base import LabelMode
from imggen.loading.label_modes.boxes import BoxMode
from imggen.loading.label_modes.classes import BinaryMode, CategoricalMode, IntMode
from imggen.loading.label_modes.input import InputMode
from imggen.loading.label_modes.keypoints import KeypointMode
from imggen.loading.label_modes.mask import MaskMode
from imggen.loading.label_modes.none import NoTargetMode
from imggen.loading.label_modes.regression import RegressionMode

LabelModeLike = (
    Literal["categorical", "int", "binary", "regression", "mask", "boxes", "keypoints", "input"]
    | LabelMode
    | None
)

_MODES: tuple[LabelMode, ...] = (
    CategoricalMode(),
    IntMode(),
    BinaryMode(),
    RegressionMode(),
    MaskMode(),
    BoxMode(),
    KeypointMode(),
    InputMode(),
    NoTargetMode(),
)
LABEL_MODES: dict[str | None, LabelMode] = {mode.name: mode for mode in _MODES}
# Where a manifest is made for several modes, the first of these is the default.
_DEFAULTS = (MaskMode(), BoxMode(), KeypointMode(), RegressionMode(), CategoricalMode())


def find_label_mode(label_mode: LabelModeLike) -> LabelMode:
    """Finds the mode that ``label_mode=`` selects; a mode is returned as it is.

    Raises:
        OptionError: There is no mode of this name.

    Example:
        >>> find_label_mode("int").name
        'int'
    """
    if isinstance(label_mode, LabelMode):
        return label_mode
    check_choice("label_mode", label_mode, tuple(LABEL_MODES))
    return LABEL_MODES[label_mode]


def is_label_mode(name: str | None) -> bool:
    """Whether a built-in mode has this name."""
    return name in LABEL_MODES


def default_label_mode(manifest: Manifest) -> LabelMode:
    """Returns the mode that a manifest was probably made for.

    Masks, boxes, keypoints, numbers or classes become targets, whichever of these it has first.
    """
    for mode in _DEFAULTS:
        if mode.is_default_for(manifest):
            return mode
    return NoTargetMode()
