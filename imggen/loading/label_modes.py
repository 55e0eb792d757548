"""Class indices to the targets that a loss expects."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from imggen.core import check_choice
from imggen.data import Manifest
from imggen.errors import OptionError

LabelMode = Literal["categorical", "int", "binary", "mask", "boxes", "keypoints", "input"] | None

LABEL_MODES: tuple[str | None, ...] = (
    *("categorical", "int", "binary", "mask", "boxes", "keypoints", "input"),
    None,
)


def usual_label_mode(manifest: Manifest) -> LabelMode:
    """What a manifest is most likely made for: its masks, boxes, keypoints or classes, or None."""
    if manifest.masks is not None:
        return "mask"
    if manifest.boxes is not None:
        return "boxes"
    if manifest.keypoints is not None:
        return "keypoints"
    return None if manifest.labels is None else "categorical"


def check_label_mode(label_mode: LabelMode, manifest: Manifest) -> None:
    """Checks that targets of this kind can be made.

    Raises:
        OptionError: An unknown mode; labels, masks, boxes or keypoints asked for where there are
            none; or "binary" with a number of classes other than two.
    """
    check_choice("label_mode", label_mode, LABEL_MODES)
    if label_mode in ("categorical", "int", "binary") and manifest.labels is None:
        raise OptionError(
            f"label_mode={label_mode!r} needs labels, and these samples have none. Pass "
            'label_mode=None, or "input" for an autoencoder.'
        )
    if label_mode == "mask" and manifest.masks is None:
        raise OptionError(
            'label_mode="mask" needs masks, and these samples have none. Pass mask_dir= to scan or '
            "from_directory, or mask_col= with a table."
        )
    for mode, column, option in (
        ("boxes", manifest.boxes, "boxes=Boxes(...)"),
        ("keypoints", manifest.keypoints, "keypoints=Keypoints(...)"),
    ):
        if label_mode == mode and column is None:
            raise OptionError(
                f"label_mode={mode!r} needs {mode}, and these samples have none. Pass {option} "
                "with a table."
            )
    if label_mode == "binary" and manifest.num_classes != 2:
        raise OptionError(
            f'label_mode="binary" needs two classes; there are {manifest.num_classes}. Use '
            '"categorical" or "int".'
        )


def encode(
    labels: npt.NDArray[np.int32], label_mode: LabelMode, num_classes: int
) -> npt.NDArray[np.int32] | npt.NDArray[np.float32]:
    """Encodes class indices as ``image_dataset_from_directory`` of Keras 3 does.

    Args:
        labels: Class indices, shape (n,).
        label_mode: "categorical", "int" or "binary".
        num_classes: The number of classes.

    Returns:
        "categorical": one-hot float32, shape (n, num_classes), for categorical_crossentropy.
        "int": int32, shape (n,), for sparse_categorical_crossentropy.
        "binary": 0.0 or 1.0 as float32, shape (n, 1), for binary_crossentropy.

    Example:
        >>> encode(np.array([1, 0], np.int32), "categorical", 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if label_mode == "int":
        return labels.astype(np.int32)
    if label_mode == "binary":
        return labels.astype(np.float32)[:, None]
    one_hot = np.zeros((len(labels), num_classes), dtype=np.float32)
    one_hot[np.arange(len(labels)), labels] = 1.0
    return one_hot


def class_weights(labels: npt.NDArray[np.int32]) -> dict[int, float]:
    """The weights that make every class count the same in a loss.

    Class ``c`` gets ``num_samples / (num_present_classes × count(c))``, as scikit-learn's
    ``compute_class_weight("balanced")`` has it. Classes without a sample are left out.

    Args:
        labels: Class indices, shape (n,).

    Example:
        >>> class_weights(np.array([0, 0, 0, 1], np.int32))
        {0: 0.6666666666666666, 1: 2.0}
    """
    present, counts = np.unique(labels, return_counts=True)
    weights = len(labels) / (len(present) * counts)
    return dict(zip(present.tolist(), weights.tolist(), strict=True))
