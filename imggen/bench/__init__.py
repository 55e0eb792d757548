"""Where the time of a batch goes, how fast this machine could be, and what to change."""

from imggen.bench.report import BenchReport
from imggen.bench.run import bench

__all__ = ["BenchReport", "bench"]
