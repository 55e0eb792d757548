"""The attributes of a manifest, as attributes of a sequence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.core import shorten
from imggen.data import Manifest
from imggen.errors import OptionError
from imggen.loading import class_weights


class ManifestView:
    """A mixin with the attributes that Keras's iterators have.

    Attributes:
        manifest: The samples.
    """

    manifest: Manifest

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.manifest.num_samples

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample, in the order of the manifest."""
        return self.manifest.filepaths

    @property
    def labels(self) -> npt.NDArray[np.int32] | None:
        """The class index of each sample, in the order of the manifest; int32, (samples,)."""
        return self.manifest.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class; position is class index."""
        return self.manifest.class_names

    @property
    def class_indices(self) -> dict[str, int]:
        """Class name to class index."""
        return self.manifest.class_indices

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self.manifest.num_classes

    def class_weight(self) -> dict[int, float]:
        """Returns class weights that balance the classes: class index to weight.

        For ``fit(..., class_weight=train.class_weight())``. With several classes per sample, a
        class counts for each sample that has it, and ``fit`` weights a sample by the mean weight of
        its classes, by 1 if it has none.

        Raises:
            OptionError: The samples have no classes, or targets for several outputs.
        """
        if self.manifest.outputs:
            raise OptionError(
                "class_weight() is for one output, and these targets are for "
                f"{shorten(list(self.manifest.outputs))}; Keras has no class weights for several. "
                "Pass a column of weights for each, as weight_col={output: column} of "
                "from_dataframe."
            )
        if self.manifest.multi_labels is not None:
            return class_weights(self.manifest.multi_labels.indices)
        if self.labels is None:
            raise OptionError("class_weight() needs labels, but these samples have none.")
        return class_weights(self.labels)
