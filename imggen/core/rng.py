"""Random generators. All random numbers of the package come from here.

A sample depends on (seed, epoch, index) and on nothing else: not on threads, processes, call order
or NumPy's global state. Every use of random numbers has its own stream, so that drawing more
numbers for one use never changes another.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np

from imggen.core.checks import check_whole


class Stream(IntEnum):
    """The uses of random numbers. Never renumber them: results depend on the values."""

    SPLIT = 0
    SHUFFLE = 1
    AUGMENT = 2
    SUBSTITUTE = 3
    TRIAL = 4
    OVERSAMPLE = 5
    MIX = 6
    PARTNER = 7


def generator(seed: int, stream: Stream, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """Builds the generator of one (seed, stream, epoch, index).

    Args:
        seed: The user's seed, 0 or more.
        stream: The use of the numbers.
        epoch: The epoch, from 0.
        index: The sample, or another item that the stream counts, from 0.

    Example:
        >>> first = generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        >>> first == generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        True
    """
    # A spawn key, never seed arithmetic: with seed + index, neighboring seeds share streams.
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), epoch, index))
    return np.random.Generator(np.random.PCG64(sequence))


def step_generators(
    seed: int, stream: Stream, epoch: int, index: int
) -> Callable[[int], np.random.Generator]:
    """Builds independent generators for the steps of one sample.

    Step k draws from block k of the numbers of ``generator``; blocks are 2**64 numbers long.
    Advancing a generator takes less time than building one, and none is built until a step draws.

    Returns:
        A function from the number of a step, from 0, to its generator, which is valid until the
        next call.

    Example:
        >>> rng_for = step_generators(7, Stream.AUGMENT, epoch=2, index=31)
        >>> first = rng_for(1).random()
        >>> rng_for(0).random() == generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        True
        >>> rng_for(1).random() == first
        True
    """
    rng: np.random.Generator | None = None
    start: Any = None

    def rng_for(step: int) -> np.random.Generator:
        nonlocal rng, start
        if rng is None:
            rng = generator(seed, stream, epoch, index)
            start = rng.bit_generator.state
        else:
            rng.bit_generator.state = start
        if step:
            rng.bit_generator.advance(step << 64)  # type: ignore[attr-defined]  # PCG64 has it
        return rng

    return rng_for


def seeded(number: int) -> np.random.Generator:
    """Builds the generator of a number that was drawn before, and kept as a parameter.

    Args:
        number: 0 or more.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(number)))


def check_seed(seed: int | None) -> int:
    """Returns ``seed`` as an int; for None, a new one from the operating system.

    Raises:
        OptionError: The seed is negative or not a whole number.
    """
    if seed is None:
        # 32 bits are enough to distinguish runs, and short enough to read in a log.
        return int(np.random.SeedSequence().generate_state(1)[0])
    return check_whole("seed", seed, 0, unit="or None")
