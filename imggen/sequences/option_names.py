"""The names of options: an unknown one is an error that says what to pass instead."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping

from imggen.errors import OptionError, shorten
from imggen.sequences.options import SequenceOptions

_AUGMENTATIONS = {
    "rotation_range": "RandomRotation",
    "width_shift_range": "RandomTranslation",
    "height_shift_range": "RandomTranslation",
    "shear_range": "RandomShear",
    "zoom_range": "RandomZoom",
    "brightness_range": "RandomBrightness",
    "channel_shift_range": "RandomChannelShift",
    "horizontal_flip": "RandomFlip",
    "vertical_flip": "RandomFlip",
}
_OWN = {
    "class_weight": "Pass it to fit: class_weight=train.class_weight().",
    "oversample": "Call imggen.oversample with the training split of a manifest.",
    "group_by": "Call imggen.group_by with a manifest, then imggen.split.",
    "subset": "split= returns all splits at once.",
    "fill_mode": "Pass it to the augmentations in augment=.",
    "cval": "Pass it to the augmentations in augment=.",
    "featurewise_center": "Pass mean=, which imggen.statistics measures.",
    "featurewise_std_normalization": "Pass std=, which imggen.statistics measures.",
    "save_to_dir": "Call imggen.augment_directory to write augmented images.",
    "follow_links": "Links are followed.",
}
# Names of Keras and torch, and what is closest to them here.
_RENAMED = {
    "target_size": "image_size",
    "class_mode": "label_mode",
    "classes": "class_names",
    "validation_split": "split",
    "preprocessing_function": "preprocess",
    "keep_aspect_ratio": "crop_to_aspect_ratio",
    "sample_weight": "weight_col",
    "transform": "augment",
    "transforms": "augment",
    "num_workers": "workers",
    "drop_last": "drop_remainder",
}


def check_factory_options(factory: Callable[..., object], options: Mapping[str, object]) -> None:
    """Rejects an unknown or mistyped option before any file is opened."""
    parameters = set(inspect.signature(factory).parameters) - {"options"}
    known = [*SequenceOptions.__annotations__, *sorted(parameters)]
    for name in options:
        if name not in known:
            hint = _advise(name, known)
            raise OptionError(
                f"{factory.__name__} has no argument {shorten(name)}. {hint}The arguments are "
                f"{', '.join(known)}."
            )


def _advise(name: str, known: list[str]) -> str:
    if name in _AUGMENTATIONS and "augment" in known:
        return f"Pass augment=[imggen.augment.{_AUGMENTATIONS[name]}(...)]. "
    if name in _OWN:
        return f"{_OWN[name]} "
    if _RENAMED.get(name) in known:
        return f"Use {_RENAMED[name]}=. "
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}? " if close else ""
