"""The label modes "categorical", "int" and "binary": one class per sample."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Mixer, Sample
from imggen.core import shorten
from imggen.data import Manifest
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode, TargetBatch


class ClassMode(LabelMode):
    """The class of each sample, encoded as ``image_dataset_from_directory`` of Keras 3 does."""

    kind = "classes"

    @abstractmethod
    def encode(self, labels: npt.NDArray[np.int32], num_classes: int) -> npt.NDArray[Any]:
        """Encodes class indices of shape (n,) as targets of shape (n, ...)."""

    @abstractmethod
    def caption(self, target: Any, class_names: tuple[str, ...]) -> str:
        """Names the class of one encoded target, or several with their shares."""

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        if manifest.labels is None:
            outputs = shorten(list(manifest.outputs))
            raise OptionError(
                f"label_mode={self.name!r} needs labels, and these samples have "
                + (
                    f"targets for the outputs {outputs}. Pass a mapping from output to mode."
                    if manifest.outputs
                    else 'none. Pass label_mode=None, or "input" for an autoencoder.'
                )
            )

    def batch_targets(self, batch: TargetBatch) -> npt.NDArray[Any]:
        """See ``LabelMode``."""
        manifest = batch.manifest
        assert manifest.labels is not None  # noqa: S101 - checked by check_manifest
        return self.encode(manifest.labels[batch.rows], len(manifest.class_names))

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: Any,
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """See ``LabelMode``."""
        del channels_first
        return Sample(pixels), self.caption(targets[position], manifest.class_names)


@final
class CategoricalMode(ClassMode):
    """One-hot float32, shape (n, num_classes), for categorical_crossentropy.

    Example:
        >>> CategoricalMode().encode(np.array([1, 0], np.int32), 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """

    name = "categorical"

    def is_default_for(self, manifest: Manifest) -> bool:
        """See ``LabelMode``."""
        return manifest.labels is not None

    def encode(self, labels: npt.NDArray[np.int32], num_classes: int) -> npt.NDArray[np.float32]:
        """See ``ClassMode``."""
        one_hot = np.zeros((len(labels), num_classes), dtype=np.float32)
        one_hot[np.arange(len(labels)), labels] = 1.0
        return one_hot

    def caption(self, target: npt.NDArray[np.float32], class_names: tuple[str, ...]) -> str:
        """See ``ClassMode``."""
        present = np.flatnonzero(target)
        if len(present) == 1:
            return class_names[int(present[0])]
        shares = {class_names[index]: float(target[index]) for index in present}
        return self.format_target(dict(sorted(shares.items(), key=lambda one: -one[1])))


@final
class IntMode(ClassMode):
    """Class indices, int32, shape (n,), for sparse_categorical_crossentropy."""

    name = "int"

    def encode(self, labels: npt.NDArray[np.int32], num_classes: int) -> npt.NDArray[np.int32]:
        """See ``ClassMode``."""
        del num_classes
        return labels.astype(np.int32)

    def caption(self, target: np.int32, class_names: tuple[str, ...]) -> str:
        """See ``ClassMode``."""
        return class_names[int(target)]

    def check_mixer(self, mixer: Mixer) -> None:
        """See ``LabelMode``."""
        raise OptionError(
            f"{mixer.name} blends labels, and whole numbers cannot be blended. Pass "
            'label_mode="categorical", and categorical_crossentropy as the loss.'
        )


@final
class BinaryMode(ClassMode):
    """0.0 or 1.0 for the second of two classes, float32, shape (n, 1), for binary_crossentropy."""

    name = "binary"

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        super().check_manifest(manifest)
        if manifest.num_classes != 2:
            raise OptionError(
                f'label_mode="binary" needs two classes; there are {manifest.num_classes}. Use '
                '"categorical" or "int".'
            )

    def encode(self, labels: npt.NDArray[np.int32], num_classes: int) -> npt.NDArray[np.float32]:
        """See ``ClassMode``."""
        del num_classes
        return labels.astype(np.float32)[:, None]

    def caption(self, target: npt.NDArray[np.float32], class_names: tuple[str, ...]) -> str:
        """See ``ClassMode``."""
        share = float(target[0])
        return class_names[int(share)] if share in (0.0, 1.0) else f"{class_names[1]} {share:.2f}"


def class_weights(labels: npt.NDArray[np.int32]) -> dict[int, float]:
    """Returns the weights that give every class the same influence on a loss.

    Class ``c`` gets ``num_samples / (num_present_classes × count(c))``, as in scikit-learn's
    ``compute_class_weight("balanced")``. Classes without samples are left out.

    Args:
        labels: Class indices, shape (n,).

    Example:
        >>> class_weights(np.array([0, 0, 0, 1], np.int32))
        {0: 0.6666666666666666, 1: 2.0}
    """
    present, counts = np.unique(labels, return_counts=True)
    weights = len(labels) / (len(present) * counts)
    return dict(zip(present.tolist(), weights.tolist(), strict=True))
