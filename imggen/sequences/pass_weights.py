"""Weights and padding that a pass of Keras needs, beyond what a sequence serves to anyone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, final

import keras
import numpy as np

from imggen.core import pluralize
from imggen.errors import OptionError
from imggen.loading import BatchMaker, map_arrays, repeat_rows
from imggen.sequences.process_checks import count_devices

Purpose = Literal["fit", "evaluate", "predict"]
# Turns batch ``index`` of ``epoch``, as it is served, into what Keras trains on.
Weigh = Callable[[Any, int, int], Any]


class Rows(NamedTuple):
    """A number of samples, and the number of rows that serve them; the others are padding."""

    samples: int
    served: int


class CountsRows(Protocol):
    """Counts the samples and rows of batches, of all shards together."""

    def of_batch(self, epoch: int, index: int) -> Rows:
        """Counts those of one batch."""

    def of_pass(self, epoch: int) -> Rows:
        """Counts those of all batches that a pass over an epoch reads."""


@final
@dataclass(frozen=True)
class ImageRows:
    """Counts the rows of batches of images, which are all padded to the same size."""

    batch_size: int
    num_samples: int
    num_batches: int

    @classmethod
    def of(cls, maker: BatchMaker, steps: int | None) -> ImageRows:
        """Counts the rows of the first batches of a maker; None: of all."""
        num_batches = min(maker.num_batches, steps or maker.num_batches)
        count = min(maker.sampler.num_indices, num_batches * maker.batch_size)
        return cls(maker.batch_size, count, num_batches)

    def of_batch(self, epoch: int, index: int) -> Rows:
        """See ``CountsRows``."""
        del epoch
        left = self.num_samples - index * self.batch_size
        return Rows(max(1, min(self.batch_size, left)), self.batch_size)

    def of_pass(self, epoch: int) -> Rows:
        """See ``CountsRows``."""
        del epoch
        return Rows(self.num_samples, self.num_batches * self.batch_size)


@final
@dataclass(frozen=True)
class PassWeights:
    """Pads batches for the devices, and weighs their rows.

    The mean of weight × loss over all rows of a batch is what the loss of its samples alone would
    be. An evaluation averages over all rows of the epoch, so the weights there are the same in
    every batch, and the loss and the weighted metrics are those of the samples alone.

    Attributes:
        counts: Counts the samples and rows of each batch; None where nothing is padded.
        is_evaluation: Whether the weights are for the average of an epoch.
        round_up: Returns the number of rows to pad a number of rows to.
        unit_weights: Makes weights of 1.
        weigh_classes: Makes weights of targets; None: 1.
    """

    counts: CountsRows | None
    is_evaluation: bool
    round_up: Callable[[int], int]
    unit_weights: Callable[[int], Any]
    weigh_classes: Callable[[Any], Any] | None

    def __call__(self, batch: Any, epoch: int, index: int) -> Any:
        """Returns a batch with padding and weights."""
        x, y, weights = batch if len(batch) == 3 else (*batch, None)
        rows = len(keras.tree.flatten(x)[0])
        if weights is None:
            weights = self.unit_weights(rows)
        if self.weigh_classes is not None:
            of_classes = self.weigh_classes(y)
            weights = map_arrays(lambda array: array * of_classes, weights)
        num_rows = self.round_up(rows)
        if num_rows > rows:
            x, y = map_arrays(lambda array: repeat_rows(array, num_rows), (x, y))
            weights = map_arrays(lambda array: _pad_weights(array, num_rows), weights)
        if self.is_evaluation and self.counts is not None:
            one, all_batches = self.counts.of_batch(epoch, index), self.counts.of_pass(epoch)
            share = one.samples / one.served * (all_batches.served / all_batches.samples)
            weights = map_arrays(lambda array: array * np.float32(share), weights)
        return x, y, weights


def plan_image_pass(
    maker: BatchMaker,
    purpose: Purpose,
    steps: int | None,
    weigh_classes: Callable[[Any], Any] | None,
    *,
    has_targets: bool,
) -> Weigh | None:
    """Decides how a pass of Keras over a sequence of images is padded and weighted.

    Args:
        maker: The batch maker of the sequence.
        purpose: The method of the model.
        steps: The number of batches to evaluate; None: all.
        weigh_classes: Makes weights of targets, in place of ``class_weight``; None: none.
        has_targets: Whether batches have targets, and may have weights.

    Raises:
        OptionError: The devices cannot divide the batches; or a batch must be padded for them or
            for other shards, and padding is not possible.
    """
    devices = count_devices()
    size = maker.num_rows
    if size % devices:
        raise OptionError(
            f"Batches of {size} cannot be divided by {devices} devices. Pass a batch_size= that is "
            f"a multiple of {maker.batch_size // size * devices}."
        )
    short = 0 if maker.drop_remainder else maker.sampler.num_indices % maker.batch_size
    is_short = maker.shard is None and short % devices > 0
    if is_short and purpose == "predict":
        raise OptionError(
            f"The last batch of {short} cannot be divided by {devices} devices, and model.predict "
            "would return rows for its padding, too. Use predict(model) of the sequence, or a "
            "batch_size= that leaves no such batch."
        )
    if purpose == "predict":
        return None
    if (is_short or maker.is_padded) and not has_targets:
        raise OptionError(
            f"The last batch has {pluralize(short, 'sample')} and is padded to {maker.batch_size} "
            "rows with the weight 0, which needs targets; there are none (label_mode=None). Pass "
            "drop_remainder=True."
        )
    if is_short or maker.is_padded:
        return PassWeights(
            ImageRows.of(maker, steps),
            purpose == "evaluate",
            lambda _: size,
            maker.label_mode.unit_weights,
            weigh_classes,
        )
    if weigh_classes is None:
        return None
    return PassWeights(None, False, lambda rows: rows, maker.label_mode.unit_weights, weigh_classes)


def is_image_pass_weighted(maker: BatchMaker) -> bool:
    """Whether batches that Keras trains on have weights because some of them are padded."""
    short = 0 if maker.drop_remainder else maker.sampler.num_indices % maker.batch_size
    return maker.is_padded or (maker.shard is None and short % count_devices() > 0)


def _pad_weights(weights: Any, num_rows: int) -> Any:
    padded = np.zeros(num_rows, weights.dtype)
    padded[: len(weights)] = weights * (num_rows / len(weights))
    return padded
