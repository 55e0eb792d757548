"""The images of one batch: transformed and standardized, drawing chance as if one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.core import contiguous_flip
from imggen.legacy.draws import Source, as_global_state, same_state
from imggen.legacy.normalization import normalize
from imggen.workers import ThreadMap

Image = npt.NDArray[Any]


def fill_batch(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: Source,
    threads: ThreadMap,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Writes images, transformed and standardized by ``generator``, into ``batch_x``.

    Keras draws the parameters of an image, transforms it, standardizes it, and goes on to the next
    one. Parameters depend on no pixel, so here they are all drawn first, and threads do the rest.
    That holds while nobody else draws in between. What a user brings may: overridden methods of
    the generator are called as Keras calls them; ``preprocessing_function`` is called in order,
    each time with the state that Keras would have it find, and once it draws from that state, what
    was drawn ahead is dropped and the rest of the batch done as in Keras. Only the functions of
    ``keras.applications`` are known to draw nothing.

    Args:
        batch_x: Shape (n, *shape of an image).
        load: Makes the image at a position of the batch, which may be written to.
        generator: An ImageDataGenerator, anything with its methods, or None: images as they are.
        source: Where chance comes from; moves on.
        threads: Who does the work.
        meanwhile: Called once while several threads are at work.
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
            _one_by_one(batch_x, threads.imap(load, range(len(batch_x))), generator, 0)
    elif generator.preprocessing_function and not is_keras_own(generator.preprocessing_function):
        _drawn_ahead(batch_x, load, generator, source, threads)
    else:
        _side_by_side(batch_x, load, generator, source, threads, meanwhile)


def _put(batch_x: npt.NDArray[Any], position: int, image: Image) -> None:
    batch_x[position] = image


def _one_by_one(
    batch_x: npt.NDArray[Any], images: Iterable[Image], generator: Any, start: int
) -> None:
    """Does ``images`` as Keras does, from position ``start`` on, drawing from the global state."""
    for position, x in enumerate(images, start):
        x = generator.apply_transform(x, generator.get_random_transform(x.shape))
        batch_x[position] = generator.standardize(x)


def _side_by_side(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: Source,
    threads: ThreadMap,
    meanwhile: Callable[[], object],
) -> None:
    parameters = [generator._draw(batch_x.shape[1:], source) for _ in batch_x]
    exact = _is_coarse(batch_x.dtype)

    def work(position: int) -> None:
        x = generator._transform(load(position), parameters[position], exact=exact)
        if generator.preprocessing_function:
            x = generator.preprocessing_function(x)
        batch_x[position] = contiguous_flip(normalize(x, generator))

    threads.map(work, range(len(batch_x)), meanwhile)


def _drawn_ahead(
    batch_x: npt.NDArray[Any],
    load: Callable[[int], Image],
    generator: Any,
    source: Source,
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
            np.random.set_state(states[position])
            batch_x[position] = generator.standardize(x)
            if not same_state(np.random.get_state(), states[position]):
                rest = range(position + 1, len(batch_x))
                _one_by_one(batch_x, threads.imap(load, rest), generator, position + 1)
                return


def is_keras_own(function: Callable[[Image], Any]) -> bool:
    """Whether it is a ``preprocess_input`` of Keras's, which scales, and draws nothing."""
    module = getattr(function, "__module__", None) or ""
    return module.startswith("keras.") and ".applications." in module


def _is_coarse(dtype: np.dtype[Any]) -> bool:
    """Whether a batch of this dtype makes much of a small difference by rounding."""
    return dtype not in (np.float32, np.float64)
