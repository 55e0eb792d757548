"""The arrays of one batch."""

from __future__ import annotations

from typing import Any, NamedTuple

from imggen.loading.sample_loader import Failure


class Batch(NamedTuple):
    """The arrays of one batch.

    Attributes:
        epoch: The epoch that it belongs to.
        x: Images, shape (n, height, width, channels) or (n, channels, height, width); where the
            manifest has further inputs, a dictionary of arrays by name, with the images as "image"
            and numbers as float32 of shape (n, k).
        y: Targets as the label mode makes them, or None.
        weights: Sample weights, float32, shape (n,), or None; for several outputs, those of each.
            The rows that pad a short batch have the weight 0.
        failures: The files that could not be read, by index.
    """

    epoch: int
    x: Any
    y: Any
    weights: Any
    failures: dict[int, Failure]

    def served(self) -> Any:
        """Returns x, (x, y) or (x, y, weights)."""
        if self.y is None and self.weights is None:
            return self.x
        return (self.x, self.y) if self.weights is None else (self.x, self.y, self.weights)
