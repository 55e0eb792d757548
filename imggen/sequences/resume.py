"""``Resume``: a callback that saves training, and goes on from the last save after a kill."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType, UnionType
from typing import Any, Literal, final
from weakref import WeakKeyDictionary

import keras

from imggen.core import check_arguments, check_output_folder, check_whole, shorten, warn_user
from imggen.errors import OptionError, ResumeError
from imggen.sequences.base import EpochSequence
from imggen.sequences.keras_fit import RunningFit, find_running_fit, shift_steps
from imggen.sequences.keras_view import KerasView
from imggen.sequences.messages import print_message
from imggen.sequences.process_checks import find_shard
from imggen.sequences.save_folder import Save, SaveFolder
from imggen.sequences.state import check_state
from imggen.sequences.training_state import (
    build_model,
    capture_training,
    check_optimizer,
    check_training,
    describe_optimizer,
    restore_callbacks,
    restore_generators,
    restore_variables,
)

_VERSION = 1
# The types of the facts of a save, by name.
_FACTS: Mapping[str, type | UnionType] = MappingProxyType(
    {
        "epoch": int,
        "batch": int,
        "steps_per_epoch": int | None,
        "has_ended": bool,
        "sequence": dict,
        "validation": dict | None,
        "optimizer": dict,
        "backend": str,
        "variables": dict,
        "callbacks": list,
        "history": list | None,
    }
)
# The folder that each model of this process was trained with.
_TRAINED: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


@check_arguments
@final
class Resume(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """A Keras callback that saves training, and goes on from the last save when ``fit`` runs again.

    Run the same script again after ``fit`` was killed, at any moment: it ends with the same bits as
    a run that was never killed. Kept are the weights, the optimizer, the states of all
    ``SeedGenerator`` objects and of torch's global generators, the metrics of the epoch under way,
    the history, the positions in ``train`` and in the validation data, and the state of Keras's
    ``EarlyStopping``, ``ReduceLROnPlateau``, ``ModelCheckpoint`` and ``TensorBoard``. Not kept are
    the attributes of other callbacks, the global generators of Python and NumPy, and random
    operations of TensorFlow's own (``tf.random``).

    In place of ``BackupAndRestore``, which restores the weights of a batch and begins its epoch
    again. The last save stays when ``fit`` has ended: the same script then restores the result and
    trains nothing, and says so; with more ``epochs``, it goes on. Delete the folder to start again.

    A save is written under a new name and becomes the latest by replacing one small file, so that a
    kill while saving leaves the one before. If the latest is damaged, the one before is used, with
    a warning. A run of several processes with ``shard`` saves in the first one, and restores in
    all; it may go on with another number of processes.

    Args:
        folder: A folder for the saves; each ``fit`` needs one of its own.
        train: The sequence that ``fit`` reads: an ``ImageSequence``, a ``TableSequence`` or a pair
            of ``zip_sequences``. Pass it a ``seed``, since each run would draw another one.
        save_freq: "epoch": save at the end of each epoch; or a number of batches. A save that is
            due with the last batch of an epoch is made at the end of the epoch, after validation.
            The end of training is always saved.
        keep: The number of saves to keep.

    Raises:
        OptionError: An argument outside its legal set.
        OptionTypeError: ``train`` is not a sequence. Iterators of ``ImageDataGenerator`` repeat
            Keras's stream of random numbers, which cannot be continued.
        ExportError: The folder cannot be written to; later in ``fit``: a save cannot be written.
        ResumeError: In ``fit``: the saves are of another model, optimizer, sequence or backend, or
            all of them are damaged; another process uses the folder; or ``fit`` reads other data.

    Example:
        >>> import keras, os, tempfile
        >>> model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
        >>> model.compile("sgd", "categorical_crossentropy")
        >>> folder = tempfile.mkdtemp()
        >>> callbacks = [Resume(folder, sequence, save_freq=100)]
        >>> _ = model.fit(sequence, epochs=2, callbacks=callbacks, verbose=0)
        >>> sorted(os.listdir(folder))
        ['resume-00000001.zip', 'resume.json', 'resume.lock']
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        train: EpochSequence[Any],
        save_freq: Literal["epoch"] | int = "epoch",
        *,
        keep: int = 2,
    ) -> None:
        super().__init__()
        if save_freq != "epoch":
            check_whole("save_freq", save_freq, 1, unit='or "epoch"')
        self._train = train
        self._save_freq = save_freq
        self._folder = SaveFolder(os.fspath(folder), check_whole("keep", keep, 1))
        check_output_folder(folder)
        shard = find_shard(train)
        self._is_first = shard is None or shard.index == 0  # the process that saves
        self._running: RunningFit | None = None
        self._validation: EpochSequence[Any] | None = None
        self._optimizer: dict[str, Any] = {}
        self._pending: Save | None = None  # to restore
        self._awaits_batch = False  # whether generators are restored before the next batch
        self._num_unsaved = 0  # batches since the last save
        self._steps_per_epoch: int | None = None
        self._num_steps = 0  # of this epoch of Keras
        self._position = (0, 0)  # of the sequence: epoch, and batches of it
        self._epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Restores the last save, if there is one."""
        del logs
        running = find_running_fit()
        if running is None:
            raise ResumeError("Resume works with fit of a Keras model; pass it as a callback.")
        self._check_others(running.callbacks)
        if not _is_last(self, running.callbacks):
            return  # called again as the last one, when all others have begun
        self._running = running
        self._steps_per_epoch = running.iterator.steps_per_epoch  # later another for one epoch
        self._check_fit(running)
        self._num_unsaved = 0
        if self._is_first:
            self._folder.lock()
        self._validation = _as_sequence(running.validation, self._train)
        build_model(self.model, self._train.example(0))
        save = self._folder.read_latest()
        optimizer = describe_optimizer(self.model)
        if save is None:
            self._optimizer, self._pending = optimizer, None
        else:
            self._restore(save, optimizer, running)
        _TRAINED[self.model] = os.path.realpath(self._folder.path)

    def on_train_end(self, logs: Any = None) -> None:
        """Lets other processes use the folder."""
        del logs
        self._model._initial_epoch = None
        self._running = self._pending = None
        self._folder.unlock()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Restores what Keras and other callbacks have changed at the beginning of an epoch."""
        del logs
        running = self._require_running()
        self._epoch, self._num_steps = epoch, 0
        save, self._pending = self._pending, None
        if save is None:
            return
        self.model._initial_epoch = None
        if epoch != save.facts["epoch"]:
            raise ResumeError(
                f"The last save is of epoch {save.facts['epoch']}, and fit begins with epoch "
                f"{epoch}. Pass the same initial_epoch as before."
            )
        self._num_steps = save.facts["batch"]
        if self._num_steps:
            restore_variables(save, self.model, ("model", "optimizer", "metrics"))
            restore_callbacks(save, running.callbacks)
            shift_steps(running.iterator, self._num_steps)
            self._pending, self._awaits_batch = save, True
        else:
            restore_generators(save)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Restores random generators after the first batch of the epoch was read."""
        del batch, logs
        if self._awaits_batch and self._pending is not None:
            # A DataLoader of torch draws a number when it begins.
            restore_generators(self._pending)
            self._awaits_batch, self._pending = False, None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Saves, if it is time."""
        del logs
        running = self._require_running()
        self._num_unsaved += batch + 1 - self._num_steps
        self._num_steps = batch + 1
        num_batches = self._train.num_batches
        epoch = running.dataset.find_epoch()
        self._position = epoch, min(running.iterator._steps_seen, num_batches)
        is_due = self._save_freq != "epoch" and self._num_unsaved >= self._save_freq
        if is_due and not self._is_epoch_complete():
            self._save(self._epoch, self._num_steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves, if it is time or training ends."""
        del logs
        if not self._is_epoch_complete():
            return  # a callback has stopped it: the next run goes on from the last save
        is_end = self._model.stop_training or epoch + 1 >= (self.params or {}).get("epochs", 0)
        is_due = self._save_freq == "epoch" or self._num_unsaved >= self._save_freq
        if is_end or is_due:
            self._save(epoch + 1, 0)

    def _restore(self, save: Save, optimizer: dict[str, Any], running: RunningFit) -> None:
        facts, model = save.facts, self.model
        folder = os.path.realpath(self._folder.path)
        self._check_save(facts)
        if _TRAINED.get(model) != folder:
            check_optimizer(facts["optimizer"], optimizer)
        check_training(save, model)
        self._train.load_state_dict(facts["sequence"])
        self._train._latest_fit.begin(running.dataset, running.iterator)
        if self._validation is not None and facts["validation"] is not None:
            self._validation._set_position(facts["validation"]["epoch"], 0)
        self._optimizer = facts["optimizer"]
        restore_variables(save, model, ("model", "optimizer"))
        restore_callbacks(save, running.callbacks)
        self._pending = save
        epochs = (self.params or {}).get("epochs", 0)
        model._initial_epoch = epochs if facts["has_ended"] else facts["epoch"]
        if model._initial_epoch < epochs:
            return
        if _TRAINED.get(model) == folder:
            warn_user(
                f"Resume finds the end of training in {self._folder.path!r}, so nothing is left to "
                "train. To go on, pass more epochs, or another folder."
            )
        elif self._is_first:
            print_message(_describe_end(facts, self._folder.path))

    def _check_save(self, facts: dict[str, Any]) -> None:
        """Checks that a save can be read, and that it is of this data and this number of steps."""
        version = facts.get("version")
        if version != _VERSION:
            raise ResumeError(
                f"The saves in {self._folder.path!r} have version {shorten(version)}, and this "
                f"imggen reads version {_VERSION}. Update imggen, or delete the folder to start "
                "again."
            )
        wrong = [n for n, kind in _FACTS.items() if not isinstance(facts.get(n, ...), kind)]
        if wrong:
            raise ResumeError(
                f"The save in {self._folder.path!r} has no valid {', '.join(wrong)}, so it was "
                "changed after imggen wrote it. Delete the folder to start again."
            )
        steps = self._steps_per_epoch
        if facts["steps_per_epoch"] != steps:
            raise ResumeError(
                f"The save was made with steps_per_epoch={facts['steps_per_epoch']}, and fit has "
                f"steps_per_epoch={steps}. Pass the same, or delete the folder to start again."
            )
        check_state(facts["sequence"], self._train._describe_order())
        saved = facts["validation"]
        if self._validation is not None and saved is not None:
            check_state(saved, _describe_validation(self._validation), "sequence for validation")

    def _check_fit(self, running: RunningFit) -> None:
        """Checks that ``fit`` reads the sequence."""
        view = running.dataset
        if not isinstance(view, KerasView) or view.sequence is not self._train:
            raise ResumeError(
                "Resume needs the sequence that fit reads. Pass the same sequence to both, "
                "fit(train, callbacks=[Resume(folder, train)]), in place of a generator or a "
                "dataset that was made of it."
            )

    def _check_others(self, callbacks: list[Any]) -> None:
        """Checks that no other callback restores training."""
        for other in callbacks:
            if other is not self and isinstance(other, Resume | keras.callbacks.BackupAndRestore):
                raise OptionError(
                    f"fit has two callbacks that restore training, Resume and "
                    f"{type(other).__name__}. Leave out one of them."
                )

    def _is_epoch_complete(self) -> bool:
        steps = (self.params or {}).get("steps")
        _, num_batches = self._position
        return num_batches >= self._train.num_batches or bool(steps and self._num_steps >= steps)

    def _save(self, epoch: int, num_steps: int) -> None:
        running = self._require_running()
        self._num_unsaved = 0
        if not self._is_first:
            return
        epoch_served, num_batches = self._position
        if num_batches >= self._train.num_batches:  # validation may have read the sequence, too
            epoch_served, num_batches = self._train.epoch, 0
        validation = None
        if self._validation is not None:
            order = _describe_validation(self._validation)
            validation = {"version": 1, "epoch": self._validation.epoch, "batch": 0, **order}
        facts, arrays = capture_training(self.model, running.callbacks)
        own = {
            "version": _VERSION,
            "epoch": epoch,
            "batch": num_steps,
            "steps_per_epoch": self._steps_per_epoch,
            "has_ended": bool(self._model.stop_training),
            "optimizer": self._optimizer,
            "sequence": self._train.state_dict(epoch=epoch_served, batch=num_batches),
            "validation": validation,
        }
        self._folder.write({**facts, **own}, arrays)

    def _require_running(self) -> RunningFit:
        if self._running is None:
            raise ResumeError("Resume works with fit of a Keras model; pass it as a callback.")
        return self._running


def _is_last(callback: Any, callbacks: list[Any]) -> bool:
    """Moves a callback to the end of the list that is being called, so that it is called last.

    Returns:
        Whether it was the last one.
    """
    if callback not in callbacks or callbacks[-1] is callback:
        return True
    callbacks[callbacks.index(callback)] = keras.callbacks.Callback()
    callbacks.append(callback)
    return False


def _describe_end(facts: dict[str, Any], folder: str) -> str:
    if facts["has_ended"]:
        end, advice = "A callback had stopped training", "To"
    else:
        end, advice = "Training had finished", "To go on, pass more epochs; to"
    return (
        f"{end} after epoch {facts['epoch']}; nothing was trained. "
        f"{advice} start again, delete {folder!r}."
    )


def _as_sequence(validation: Any, train: Any) -> EpochSequence[Any] | None:
    is_other = isinstance(validation, EpochSequence) and validation is not train
    return validation if is_other else None


def _describe_validation(sequence: EpochSequence[Any]) -> dict[str, Any]:
    """Returns the order of validation data; without the seed where nothing is shuffled."""
    order = sequence._describe_order()
    return order if order["shuffle"] else {**order, "seed": None}
