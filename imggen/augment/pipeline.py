"""Pipelines: apply augmentations in order, merge adjacent ones and check the results of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeGuard, final

import numpy as np

from imggen.augment.base import Augmentation, BatchAugmentation, DrawnParameters
from imggen.augment.builtin import BuiltIn
from imggen.augment.crop import FixedSizeCrop, SourceCrop
from imggen.augment.description import AppliedStep, describe_drawn
from imggen.augment.execution import apply_operations
from imggen.augment.mixing import Mixer
from imggen.augment.operations import Operation
from imggen.augment.sample import Sample
from imggen.core import Stream, step_generators
from imggen.errors import AugmentationError, ImggenError, OptionError

Step = Augmentation | BuiltIn


class AugmentedSample(NamedTuple):
    """A sample after all steps of a pipeline.

    Attributes:
        sample: The sample. Its arrays may be the original ones where nothing changed.
        drawn: Each step, and the parameters that it drew; see ``describe``.
    """

    sample: Sample
    drawn: list[tuple[Step, DrawnParameters | list[Operation]]]

    def describe(self) -> tuple[AppliedStep, ...]:
        """Returns the steps that were applied, in order, with their parameters."""
        return tuple(
            AppliedStep(step.name, describe_drawn(step.name, drawn)) for step, drawn in self.drawn
        )


@final
class Pipeline:
    """A list of augmentations that are applied in order.

    Attributes:
        steps: The augmentations of single samples.
        mixer: The augmentation of whole batches, which follows them; None if there is none.
        is_built_in: Whether all steps are built in. These only draw numbers from a generator;
            others may also copy it, or spawn further ones.

    Raises:
        OptionError: An augmentation of batches is not the last one, or there are several.
    """

    def __init__(self, steps: Sequence[Step | Mixer]) -> None:
        last = steps[-1] if steps else None
        self.mixer = last if isinstance(last, Mixer) else None
        self.steps = tuple(step for step in steps if not isinstance(step, Mixer))
        self._built_in = tuple(step for step in self.steps if _is_own(step))
        self.is_built_in = len(self._built_in) == len(self.steps)
        if len(self.steps) + (self.mixer is not None) != len(steps):
            names = [step.name for step in steps if isinstance(step, Mixer)]
            raise OptionError(
                "Only one of MixUp, CutMix and MixUpOrCutMix is possible, as the last "
                f"augmentation; got {', '.join(names)} among {len(steps)} augmentations."
            )
        for step in self.steps[1:]:
            if isinstance(step, FixedSizeCrop):
                raise OptionError(
                    f"{step.name} must be the first augmentation: those after it see the size that "
                    "it cuts out."
                )

    @property
    def crop(self) -> SourceCrop | None:
        """The first step, if it crops from a larger image than training uses."""
        first = self.steps[0] if self.steps else None
        return first if isinstance(first, SourceCrop) else None

    def without_crop(self) -> Pipeline:
        """Returns the steps that follow ``crop``, as a pipeline."""
        return Pipeline([*self.steps[1:], *([] if self.mixer is None else [self.mixer])])

    def __call__(
        self,
        sample: Sample,
        rng_for: Callable[[int], np.random.Generator],
        where: object,
        size: tuple[int, int] | None = None,
    ) -> AugmentedSample:
        """Augments a sample; does not modify the arrays that it is given.

        Args:
            sample: The sample.
            rng_for: Returns the generator of a step, by the step's number. Each step has a
                generator of its own, so that changing one step does not affect the others.
            where: Describes the sample in error messages; formatted only there.
            size: (height, width) of the output of ``crop``, in pixels. None: the sample's size.

        Raises:
            AugmentationError: A step raised an error, or returned another shape or dtype.
        """
        if self.is_built_in:
            return self._apply_built_in(sample, rng_for, where, size)
        run = _Run(sample, rng_for, where, size)
        self._advance(run, 0, len(self.steps))
        return AugmentedSample(run.sample, run.drawn)

    def _apply_built_in(
        self,
        sample: Sample,
        rng_for: Callable[[int], np.random.Generator],
        where: object,
        size: tuple[int, int] | None,
    ) -> AugmentedSample:
        """Same as ``__call__``, with fewer calls, where all steps are built in."""
        drawn: list[tuple[Step, DrawnParameters | list[Operation]]] = []
        if not self._built_in:  # then it need not be an image
            return AugmentedSample(sample, drawn)
        pending: list[Operation] = []
        number = 0
        try:
            # The first step gets the size of the source image, the others that of the output.
            step_size = sample.size
            for step in self._built_in:
                operations = step.draw_operations(step_size, rng_for(number))
                drawn += [(step, operations)]
                if operations:
                    pending += operations
                number += 1
                step_size = size or step_size
        except Exception as err:
            raise _wrap_error(self.steps[number].name, err, where) from err
        if not pending:
            return AugmentedSample(sample, drawn)
        try:
            return AugmentedSample(apply_operations(pending, sample, size), drawn)
        except Exception as err:
            raise _wrap_error(", ".join(step.name for step in self.steps), err, where) from err

    @property
    def is_batched(self) -> bool:
        """Whether a step is faster for a whole batch than sample by sample."""
        return any(isinstance(step, BatchAugmentation) for step in self.steps)

    def augment_batch(
        self,
        samples: Sequence[Sample],
        rng_for: Sequence[Callable[[int], np.random.Generator]],
        where: Sequence[object],
        size: tuple[int, int] | None = None,
    ) -> list[AugmentedSample]:
        """Augments a batch, with the same results as one call per sample; faster if ``is_batched``.

        Args:
            samples: The samples.
            rng_for: Per sample, as in ``__call__``.
            where: Per sample, as in ``__call__``.
            size: As in ``__call__``.

        Raises:
            AugmentationError: A step raised an error, or returned another shape or dtype.
        """
        runs = [_Run(*one, size) for one in zip(samples, rng_for, where, strict=True)]
        start = 0
        for number, step in enumerate(self.steps):
            if isinstance(step, BatchAugmentation):
                for run in runs:
                    self._advance(run, start, number)
                _augment_together(step, number, runs)
                start = number + 1
        for run in runs:
            self._advance(run, start, len(self.steps))
        return [AugmentedSample(run.sample, run.drawn) for run in runs]

    def _advance(self, run: _Run, start: int, end: int) -> None:
        """Applies the steps from ``start`` up to ``end`` to a sample."""
        pending: list[Operation] = []  # drawn, but not applied yet
        first_pending = start
        for number in range(start, end):
            step = self.steps[number]
            if isinstance(step, BuiltIn):
                operations = self._draw(step, run, number)
                run.drawn.append((step, operations))
                pending += operations or ()
                continue
            self._apply(pending, run, first_pending, number)
            pending, first_pending = [], number + 1
            run.copy_shared_arrays()
            # Read before the call: a step may change the shape of an array that it is given.
            expected = _Shapes.from_sample(run.sample)
            try:
                result = step.augment(run.sample, run.rng_for(number))
            except Exception as err:
                raise _wrap_error(step.name, err, run.where) from err
            run.sample, parameters = _check_result(step, result, expected, run.where)
            run.drawn.append((step, parameters))
        self._apply(pending, run, first_pending, end)

    @staticmethod
    def _draw(step: BuiltIn, run: _Run, number: int) -> list[Operation] | None:
        try:
            # The first step gets the size of the source image, the others that of the output.
            size = run.sample.size if run.size is None or number == 0 else run.size
            return step.draw_operations(size, run.rng_for(number))
        except Exception as err:
            raise _wrap_error(step.name, err, run.where) from err

    def _apply(self, operations: list[Operation], run: _Run, first: int, end: int) -> None:
        size, run.size = run.size, None
        if not operations:
            return
        try:
            run.sample = apply_operations(operations, run.sample, size)
        except Exception as err:
            names = ", ".join(step.name for step in self.steps[first:end])
            raise _wrap_error(names, err, run.where) from err


def _is_own(step: Step) -> TypeGuard[BuiltIn]:
    """Whether a step is built in, and not of a subclass of the user's."""
    return isinstance(step, BuiltIn) and type(step).__module__.startswith(f"{__package__}.")


@final
class _Run:
    """The state of one sample while the steps are applied."""

    def __init__(
        self,
        sample: Sample,
        rng_for: Callable[[int], np.random.Generator],
        where: object,
        size: tuple[int, int] | None,
    ) -> None:
        self.original = self.sample = sample
        self.rng_for = rng_for
        self.where = where
        self.size = size  # the output size of the first step; None once it is applied
        self.drawn: list[tuple[Step, DrawnParameters | list[Operation]]] = []

    def copy_shared_arrays(self) -> None:
        """Copies arrays if they may be the original ones, because steps may modify theirs."""
        current, original = self.sample, self.original
        pairs = [
            *zip(current.arrays, original.arrays, strict=True),
            *zip(current.positions, original.positions, strict=True),
        ]
        if any(np.may_share_memory(new, old) for new, old in pairs):
            self.sample = self.sample.copy()


def _augment_together(step: BatchAugmentation, number: int, runs: Sequence[_Run]) -> None:
    for run in runs:
        run.copy_shared_arrays()
    where = f"{runs[0].where} and {len(runs) - 1} others" if len(runs) > 1 else runs[0].where
    expected = [_Shapes.from_sample(run.sample) for run in runs]
    try:
        results = step.augment_batch(
            [run.sample for run in runs], [run.rng_for(number) for run in runs]
        )
    except Exception as err:
        raise _wrap_error(step.name, err, where) from err
    for run, result, shapes in zip(runs, results, expected, strict=True):
        run.sample, parameters = _check_result(step, result, shapes, run.where)
        run.drawn.append((step, parameters))


def find_nondeterministic_steps(pipeline: Pipeline, sample: Sample, seed: int) -> list[str]:
    """Returns the names of the steps whose results differ for the same generator.

    Args:
        pipeline: The augmentations. Each is tried separately, except for built-in ones, which are
            deterministic.
        sample: A sample to try them on, with the size used in training; not modified.
        seed: The seed of the generators.

    Raises:
        AugmentationError: A step raised an error, or returned another shape or dtype.
    """

    def results(step: Step) -> list[bytes]:
        return [
            Pipeline([step])(
                sample,
                step_generators(seed, Stream.TRIAL, 0, trial),
                "the first sample, in the check for deterministic results",
            ).sample.image.tobytes()
            for trial in range(_NUM_TRIALS)
        ]

    adapted = [step for step in pipeline.steps if not isinstance(step, BuiltIn)]
    return [step.name for step in adapted if results(step) != results(step)]


# A nondeterministic step that acts on half of all images passes one trial in two.
_NUM_TRIALS = 8


class _Shapes(NamedTuple):
    """The shapes and dtypes that a step is given, and must return."""

    arrays: list[tuple[tuple[int, ...], np.dtype[Any]]]
    num_boxes: int | None
    num_keypoints: int | None

    @classmethod
    def from_sample(cls, sample: Sample) -> _Shapes:
        return cls(
            [(array.shape, array.dtype) for array in sample.arrays],
            None if sample.boxes is None else len(sample.boxes),
            None if sample.keypoints is None else len(sample.keypoints),
        )


def _check_result(
    step: Augmentation, result: Any, expected: _Shapes, where: object
) -> tuple[Sample, DrawnParameters]:
    name = step.name
    try:
        sample, parameters = result
        arrays: Sequence[Any] = sample.arrays
    except Exception as err:
        raise _wrap_error(name, err, where) from err
    if len(arrays) != len(expected.arrays):
        raise AugmentationError(
            f"The augmentation {name!r} returned {len(arrays)} arrays for {where}; expected "
            f"{len(expected.arrays)}, as in its input."
        )
    for (shape, dtype), array in zip(expected.arrays, arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            raise AugmentationError(
                f"The augmentation {name!r} returned {_describe_type(array)} for {where}; expected "
                f"{dtype} of shape {shape}, as in its input.{_hint(array, dtype)}"
            )
    _check_positions(step, "boxes", sample.boxes, expected.num_boxes, where)
    _check_positions(step, "keypoints", sample.keypoints, expected.num_keypoints, where)
    return sample, parameters


def _check_positions(
    step: Augmentation, what: str, array: Any, count: int | None, where: object
) -> None:
    if array is None and count is None:
        return
    width = 5 if what == "boxes" else 4
    expected = "none" if count is None else f"float64 of shape ({count}, {width})"
    if count is not None and isinstance(array, np.ndarray) and array.dtype == np.float64:
        # Boxes outside the image may be dropped; keypoints are identified by their position.
        minimum = 0 if what == "boxes" else count
        maximum = math.inf if what == "boxes" and getattr(step, "adds_boxes", False) else count
        if array.shape[1:] == (width,) and minimum <= len(array) <= maximum:
            return
    raise AugmentationError(
        f"The augmentation {step.name!r} returned {_describe_type(array)} as {what} for {where}; "
        f"expected {expected}, as in its input."
    )


def _wrap_error(names: str, err: Exception, where: object) -> AugmentationError:
    if isinstance(err, ImggenError):
        reason = str(err).removesuffix(".")
        return AugmentationError(f"The augmentation {names!r} failed on {where}: {reason}.")
    return AugmentationError(
        f"The augmentation {names!r} raised {type(err).__name__} on {where}: {err}"
    )


def _describe_type(result: object) -> str:
    if isinstance(result, np.ndarray):
        return f"{result.dtype} of shape {result.shape}"
    return "None" if result is None else f"a {type(result).__module__}.{type(result).__name__}"


def _hint(result: object, dtype: np.dtype[Any]) -> str:
    if result is None:
        return " Return the image, even if the function modifies its argument."
    if isinstance(result, np.ndarray) and result.dtype != dtype:
        return (
            f" Augmentations keep {dtype}. Scale values for the model after them, with rescale=, "
            "mean= and std=, or preprocess= of the sequence."
        )
    if isinstance(result, np.ndarray):
        return " Resize the result of a crop, and set the size with image_size= of the sequence."
    return ""
