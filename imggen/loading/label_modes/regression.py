"""The label mode "regression": one number per sample, or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Mixer, MixUp, Sample
from imggen.core import format_number
from imggen.data import Column, Manifest, TargetColumn
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode, TargetBatch, check_y_col
from imggen.loading.label_modes.output_meaning import OutputMeaning


@final
class RegressionMode(LabelMode):
    """Numbers, float32: shape (n,) for a column given as one name, (n, k) for a list of k names.

    MixUp blends them linearly, as it does the images. CutMix is refused: a patch of another image
    does not bring a share of its number along, such as of an age.
    """

    name = "regression"
    kind = "numbers"
    target_noun = "target"

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        if manifest.targets is None:
            raise OptionError(
                'label_mode="regression" needs columns of numbers, and these samples have none. '
                "Pass y_col= to from_dataframe, or target_cols= to Manifest.from_frame."
            )

    def is_default_for(self, manifest: Manifest) -> bool:
        """See ``LabelMode``."""
        return manifest.targets is not None

    def check_predictions(self, manifest: Manifest) -> None:
        """See ``LabelMode``; the columns do not have the names of classes."""
        del manifest

    def frame_columns(self, y_col: Column | Sequence[Column] | None) -> dict[str, Any]:
        """See ``LabelMode``."""
        check_y_col(
            y_col,
            'label_mode="regression" needs columns of numbers',
            "Pass the name of a column, or a list of names.",
        )
        return {"y_col": None, "target_cols": y_col}

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[np.float32]:
        """See ``LabelMode``."""
        return _targets(batch.manifest).select(batch.rows)

    def check_mixer(self, mixer: Mixer) -> None:
        """See ``LabelMode``."""
        if not isinstance(mixer, MixUp):
            raise OptionError(
                f'{mixer.name} cannot blend the numbers of label_mode="regression": a patch of '
                "another image does not change them by its area. Use MixUp, which blends images "
                "and numbers linearly."
            )

    def explain(
        self, manifest: Manifest, shares: Sequence[tuple[int, float]], *, is_mixed: bool
    ) -> dict[str, float]:
        """Returns the blended value of each column, by name."""
        del is_mixed
        targets = _targets(manifest)
        values = sum(share * targets.values[row].astype(np.float64) for row, share in shares)
        return dict(zip(targets.names, np.asarray(values).tolist(), strict=True))

    def format_target(self, target: Mapping[str, float]) -> str:
        """See ``LabelMode``."""
        return ", ".join(f"{name} {format_number(value)}" for name, value in target.items())

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
        values = np.atleast_1d(targets[position]).tolist()
        named = dict(zip(_targets(manifest).names, values, strict=True))
        return Sample(pixels), self.format_target(named)

    def prediction_columns(
        self,
        output: npt.NDArray[Any],
        manifest: Manifest,
        unread: Sequence[int],
        *,
        meaning: OutputMeaning,
    ) -> dict[str, npt.NDArray[Any]]:
        """Makes the columns "true" and "predicted"; "true_<name>", "predicted_<name>" for a list.

        Args:
            output: Shape (n, k), or (n,) where k is 1.
            manifest: See ``LabelMode``.
            unread: See ``LabelMode``.
            meaning: Not used.

        Raises:
            OptionError: The output has another shape.
        """
        del meaning
        targets = _targets(manifest)
        expected = targets.values.shape
        if output.shape != expected and (expected[1] != 1 or output.shape != expected[:1]):
            raise OptionError(
                f"The model's output has shape {output.shape}; a prediction table needs "
                f"{expected}, one number for each of the columns {list(targets.names)}."
            )
        predicted = output.reshape(expected).astype(np.result_type(output, np.float32))
        predicted[unread] = np.nan
        columns: dict[str, npt.NDArray[Any]] = {}
        for index, name in enumerate(targets.names):
            suffix = "" if targets.is_single else f"_{name}"
            columns[f"true{suffix}"] = targets.values[:, index]
            columns[f"predicted{suffix}"] = predicted[:, index]
        return columns


def _targets(manifest: Manifest) -> TargetColumn:
    assert manifest.targets is not None  # noqa: S101 - checked by check_manifest
    return manifest.targets
