"""Facts that follow from the columns of a manifest."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, check_choice, format_summary, format_summary_html
from imggen.data.hugging_face import to_dataset
from imggen.data.multi_labels import MultiLabelColumn
from imggen.data.outputs import Output
from imggen.stores import normalize_address


class ManifestProperties:
    """A mixin of ``Manifest``, which documents the attributes."""

    root: str
    paths: StringColumn
    labels: npt.NDArray[np.int32] | None
    class_names: tuple[str, ...]
    weights: npt.NDArray[np.float32] | None
    multi_labels: MultiLabelColumn | None
    outputs: Mapping[str, Output]
    skipped: Mapping[str, int]

    @property
    def num_samples(self) -> int:
        """The number of samples."""
        return len(self.paths)

    @property
    def num_classes(self) -> int:
        """The number of classes, including those without samples."""
        return len(self.class_names)

    @property
    def class_indices(self) -> dict[str, int]:
        """Class name to class index, as in Keras's iterators."""
        return {name: index for index, name in enumerate(self.class_names)}

    @property
    def class_counts(self) -> dict[str, int]:
        """Class name to number of samples; a sample with several classes counts for each."""
        indices = self.labels if self.multi_labels is None else self.multi_labels.indices
        if indices is None:
            return {}
        counts = np.bincount(indices, minlength=self.num_classes)
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    @property
    def attached(self) -> tuple[str, ...]:
        """The names of the columns of annotations that the samples have."""
        names = (*("masks", "boxes", "keypoints", "targets"), "multi_labels", "outputs", "inputs")
        return tuple(name for name in names if getattr(self, name))

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample, including ``root``."""
        return [os.path.join(self.root, path) for path in self.paths]

    def filepath(self, index: int) -> str:
        """Returns the path of one sample, including ``root``."""
        return os.path.join(self.root, self.paths[index])

    def resolve(self, path: str) -> str:
        """Returns a path of ``masks`` or ``inputs``, including ``root``."""
        # The path may leave root through "..", which must not depend on where root links to.
        joined = os.path.join(self.root, path)
        return normalize_address(joined) if "://" in joined else os.path.normpath(joined)

    @property
    def strata(self) -> npt.NDArray[Any] | None:
        """The classes that splits keep in proportion.

        ``labels``; or for several classes per sample, and for several outputs of classes, bool of
        shape (num_samples, number of classes of all outputs). None without classes.
        """
        if self.labels is not None:
            return self.labels
        if self.multi_labels is not None:
            return self.multi_labels.to_matrix(self.num_classes)
        found = [self.output(name).strata for name in self.outputs]
        strata = [one for one in found if one is not None]
        if len(strata) < 2:
            return strata[0] if strata else None
        return np.concatenate(
            [
                one if one.ndim == 2 else one[:, None] == np.arange(1 + int(one.max(initial=-1)))
                for one in strata
            ],
            axis=1,
        )

    def output(self, name: str) -> Self:
        """Returns the manifest of one output alone, with its own classes and weights.

        Args:
            name: The output, a key of ``outputs``.

        Raises:
            OptionError: There is no such output.
        """
        check_choice("output", name, tuple(self.outputs))
        return self._manifests[name]

    @functools.cached_property
    def _manifests(self) -> dict[str, Self]:
        """The manifest of each output; made once, since every batch is made from them."""
        whole: Any = self
        made: dict[str, Self] = {}
        for name, output in self.outputs.items():
            columns = output.columns()
            if columns["weights"] is None:
                columns["weights"] = self.weights
            names = output.class_names
            made[name] = dataclasses.replace(whole, outputs={}, class_names=names, **columns)
        return made

    def to_hf(self) -> Any:
        """Returns the table as a Hugging Face ``datasets.Dataset``, which refers to the files.

        The columns are ``image`` and, if the manifest has them, ``label`` (a ``ClassLabel``; a list
        of these for several classes per sample; or a number), ``weight``, ``group``, ``hash``,
        ``mask``, ``boxes``, ``box_labels`` and ``keypoints``. Several outputs, several targets and
        further inputs have columns of their own names. ``imggen.from_hf`` reads all of them.

        Returns:
            A ``Dataset``; or a ``DatasetDict``, if the manifest has several splits. For those that
            ``split`` made: ``Manifest.concatenate(splits).to_hf()``.

        Raises:
            ManifestError: The samples are not files, a name is not valid UTF-8, or two columns
                would have the same name.
            MissingExtraError: The package ``datasets`` is not installed, or too old.
        """
        return to_dataset(self)

    def __repr__(self) -> str:
        return format_summary("Manifest", self._summary(), self.class_counts, self.skipped)

    def _repr_html_(self) -> str:
        return format_summary_html("Manifest", self._summary(), self.class_counts, self.skipped)

    def _summary(self) -> list[str]:
        outputs = [f"{name}{output.describe()}" for name, output in self.outputs.items()]
        return [
            f"{self.num_samples} samples in {self.root!r}",
            *([f"outputs {', '.join(outputs)}"] if outputs else []),
        ]
