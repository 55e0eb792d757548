"""Advice: recommended changes, sorted by gain, with the rate that each would give."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample, Step
from imggen.benchmark.clock import Clock, measure_rate
from imggen.benchmark.report import BenchReport, format_ms, format_rate
from imggen.benchmark.trial import Trial
from imggen.cache import RamCache, pack_as_jpeg
from imggen.core import format_bytes, pluralize
from imggen.decode import ImageSpec, compute_placement, find_format, load_image
from imggen.errors import OptionError
from imggen.loading import BatchMaker, Scaling
from imggen.stores import open_file

# A smaller gain is not worth a change, and cannot be distinguished from noise.
_MIN_GAIN = 1.1
# If all cores reach less than this fraction of the expected rate, other programs use them: even two
# hyperthreads of one core reach 0.65 of the rate of two cores.
_MIN_EFFICIENCY = 0.6
# Above this many images per second, threads wait for the interpreter lock.
_MAX_RATE_OF_PYTHON = 4000


class _Advice(NamedTuple):
    """The images per second that a change would give, the change, and the reason."""

    rate: float
    change: str
    why: str


def advise(trial: Trial, report: BenchReport, subset: BatchMaker) -> Iterator[str]:
    """Yields what the model needs, and then each change that gains a tenth or more."""
    model, now = report.model_images_per_second, report.images_per_second
    if model is not None and model <= now:
        yield (
            f"Loading is fast enough: the model processes {format_rate(model)} images/s, and "
            f"loading reaches {format_rate(now)}. A change here would not speed up training, "
            "unless both compete for the same cores."
        )
        return
    if model is not None:
        yield (
            f"Loading is too slow: the model processes {format_rate(model)} images/s, and loading "
            f"reaches {format_rate(now)}. The model waits {report.waiting_share:.0%} of the time."
        )
    others = explain_contention(report)
    if others is not None:
        yield others
    found = [
        _advise_cache(trial, report),
        _advise_workers(trial, report, subset),
        _advise_augmentation(trial, report),
        _advise_lock(trial, report),
        _advise_reduced_decode(trial, report),
        _advise_dtype(trial, report),
    ]
    worth = [one for one in found if one is not None and one[0] >= _MIN_GAIN * now]
    for rate, change, why in sorted(worth, reverse=True):
        times = f"{rate / now:.1f}" if rate < 10 * now else f"{rate / now:,.0f}"
        yield f"{change}: about {format_rate(rate)} images/s, {times} times the current rate. {why}"
    if worth:
        return
    # With other programs running, the measured rate is not the maximum of the machine.
    if others is None and now * _MIN_GAIN >= report.machine_images_per_second:
        yield f"Nothing to change: {format_rate(now)} images/s is the maximum of this machine."
    else:
        yield "Nothing to change: no change that was tried gains a tenth or more."


def explain_contention(report: BenchReport) -> str | None:
    """Returns a hint that other programs use the cores, or None if the rates do not show it.

    Only if files are decoded: a custom loader may hold the interpreter lock.
    """
    machine, now = report.machine_images_per_second, report.images_per_second
    if "decode" not in report.stages or machine > _MAX_RATE_OF_PYTHON:
        return None
    expected = 1000 * report.cores / _loading_time(report)
    if (
        machine > _MIN_EFFICIENCY * expected
        or now > _MIN_EFFICIENCY * 1000 * report.threads / report.work
    ):
        return None
    return (
        "Other programs seem to use the cores, which explains the wait: "
        f"{pluralize(report.cores, 'core')} loaded {format_rate(machine)} images/s, and "
        f"{format_rate(expected)} were expected. Run the benchmark again when they are done."
    )


def _advise_cache(trial: Trial, report: BenchReport) -> _Advice | None:
    rate = report.cached_images_per_second
    if rate is None or _loading_time(report) < report.work / 2:
        return None
    array = next(iter(trial.loaded.values()))
    raw = _estimate_bytes(trial, lambda array: array.nbytes)
    sizes, option = f"{format_bytes(raw)} of pixels", 'cache="ram"'
    fits = _fits_memory(array, len(trial.rows))
    if trial.spec is not None and trial.spec.color_mode != "rgba":
        jpeg = _estimate_bytes(trial, lambda array: pack_as_jpeg(array, quality=90).nbytes)
        sizes += f', or {format_bytes(jpeg)} with pack="jpeg"'
        small = np.empty(int(jpeg / len(trial.rows)), dtype=np.uint8)
        if not fits and _fits_memory(small, len(trial.rows)):
            option, fits = 'cache=imggen.Cache("ram", pack="jpeg")', True
    free = shutil.disk_usage(".").free
    if fits:
        where = "That fits into memory."
    elif trial.spec is None:
        return None  # the arrays of a custom loader can only be cached in memory
    else:
        option = 'cache="FOLDER"'
        where = f"That does not fit into memory; this disk has {format_bytes(free)} free."
    return _Advice(
        rate,
        option,
        "From the second epoch on, no image is decoded. The cache of "
        f"{pluralize(len(trial.rows), 'image')} takes {sizes}. {where}",
    )


def _estimate_bytes(trial: Trial, size: Callable[[npt.NDArray[Any]], int]) -> float:
    """Estimates the bytes of all samples from the first of those that are held."""
    some = list(trial.loaded.values())[:16]
    return sum(map(size, some)) / len(some) * len(trial.rows)


def _advise_workers(trial: Trial, report: BenchReport, subset: BatchMaker) -> _Advice | None:
    if report.workers >= trial.cores:
        return None
    rate = trial.serve(subset, report.work, "others", trial.cores)
    why = f"That is one per core, the default (workers=None); now there are {report.workers}."
    return _Advice(rate, f"workers={trial.cores}", why)


def _advise_augmentation(trial: Trial, report: BenchReport) -> _Advice | None:
    taken = report.stages["augment"]
    if taken < max(report.stages.values()) or not trial.has_augmentation:
        return None
    name = _find_slowest_step(trial)
    which = ", and the slowest step is" if len(trial.maker.pipeline.steps) > 1 else ":"
    return _Advice(
        _estimate_rate(report, taken),
        "A faster augmentation, or one inside the model",
        f"It takes {format_ms(taken)} of {format_ms(report.work)} per image{which} {name!r}. "
        "The rate is the one without augmentation.",
    )


def _find_slowest_step(trial: Trial) -> str:
    def taken(step: Step) -> float:
        subset = dataclasses.replace(trial.maker, cut_size=None, pipeline=Pipeline([step]))
        clock = Clock()
        for row, array in list(trial.augmented.items())[:8]:
            subset.augment(Sample(array), 0, row, row)
        clock("augment")
        return clock.laps["augment"]

    return max(trial.maker.pipeline.steps, key=taken).name


def _advise_lock(trial: Trial, report: BenchReport) -> _Advice | None:
    """Compares two augmenting threads with one: a lock holder gains little from the second."""
    few = report.stages["augment"] < 0.2 * report.work
    if few or trial.worker_options.use_multiprocessing or trial.cores < 2 or report.workers < 1:
        return None

    def augment(row: int) -> None:
        trial.maker.augment(Sample(trial.loaded[row]), 0, row, row)

    seconds = max(trial.seconds_for("others") / 6, report.stages["augment"] / 250)
    one, two = (
        # Other programs slow down both, so the best of three runs is compared.
        max(measure_rate(augment, list(trial.loaded), threads, seconds) for _ in range(3))
        for threads in (1, 2)
    )
    if two >= 1.3 * one:
        return None
    return _Advice(
        1000 * report.threads / report.work,
        "use_multiprocessing=True",
        "The augmentation holds Python's interpreter lock: two threads that only augment are "
        f"{two / one:.1f} times as fast as one.",
    )


def _advise_reduced_decode(trial: Trial, report: BenchReport) -> _Advice | None:
    spec = trial.spec
    if spec is None or spec.image_size is None or spec.may_reduce or "cache" in report.stages:
        return None
    reducing = dataclasses.replace(spec, interpolation="bilinear")
    gains, large = [], 0
    for row in list(trial.loaded)[:8]:
        path = trial.maker.manifest.filepath(row)
        large += _measure_reduction(path, spec) >= 2
        clock = Clock()
        load_image(path, spec)
        clock("now")
        load_image(path, reducing)
        clock("reduced")
        gains.append(clock.laps["now"] - clock.laps["reduced"])
    if large < len(gains) / 2:
        return None
    return _Advice(
        _estimate_rate(report, median(gains)),
        f'interpolation="bilinear" instead of "{spec.interpolation}"',
        "Most files are JPEGs at least twice as large as needed, and would be decoded at 1/2, "
        "1/4 or 1/8 of their size.",
    )


def _advise_dtype(trial: Trial, report: BenchReport) -> _Advice | None:
    taken = report.stages["encode"]
    some = dict(list(trial.augmented.items())[: trial.maker.batch_size])
    if taken < 0.2 * report.work or trial.maker.dtype == "uint8":
        return None
    scaling = trial.maker.scaling
    is_factor = scaling.is_factor
    if not is_factor or any(array.dtype != np.uint8 for array in some.values()):
        return None
    as_it_is, as_uint8 = (
        min(trial.encode(some, **changes) for _ in range(3))
        for changes in ({}, {"dtype": "uint8", "scaling": Scaling()})
    )
    scale = f"{1.0 if scaling.factor is None else scaling.factor:.6g}"
    return _Advice(
        # A fraction of the stage, not the difference: alone, the stage has a warm CPU cache.
        _estimate_rate(report, taken * max(0.0, 1 - as_uint8 / as_it_is)),
        f'dtype="uint8", and keras.layers.Rescaling({scale}) as the first layer of the model',
        f"{trial.maker.dtype} takes {format_ms(as_it_is)} per image, uint8 {format_ms(as_uint8)}.",
    )


def _loading_time(report: BenchReport) -> float:
    return report.work - report.stages["augment"] - report.stages["encode"]


def _estimate_rate(report: BenchReport, saved: float) -> float:
    """Estimates the rate if the work per image took ``saved`` milliseconds less."""
    left = max(report.work - saved, report.work / 100)
    return report.images_per_second * report.work / left


def _fits_memory(array: npt.NDArray[Any], count: int) -> bool:
    try:
        RamCache(count).get(0, lambda: array)
    except OptionError:
        return False
    return True


def _measure_reduction(path: str, spec: ImageSpec) -> float:
    """Returns how many times larger than needed a JPEG is; 0 for other files."""
    from PIL import Image

    with open_file(path) as file, Image.open(file) as image:
        (left, top, right, bottom), size, _ = compute_placement(*image.size, spec)
        times = min((right - left) / size[0], (bottom - top) / size[1])
        return times if find_format(image.format).has_reduced_decoding else 0.0
