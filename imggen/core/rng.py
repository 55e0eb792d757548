"""Random generators. All random numbers of the package come from here.

A sample depends on (seed, epoch, index) and on nothing else: not on threads, processes, call order
or NumPy's global state. Every use of random numbers has its own stream, so that drawing more
numbers for one use never changes another.
"""

import functools
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, final

import numpy as np
import numpy.typing as npt

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


@final
class SampleGenerators:
    """The generators of the steps of many samples; they draw what ``step_generators`` would draw.

    All seeds are hashed at once, and a single generator is set to each step in turn. That takes a
    tenth of the time of building a generator per sample. Not safe for several threads.

    Args:
        seed: The user's seed, 0 or more.
        stream: The use of the numbers.
        epoch: The epoch, from 0.
        indices: The samples.

    Example:
        >>> rng_for = SampleGenerators(7, Stream.AUGMENT, 2, [30, 31]).for_sample(31)
        >>> first = rng_for(1).random()
        >>> first == step_generators(7, Stream.AUGMENT, epoch=2, index=31)(1).random()
        True
    """

    def __init__(self, seed: int, stream: Stream, epoch: int, indices: Sequence[int]) -> None:
        seeds = _hash_keys(seed, (int(stream), epoch), indices)
        self._seeds = dict(zip(indices, seeds, strict=True))
        self._rng = np.random.Generator(np.random.PCG64(0))  # each step sets its state
        self._bit_generator: Any = self._rng.bit_generator
        self._state = self._bit_generator.state

    def for_sample(self, index: int) -> Callable[[int], np.random.Generator]:
        """Returns a function from the number of a step, from 0, to its generator.

        The generator is valid until the next step, of this sample or another one.
        """
        high, low, high_increment, low_increment = self._seeds[index]
        # As PCG64 initializes its state from a seed.
        increment = (high_increment << 65 | low_increment << 1 | 1) & _128_BITS
        first = (((high << 64 | low) + increment) * _MULTIPLIER + increment) & _128_BITS
        rng, bit_generator, state = self._rng, self._bit_generator, self._state
        numbers = state["state"]

        def rng_for(step: int) -> np.random.Generator:
            factor, summand = _JUMPS[step]
            numbers["state"] = (first * factor + increment * summand) & _128_BITS
            numbers["inc"] = increment
            bit_generator.state = state
            return rng

        return rng_for


_128_BITS = 2**128 - 1
_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645  # PCG64's multiplier


class _Jumps(dict[int, tuple[int, int]]):
    """The factor and the summand by which PCG64 jumps to block k of its numbers; see ``advance``.

    The state after that is ``factor * state + summand * increment``.
    """

    def __missing__(self, step: int) -> tuple[int, int]:
        total_factor, total_summand, factor, summand = 1, 0, _MULTIPLIER, 1
        distance = step << 64
        while distance:
            if distance & 1:
                total_factor = (total_factor * factor) & _128_BITS
                total_summand = (total_summand * factor + summand) & _128_BITS
            summand = (factor + 1) * summand & _128_BITS
            factor = factor * factor & _128_BITS
            distance >>= 1
        self[step] = total_factor, total_summand
        return self[step]


_JUMPS = _Jumps()


# NumPy's SeedSequence, whose algorithm never changes, for many keys that differ in their last
# number. Its words have 32 bits.
_WORD = 2**32 - 1
_POOL_SIZE = 4
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = 0xCA01F9DD, 0x4973F715
_SHIFT = 16
# The constants of each of the eight words that PCG64 takes, which come from the pool in turn.
_B = [_INIT_B * pow(_MULT_B, k, 2**32) & _WORD for k in range(2 * _POOL_SIZE + 1)]
_XOR_B = np.array(_B[:-1], np.uint32)[:, np.newaxis]
_FACTOR_B = np.array(_B[1:], np.uint32)[:, np.newaxis]


def _hash_keys(seed: int, key: tuple[int, ...], indices: Sequence[int]) -> list[list[int]]:
    """Returns ``SeedSequence(seed, spawn_key=(*key, index)).generate_state(4, uint64)`` of each."""
    if max(indices, default=0) > _WORD:  # which takes two words
        sequences = [np.random.SeedSequence(seed, spawn_key=(*key, index)) for index in indices]
        return [sequence.generate_state(4, np.uint64).tolist() for sequence in sequences]
    pool, xor, factor = _hash_start(seed, key)
    words = np.array(indices, np.uint32) ^ xor
    words *= factor
    words ^= words >> _SHIFT
    words = pool - np.uint32(_MIX_RIGHT) * words
    words ^= words >> _SHIFT
    words = np.concatenate([words, words])
    words ^= _XOR_B
    words *= _FACTOR_B
    words ^= words >> _SHIFT
    halves = words.astype("<u4").T.copy()
    seeds: list[list[int]] = halves.view("<u8").tolist()
    return seeds


@functools.lru_cache(maxsize=256)
def _hash_start(
    seed: int, key: tuple[int, ...]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Hashes all but the last word: the mixed pool, and the last word's constants; (4, 1) each."""
    words = _words(seed)
    words += [0] * (_POOL_SIZE - len(words))
    words += [word for number in key for word in _words(number)]
    constant = _INIT_A

    def hash_word(value: int) -> int:
        nonlocal constant
        value ^= constant
        constant = constant * _MULT_A & _WORD
        value = value * constant & _WORD
        return value ^ value >> _SHIFT

    def mix(one: int, other: int) -> int:
        value = (_MIX_LEFT * one - _MIX_RIGHT * other) & _WORD
        return value ^ value >> _SHIFT

    pool = [hash_word(word) for word in words[:_POOL_SIZE]]
    for source in range(_POOL_SIZE):
        for target in range(_POOL_SIZE):
            if source != target:
                pool[target] = mix(pool[target], hash_word(pool[source]))
    for word in words[_POOL_SIZE:]:
        pool = [mix(one, hash_word(word)) for one in pool]
    constants = [constant * pow(_MULT_A, k, 2**32) & _WORD for k in range(_POOL_SIZE + 1)]
    mixed = [_MIX_LEFT * one & _WORD for one in pool]
    columns = [np.array(column, np.uint32) for column in (mixed, constants[:-1], constants[1:])]
    return columns[0][:, np.newaxis], columns[1][:, np.newaxis], columns[2][:, np.newaxis]


def _words(number: int) -> list[int]:
    """Splits a number into words of 32 bits, the lowest first."""
    return [number >> shift & _WORD for shift in range(0, max(number.bit_length(), 1), 32)]


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
