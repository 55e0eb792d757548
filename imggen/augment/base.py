"""What an augmentation is: the protocol, and the contract that every step is held to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from imggen.errors import AugmentationError
from imggen.rng import Stream, generator


class Augmentation(Protocol):
    """One step of a pipeline: an image and a generator in, an image of the same kind out."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def __call__(self, image: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
        """Returns the augmented image.

        Args:
            image: uint8, shape (height, width, channels), values 0 to 255; or, with a custom
                loader, whatever the loader returns. May be written to.
            rng: The only source of chance.

        Returns:
            An array with the shape and dtype of ``image``.
        """
        ...


def augment_image(
    image: npt.NDArray[Any],
    steps: Sequence[Augmentation],
    make_rng: Callable[[int], np.random.Generator],
    where: str,
) -> npt.NDArray[Any]:
    """Runs an image through the steps and holds each to its contract.

    Args:
        image: The image; may be written to.
        steps: The augmentations, in order.
        make_rng: The number of a step to its generator for this sample: each step has its own,
            so that changing one does not change what the others draw.
        where: The sample, for error messages.

    Raises:
        AugmentationError: A step raised, or returned another shape or dtype.
    """
    for number, step in enumerate(steps):
        shape, dtype = image.shape, image.dtype
        try:
            result = step(image, make_rng(number))
        except Exception as err:
            raise AugmentationError(
                f"The augmentation {step.name!r} raised {type(err).__name__} on {where}: {err}"
            ) from err
        if not isinstance(result, np.ndarray) or result.shape != shape or result.dtype != dtype:
            raise AugmentationError(
                f"The augmentation {step.name!r} returned {_kind(result)} for {where}; expected "
                f"{dtype} of shape {shape}, like the image it was given.{_hint(result, dtype)}"
            )
        image = result
    return image


def unrepeatable(steps: Sequence[Augmentation], image: npt.NDArray[Any], seed: int) -> list[str]:
    """The names of the steps that do not repeat themselves when given the same generator.

    Args:
        steps: The augmentations, each tried alone.
        image: An image to try them on; left as it is.
        seed: Decides the generators.

    Raises:
        AugmentationError: A step broke its contract.
    """

    def tried(step: Augmentation) -> list[bytes]:
        return [
            augment_image(
                image.copy(),
                [step],
                functools.partial(generator, seed, Stream.TRIAL, 0, trial),
                "the first sample, to see whether it repeats itself",
            ).tobytes()
            for trial in range(_TRIALS)
        ]

    return [step.name for step in steps if tried(step) != tried(step)]


# A step that acts on half of all images and draws from elsewhere passes one trial in two.
_TRIALS = 8


def _kind(result: object) -> str:
    if isinstance(result, np.ndarray):
        return f"{result.dtype} of shape {result.shape}"
    return "None" if result is None else f"a {type(result).__module__}.{type(result).__name__}"


def _hint(result: object, dtype: np.dtype[Any]) -> str:
    if result is None:
        return " A function that changes its argument must return it too."
    if isinstance(result, np.ndarray) and result.dtype != dtype:
        return (
            " Scaling belongs to the sequence (rescale=, dtype=); to clip and round a float image "
            "use np.clip(image, 0, 255).astype(np.uint8)."
        )
    if isinstance(result, np.ndarray):
        return " Sizes belong to the sequence (image_size=): a crop must scale back up."
    return ""
