"""The protocol that every step of a pipeline follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from imggen.augment.sample import Sample

# The parameters that an augmentation drew for one sample, by name: numbers, words and lists. None
# if the sample was left unchanged by chance.
DrawnParameters = Mapping[str, object] | None


@runtime_checkable
class Augmentation(Protocol):
    """One step of a pipeline: takes a sample and a generator, and returns the augmented sample.

    Adapters turn augmentations of other packages into objects of this kind; see
    ``register_adapter``. To augment images only, a function ``(image, rng) -> image`` is enough.

    Example:
        >>> class Darken:
        ...     name = "Darken"
        ...     def augment(self, sample, rng):
        ...         factor = rng.uniform(0.5, 1.0)
        ...         image = (sample.image * factor).astype(sample.image.dtype)
        ...         return dataclasses.replace(sample, image=image), {"factor": factor}
        >>> isinstance(Darken(), Augmentation)
        True
    """

    @property
    def name(self) -> str:
        """The name shown in messages, explanations and previews."""
        ...

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, DrawnParameters]:
        """Augments a sample.

        Args:
            sample: The sample. Its arrays may be modified.
            rng: The only source of randomness. Valid until this call returns.

        Returns:
            The augmented sample and the drawn parameters. Its arrays have the shapes and dtypes of
            those given. If pixels move, all arrays move by the same parameters.

        Raises:
            Exception: Any error. It is raised again with the name of the augmentation, the file,
                the epoch and the index.
        """
        ...


@runtime_checkable
class SelectiveStep(Protocol):
    """A step that cannot keep everything aligned with the image."""

    def check_alignment(self, sample: Sample) -> None:
        """Checks that the step can keep all that a sample has aligned with its image.

        Called when a sequence is made, with a sample of no meaning that has the same kinds of
        targets as all others.

        Raises:
            AugmentationError: It cannot.
            SampleError: It cannot.
        """
        ...


@runtime_checkable
class BatchAugmentation(Augmentation, Protocol):
    """A step that is faster for a whole batch than sample by sample."""

    def augment_batch(
        self, samples: Sequence[Sample], rngs: Sequence[np.random.Generator]
    ) -> list[tuple[Sample, DrawnParameters]]:
        """Augments each sample as ``augment`` does.

        Args:
            samples: The samples. Their arrays have the same shapes, and may be modified.
            rngs: One generator per sample. The result for a sample depends on its own only.
        """
        ...
