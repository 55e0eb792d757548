"""Helpers for tests of benchmarks: sequences that are timed."""

import imggen

SIZE = (24, 20)


def sequence_of(folder, **options):
    options = {"image_size": SIZE, "batch_size": 4, "seed": 3, "workers": 2, **options}
    return imggen.ImageSequence(imggen.scan(folder), **options)


def bench(folder, *, seconds=0.3, model=None, **options):
    return imggen.bench(sequence_of(folder, **options), seconds=seconds, model=model)


def holds_once(check, make_report):
    """Returns whether a report passes a check; a busy machine may spoil its times at times."""
    return any(check(make_report()) for _ in range(4))


def is_advised(change, folder, **options):
    """Returns whether a benchmark advises a change; a busy machine may hide its gain at times."""
    reports = (bench(folder, **options) for _ in range(4))
    return any(advice.startswith(change) for report in reports for advice in report.advice)
