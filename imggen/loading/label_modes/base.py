"""The interface of label modes, and the values that they are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Blend, Mixer, Pipeline, Sample, blend_targets
from imggen.core import shorten
from imggen.data import Column, Manifest, OutputKind
from imggen.decode import ImageSpec, MaskValues
from imggen.errors import OptionError
from imggen.loading.label_modes.class_scores import class_score_columns
from imggen.loading.label_modes.output_meaning import OutputMeaning

FindGeometry = Callable[[str, ImageSpec], tuple[tuple[int, int], npt.NDArray[np.float64]]]


@final
class LoadedImage(NamedTuple):
    """The image of one sample, and what is needed to load its targets.

    Attributes:
        manifest: The samples.
        row: The sample's row in the manifest.
        path: The file of the image.
        array: The image as loaded, before augmentation; not to be written to.
        spec: How the file was decoded; None for a custom loader.
        load_mask: Loads a mask from its path and the path of its image.
        find_geometry: Finds where in a file its pixels come from; see ``source_geometry``.
    """

    manifest: Manifest
    row: int
    path: str
    array: npt.NDArray[Any]
    spec: ImageSpec | None
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    find_geometry: FindGeometry

    def locate(self, *, is_relative: bool) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
        """Finds where in the file the pixels of ``array`` come from.

        Args:
            is_relative: Whether positions are fractions of the sides. These stay the same where
                the whole file is loaded, so that its size need not be read.

        Returns:
            (height, width) of the image that positions refer to, in pixels; and the matrix from
            positions in ``array`` to positions in that image, shape (3, 3).

        Raises:
            SampleError: ``array`` is not an image.
        """
        size = Sample(self.array).size
        if self.spec is None or (is_relative and self.spec.fit == "stretch"):
            return size, np.eye(3)
        return self.find_geometry(self.path, self.spec)


@final
class TargetBatch(NamedTuple):
    """The samples of one batch, as far as targets are made from them.

    Attributes:
        manifest: The samples.
        rows: Their rows in the manifest; int64, shape (n,).
        x: The images as served, blended where MixUp or CutMix is in use.
        arrays: The arrays of ``LabelMode.sample_targets`` by name, collated: shape (n, ...).
    """

    manifest: Manifest
    rows: npt.NDArray[np.int64]
    x: npt.NDArray[Any]
    arrays: Mapping[str, npt.NDArray[Any]]


class LabelMode(ABC):
    """One kind of targets, from the manifest to predictions.

    A subclass has no state that changes, so that threads share it and processes pickle it. It must
    implement
    ``check_manifest`` and ``batch_targets``; all other methods have a default for targets that
    depend on a sample's row alone. Targets that are moved with their image set
    ``moves_with_image`` and implement ``load`` and ``sample_targets`` as well.

    Attributes:
        name: The value of ``label_mode=`` that selects the mode, for messages and ``repr``.
        kind: The kind of values that targets are made from: the classes or numbers of a list of
            labels; None for anything else, such as masks.
        moves_with_image: Whether something has to be loaded and augmented along with each image.
        has_positions: Whether these are boxes or keypoints.
        keeps_loaded: Whether what ``load`` returns depends on files and the manifest alone, so that
            ``cache="ram"`` may keep it with the images.
        target_noun: The word for targets in explanations.

    Example:
        >>> class PathLength(LabelMode):
        ...     name = "path length"
        ...
        ...     def check_manifest(self, manifest):
        ...         pass
        ...
        ...     def batch_targets(self, batch):
        ...         lengths = [len(batch.manifest.paths[row]) for row in batch.rows]
        ...         return np.array(lengths, np.float32)
    """

    name: str | None
    kind: OutputKind | None = None
    moves_with_image: bool = False
    has_positions: bool = False
    keeps_loaded: bool = False
    target_noun: str = "label"

    def describe(self) -> str:
        """Returns the value of ``label_mode=`` as code, for ``repr``."""
        return repr(self.name)

    # The manifest.

    @abstractmethod
    def check_manifest(self, manifest: Manifest) -> None:
        """Checks that the manifest has what targets are made of.

        Raises:
            OptionError: It has not.
        """

    def check_files(
        self, manifest: Manifest, mask_values: MaskValues | None, *, is_lenient: bool
    ) -> None:
        """Checks a few files that targets are loaded from, when a sequence is made.

        Not called with a custom loader. Files that cannot be read must not be an error.

        Args:
            manifest: The samples.
            mask_values: The class of each value of the masks, or None.
            is_lenient: Whether training goes on without files that cannot be read.

        Raises:
            OptionError: Targets of the mode cannot be made from these files.
        """
        del manifest, mask_values, is_lenient

    def is_default_for(self, manifest: Manifest) -> bool:
        """Whether a manifest was probably made for this mode."""
        del manifest
        return False

    def frame_columns(self, y_col: Column | Sequence[Column] | None) -> dict[str, Any]:
        """The arguments of ``Manifest.from_frame`` that read the column ``y_col`` for this mode.

        Raises:
            OptionError: The mode cannot be made of such columns.
        """
        if y_col is not None and not isinstance(y_col, str | int):
            raise OptionError(
                f"y_col={shorten(y_col)} must be the name of one column, the classes. For columns "
                'of numbers, pass label_mode="regression" too; for columns of 0 and 1, '
                'label_mode="multi_label".'
            )
        return {"y_col": y_col}

    def prepare_manifest(self, manifest: Manifest, pipeline: Pipeline) -> Manifest:
        """Returns the manifest to load from, with room for what augmentations may add."""
        del pipeline
        return manifest

    # The way to a batch.

    def empty_sample(self) -> Sample | None:
        """Returns a sample of no meaning with the kinds of targets that ``load`` returns.

        Augmentations that cannot keep them aligned are refused before any file is loaded. None:
        the kinds are unknown.
        """
        return None if self.moves_with_image else Sample(np.zeros((1, 1, 3), np.uint8))

    def load(self, image: LoadedImage) -> Sample:
        """Loads what moves with an image; called only if ``moves_with_image``.

        Raises:
            ImageError: A file cannot be read or does not fit its image.
            SampleError: The array is not an image, or a custom loader returned no array.
        """
        return Sample(image.array)

    def sample_targets(
        self, sample: Sample, manifest: Manifest, *, channels_first: bool
    ) -> Mapping[str, npt.NDArray[Any]]:
        """Makes the targets of one augmented sample; called only if ``moves_with_image``.

        Args:
            sample: The sample after augmentation.
            manifest: The samples.
            channels_first: Whether arrays of pixels are served with the channels first.

        Returns:
            Arrays by name; each must have the same shape for every sample.
        """
        del sample, manifest, channels_first
        return {}

    @abstractmethod
    def batch_targets(self, batch: TargetBatch) -> Any:
        """Makes the targets of a batch, as the model is trained on them; None for none."""

    def batch_weights(self, batch: TargetBatch, blends: list[Blend | None] | None) -> Any:
        """Returns the sample weights of a batch, blended as its images; None for none.

        Args:
            batch: The samples.
            blends: The blends of MixUp or CutMix; None where neither is in use.
        """
        if batch.manifest.weights is None:
            return None
        weights = batch.manifest.weights[batch.rows]
        return weights if blends is None else blend_targets(weights, blends)

    def unit_weights(self, num_rows: int) -> Any:
        """Returns weights of 1 in the form of ``batch_weights``, for batches that are padded."""
        return np.ones(num_rows, np.float32)

    # MixUp and CutMix.

    def check_mixer(self, mixer: Mixer) -> None:
        """Checks that targets can be blended as ``mixer`` blends images.

        Raises:
            OptionError: They cannot.
        """
        if self.moves_with_image:
            raise OptionError(
                f"{mixer.name} blends images and labels; targets of label_mode={self.name!r} "
                f"cannot be blended. Remove {mixer.name} from augment=."
            )

    def blend(self, targets: Any, blends: list[Blend | None]) -> Any:
        """Blends the targets of a batch by the shares of its images."""
        return blend_targets(targets, blends)

    # What people see.

    def explain(
        self, manifest: Manifest, shares: Sequence[tuple[int, float]], *, is_mixed: bool
    ) -> dict[str, Any] | None:
        """Describes the target of one sample.

        Args:
            manifest: The samples.
            shares: The row of each sample that was blended into it, and its share.
            is_mixed: Whether MixUp or CutMix is in use, even if it left out this sample.

        Returns:
            The name of each value of the target, and the value. By default the share of each
            class, and None without ``is_mixed``: the class alone says it all.
        """
        if not is_mixed or manifest.labels is None or not manifest.class_names:
            return None
        target: dict[str, float] = {}
        for row, share in shares:
            name = manifest.class_names[int(manifest.labels[row])]
            target[name] = target.get(name, 0.0) + share
        return target

    def format_target(self, target: Mapping[str, Any]) -> str:
        """Formats what ``explain`` returned as one line."""
        texts = ((name, f"{share:.2f}") for name, share in target.items())
        return ", ".join(f"{name} {text}" for name, text in texts if text != "0.00")

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: Any,
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """Turns a served target back into something that can be drawn.

        Args:
            pixels: The image, shape (height, width, channels).
            targets: The targets of its batch, as served.
            position: The position of the image in the batch.
            manifest: The samples.
            channels_first: See ``sample_targets``.

        Returns:
            The image with the mask, boxes or keypoints to draw on it, and a caption. By default
            neither of them.
        """
        del targets, position, manifest, channels_first
        return Sample(pixels), ""

    def tabulated_outputs(self, manifest: Manifest) -> dict[str | None, tuple[LabelMode, Manifest]]:
        """Returns what a table of predictions shows: the mode and samples of each output.

        By default this mode, under the name None: the model has one output for it.
        """
        return {None: (self, manifest)}

    def check_predictions(self, manifest: Manifest) -> None:
        """Checks that predictions of the samples can be put into a table.

        Raises:
            OptionError: They cannot.
        """
        for name in manifest.class_names:
            try:
                name.encode()
            except UnicodeEncodeError as err:
                raise OptionError(
                    f"The class name {shorten(name)} is not valid UTF-8, which the columns of a "
                    "prediction table require. Rename the class, such as its folder."
                ) from err

    def prediction_columns(
        self,
        output: npt.NDArray[Any],
        manifest: Manifest,
        unread: Sequence[int],
        *,
        meaning: OutputMeaning,
    ) -> dict[str, npt.NDArray[Any]]:
        """Turns the output of a model into the columns of a table of predictions.

        Args:
            output: The output for every sample, in the order of the manifest; shape (n, ...).
            manifest: The samples.
            unread: The rows whose files could not be read.
            meaning: The evidence for what the numbers of ``output`` are.

        Returns:
            Columns by name, of n values each. By default those of classes: "true", "predicted" and
            "p_<class name>".

        Raises:
            OptionError: The output does not have the expected shape, or an unclear meaning.
        """
        return class_score_columns(output, manifest, unread, meaning)


def check_has_classes(manifest: Manifest, noun: str) -> None:
    """Checks that predictions of samples can be put into a table of classes.

    Args:
        manifest: The samples.
        noun: What the targets are, for the error message.

    Raises:
        OptionError: The samples have no classes.
    """
    if manifest.labels is None:
        raise OptionError(
            f"predict() makes a table of classes, and targets here are {noun}; use "
            "model.predict(sequence), of a sequence with shuffle=False."
        )


def check_y_col(y_col: Column | Sequence[Column] | None, need: str, advice: str) -> None:
    """Checks that ``y_col`` names at least one column.

    Args:
        y_col: The argument of ``from_dataframe``.
        need: The beginning of the error message: the columns that the label mode needs.
        advice: The end of the message.

    Raises:
        OptionError: It names none.
    """
    if y_col is None or (not isinstance(y_col, int) and len(y_col) == 0):
        raise OptionError(f"{need}; got y_col={shorten(y_col)}. {advice}")
