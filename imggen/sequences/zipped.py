"""Two sequences served as one: images with target images, or a model of two image inputs."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple, final

import numpy as np

from imggen.core import check_arguments, shorten
from imggen.errors import OptionError
from imggen.loading import Batch, BatchMaker
from imggen.sequences.base import EpochSequence
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.pass_weights import Purpose, Weigh

_DIGITS = re.compile(r"\d+")
# Two sequences with different values of these serve different samples in a batch.
_ORDER_SETTINGS = ("samples", "batch_size", "shuffle", "repeats", "drop_remainder", "shard")


@check_arguments
def zip_sequences(a: ImageSequence, b: ImageSequence) -> ZippedSequence:
    """Pairs two sequences of the same order, for ``fit``.

    Sample i of ``a`` belongs to sample i of ``b``; the same augmentations draw the same parameters
    for both. For masks, ``from_directory(..., mask_dir=...)`` is the better way: it resamples them
    without blending classes.

    Args:
        a: The images.
        b: Their target images, if neither sequence has targets (``label_mode=None``): batches are
            (images of a, images of b). Otherwise the second input of a model: batches are
            ((images of a, images of b), targets).

    Returns:
        A PyDataset with the epochs and workers of imggen's sequences.

    Raises:
        OptionError: The sequences have another order (number of samples, ``batch_size``,
            ``shuffle``, ``seed``, ``repeats`` or ``drop_remainder``; or names that show that their
            files are sorted differently), different targets, or an ``on_error`` that replaces
            single files.

    Example:
        >>> photos = ImageSequence(manifest, label_mode=None, image_size=(8, 8), seed=1)
        >>> edges = ImageSequence(
        ...     manifest, label_mode=None, image_size=(8, 8), seed=1, color_mode="grayscale")
        >>> x, y = zip_sequences(photos, edges)[0]
        >>> x.shape, y.shape
        ((16, 8, 8, 3), (16, 8, 8, 1))
    """
    return ZippedSequence(a, b)


@final
class _Pair(NamedTuple):
    """Batches of both sequences with the same samples."""

    a: Batch
    b: Batch

    def served(self) -> Any:
        """Returns (x of a, x of b), or ((x of a, x of b), y), with weights if there are any."""
        y = self.a.y if self.a.y is not None else self.b.y
        weights = self.a.weights if self.a.weights is not None else self.b.weights
        x: Any = (self.a.x, self.b.x)
        if y is None:
            x, y = x
        return (x, y) if weights is None else (x, y, weights)


@final
class ZippedSequence(EpochSequence[_Pair]):
    """Two sequences of the same order as one; made by ``zip_sequences``.

    Attributes:
        a: The first sequence. Its own epoch does not move.
        b: The second sequence.
    """

    def __init__(self, a: ImageSequence, b: ImageSequence) -> None:
        _check_order(a, b)
        _check_targets(a, b)
        self.a = a
        self.b = b
        maker = _PairMaker(a.batch_maker, b.batch_maker)
        super().__init__(maker, a.num_batches, a.worker_options, maker.release, a.batch_size)

    @property
    def samples(self) -> int:
        """The number of pairs."""
        return self.a.samples

    def begin_training(
        self, model: Any, class_weight: Any, purpose: Purpose = "fit", steps: int | None = None
    ) -> Weigh | None:
        """Same as in the sequence that has the targets."""
        has_targets = self.a.batch_maker.label_mode.name is not None
        owner = self.a if has_targets else self.b
        return owner.plan_pass(model, class_weight, purpose, steps, has_targets=True)

    def _describe_order(self) -> dict[str, Any]:
        first, second = self.a._describe_order(), self.b._describe_order()
        return {**first, "kind": "ZippedSequence", "second_manifest": second["manifest"]}

    def _make_example(self, epoch: int, index: int) -> _Pair:
        pair = _Pair(self.a._make_example(epoch, index), self.b._make_example(epoch, index))
        if not _lacks_weights(self.a.batch_maker, pair):
            return pair
        unit = self.a.batch_maker.label_mode.unit_weights(1)
        return pair._replace(a=pair.a._replace(weights=unit))

    def _serve(self, made: _Pair) -> Any:
        return made.served()

    def _epoch_ended(self, epoch: int) -> None:
        del epoch
        for sequence in (self.a, self.b):
            if sequence.batch_maker.samples.cache is not None:
                sequence.batch_maker.samples.cache.flush()

    def __repr__(self) -> str:
        return f"ZippedSequence(\n  {self.a!r},\n  {self.b!r})"


@final
@dataclass(frozen=True)
class _PairMaker:
    """Makes the batches of both sequences; picklable."""

    a: BatchMaker
    b: BatchMaker

    def __call__(self, epoch: int, batch_index: int) -> _Pair:
        pair = _Pair(self.a(epoch, batch_index), self.b(epoch, batch_index))
        if not _lacks_weights(self.a, pair):
            return pair
        return pair._replace(a=pair.a._replace(weights=self.a.padding_weights(batch_index)))

    def release(self) -> None:
        """Frees the reusable buffers."""
        self.a.buffers.clear()
        self.b.buffers.clear()


def _lacks_weights(maker: BatchMaker, pair: _Pair) -> bool:
    """Whether batches are padded, and neither has weights since neither has targets."""
    return maker.is_padded and pair.a.weights is None and pair.b.weights is None


def _check_order(a: ImageSequence, b: ImageSequence) -> None:
    first, second = _describe_order(a), _describe_order(b)
    for name in _ORDER_SETTINGS:
        if first[name] != second[name]:
            raise OptionError(
                f"a has {name}={first[name]} and b has {name}={second[name]}; a pair needs the "
                "same samples in the same order. Pass the same value to both."
            )
    draws = first["shuffle"] or any(one.batch_maker.pipeline.steps for one in (a, b))
    if draws and a.seed != b.seed:
        raise OptionError(
            f"a has seed={a.seed} and b has seed={b.seed}, so they are shuffled and augmented "
            "differently. Pass the same seed= to both."
        )
    for name, sequence in (("a", a), ("b", b)):
        if sequence.batch_maker.on_error != "raise":
            raise OptionError(
                f"{name} has on_error={sequence.batch_maker.on_error!r}, which would pair other "
                'samples after a file that cannot be read. Use on_error="raise"; imggen.verify '
                "finds such files."
            )
    _check_names(a.manifest.paths, b.manifest.paths)


def _describe_order(sequence: ImageSequence) -> dict[str, Any]:
    maker, shard = sequence.batch_maker, sequence.batch_maker.shard
    return {
        "samples": sequence.samples,
        "batch_size": maker.batch_size,
        "shuffle": maker.sampler.shuffle,
        "repeats": maker.sampler.repeats,
        "drop_remainder": maker.drop_remainder,
        "shard": None if shard is None else (shard.index, shard.count),
    }


def _check_names(a: Sequence[str], b: Sequence[str]) -> None:
    """Refuses files whose names belong together in another order."""
    for identify in (_stem, _digits):
        keys, others = [identify(path) for path in a], [identify(path) for path in b]
        if keys == others:
            return
        if len(set(keys)) == len(keys) and set(keys) == set(others):
            row = next(row for row, key in enumerate(keys) if key != others[row])
            raise OptionError(
                f"Sample {row} of a is {shorten(a[row])}, and of b {shorten(b[row])}: the files "
                "are not in the same order. List them in the same order, or name them alike."
            )


def _stem(path: str) -> Hashable:
    return PurePosixPath(path).with_suffix("")


def _digits(path: str) -> Hashable:
    return tuple(map(int, _DIGITS.findall(PurePosixPath(path).stem)))


def _check_targets(a: ImageSequence, b: ImageSequence) -> None:
    modes = [sequence.batch_maker.label_mode.name for sequence in (a, b)]
    if None in modes:
        return
    is_same = modes[0] == modes[1] and a.class_names == b.class_names
    if not is_same or not _are_equal(a.labels, b.labels) or a.manifest.attached:
        raise OptionError(
            f"Both sequences have targets (label_mode={modes[0]!r} and {modes[1]!r}), and they are "
            "not the same. Pass label_mode=None to one of them."
        )


def _are_equal(first: Any, second: Any) -> bool:
    return first is not None and second is not None and np.array_equal(first, second)
