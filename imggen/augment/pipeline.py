"""Augmentations, one after the other: each held to its contract, neighbours done in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from imggen.augment.base import Augmentation, Drawn
from imggen.augment.builtin import BuiltIn, Operation, Simple, as_plain
from imggen.augment.crop import RandomResizedCrop
from imggen.augment.mixing import Mixer
from imggen.augment.perform import perform
from imggen.augment.sample import Sample
from imggen.errors import AugmentationError, ImggenError, OptionError
from imggen.rng import Stream, step_generators

Step = Augmentation | BuiltIn


class Applied(NamedTuple):
    """What one step did to one sample.

    Attributes:
        name: The augmentation.
        parameters: What it drew, in what JSON can hold; None where chance left the sample out.
    """

    name: str
    parameters: Any

    def __str__(self) -> str:
        if self.parameters is None:
            return f"{self.name}: left out"
        text = in_words(self.parameters)
        return f"{self.name}: {text}" if text else self.name


class Augmented(NamedTuple):
    """A sample after all steps.

    Attributes:
        sample: Its arrays may be those that were given, where nothing changed.
        drawn: What each step drew; see ``described``.
    """

    sample: Sample
    drawn: list[tuple[str, Drawn | list[Operation]]]

    def described(self) -> tuple[Applied, ...]:
        """What each step did, in order."""
        return tuple(Applied(name, _described(name, drawn)) for name, drawn in self.drawn)


@final
class Pipeline:
    """A list of augmentations as one.

    Attributes:
        steps: Those of each sample.
        mixer: The one of whole batches, which comes after them; None where there is none.

    Raises:
        OptionError: An augmentation of batches that is not the last.
    """

    def __init__(self, steps: Sequence[Step | Mixer]) -> None:
        last = steps[-1] if steps else None
        self.mixer = last if isinstance(last, Mixer) else None
        self.steps = tuple(step for step in steps if not isinstance(step, Mixer))
        if len(self.steps) + (self.mixer is not None) != len(steps):
            names = [step.name for step in steps if isinstance(step, Mixer)]
            raise OptionError(
                "Of MixUp, CutMix and MixUpOrCutMix one is possible, as the last augmentation; got "
                f"{', '.join(names)} among {len(steps)} augmentations."
            )

    @property
    def crop(self) -> RandomResizedCrop | None:
        """The first step, if it cuts from a larger image than training sees."""
        first = self.steps[0] if self.steps else None
        return first if isinstance(first, RandomResizedCrop) else None

    def __call__(
        self,
        sample: Sample,
        rng_of: Callable[[int], np.random.Generator],
        where: str,
        size: tuple[int, int] | None = None,
    ) -> Augmented:
        """Augments a sample; what is given is left as it is.

        Args:
            sample: The sample.
            rng_of: The number of a step to its generator for this sample: each step has its own,
                so that changing one does not change what the others draw.
            where: The sample, for error messages.
            size: (height, width) that ``crop`` makes of the sample; None: the sample's own.

        Raises:
            AugmentationError: A step raised, or returned another shape or dtype.
        """
        given = sample
        drawn: list[tuple[str, Drawn | list[Operation]]] = []
        waiting: list[Operation] = []  # drawn, and not performed yet
        place = 0
        for number, step in enumerate(self.steps):
            if isinstance(step, BuiltIn):
                height, width = sample.image.shape[:2] if size is None or not number else size
                operations = step.draw_operations((height, width), rng_of(number))
                drawn.append((step.name, operations))
                waiting += operations or ()
                continue
            sample = self._performed(waiting, sample, place, number, where, size)
            size, waiting, place = None, [], number + 1
            if any(
                np.may_share_memory(new, old)
                for new, old in zip(sample.arrays, given.arrays, strict=True)
            ):
                sample = sample.copy()
            sample, parameters = _held_to_contract(step, sample, rng_of(number), where)
            drawn.append((step.name, parameters))
        sample = self._performed(waiting, sample, place, len(self.steps), where, size)
        return Augmented(sample, drawn)

    def _performed(
        self,
        operations: list[Operation],
        sample: Sample,
        first: int,
        end: int,
        where: str,
        size: tuple[int, int] | None,
    ) -> Sample:
        if not operations:
            return sample
        try:
            return perform(operations, sample, size)
        except Exception as err:
            names = ", ".join(step.name for step in self.steps[first:end])
            raise _raised(names, err, where) from err


def unrepeatable(pipeline: Pipeline, sample: Sample, seed: int) -> list[str]:
    """The names of the steps that do not repeat themselves when given the same generator.

    Args:
        pipeline: The augmentations, each tried alone. Built-in ones are known to.
        sample: A sample to try them on, as training sees it; left as it is.
        seed: Decides the generators.

    Raises:
        AugmentationError: A step broke its contract.
    """

    def tried(step: Step) -> list[bytes]:
        return [
            Pipeline([step])(
                sample,
                step_generators(seed, Stream.TRIAL, 0, trial),
                "the first sample, to see whether it repeats itself",
            ).sample.image.tobytes()
            for trial in range(_TRIALS)
        ]

    foreign = [step for step in pipeline.steps if not isinstance(step, BuiltIn)]
    return [step.name for step in foreign if tried(step) != tried(step)]


# A step that acts on half of all images and draws from elsewhere passes one trial in two.
_TRIALS = 8


def _held_to_contract(
    step: Augmentation, sample: Sample, rng: np.random.Generator, where: str
) -> tuple[Sample, Drawn]:
    # Taken before: a step may change the shape of an array that it is given.
    expected = [(array.shape, array.dtype) for array in sample.arrays]
    try:
        result, parameters = step.augment(sample, rng)
        arrays: Sequence[Any] = result.arrays
    except Exception as err:
        raise _raised(step.name, err, where) from err
    if len(arrays) != len(expected):
        raise AugmentationError(
            f"The augmentation {step.name!r} returned {len(arrays)} arrays for {where}; expected "
            f"{len(expected)}, as it was given."
        )
    for (shape, dtype), array in zip(expected, arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            raise AugmentationError(
                f"The augmentation {step.name!r} returned {_kind(array)} for {where}; expected "
                f"{dtype} of shape {shape}, like the image it was given.{_hint(array, dtype)}"
            )
    return result, parameters


def _raised(names: str, err: Exception, where: str) -> AugmentationError:
    if isinstance(err, ImggenError):
        return AugmentationError(f"The augmentation {names!r} cannot do {where}: {err}")
    return AugmentationError(
        f"The augmentation {names!r} raised {type(err).__name__} on {where}: {err}"
    )


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


def _described(name: str, drawn: Drawn | list[Operation]) -> Any:
    if not isinstance(drawn, list):
        return as_plain(drawn)
    if len(drawn) == 1 and isinstance(drawn[0].kind, Simple) and drawn[0].kind.name == name:
        return as_plain(drawn[0].parameters)
    return {"operations": as_plain(drawn)}


def in_words(parameters: Any) -> str:
    """Parameters as people read them: few digits, and no brackets that are not needed."""
    if isinstance(parameters, Mapping):
        if set(parameters) <= {"operations", "applied"}:
            return "; ".join(map(in_words, *parameters.values())) if parameters else ""
        shown = {name: value for name, value in parameters.items() if name != "seed"}
        return ", ".join(f"{name} {_word(value)}".rstrip() for name, value in shown.items())
    return _word(parameters)


def _word(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return in_words(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_word, value)) + "]"
    return str(value)
