"""Timing of a sequence: the stages of an image, the rates, and advice on what to change.

In: an ``ImageSequence`` and optionally a model. Out: a ``BenchReport``. How long each
measurement takes, the texts and the picture can be changed here; what is timed is the public
``batch_maker`` of the sequence, so that nothing here changes what training sees.
"""

from imggen.benchmark.report import BenchReport
from imggen.benchmark.run import bench

__all__ = ["BenchReport", "bench"]
