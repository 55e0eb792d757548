"""The only maker of random generators.

What a sample looks like depends on (seed, epoch, index) and on nothing else: not on threads,
processes, call order or NumPy's global state. Every use of chance has a stream of its own, so
that drawing more numbers for one use never changes another.
"""

from collections.abc import Callable
from enum import IntEnum

import numpy as np

from imggen.core.checks import check_whole


class Stream(IntEnum):
    """What the random numbers are for. The values are part of the format: never renumber."""

    SPLIT = 0
    SHUFFLE = 1
    AUGMENT = 2
    SUBSTITUTE = 3
    TRIAL = 4
    OVERSAMPLE = 5
    MIX = 6
    PARTNER = 7


def generator(seed: int, stream: Stream, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """Makes the generator that belongs to one (seed, stream, epoch, index).

    Args:
        seed: The user's seed, 0 or more.
        stream: What the numbers are for.
        epoch: The epoch, from 0.
        index: The sample, or whatever the stream numbers, from 0.

    Example:
        >>> first = generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        >>> first == generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        True
    """
    # A spawn key, never seed arithmetic: with seed + index, neighbouring seeds share streams.
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), epoch, index))
    return np.random.Generator(np.random.PCG64(sequence))


def step_generators(
    seed: int, stream: Stream, epoch: int, index: int
) -> Callable[[int], np.random.Generator]:
    """Makes generators for the steps of one sample, that do not depend on one another.

    Step k draws from block k of the numbers of ``generator``, 2**64 numbers further on each:
    setting a generator forward takes less time than making one.

    Returns:
        The number of a step, from 0, to its generator, which is good until the next call.

    Example:
        >>> rng_of = step_generators(7, Stream.AUGMENT, epoch=2, index=31)
        >>> first = rng_of(1).random()
        >>> rng_of(0).random() == generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        True
        >>> rng_of(1).random() == first
        True
    """
    rng = generator(seed, stream, epoch, index)
    bits = rng.bit_generator
    start = bits.state

    def rng_of(step: int) -> np.random.Generator:
        bits.state = start
        bits.advance(step << 64)  # type: ignore[attr-defined]  # PCG64 has it
        return rng

    return rng_of


def seeded(number: int) -> np.random.Generator:
    """Makes the generator that belongs to a number drawn before, and kept as a parameter.

    Args:
        number: 0 or more.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(number)))


def check_seed(seed: int | None) -> int:
    """Returns ``seed`` as an int, or a fresh one from the operating system for None.

    Raises:
        OptionError: The seed is negative or not an integer.
    """
    if seed is None:
        # 32 bits are enough to tell runs apart, and short enough to read in a log.
        return int(np.random.SeedSequence().generate_state(1)[0])
    check_whole("seed", seed, 0, allow_none=True)
    return int(seed)
