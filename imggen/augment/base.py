"""What an augmentation is: the protocol of every step of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from imggen.augment.sample import Sample

# What an augmentation drew for one sample, by name, in numbers, words and lists; None where chance
# left the sample out.
Drawn = Mapping[str, object] | None


@runtime_checkable
class Augmentation(Protocol):
    """One step of a pipeline: a sample and a generator in, the augmented sample out.

    imggen's own augmentations follow it, and so does what an adapter makes of those of other
    packages (see ``register_adapter``). To augment images alone, a function
    ``(image, rng) -> image`` is enough.
    """

    @property
    def name(self) -> str:
        """What messages, explanations and pictures call it."""
        ...

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Returns the augmented sample, and what was drawn for it.

        Args:
            sample: Its arrays may be written to.
            rng: The only source of chance. Good until this call ends.

        Returns:
            A sample whose arrays have the shapes and dtypes of those given, all of them changed by
            the same draw where pixels move; and what was drawn.

        Raises:
            Exception: Of any kind: it is passed on with the name, the file, the epoch and the
                index in front.
        """
        ...


@runtime_checkable
class BatchAugmentation(Augmentation, Protocol):
    """A step that takes less time for a whole batch than for each of its samples."""

    def augment_batch(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[tuple[Sample, Drawn]]:
        """Returns what ``augment`` returns for each sample and its generator.

        Args:
            samples: Their arrays may be written to. Those of one batch have the same shapes.
            rngs: One a sample: what becomes of a sample depends on its own alone.
        """
        ...
