"""A callback that logs the images that training sees, to TensorBoard or anywhere else."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import keras
import numpy as np

from imggen.core import (
    check_arguments,
    check_output_folder,
    check_whole,
    import_library,
    shorten,
    warn_user,
)
from imggen.data import Splits
from imggen.errors import OptionError, OptionTypeError
from imggen.loading import Scaling
from imggen.preview import check_cell, check_columns, draw_batch
from imggen.sequences.image_sequence import ImageSequence
from imggen.workers import BufferPool

if TYPE_CHECKING:
    from PIL import Image

# The packages for TensorBoard, and the oldest versions that setup.cfg allows.
_OLDEST = {"tensorflow": "2.18", "tensorboard": "2.18"}


@check_arguments
@final
class LogImages(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """A Keras callback that logs the first batch of chosen epochs with its targets, as a picture.

    A picture shows the pixels that training sees in that epoch, after augmentation and before
    scaling. Batches are made from (epoch, index), so that training sees the same with and without
    the callback. The epoch is ``sequence.epoch`` when an epoch of ``fit`` begins: right for
    ``fit(sequence)`` and for validation data, also with ``initial_epoch``. With
    ``steps_per_epoch``, the picture is that of the epoch of the sequence that is under way.
    Generators and datasets that ``to_tf_dataset`` and its like make count epochs by themselves; if
    ``fit`` reads one of these in place of the sequence, a warning says so.

    Args:
        sequence: The sequence; or several by name, such as the ``Splits`` of ``from_directory``.
        log: A folder for TensorBoard; a ``keras.callbacks.TensorBoard`` that is passed to ``fit``
            as well, whose writer is used; or a function of (name, picture, epoch), called with
            "images" or "images/<name>", an RGB ``PIL.Image``, and the epoch of ``fit``.
        epochs: The epochs of ``fit``, from 0, such as ``(0, 1, 10)`` or ``range(0, 100, 10)``.
            None: all.
        num_images: The most images per picture.
        columns: The number of images per row. None: as many as fit.
        cell: The most pixels of the larger side of each image.

    Raises:
        OptionError: An argument outside its legal set.
        ExportError: The folder cannot be written to.
        MissingExtraError: TensorFlow or TensorBoard is not installed. With a function, neither is
            needed.

    Example:
        >>> pictures = {}
        >>> def keep(name, picture, epoch):
        ...     pictures[name, epoch] = picture
        >>> callback = LogImages(sequence, keep, epochs=[0])

        To TensorBoard, with the metrics of the same run:

        >>> import keras
        >>> board = keras.callbacks.TensorBoard("logs")            # doctest: +SKIP
        >>> callbacks = [board, LogImages(sequence, board)]        # doctest: +SKIP

        To Weights & Biases, and to MLflow:

        >>> LogImages(sequence, lambda name, picture, epoch:       # doctest: +SKIP
        ...     wandb.log({name: wandb.Image(picture), "epoch": epoch}))
        >>> LogImages(sequence, lambda name, picture, epoch:       # doctest: +SKIP
        ...     mlflow.log_image(picture, key=name, step=epoch))
    """

    def __init__(
        self,
        sequence: ImageSequence | Mapping[str, ImageSequence] | Splits[ImageSequence],
        log: str
        | os.PathLike[str]
        | keras.callbacks.TensorBoard
        | Callable[[str, Image.Image, int], object],
        *,
        epochs: Iterable[int] | None = None,
        num_images: int = 16,
        columns: int | None = None,
        cell: int = 128,
    ) -> None:
        super().__init__()
        self._sequences = _name_sequences(sequence)
        self._epochs = None if epochs is None else _check_epochs(epochs)
        self._num_images = check_whole("num_images", num_images, 1)
        check_columns(columns)
        self._columns = columns
        self._cell = check_cell(cell)
        # The epoch of each sequence when the latest epoch of ``fit`` began.
        self._begun: dict[str, int] = {}
        self._folder: str | None = None
        self._board: Any = None
        self._log: Callable[[str, Image.Image, int], object] = self._write
        if isinstance(log, keras.callbacks.TensorBoard):
            self._board = log
        elif callable(log):
            self._log = log
        else:
            self._folder = os.fspath(log)
            check_output_folder(self._folder)
        if self._log == self._write:
            _check_tensorboard()

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the folder."""
        del logs
        self._begun = {}
        if self._folder is not None:
            self._board = keras.callbacks.TensorBoard(self._folder, write_graph=False)
            self._board.set_model(self.model)

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the folder."""
        del logs
        if self._folder is not None:
            self._board.on_train_end()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Logs the pictures, if the epoch was chosen."""
        del logs
        for name, sequence in self._sequences.items():
            self._check_progress(name, sequence)
            if self._epochs is None or epoch in self._epochs:
                self._log(name, self._draw(sequence), epoch)

    def _check_progress(self, name: str, sequence: ImageSequence) -> None:
        """Warns if ``fit`` has read as many batches as the sequence has, and none of these."""
        before, self._begun[name] = self._begun.get(name), sequence.epoch
        if before == sequence.epoch and (self.params or {}).get("steps") == len(sequence):
            warn_user(
                f"LogImages shows epoch {before} of {name!r} again: fit does not read this "
                "sequence itself. Pass the sequence to fit, in place of a generator or a dataset "
                "that was made of it."
            )

    def _draw(self, sequence: ImageSequence) -> Image.Image:
        # Buffers of its own: those of the sequence are for the batches that training waits for.
        maker = dataclasses.replace(sequence.batch_maker, scaling=Scaling(), buffers=BufferPool(1))
        batch = maker(sequence.epoch, 0)
        num_images = max(1, min(self._num_images, maker.count_samples(0)))
        return draw_batch(maker, batch, num_images, self._cell, self._columns)

    def _write(self, name: str, picture: Image.Image, epoch: int) -> None:
        """Writes a picture to TensorBoard."""
        if self._board.model is None:
            raise OptionError(
                "log= is a TensorBoard callback that fit was not given. Pass both: "
                "callbacks=[board, LogImages(sequence, board)]."
            )
        pixels = np.asarray(picture)[np.newaxis]
        # Elsewhere than on a GPU, whose memory TensorFlow would take from another backend.
        on_cpu = importlib.import_module("tensorflow").device("CPU")
        writer = self._board._train_writer
        with on_cpu, writer.as_default():
            self._board.summary.image(name, pixels, step=epoch)
        writer.flush()


def _check_epochs(epochs: Any) -> set[int]:
    if isinstance(epochs, str):
        raise OptionTypeError(
            f"epochs={shorten(epochs)} is of type str; expected a list of whole numbers, or None "
            "for all epochs."
        )
    return {check_whole("epochs", epoch, 0) for epoch in epochs}


def _name_sequences(sequence: Any) -> dict[str, ImageSequence]:
    """Returns the sequences by the names of their pictures."""
    if isinstance(sequence, ImageSequence):
        return {"images": sequence}
    given = sequence.as_dict() if isinstance(sequence, Splits) else dict(sequence)
    if not given:
        raise OptionError(f"sequence={shorten(sequence)} is empty; expected at least one sequence.")
    for name, one in given.items():
        if not isinstance(one, ImageSequence):
            raise OptionTypeError(
                f"sequence[{name!r}]={shorten(one)} is of type {type(one).__name__}; expected an "
                "ImageSequence."
            )
    return {f"images/{name}": one for name, one in given.items()}


def _check_tensorboard() -> None:
    for package, oldest in _OLDEST.items():
        import_library(package, oldest, "LogImages with TensorBoard", extra="tensorboard")
