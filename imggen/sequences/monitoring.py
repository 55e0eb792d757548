"""Warnings during training: unreadable files, and augmentations that cannot be reproduced."""

from __future__ import annotations

from collections import Counter
from typing import final

from imggen.core import warn_user
from imggen.errors import ImggenError
from imggen.loading import Batch, BatchMaker, Failure


@final
class FailureLog:
    """Counts the files that could not be read, and reports them at the end of each epoch.

    Attributes:
        counts: The number of failures of each file so far.
    """

    def __init__(self) -> None:
        self.counts: Counter[Failure] = Counter()
        # By (epoch, index): Keras requests some batches twice, which must not count twice.
        self._recorded: dict[tuple[int, int], Failure] = {}

    def record(self, batch: Batch) -> None:
        """Counts the failures of a batch, unless they are counted already."""
        for index, failure in batch.failures.items():
            if (batch.epoch, index) not in self._recorded:
                self._recorded[batch.epoch, index] = failure
                self.counts[failure] += 1

    def end_epoch(self, epoch: int, maker: BatchMaker) -> None:
        """Warns of the files of ``epoch`` that could not be read."""
        failures = [failure for key, failure in self._recorded.items() if key[0] == epoch]
        self._recorded = {key: failure for key, failure in self._recorded.items() if key[0] > epoch}
        if failures:
            done = "skipped" if maker.on_error == "skip" else "substituted"
            warn_user(
                f"Epoch {epoch}: {len(failures)} of {maker.sampler.num_indices} images could not "
                f"be read and were {done}; first {failures[0].path!r}: {failures[0].reason}. The "
                "sequence's attribute 'failures' lists them all.",
            )


def warn_of_unrepeatable_steps(maker: BatchMaker) -> None:
    """Warns of augmentations that do not draw from the random generator that they are given."""
    try:
        names = maker.find_unrepeatable_steps()
    except ImggenError:
        return  # the batch with this error raises or handles it
    if names:
        warn_user(
            f"The augmentations {names} return another result for the same random generator, so "
            "they draw from another source (np.random, random): batches will differ from run to "
            "run and with the number of workers. Draw from the parameter rng instead: def "
            "augmentation(image, rng). Pass an albumentations transform itself, not a function "
            "that calls it.",
        )
