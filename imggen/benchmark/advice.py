"""What to change, what gains most first, and what each change would give."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample, Step
from imggen.benchmark.clock import Clock, times_a_second
from imggen.benchmark.report import BenchReport, as_ms, as_rate, counted
from imggen.benchmark.trial import Trial
from imggen.cache import RamCache, pack_as_jpeg
from imggen.core import format_bytes
from imggen.decode import ImageSpec, compute_placement, find_format, load_image
from imggen.errors import OptionError
from imggen.loading import BatchMaker

# What gains less than this is not worth a change, nor told from noise.
_LEAST_GAIN = 1.1
# Less than this share of what is expected of all cores is not their own doing: even two that are
# halves of one do 0.65 of what two would.
_OWN_SHARE = 0.6
# Above this rate, threads wait for Python itself, of which one runs at a time.
_MOST_BY_PYTHON = 4000


class _Advice(NamedTuple):
    """How many images a second a change would give, what it is, and why."""

    rate: float
    change: str
    why: str


def advise(trial: Trial, report: BenchReport, part: BatchMaker) -> Iterator[str]:
    """What the model needs, and then each change that gains a tenth or more."""
    model, now = report.model_images_per_second, report.images_per_second
    if model is not None and model <= now:
        yield (
            f"The loader keeps ahead: the model takes {as_rate(model)} images/s, and could get "
            f"{as_rate(now)}. Nothing here would make training faster, as long as they do not "
            "compete for the same cores."
        )
        return
    if model is not None:
        yield (
            f"The model takes {as_rate(model)} images/s and gets {as_rate(now)}: it will wait "
            f"{report.waiting_share:.0%} of the time."
        )
    others = about_others(report)
    if others is not None:
        yield others
    found = [
        _about_cache(trial, report),
        _about_workers(trial, report, part),
        _about_augmentation(trial, report),
        _about_lock(trial, report),
        _about_reduced_decode(trial, report),
        _about_dtype(trial, report),
    ]
    worth = [one for one in found if one is not None and one[0] >= _LEAST_GAIN * now]
    for rate, change, why in sorted(worth, reverse=True):
        times = f"{rate / now:.1f}" if rate < 10 * now else f"{rate / now:,.0f}"
        yield f"{change}: about {as_rate(rate)} images/s, {times} times as many as now. {why}"
    if worth:
        return
    # What others leave of a machine is not what it can do.
    if others is None and now * _LEAST_GAIN >= report.machine_images_per_second:
        yield f"Nothing to change: {as_rate(now)} images/s is what this machine can do."
    else:
        yield "Nothing to change: none of what was tried gains a tenth or more."


def about_others(report: BenchReport) -> str | None:
    """Why so much time is not explained by the work, if the machine itself was slower than that.

    Only where files are decoded: a function of the user's may hold Python's lock.
    """
    machine, now = report.machine_images_per_second, report.images_per_second
    if "decode" not in report.stages or machine > _MOST_BY_PYTHON:
        return None
    expected = 1000 * report.cores / _loading(report)
    if machine > _OWN_SHARE * expected or now > _OWN_SHARE * 1000 * report.threads / report.work:
        return None
    return (
        f"Other programs seem to be using the cores, which explains the wait: together, "
        f"{counted(report.cores, 'core')} loaded {as_rate(machine)} images/s, where "
        f"{as_rate(expected)} were to be expected. Time it again when they are done."
    )


def _about_cache(trial: Trial, report: BenchReport) -> _Advice | None:
    rate = report.cached_images_per_second
    if rate is None or _loading(report) < report.work / 2:
        return None
    array = next(iter(trial.loaded.values()))
    raw = _all_take(trial, lambda array: array.nbytes)
    sizes, option = f"{format_bytes(raw)} of pixels", 'cache="ram"'
    fits = _fits_memory(array, len(trial.rows))
    if trial.spec is not None and trial.spec.color_mode != "rgba":
        jpeg = _all_take(trial, lambda array: pack_as_jpeg(array, quality=90).nbytes)
        sizes += f', or {format_bytes(jpeg)} with pack="jpeg"'
        small = np.empty(int(jpeg / len(trial.rows)), dtype=np.uint8)
        if not fits and _fits_memory(small, len(trial.rows)):
            option, fits = 'cache=imggen.Cache("ram", pack="jpeg")', True
    free = shutil.disk_usage(".").free
    if fits:
        where = "memory has room for it"
    elif trial.spec is None:
        return None  # what a loader of the user's returns is kept in memory alone
    else:
        option = 'cache="FOLDER"'
        where = f"memory has no room for it, and the disk here has {format_bytes(free)} free"
    return _Advice(
        rate,
        option,
        "From the second epoch on, nothing is decoded anew. All "
        f"{counted(len(trial.rows), 'image')} take {sizes}; {where}.",
    )


def _all_take(trial: Trial, size: Callable[[npt.NDArray[Any]], int]) -> float:
    """The bytes of all samples, from the first of those that are held."""
    some = list(trial.loaded.values())[:16]
    return sum(map(size, some)) / len(some) * len(trial.rows)


def _about_workers(trial: Trial, report: BenchReport, part: BatchMaker) -> _Advice | None:
    if report.workers >= trial.cores:
        return None
    rate = trial.serve(part, report.work, "others", trial.cores)
    why = f"That is one a core, and what workers=None asks for; now there are {report.workers}."
    return _Advice(rate, f"workers={trial.cores}", why)


def _about_augmentation(trial: Trial, report: BenchReport) -> _Advice | None:
    taken = report.stages["augment"]
    if taken < max(report.stages.values()) or not trial.has_augmentation:
        return None
    name = _slowest_step(trial)
    most = ", most of all its step" if len(trial.maker.pipeline.steps) > 1 else ","
    return _Advice(
        _without(report, taken),
        "A cheaper augmentation, or one that is part of the model",
        f"It takes {as_ms(taken)} of {as_ms(report.work)} an image{most} {name!r}. The rate is "
        "that without any.",
    )


def _slowest_step(trial: Trial) -> str:
    def taken(step: Step) -> float:
        part = dataclasses.replace(trial.maker, cut_size=None, pipeline=Pipeline([step]))
        clock = Clock()
        for row, array in list(trial.augmented.items())[:8]:
            part.augment(Sample(array), 0, row, row)
        clock("augment")
        return clock.laps["augment"]

    return max(trial.maker.pipeline.steps, key=taken).name


def _about_lock(trial: Trial, report: BenchReport) -> _Advice | None:
    """Two threads that augment, beside one: they gain little if Python code holds its lock."""
    few = report.stages["augment"] < 0.2 * report.work
    if few or trial.worker_options.use_multiprocessing or trial.cores < 2 or report.workers < 1:
        return None

    def augment(row: int) -> None:
        trial.maker.augment(Sample(trial.loaded[row]), 0, row, row)

    seconds = max(trial.seconds_for("others") / 6, report.stages["augment"] / 250)
    one, two = (
        # Whatever else the machine does makes both slower, so the best of each is compared.
        max(times_a_second(augment, list(trial.loaded), threads, seconds) for _ in range(3))
        for threads in (1, 2)
    )
    if two >= 1.3 * one:
        return None
    return _Advice(
        1000 * report.threads / report.work,
        "use_multiprocessing=True",
        "The augmentation holds Python's interpreter lock: two threads that do nothing else "
        f"are {two / one:.1f} times as fast as one.",
    )


def _about_reduced_decode(trial: Trial, report: BenchReport) -> _Advice | None:
    spec = trial.spec
    if spec is None or spec.image_size is None or spec.may_reduce or "cache" in report.stages:
        return None
    reducing = dataclasses.replace(spec, interpolation="bilinear")
    gains, large = [], 0
    for row in list(trial.loaded)[:8]:
        path = trial.maker.manifest.filepath(row)
        large += _shrinks(path, spec) >= 2
        clock = Clock()
        load_image(path, spec)
        clock("now")
        load_image(path, reducing)
        clock("reduced")
        gains.append(clock.laps["now"] - clock.laps["reduced"])
    if large < len(gains) / 2:
        return None
    return _Advice(
        _without(report, median(gains)),
        f'interpolation="bilinear" rather than "{spec.interpolation}"',
        "Most files are JPEGs at least twice as large as needed, and would be decoded at a "
        "half, a quarter or an eighth of their size.",
    )


def _about_dtype(trial: Trial, report: BenchReport) -> _Advice | None:
    taken = report.stages["encode"]
    some = dict(list(trial.augmented.items())[: trial.maker.batch_size])
    if taken < 0.2 * report.work or trial.maker.dtype == "uint8":
        return None
    if any(array.dtype != np.uint8 for array in some.values()):
        return None
    as_it_is, as_uint8 = (
        min(trial.encode(some, **changes) for _ in range(3))
        for changes in ({}, {"dtype": "uint8", "rescale": None})
    )
    scale = "1.0" if trial.maker.rescale is None else f"{trial.maker.rescale:.6g}"
    return _Advice(
        # The share of the stage, not the difference: here it is timed by itself, in a warm cache.
        _without(report, taken * max(0.0, 1 - as_uint8 / as_it_is)),
        f'dtype="uint8", and keras.layers.Rescaling({scale}) as the first layer of the model',
        f"Making {trial.maker.dtype} takes {as_ms(as_it_is)} an image, uint8 {as_ms(as_uint8)}.",
    )


def _loading(report: BenchReport) -> float:
    return report.work - report.stages["augment"] - report.stages["encode"]


def _without(report: BenchReport, saved: float) -> float:
    """What would be served if an image took so many milliseconds less of the work."""
    left = max(report.work - saved, report.work / 100)
    return report.images_per_second * report.work / left


def _fits_memory(array: npt.NDArray[Any], count: int) -> bool:
    try:
        RamCache(count).get(0, lambda: array)
    except OptionError:
        return False
    return True


def _shrinks(path: str, spec: ImageSpec) -> float:
    """How many times as large as needed a JPEG is; 0 for other files."""
    from PIL import Image

    with Image.open(path) as image:
        (left, top, right, bottom), size, _ = compute_placement(*image.size, spec)
        times = min((right - left) / size[0], (bottom - top) / size[1])
        return times if find_format(image.format).has_reduced_decoding else 0.0
