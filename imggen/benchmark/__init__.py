"""Where the time of a batch goes, how fast this machine could be, and what to change."""

from imggen.benchmark.report import BenchReport
from imggen.benchmark.run import bench

__all__ = ["BenchReport", "bench"]
