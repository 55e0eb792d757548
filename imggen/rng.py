"""The only maker of random generators.

What a sample looks like depends on (seed, epoch, index) and on nothing else: not on threads,
processes, call order or NumPy's global state. Every use of chance has a stream of its own, so
that drawing more numbers for one use never changes another.
"""

from enum import IntEnum

import numpy as np

from imggen.errors import OptionError


class Stream(IntEnum):
    """What the random numbers are for. The values are part of the format: never renumber."""

    SPLIT = 0
    SHUFFLE = 1
    AUGMENT = 2
    SUBSTITUTE = 3
    TRIAL = 4
    OVERSAMPLE = 5


def generator(
    seed: int, stream: Stream, epoch: int = 0, index: int = 0, step: int | None = None
) -> np.random.Generator:
    """Makes the generator that belongs to one (seed, stream, epoch, index), and step of it.

    Args:
        seed: The user's seed, 0 or more.
        stream: What the numbers are for.
        epoch: The epoch, from 0.
        index: The sample, or whatever the stream numbers, from 0.
        step: Where one sample needs several generators that must not depend on one another:
            which of them, from 0.

    Example:
        >>> first = generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        >>> first == generator(7, Stream.AUGMENT, epoch=2, index=31).random()
        True
    """
    # A spawn key, never seed arithmetic: with seed + index, neighbouring seeds share streams.
    key = (int(stream), epoch, index) if step is None else (int(stream), epoch, index, step)
    sequence = np.random.SeedSequence(seed, spawn_key=key)
    return np.random.Generator(np.random.PCG64(sequence))


def check_seed(seed: int | None) -> int:
    """Returns ``seed`` as an int, or a fresh one from the operating system for None.

    Raises:
        OptionError: The seed is negative or not an integer.
    """
    if seed is None:
        # 32 bits are enough to tell runs apart, and short enough to read in a log.
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"seed={seed!r} is not an integer of 0 or more, or None.")
    return int(seed)
