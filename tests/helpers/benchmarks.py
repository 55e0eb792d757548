"""Helpers for tests of benchmarks: sequences that are timed."""

import imggen

SIZE = (24, 20)


def sequence_of(folder, **options):
    options = {"image_size": SIZE, "batch_size": 4, "seed": 3, "workers": 2, **options}
    return imggen.ImageSequence(imggen.scan(folder), **options)


def bench(folder, *, seconds=0.3, model=None, **options):
    return imggen.bench(sequence_of(folder, **options), seconds=seconds, model=model)
