"""Checks during training: unreadable files, and user functions that break their contract."""

from __future__ import annotations

from collections import Counter
from typing import final

import numpy as np

from imggen.core import warn_user
from imggen.errors import ImggenError, SampleError
from imggen.loading import Batch, BatchMaker, Failure, describe_function


@final
class FailureLog:
    """Counts the files that could not be read, and reports new ones at the end of an epoch.

    Attributes:
        counts: The number of failures of each file so far.
    """

    def __init__(self) -> None:
        self.counts: Counter[Failure] = Counter()
        # By (epoch, index): Keras requests some batches twice, which must not count twice.
        self._recorded: dict[tuple[int, int], Failure] = {}
        self._reported: set[str] = set()  # paths

    def record(self, batch: Batch) -> None:
        """Counts the failures of a batch, unless they are counted already."""
        for index, failure in batch.failures.items():
            if (batch.epoch, index) not in self._recorded:
                self._recorded[batch.epoch, index] = failure
                self.counts[failure] += 1

    def end_epoch(self, epoch: int, maker: BatchMaker) -> None:
        """Warns of the files of ``epoch`` that could not be read, unless all were reported."""
        failures = [failure for key, failure in self._recorded.items() if key[0] == epoch]
        self._recorded = {key: failure for key, failure in self._recorded.items() if key[0] > epoch}
        new = [failure for failure in failures if failure.path not in self._reported]
        if new:
            done = "skipped" if maker.on_error == "skip" else "substituted"
            further = f"{len(new)} of them for the first time; " if self._reported else ""
            self._reported.update(failure.path for failure in new)
            warn_user(
                f"Epoch {epoch}: {len(failures)} of {maker.sampler.num_indices} images could not "
                f"be read and were {done}; {further}first {new[0].path!r}: {new[0].reason}. The "
                "sequence's attribute 'failures' lists them all. Later epochs warn of further "
                "files only.",
            )


def check_first_batch(maker: BatchMaker, batch: Batch, *, is_decoded: bool) -> None:
    """Checks the user's functions on the first batch that is served.

    Args:
        maker: The batch maker of the sequence.
        batch: The batch.
        is_decoded: Whether images are decoded to one shape, so that the function ``preprocess`` was
            checked when the sequence was made.

    Raises:
        OptionError: ``preprocess`` broke its contract; see ``Scaling.check_function``.
        SampleError: ``preprocess`` returned values that are not finite.
    """
    if maker.pipeline.steps:
        _warn_of_unrepeatable_steps(maker)
    if maker.scaling.preprocess is None:
        return
    x = batch.x["image"] if isinstance(batch.x, dict) else batch.x
    if not is_decoded:
        maker.scaling.check_function(x.shape[1:], maker.dtype, channels_first=maker.channels_first)
    if not np.isfinite(x).all():
        bad = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        raise SampleError(
            f"preprocess={describe_function(maker.scaling.preprocess)} returned NaN or infinite "
            f"values for image {bad} of the first batch; expected finite values."
        )


def _warn_of_unrepeatable_steps(maker: BatchMaker) -> None:
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
