"""The label mode "multi_label": any number of classes per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.data import Column, Manifest, MultiLabelColumn
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode, TargetBatch, check_y_col
from imggen.loading.label_modes.class_scores import label_scores
from imggen.loading.label_modes.output_meaning import OutputMeaning

# A class is predicted from this probability on.
_THRESHOLD = 0.5
_NO_CLASSES = "no classes"


@final
class MultiLabelMode(LabelMode):
    """1.0 for each class of a sample, float32, shape (n, num_classes), for binary_crossentropy.

    A sample without classes is all zeros. MixUp and CutMix blend rows by the shares of the images.
    """

    name = "multi_label"
    kind = "multi_label"

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        if manifest.multi_labels is None:
            raise OptionError(
                'label_mode="multi_label" needs samples with lists of classes, and these have '
                "none. Pass y_col= to from_dataframe, labels to from_files, or multi_label_cols= "
                "to Manifest.from_frame."
            )
        if not manifest.num_classes:
            raise OptionError(
                'label_mode="multi_label" needs at least one class, and no sample has one. Pass '
                "class_names=."
            )

    def is_default_for(self, manifest: Manifest) -> bool:
        """See ``LabelMode``."""
        return manifest.multi_labels is not None

    def frame_columns(self, y_col: Column | Sequence[Column] | None) -> dict[str, Any]:
        """See ``LabelMode``."""
        check_y_col(
            y_col,
            'label_mode="multi_label" needs columns of classes',
            "Pass the name of a column of lists or text, or a list of columns of 0 and 1.",
        )
        return {"y_col": None, "multi_label_cols": y_col}

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[np.float32]:
        """See ``LabelMode``."""
        column = _column(batch.manifest)
        return column.multi_hot(batch.rows, len(batch.manifest.class_names))

    def explain(
        self, manifest: Manifest, shares: Sequence[tuple[int, float]], *, is_mixed: bool
    ) -> dict[str, float]:
        """Returns the share of each class that the target has; empty for none."""
        del is_mixed
        rows = np.array([row for row, _ in shares])
        hot = _column(manifest).multi_hot(rows, manifest.num_classes, np.float64)
        return _present(np.array([share for _, share in shares]) @ hot, manifest.class_names)

    def format_target(self, target: Mapping[str, float]) -> str:
        """See ``LabelMode``."""
        if all(share > 1 - 1e-6 for share in target.values()):
            return ", ".join(target) or _NO_CLASSES
        return super().format_target(target) or _NO_CLASSES

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: npt.NDArray[np.float32],
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """See ``LabelMode``."""
        del channels_first
        present = _present(targets[position], manifest.class_names)
        return Sample(pixels), self.format_target(present)

    def prediction_columns(
        self,
        output: npt.NDArray[Any],
        manifest: Manifest,
        unread: Sequence[int],
        *,
        meaning: OutputMeaning,
    ) -> dict[str, npt.NDArray[Any]]:
        """Makes the columns "true", "predicted" and "p_<class name>".

        "true" and "predicted" join the names of the classes by the separator of the table; a class
        is predicted if its probability is at least 0.5.

        Raises:
            OptionError: The output does not have the shape (n, num_classes), or ends in a softmax,
                or it is not known whether it holds probabilities.
        """
        column, names = _column(manifest), manifest.class_names
        scores = label_scores(output, manifest, unread, meaning)
        chosen = MultiLabelColumn.from_matrix(scores >= _THRESHOLD, column.separator)
        predicted = chosen.join(names)
        scores[unread] = np.nan
        predicted[np.isnan(scores).any(axis=1)] = None
        by_class = {f"p_{name}": scores[:, index] for index, name in enumerate(names)}
        return {"true": column.join(names), "predicted": predicted, **by_class}


def _column(manifest: Manifest) -> MultiLabelColumn:
    assert manifest.multi_labels is not None  # noqa: S101 - checked by check_manifest
    return manifest.multi_labels


def _present(shares: npt.NDArray[Any], class_names: Sequence[str]) -> dict[str, float]:
    return {class_names[index]: float(shares[index]) for index in np.flatnonzero(shares).tolist()}
