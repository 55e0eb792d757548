"""Augmentations, one after the other: each held to its contract, neighbours done in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from imggen.augment.base import Augmentation, BatchAugmentation, Drawn
from imggen.augment.builtin import BuiltIn, SingleOp
from imggen.augment.crop import RandomResizedCrop
from imggen.augment.mixing import Mixer
from imggen.augment.operations import Operation, as_plain
from imggen.augment.perform import perform
from imggen.augment.sample import Sample
from imggen.core import Stream, step_generators
from imggen.errors import AugmentationError, ImggenError, OptionError

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
        run = _Run(sample, rng_of, where, size)
        self._advance(run, 0, len(self.steps))
        return Augmented(run.sample, run.drawn)

    @property
    def is_batched(self) -> bool:
        """Whether a step takes less time for a whole batch than for each of its samples."""
        return any(isinstance(step, BatchAugmentation) for step in self.steps)

    def augment_batch(
        self,
        samples: Sequence[Sample],
        rng_of: Sequence[Callable[[int], np.random.Generator]],
        where: Sequence[str],
        size: tuple[int, int] | None = None,
    ) -> list[Augmented]:
        """Augments samples as calling for each of them does, in less time if ``is_batched``.

        Args:
            samples: The samples.
            rng_of: As in calling, for each of them.
            where: So too.
            size: As in calling.
        """
        runs = [_Run(*one, size) for one in zip(samples, rng_of, where, strict=True)]
        start = 0
        for number, step in enumerate(self.steps):
            if isinstance(step, BatchAugmentation):
                for run in runs:
                    self._advance(run, start, number)
                _augment_together(step, number, runs)
                start = number + 1
        for run in runs:
            self._advance(run, start, len(self.steps))
        return [Augmented(run.sample, run.drawn) for run in runs]

    def _advance(self, run: _Run, start: int, end: int) -> None:
        """Takes a sample through some of the steps."""
        waiting: list[Operation] = []  # drawn, and not performed yet
        place = start
        for number in range(start, end):
            step = self.steps[number]
            if isinstance(step, BuiltIn):
                operations = self._draw(step, run, number)
                run.drawn.append((step.name, operations))
                waiting += operations or ()
                continue
            self._perform(waiting, run, place, number)
            waiting, place = [], number + 1
            run.own_arrays()
            # Taken before: a step may change the shape of an array that it is given.
            expected = _Kinds.of(run.sample)
            try:
                result = step.augment(run.sample, run.rng_of(number))
            except Exception as err:
                raise _raised(step.name, err, run.where) from err
            run.sample, parameters = _held_to_contract(step.name, result, expected, run.where)
            run.drawn.append((step.name, parameters))
        self._perform(waiting, run, place, end)

    @staticmethod
    def _draw(step: BuiltIn, run: _Run, number: int) -> list[Operation] | None:
        try:
            # The first step sees what it may cut from, the others what is left of it.
            size = run.sample.size if run.size is None or number == 0 else run.size
            return step.draw_operations(size, run.rng_of(number))
        except Exception as err:
            raise _raised(step.name, err, run.where) from err

    def _perform(self, operations: list[Operation], run: _Run, first: int, end: int) -> None:
        size, run.size = run.size, None
        if not operations:
            return
        try:
            run.sample = perform(operations, run.sample, size)
        except Exception as err:
            names = ", ".join(step.name for step in self.steps[first:end])
            raise _raised(names, err, run.where) from err


@final
class _Run:
    """One sample on its way through the steps."""

    def __init__(
        self,
        sample: Sample,
        rng_of: Callable[[int], np.random.Generator],
        where: str,
        size: tuple[int, int] | None,
    ) -> None:
        self.given = self.sample = sample
        self.rng_of = rng_of
        self.where = where
        self.size = size  # what the first step makes of it, until it has
        self.drawn: list[tuple[str, Drawn | list[Operation]]] = []

    def own_arrays(self) -> None:
        """Makes copies of arrays that may be those that were given: steps may write to theirs."""
        mine, given = self.sample, self.given
        pairs = [
            *zip(mine.arrays, given.arrays, strict=True),
            *zip(mine.positions, given.positions, strict=True),
        ]
        if any(np.may_share_memory(new, old) for new, old in pairs):
            self.sample = self.sample.copy()


def _augment_together(step: BatchAugmentation, number: int, runs: Sequence[_Run]) -> None:
    for run in runs:
        run.own_arrays()
    wheres = f"{runs[0].where} and {len(runs) - 1} others" if len(runs) > 1 else runs[0].where
    expected = [_Kinds.of(run.sample) for run in runs]
    try:
        results = step.augment_batch(
            [run.sample for run in runs], [run.rng_of(number) for run in runs]
        )
    except Exception as err:
        raise _raised(step.name, err, wheres) from err
    for run, result, kinds in zip(runs, results, expected, strict=True):
        run.sample, parameters = _held_to_contract(step.name, result, kinds, run.where)
        run.drawn.append((step.name, parameters))


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


class _Kinds(NamedTuple):
    """What a step is given, and has to return."""

    arrays: list[tuple[tuple[int, ...], np.dtype[Any]]]
    num_boxes: int | None
    num_keypoints: int | None

    @classmethod
    def of(cls, sample: Sample) -> _Kinds:
        return cls(
            [(array.shape, array.dtype) for array in sample.arrays],
            None if sample.boxes is None else len(sample.boxes),
            None if sample.keypoints is None else len(sample.keypoints),
        )


def _held_to_contract(name: str, result: Any, expected: _Kinds, where: str) -> tuple[Sample, Drawn]:
    try:
        sample, parameters = result
        arrays: Sequence[Any] = sample.arrays
    except Exception as err:
        raise _raised(name, err, where) from err
    if len(arrays) != len(expected.arrays):
        raise AugmentationError(
            f"The augmentation {name!r} returned {len(arrays)} arrays for {where}; expected "
            f"{len(expected.arrays)}, as it was given."
        )
    for (shape, dtype), array in zip(expected.arrays, arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            raise AugmentationError(
                f"The augmentation {name!r} returned {_kind(array)} for {where}; expected "
                f"{dtype} of shape {shape}, like the image it was given.{_hint(array, dtype)}"
            )
    _check_positions(name, "boxes", sample.boxes, expected.num_boxes, where)
    _check_positions(name, "keypoints", sample.keypoints, expected.num_keypoints, where)
    return sample, parameters


def _check_positions(name: str, what: str, array: Any, count: int | None, where: str) -> None:
    if array is None and count is None:
        return
    width = 5 if what == "boxes" else 4
    expected = "none" if count is None else f"float64 of shape ({count}, {width})"
    if count is not None and isinstance(array, np.ndarray) and array.dtype == np.float64:
        # Boxes may be lost beyond the edge; of keypoints it must stay clear which is which.
        fewest = 0 if what == "boxes" else count
        if array.shape[1:] == (width,) and fewest <= len(array) <= count:
            return
    raise AugmentationError(
        f"The augmentation {name!r} returned {_kind(array)} as {what} for {where}; expected "
        f"{expected}, as it was given."
    )


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
    if len(drawn) == 1 and isinstance(drawn[0].kind, SingleOp) and drawn[0].kind.name == name:
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
