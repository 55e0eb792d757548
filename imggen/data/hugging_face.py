"""Conversion of a manifest to a Hugging Face dataset."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from imggen.core import shorten
from imggen.data.dataset_columns import import_datasets
from imggen.data.outputs import WEIGHT_PREFIX
from imggen.data.splits import split_name, split_names
from imggen.errors import ManifestError


def to_dataset(manifest: Any) -> Any:
    """Converts a ``Manifest`` to a ``Dataset`` or a ``DatasetDict``; see ``Manifest.to_hf``."""
    datasets = import_datasets("Manifest.to_hf()")
    if manifest.num_samples and not os.path.isfile(manifest.filepath(0)):
        raise ManifestError(
            f"{shorten(manifest.filepath(0))} is not a file, and a dataset refers to the files of "
            "its images. Use a manifest of files, such as that of scan or from_dataframe."
        )
    builder = _Builder(manifest, datasets)
    builder.add_all()
    try:
        whole = datasets.Dataset.from_dict(
            builder.values, features=datasets.Features(builder.features)
        )
    except UnicodeEncodeError as err:
        raise ManifestError(
            f"{shorten(err.object)} is not valid UTF-8, which a dataset cannot store. Rename the "
            "file."
        ) from err
    names = [] if manifest.splits is None else split_names(manifest.splits, "manifest")
    if len(names) < 2:
        return whole
    split_of = np.array([split_name(one) for one in manifest.splits or ()], dtype=object)
    return datasets.DatasetDict(
        {name: whole.select(np.flatnonzero(split_of == name)) for name in names}
    )


class _Builder:
    """The columns of a dataset, and the feature of each."""

    def __init__(self, manifest: Any, datasets: Any) -> None:
        self._manifest = manifest
        self._datasets = datasets
        self.values: dict[str, Any] = {}
        self.features: dict[str, Any] = {}

    def add_all(self) -> None:
        """Adds all columns of the manifest."""
        manifest = self._manifest
        number = self._datasets.Value("float32")
        self._add_images("image", manifest.filepaths)
        self._add_targets("label", manifest, manifest.class_names)
        if manifest.weights is not None:
            self._add("weight", manifest.weights, number)
        for name, column in (("group", manifest.groups), ("hash", manifest.hashes)):
            if column is not None:
                self._add(name, list(column), self._datasets.Value("string"))
        if manifest.masks is not None:
            self._add_images("mask", map(manifest.resolve, manifest.masks))
        if manifest.boxes is not None:
            rows = [manifest.boxes.rows[row] for row in range(manifest.num_samples)]
            self._add_lists("boxes", [row[:, :4].tolist() for row in rows])
            labels = [row[:, 4].astype(int).tolist() for row in rows]
            self._add_classes("box_labels", labels, manifest.boxes.class_names, is_list=True)
        if manifest.keypoints is not None:
            points = manifest.keypoints.rows
            self._add_lists("keypoints", [points[row].tolist() for row in range(len(points))])
        for name, output in manifest.outputs.items():
            self._add_targets(name, output, output.class_names)
            if output.weights is not None:
                self._add(f"{WEIGHT_PREFIX}{name}", output.weights, number)
        for name, paths in manifest.inputs.items():
            self._add_images(name, map(manifest.resolve, paths))
        for name, numbers in manifest.numbers.items():
            for key, values in numbers.to_columns(f"{name}:").items():
                self._add(key, values, number)

    def _add_targets(self, name: str, columns: Any, class_names: tuple[str, ...]) -> None:
        """Adds the targets of a manifest or an output."""
        if columns.labels is not None:
            self._add_classes(name, columns.labels, class_names)
        if columns.multi_labels is not None:
            several, offsets = columns.multi_labels, columns.multi_labels.offsets
            lists = [
                several.indices[start:end].tolist() for start, end in itertools.pairwise(offsets)
            ]
            self._add_classes(name, lists, class_names, is_list=True)
        if columns.targets is not None:
            is_own = columns.targets.is_single and columns.targets.names == ("target",)
            for key, values in columns.targets.to_columns("").items():
                self._add(name if is_own else key, values, self._datasets.Value("float32"))

    def _add_classes(
        self, name: str, values: Any, class_names: tuple[str, ...], *, is_list: bool = False
    ) -> None:
        feature = self._datasets.ClassLabel(names=list(class_names))
        self._add(name, values, self._datasets.Sequence(feature) if is_list else feature)

    def _add_lists(self, name: str, values: Any) -> None:
        sequence = self._datasets.Sequence
        self._add(name, values, sequence(sequence(self._datasets.Value("float64"))))

    def _add_images(self, name: str, paths: Iterable[str]) -> None:
        self._add(name, list(map(os.path.abspath, paths)), self._datasets.Image())

    def _add(self, name: str, values: Any, feature: Any) -> None:
        if name in self.values:
            raise ManifestError(
                f"Two columns of the dataset would be named {name!r}. Rename the output, the input "
                "or the target."
            )
        self.values[name] = values
        self.features[name] = feature
