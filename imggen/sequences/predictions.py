"""Tables of a model's predictions, one row per file."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import keras
import numpy.typing as npt

from imggen.augment import Pipeline
from imggen.core import check_arguments
from imggen.data import Manifest, TargetColumn, find_original_paths
from imggen.errors import OptionError
from imggen.loading import (
    Batch,
    BatchMaker,
    EpochSampler,
    ImageSource,
    LabelMode,
    MultiOutputMode,
    NoTargetMode,
    SampleLoader,
    map_arrays,
    repeat_rows,
)
from imggen.preprocessing import OutputSettings, Preprocessing, describe_libraries
from imggen.sequences.base import EpochSequence
from imggen.sequences.model_output import choose_outputs, select_output
from imggen.sequences.pass_weights import Purpose, Weigh
from imggen.sequences.process_checks import count_devices
from imggen.workers import WorkerOptions

if TYPE_CHECKING:
    import pandas as pd


class PredictionView:
    """A mixin with the method that tabulates a model's predictions.

    Attributes:
        batch_maker: Makes any batch of any epoch.
    """

    batch_maker: BatchMaker
    _source: ImageSource

    @property
    @abstractmethod
    def worker_options(self) -> WorkerOptions:
        """The workers that load the images."""

    @property
    def preprocessing(self) -> Preprocessing:
        """Everything between an image and the input of the model; see ``Preprocessing``."""
        maker, spec = self.batch_maker, self._source.spec
        mode, manifest = maker.label_mode, maker.manifest
        boxes = manifest.boxes if mode.has_positions else None
        class_names = manifest.class_names if boxes is None else boxes.class_names
        outputs: tuple[OutputSettings, ...] = ()
        if isinstance(mode, MultiOutputMode):
            outputs = tuple(
                OutputSettings(
                    name,
                    mode.modes[name].name,
                    names,
                    _target_names(manifest.outputs[name].targets)
                    if name in manifest.outputs
                    else (),
                )
                for name, names in mode.class_names(manifest).items()
            )
        decoded_by, resized_by = (None, None) if spec is None else describe_libraries(spec)
        return Preprocessing(
            spec=spec,
            scaling=maker.scaling,
            dtype=maker.dtype,
            data_format="channels_first" if maker.channels_first else "channels_last",
            label_mode=mode.name,
            class_names=() if outputs else class_names,
            decoded_by=decoded_by,
            resized_by=resized_by,
            loader=None if spec is not None else self._source.load_whole,
            target_names=_target_names(manifest.targets),
            outputs=outputs,
        )

    def whole_images(self) -> SampleLoader:
        """Returns the loader of images without augmentation, of the size that training sees."""
        samples = self.batch_maker.samples
        if self.batch_maker.cut_size is None:
            return samples
        # The cache holds the images to crop from, not whole images of the right size.
        return dataclasses.replace(samples, load=self._source.load_whole, cache=None)

    @check_arguments
    def predict(
        self,
        model: keras.Model,
        *,
        output: str | int | None = None,
        from_logits: bool | None = None,
        verbose: str | int = 0,
    ) -> pd.DataFrame:
        """Predicts every sample once; row i is file i, even if this sequence is shuffled.

        Images are not augmented. Whether the model's output is probabilities or logits is decided
        by its last activation and by the loss that it was compiled with. Logits are converted into
        probabilities: by a sigmoid for binary crossentropy, by a softmax otherwise. One unit is the
        probability of the second of two classes.

        Args:
            model: A model with a score for each class, or one sigmoid for two classes; for
                "regression" with one number for each column.
            output: For a model of several outputs, the name or position of the one to tabulate.
                None: the only one; with targets for several outputs, all of those but masks, boxes
                and keypoints.
            from_logits: Whether the output is logits, where the model does not reveal it. None:
                decided by the model.
            verbose: As in ``model.predict``.

        Returns:
            A table with the columns ``path``, ``true`` and ``predicted`` (class names; ``true`` is
            None for samples without classes, ``predicted`` is the class with the highest score)
            and ``p_<class name>``, one score per class. If the manifest has no class names, they
            are "0", "1", ... A file that could not be read (with ``on_error`` other than "raise")
            has None and NaN. For "regression", the columns are ``path``, ``true`` and
            ``predicted``; for a list of columns, ``true_<name>`` and ``predicted_<name>`` for each.
            For "multi_label", ``true`` and ``predicted`` are class names joined by ";" (or by
            ``label_separator``); a class is predicted from a probability of 0.5 on. With targets
            for several outputs, the columns of each begin with its name: ``<output>_true``,
            ``<output>_predicted``, ``<output>_p_<class name>``; with ``output``, they do not. For
            a packed set, ``original_path`` is the path before packing.

        Raises:
            OptionError: The model's output does not match the targets; it is not clear what its
                output means; the targets are boxes or keypoints of samples without classes; or the
                sequence is one of several shards.
        """
        shard = self.batch_maker.shard
        if shard is not None:
            raise OptionError(
                f"predict() tabulates every sample, and this sequence has shard="
                f"({shard.index}, {shard.count}). Predict in one process, with a sequence made "
                "without shard=."
            )
        maker = dataclasses.replace(self.batch_maker, samples=self.whole_images(), cut_size=None)
        return prediction_table(
            maker,
            self.worker_options,
            model,
            output=output,
            from_logits=from_logits,
            verbose=verbose,
        )


def _target_names(targets: TargetColumn | None) -> tuple[str, ...]:
    """Returns the names of a list of numbers per sample; none for one number."""
    return () if targets is None or targets.is_single else targets.names


def prediction_table(
    maker: BatchMaker,
    options: WorkerOptions,
    model: keras.Model,
    *,
    output: str | int | None,
    from_logits: bool | None,
    verbose: str | int,
    rows: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Predicts samples of a manifest once, in its order; see ``PredictionView.predict``.

    Args:
        maker: The batch maker of the sequence.
        options: Which workers load the images.
        model: The model.
        output: The output of the model that the table shows; None: the only one.
        from_logits: Whether the output is logits; None: decided by the model.
        verbose: As in ``model.predict``.
        rows: The samples to predict. None: all.

    Returns:
        The column "path"; "original_path" for the images of a packed set; and the columns that the
        label mode makes of the model's output.
    """
    import pandas as pd

    manifest = maker.manifest if rows is None else maker.manifest.take(rows)
    columns, _ = predict_in_order(
        maker,
        maker.label_mode.tabulated_outputs(manifest),
        options,
        model,
        output=output,
        from_logits=from_logits,
        verbose=verbose,
        rows=rows,
    )
    # As objects: paths need not be valid text, which the string dtype of pandas requires.
    paths = {"path": pd.Series(manifest.filepaths, dtype=object)}
    originals = find_original_paths(manifest)
    if originals is not None:
        paths["original_path"] = pd.Series(originals, dtype=object)
    return pd.DataFrame(
        paths | {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
    )


def predict_in_order(
    maker: BatchMaker,
    tabulated: Mapping[str | None, tuple[LabelMode, Manifest]],
    options: WorkerOptions,
    model: keras.Model,
    *,
    output: str | int | None,
    from_logits: bool | None,
    verbose: str | int,
    rows: Sequence[int] | None = None,
) -> tuple[dict[str, npt.NDArray[Any]], dict[int, str]]:
    """Predicts samples of a manifest once, in its order.

    Args:
        maker: The batch maker; its order, augmentations and targets are not used.
        tabulated: The mode that makes the columns of each output, and the samples that are
            predicted; see ``LabelMode.tabulated_outputs``.
        options: As in ``prediction_table``, like all others.
        model: The model.
        output: The output of the model.
        from_logits: Whether the output is logits.
        verbose: As in ``model.predict``.
        rows: The samples to predict. None: all.

    Returns:
        Columns by name, and the reason for each of their rows whose file could not be read.
    """
    manifest = maker.manifest
    if not tabulated:
        raise OptionError(
            "predict() makes a table, and none of these outputs has classes or numbers as targets; "
            "use model.predict(sequence), of a sequence with shuffle=False."
        )
    for own, samples in tabulated.values():
        own.check_predictions(samples)
    if not callable(getattr(model, "predict", None)):
        raise OptionError(
            f"model is {type(model).__name__}, which has no method predict; expected a Keras model."
        )
    devices = count_devices()
    in_order = dataclasses.replace(
        maker,
        batch_size=-(-maker.batch_size // devices) * devices,
        samples=dataclasses.replace(maker.samples, label_mode=NoTargetMode()),
        sampler=EpochSampler(
            manifest.num_samples,
            shuffle=False,
            repeats=1,
            seed=maker.seed,
            selection=None if rows is None else tuple(rows),
        ),
        drop_remainder=False,
        pipeline=Pipeline([]),
        on_error="raise" if maker.on_error == "raise" else "blank",
    )
    with _ImagesInOrder(in_order, options) as images:
        predicted = model.predict(images, verbose=verbose)
        if images.is_padded:
            count = in_order.sampler.num_indices
            predicted = map_arrays(lambda array: array[:count], predicted)
        failed = images.failed
    if rows is not None:
        failed = {place: failed[row] for place, row in enumerate(rows) if row in failed}
    columns: dict[str, npt.NDArray[Any]] = {}
    for prefix, selected, name in choose_outputs(model, predicted, list(tabulated), output):
        own, samples = tabulated[name]
        values, meaning = select_output(model, predicted, selected, from_logits)
        for column, value in own.prediction_columns(
            values, samples, sorted(failed), meaning=meaning
        ).items():
            columns[prefix + column] = value
    return columns, failed


@final
class _ImagesInOrder(EpochSequence[Batch]):
    """The images alone, in the manifest's order."""

    def __init__(self, maker: BatchMaker, options: WorkerOptions) -> None:
        self.failed: dict[int, str] = {}  # the reason by row of the manifest
        # The devices divide each batch into equal parts; predictions of padding are cut off.
        self._multiple = count_devices()
        self.is_padded = maker.sampler.num_indices % maker.batch_size % self._multiple > 0
        super().__init__(maker, maker.num_batches, options, batch_size=maker.batch_size)

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose = "predict", steps: int | None = None
    ) -> Weigh | None:
        """See ``EpochSequence``; pads the last batch."""
        del model, class_weight, purpose, steps
        return self._pad if self.is_padded else None

    def _pad(self, batch: Any, epoch: int, index: int) -> Any:
        del epoch, index

        def pad(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return repeat_rows(array, -(-len(array) // self._multiple) * self._multiple)

        return map_arrays(pad, batch)

    def _serve(self, made: Batch) -> npt.NDArray[Any]:
        # Unrepeated, an index is a row.
        self.failed.update({row: failure.reason for row, failure in made.failures.items()})
        x: npt.NDArray[Any] = made.x
        return x
