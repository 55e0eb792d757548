"""The position of training in a sequence, as a small value that JSON can hold."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imggen.core import StringColumn, check_arguments, is_whole, shorten
from imggen.data import Manifest
from imggen.errors import OptionError, ResumeError

VERSION = 1

# The columns of a manifest that decide what is trained on. Its root may be moved.
_COLUMNS = (
    *("paths", "labels", "class_names", "weights", "masks", "boxes", "keypoints", "targets"),
    *("multi_labels", "outputs", "inputs", "numbers"),
)
# The parts of a state that are digests, in words.
_DIGESTS = {
    "manifest": "manifest: its samples, their order or their targets differ",
    "second_manifest": "second manifest: its samples, their order or their targets differ",
    "files": "list of files",
}


class HasState:
    """A mixin for sequences whose position can be saved and restored."""

    @property
    @abstractmethod
    def num_batches(self) -> int:
        """The number of batches in an epoch."""

    @abstractmethod
    def find_position(self) -> tuple[int, int]:
        """Returns the epoch and the first batch of a pass that begins now."""

    @abstractmethod
    def _set_position(self, epoch: int, batch: int) -> None:
        """Makes the next pass begin with a batch of an epoch."""

    def _describe_order(self) -> dict[str, Any]:
        """Returns what decides which samples are in batch ``index`` of an epoch, for JSON."""
        raise NotImplementedError

    @check_arguments
    def state_dict(self, *, epoch: int | None = None, batch: int | None = None) -> dict[str, Any]:
        """Returns a position in training, and what the sequence is, for ``load_state_dict``.

        It is small and can be saved as JSON. Workers, caches and shards are not in it, so a
        run may go on with others, and on another machine. Batches are counted as they are trained
        on: a sequence cannot know that number, since Keras and the workers read ahead.

        Args:
            epoch: The epoch, from 0. None: the one that a new pass serves.
            batch: The number of batches of ``epoch`` that were trained on, at most
                ``num_batches``. None: 0; without ``epoch``, the number of a state that was loaded.

        Raises:
            OptionError: A number out of range.

        Example:
            >>> state = sequence.state_dict(epoch=3, batch=2)
            >>> state["epoch"], state["batch"], state["batch_size"], state["seed"]
            (3, 2, 4, 7)
        """
        current, start = self.find_position()
        position = (current if epoch is None else epoch), batch
        if batch is None:
            position = position[0], start if epoch is None else 0
        return build_state(self._describe_order(), self._check_position(position, OptionError))

    @check_arguments
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes the next pass begin at the position of a state, and later ones follow it.

        That is the next pass of ``fit``, whatever its ``initial_epoch`` is; of ``for batch in
        sequence``; of ``next(sequence)``; and of ``generator()``. ``evaluate`` and ``predict``
        serve whole epochs. ``imggen.Resume`` saves and restores a model with it.

        Args:
            state: A result of ``state_dict``.

        Raises:
            ResumeError: The state is of another manifest, seed, ``batch_size`` or order, of a newer
                version of imggen, or not a state.

        Example:
            >>> sequence.load_state_dict(sequence.state_dict(epoch=3, batch=2))
            >>> sequence.epoch, len(list(sequence)), len(list(sequence))
            (3, 2, 4)
        """
        check_state(state, self._describe_order())
        self._set_position(*self._check_position((state["epoch"], state["batch"]), ResumeError))

    def _check_position(self, position: Any, error: type[OptionError | ResumeError]) -> Any:
        epoch, batch = position
        if not is_whole(epoch, 0):
            raise error(f"epoch={shorten(epoch)} must be a whole number of 0 or more.")
        if not is_whole(batch, 0, self.num_batches):
            raise error(
                f"batch={shorten(batch)} must be a whole number from 0 to {self.num_batches}, the "
                "number of batches in an epoch."
            )
        epoch, batch = int(epoch), int(batch)  # of NumPy, which JSON does not take
        return (epoch + 1, 0) if batch == self.num_batches else (epoch, batch)


def build_state(order: Mapping[str, Any], position: tuple[int, int]) -> dict[str, Any]:
    """Returns the state of a sequence at a position: epoch and number of batches."""
    return {"version": VERSION, "epoch": position[0], "batch": position[1], **order}


def check_state(
    state: Mapping[str, Any],
    order: Mapping[str, Any],
    what: str = "sequence",
) -> None:
    """Checks that a state belongs to a sequence of an order.

    Args:
        state: The state.
        order: What decides the order of the sequence.
        what: A noun for the sequence, for the message.

    Raises:
        ResumeError: It does not.
    """
    version = state.get("version")
    if is_whole(version, VERSION + 1):
        raise ResumeError(
            f"The state has version {version}, and this imggen reads up to version {VERSION}. "
            "Update imggen, or start again without the state."
        )
    kind = state.get("kind")
    if is_whole(version, VERSION) and isinstance(kind, str) and kind != order["kind"]:
        raise ResumeError(
            f"The state is of the kind {shorten(kind)}, and this {what} is of the kind "
            f"{order['kind']!r}. Load the state into a sequence of its kind; or start again "
            "without it."
        )
    if not is_whole(version, VERSION) or not {"epoch", "batch", *order} <= set(state):
        raise ResumeError(
            f"{shorten(dict(state))} is not a state of such a {what}; expected a result of "
            "state_dict()."
        )
    for name, value in order.items():
        saved = state[name]
        if not isinstance(saved, str | int | None) or saved != value:
            raise ResumeError(_describe_difference(name, saved, value, what))


def _describe_difference(name: str, saved: Any, value: Any, what: str) -> str:
    if name in _DIGESTS:
        return (
            f"The state is of another {_DIGESTS[name]}. Make the {what} with the samples of the "
            "state, in the same order; or start again without the state."
        )
    return (
        f"The state is of a {what} with {name}={shorten(saved)}, and this one has {name}="
        f"{shorten(value)}. Make it with {name}={shorten(saved)}; or start again without the state."
    )


def digest_manifest(manifest: Manifest) -> str:
    """Returns a hash of the samples of a manifest, their order and their targets."""
    return digest({name: getattr(manifest, name) for name in _COLUMNS})


def digest(value: Any) -> str:
    """Returns a hash of a value of columns, arrays, texts and numbers."""
    sink = hashlib.blake2b(digest_size=16)
    _feed(sink, value)
    return sink.hexdigest()


def digest_files(files: Sequence[str]) -> str:
    """Returns a hash of file names and their order, whatever folder they all are in."""
    folders = [os.path.dirname(os.path.abspath(file)) for file in files]
    try:
        root = os.path.commonpath(folders)
    except ValueError:  # on several drives
        return digest(list(files))
    return digest([os.path.relpath(os.path.abspath(file), root) for file in files])


def _feed(sink: Any, value: Any) -> None:
    """Adds a value to a hash; empty columns that later versions add do not change it."""
    if isinstance(value, StringColumn):
        offsets = np.asarray(value.offsets, np.int64)
        _feed(sink, np.diff(offsets))
        sink.update(np.ascontiguousarray(value.data[offsets[0] : offsets[-1]]))
    elif isinstance(value, np.ndarray):
        sink.update(f"{value.dtype.str}{value.shape};".encode())
        sink.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if one is not None and not (isinstance(one, Mapping) and not one):
                _feed(sink, str(name))
                _feed(sink, one)
        sink.update(b"end;")
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        _feed(sink, {name: getattr(value, name) for name in names})
    elif isinstance(value, list | tuple):
        sink.update(f"{len(value)}[".encode())
        for one in value:
            _feed(sink, one)
    else:
        text = repr(value).encode("utf-8", "surrogatepass")
        sink.update(f"{len(text)}:".encode() + text)
