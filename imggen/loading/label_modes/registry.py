"""The label modes by name, and the choice of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

from imggen.core import check_choice, shorten
from imggen.data import Manifest, OutputKind
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode
from imggen.loading.label_modes.boxes import BoxMode
from imggen.loading.label_modes.classes import BinaryMode, CategoricalMode, IntMode
from imggen.loading.label_modes.input import InputMode
from imggen.loading.label_modes.keypoints import KeypointMode
from imggen.loading.label_modes.mask import MaskMode
from imggen.loading.label_modes.multi_label import MultiLabelMode
from imggen.loading.label_modes.multi_output import MultiOutputMode, TargetsAs, name_output
from imggen.loading.label_modes.none import NoTargetMode
from imggen.loading.label_modes.regression import RegressionMode

SingleLabelMode = (
    Literal[
        "categorical",
        "int",
        "binary",
        "multi_label",
        "regression",
        "mask",
        "boxes",
        "keypoints",
        "input",
    ]
    | LabelMode
    | None
)
# For a model of several outputs, a mapping from output to mode.
LabelModeLike = SingleLabelMode | Mapping[str, SingleLabelMode]

_MODES: tuple[LabelMode, ...] = (
    CategoricalMode(),
    IntMode(),
    BinaryMode(),
    MultiLabelMode(),
    RegressionMode(),
    MaskMode(),
    BoxMode(),
    KeypointMode(),
    InputMode(),
    NoTargetMode(),
)
LABEL_MODES: dict[str | None, LabelMode] = {mode.name: mode for mode in _MODES}
# Where a manifest is made for several modes, the first of these is the default.
_DEFAULTS: tuple[LabelMode, ...] = (
    MaskMode(),
    BoxMode(),
    KeypointMode(),
    RegressionMode(),
    MultiLabelMode(),
    CategoricalMode(),
)
_MODE_OF_KIND: dict[OutputKind, LabelMode] = {
    "classes": CategoricalMode(),
    "multi_label": MultiLabelMode(),
    "numbers": RegressionMode(),
}


def find_label_mode(label_mode: LabelModeLike, targets_as: TargetsAs = "dict") -> LabelMode:
    """Finds the mode that ``label_mode=`` selects; a mode is returned as it is.

    Args:
        label_mode: A mode or its name; or for several outputs, a mapping from output to these.
        targets_as: How the targets of several outputs are served.

    Raises:
        OptionError: There is no mode of this name; or outputs that cannot be combined.

    Example:
        >>> find_label_mode("int").name
        'int'
    """
    check_choice("targets_as", targets_as, get_args(TargetsAs))
    if isinstance(label_mode, Mapping):
        modes: dict[str, LabelMode] = {}
        for output, one in label_mode.items():
            if not str(output) or str(output) in modes:
                raise OptionError(f"The output {str(output)!r} is empty or named twice.")
            if one is None or isinstance(one, Mapping):
                raise OptionError(
                    f"The output {output!r} has the label mode {shorten(one)}; expected the name "
                    "of a mode. Leave out outputs without targets."
                )
            with name_output(str(output)):
                modes[str(output)] = find_label_mode(one)
        return MultiOutputMode(modes, targets_as)
    if targets_as != "dict" and not isinstance(label_mode, MultiOutputMode):
        shown = label_mode.describe() if isinstance(label_mode, LabelMode) else repr(label_mode)
        raise OptionError(
            f"targets_as={targets_as!r} is for several outputs, and label_mode={shown} has one. "
            "Leave it out; one target is always an array."
        )
    if isinstance(label_mode, LabelMode):
        return label_mode
    check_choice("label_mode", label_mode, tuple(LABEL_MODES))
    return LABEL_MODES[label_mode]


def default_label_mode(manifest: Manifest) -> LabelMode:
    """Returns the mode that a manifest was probably made for.

    Masks, boxes, keypoints, numbers or classes become targets, whichever of these it has first; or
    all of its outputs, if it has several.
    """
    if len(manifest.outputs) > 1:
        whole = dataclasses.replace(manifest, outputs={})
        modes = {
            name: default_label_mode(whole) if output.kind is None else _MODE_OF_KIND[output.kind]
            for name, output in manifest.outputs.items()
        }
        return MultiOutputMode({n: mode for n, mode in modes.items() if mode.name is not None})
    for mode in _DEFAULTS:
        if mode.is_default_for(manifest):
            return mode
    return NoTargetMode()
