"""The benchmark: first the stages, then the rates, and then the advice."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from imggen.benchmark.advice import advise
from imggen.benchmark.clock import measure_rate
from imggen.benchmark.model import time_model
from imggen.benchmark.report import BenchReport
from imggen.benchmark.trial import Trial
from imggen.core import check_arguments, check_number, pluralize
from imggen.data import Manifest, Source, as_manifest, scan_all
from imggen.errors import OptionError
from imggen.loading import ImageBatches
from imggen.workers import single_threaded_opencv

if TYPE_CHECKING:
    import keras

    from imggen.sequences import ImageSequence


@check_arguments
def bench(
    sequence: ImageSequence | ImageBatches | Source,
    *,
    model: keras.Model | None = None,
    seconds: float = 5.0,
    progress: Callable[[str], object] | None = None,
) -> BenchReport:
    """Measures where the time of a batch goes, and recommends what to change.

    Times the sequence itself on files from all over its manifest: stage by stage on one thread,
    and then as a whole, with its own workers. The sequence keeps its epoch and its prefetched
    batches, and ``random`` and ``np.random`` keep their states. Only a cache is filled: the timed
    images are added to it, and then timed as later epochs load them.

    Files that the system has read before come from memory, as in every epoch but the first.

    Args:
        sequence: The sequence, with the augmentation that it will train with; or a folder, a table
            (.csv or .parquet) or a manifest, whose images are resized to 256 x 256.
        model: A model to time as well. A compiled model is cloned and trained, so that its weights
            and its optimizer do not change; for other models, predictions are timed.
        seconds: The approximate duration in seconds, above 0. Slow files or models take longer:
            each measurement is the median of at least three rounds.
        progress: Called with the name of each measurement before it starts.

    Returns:
        The results.

    Raises:
        OptionError: ``sequence`` is of another type, ``seconds`` is not above 0, or the images do
            not have the shape that the model expects.
        ImageError: No file can be read.

    Example:
        >>> report = bench(sequence, seconds=0.2)
        >>> list(report.stages)
        ['read', 'decode', 'resize', 'augment', 'encode']
        >>> report.images_per_second > 0
        True
    """
    if isinstance(sequence, str | os.PathLike | Manifest):
        manifest = as_manifest(sequence, scan_all)
        sequence = ImageBatches(manifest, label_mode=None, seed=0)
    if not isinstance(sequence, ImageBatches):
        from imggen.sequences import ImageSequence

        if not isinstance(sequence, ImageSequence):
            raise OptionError(
                f"sequence: bench() times an ImageSequence; got {type(sequence).__name__}."
            )
    seconds = check_number("seconds", seconds, above=0, maximum=10**6)
    with _keep_random_states():
        return _build_report(Trial(sequence, seconds, progress or (lambda _: None)), model)


def _build_report(trial: Trial, model: keras.Model | None) -> BenchReport:
    with single_threaded_opencv():  # as in training with several threads
        trial.progress("stages")
        stages = trial.stages()
        model_rate = timed_by = None
        if model is not None:
            trial.progress("model")
            whole = np.resize(list(trial.loaded), trial.maker.batch_size)
            batch = trial.subset(whole, held=trial.loaded)(0, 0)
            model_rate, timed_by = time_model(model, batch, trial.seconds_for("model"))
        trial.progress("machine")
        rows = trial.fresh_rows()
        machine = measure_rate(trial.try_file, rows, trial.cores, trial.seconds_for("machine"))
    trial.progress("now")
    subset, work = trial.subset(rows), sum(stages.values())
    now = trial.serve(subset, work, "now", trial.worker_options.num_workers)
    cached = None
    if trial.maker.samples.cache is None:
        trial.progress("cached")
        if trial.worker_options.use_multiprocessing:
            # Estimated: sending the loaded images to other processes would take too long.
            left = stages["augment"] + stages["encode"]
            cached = 1000 * min(max(trial.worker_options.num_workers, 1), trial.cores) / left
        else:
            held = trial.subset(np.resize(list(trial.loaded), len(rows)), held=trial.loaded)
            cached = trial.serve(held, work, "others", trial.worker_options.num_workers)
    shape = " × ".join(map(str, next(iter(trial.augmented.values())).shape))
    kind = "process" if trial.worker_options.use_multiprocessing else "thread"
    num_workers = trial.worker_options.num_workers
    workers = pluralize(num_workers, kind) if num_workers else "no workers"
    report = BenchReport(
        subject=f"{pluralize(len(trial.rows), 'image')} of {shape} as {trial.maker.dtype}, "
        f"batches of {trial.maker.batch_size}, {workers} on {pluralize(trial.cores, 'core')}",
        stages=stages,
        workers=trial.worker_options.num_workers,
        cores=trial.cores,
        num_timed=len(trial.good),
        unreadable=tuple(trial.unreadable),
        images_per_second=now,
        machine_images_per_second=machine,
        cached_images_per_second=cached,
        model_images_per_second=model_rate,
        model_timed_by=timed_by,
    )
    trial.progress("advice")
    return dataclasses.replace(report, advice=tuple(advise(trial, report, subset)))


@contextmanager
def _keep_random_states() -> Iterator[None]:
    """Restores the global random states, which augmentations and cloned models may use."""
    theirs, state = random.getstate(), np.random.get_state()  # noqa: NPY002 - the user's
    try:
        yield
    finally:
        random.setstate(theirs)
        np.random.set_state(state)  # noqa: NPY002
