"""The images of one batch: transformed on threads, with parameters drawn as if one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import contiguous_flip
from imggen.legacy.normalization import normalize
from imggen.legacy.random_parameters import RandomSource, as_global_state, is_same_state
from imggen.workers import EXIT_GUARD, ThreadMap

Image = npt.NDArray[Any]


def fill_batch(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Writes images, transformed and standardized by ``generator``, into ``batch_x``.

    Keras draws the parameters of an image, transforms and standardizes it, and continues with the
    next image. Parameters do not depend on pixels, so here they are all drawn first, and threads do
    the rest. That gives the same numbers if no other code draws in between. User code may draw:
    overridden methods of the generator are called as Keras calls them; ``preprocessing_function``
    is called in order, each time with the random state that it would find in Keras, and once it
    draws, the remaining parameters are dropped and the rest of the batch is made as in Keras. Only
    the functions of ``keras.applications`` are known not to draw.

    Args:
        batch_x: Shape (n, *shape of an image).
        load: Loads the image at a position of the batch, as an array that may be written to.
        generator: An ImageDataGenerator or an object with its methods. None: unchanged images.
        source: The generator of random numbers; it advances.
        threads: The threads that do the work.
        meanwhile: Called once while several threads are working.
    """
    overridden = getattr(generator, "_overridden", None)
    if not generator:
        threads.map(
            lambda position: _put(batch_x, position, load(position)),
            range(len(batch_x)),
            meanwhile,
        )
    elif overridden is None or overridden():
        with as_global_state(source):
            _fill_one_by_one(batch_x, threads.imap(load, range(len(batch_x))), generator, 0)
    elif generator.preprocessing_function and not is_keras_preprocessing(
        generator.preprocessing_function
    ):
        _fill_in_order(batch_x, load, generator, source, threads)
    else:
        _fill_in_parallel(batch_x, load, generator, source, threads, meanwhile)


def _put(batch_x: npt.NDArray[Any], position: int, image: Image) -> None:
    batch_x[position] = image


def _fill_one_by_one(
    batch_x: npt.NDArray[Any], images: Iterable[Image], generator: Any, start: int
) -> None:
    """Writes ``images`` as Keras does, from position ``start``, drawing from the global state."""
    for position, x in enumerate(images, start):
        EXIT_GUARD.check()
        x = generator.apply_transform(x, generator.get_random_transform(x.shape))
        batch_x[position] = generator.standardize(x)


def _fill_in_parallel(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
    meanwhile: Callable[[], object],
) -> None:
    generator._warn_if_unfitted()
    parameters = [generator._draw(batch_x.shape[1:], source) for _ in batch_x]
    exact = _amplifies_differences(batch_x.dtype)

    def work(position: int) -> None:
        x = generator._transform(load(position), parameters[position], exact=exact)
        if generator.preprocessing_function:
            x = generator.preprocessing_function(x)
        batch_x[position] = contiguous_flip(normalize(x, generator))

    threads.map(work, range(len(batch_x)), meanwhile)


def _fill_in_order(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
) -> None:
    parameters, states = [], []
    for _ in batch_x:
        parameters.append(generator._draw(batch_x.shape[1:], source))
        states.append(source.get_state())

    def work(position: int) -> Image:
        image: Image = generator._transform(load(position), parameters[position], exact=True)
        return image

    with as_global_state(source):
        for position, x in enumerate(threads.imap(work, range(len(batch_x)))):
            EXIT_GUARD.check()
            np.random.set_state(states[position])
            batch_x[position] = generator._standardize(x)
            if not is_same_state(np.random.get_state(), states[position]):
                rest = range(position + 1, len(batch_x))
                _fill_one_by_one(batch_x, threads.imap(load, rest), generator, position + 1)
                return


def is_keras_preprocessing(function: Callable[[Image], Any]) -> bool:
    """Returns whether ``function`` is a ``preprocess_input`` of Keras, which draws no numbers."""
    module = getattr(function, "__module__", None) or ""
    return module.startswith("keras.") and ".applications." in module


def _amplifies_differences(dtype: np.dtype[Any]) -> bool:
    """Returns whether rounding to this dtype may turn a small difference into a large one."""
    return dtype not in (np.float32, np.float64)
