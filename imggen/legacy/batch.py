"""The images of one batch: transformed on threads, with parameters drawn as if one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from imggen.cache import StackedRows
from imggen.core import contiguous_flip
from imggen.legacy.affine_batch import find_affine_batch
from imggen.legacy.normalization import is_elementwise, normalize
from imggen.legacy.random_parameters import (
    RandomSource,
    as_global_state,
    draw_batch,
    draw_flips,
    is_same_state,
    only_flips,
)
from imggen.workers import EXIT_GUARD, BatchThreads, ThreadMap

Image = npt.NDArray[Any]


# Larger images are scaled one by one, while they are in the processor's cache.
_LARGE = 1 << 16
# About half of a processor's level 2 cache.
_BLOCK_BYTES = 1 << 18
_MIN_BLOCKS = 4  # fewer take less time than handing them to threads


class Images(Protocol):
    """The images of a batch, each at its position.

    Attributes:
        dtype: The dtype of what ``load`` returns, in which Keras computes.
    """

    dtype: Any

    def load(self, position: int) -> Image:
        """Loads an image as Keras does, as an array that may be written to."""

    def read(self, position: int, row: Image | None = None) -> Image:
        """Returns an image with the same axes, in any dtype, that must not be written to.

        If the batch has the attribute ``dtype``, converting the image to it gives what ``load``
        returns.

        Args:
            position: Its position.
            row: Where it may be written to; then this is returned.
        """

    def find_rows(self) -> StackedRows | None:
        """Returns all images, as ``read`` returns them, as rows of one array, or None."""


@final
class LoadedImages:
    """Images that are loaded one by one.

    Args:
        load: See ``Images``.
        dtype: See ``Images``.
    """

    def __init__(self, load: Callable[[int], Image], dtype: Any) -> None:
        self.load = load
        self.dtype = dtype

    def read(self, position: int, row: Image | None = None) -> Image:
        """Returns a loaded image."""
        del row
        return self.load(position)

    def find_rows(self) -> None:
        """Returns None: there is no array of all images."""
        return


def stack_rows(stack: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> StackedRows | None:
    """Returns rows of an array, or None if some are counted from the end, or beyond it."""
    is_plain = isinstance(rows, np.ndarray) and rows.dtype.kind == "i" and len(rows) > 0
    if is_plain and rows.min() >= 0 and rows.max() < len(stack):
        return StackedRows(stack, rows)
    return None


def fill_batch(
    batch_x: npt.NDArray[Any],
    images: Images,
    generator: Any,
    source: RandomSource,
    batch_threads: BatchThreads,
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
        images: The images.
        generator: An ImageDataGenerator or an object with its methods. None: unchanged images.
        source: The generator of random numbers; it advances.
        batch_threads: The threads that do the work.
        meanwhile: Called once while several threads are working.
    """
    overridden = getattr(generator, "_overridden", None)
    flips_and_scales = (
        generator
        and overridden is not None
        and not overridden()
        and not generator.preprocessing_function
        and batch_x.dtype == images.dtype
        and only_flips(generator)
        and is_elementwise(generator)
    )
    stacked = images.find_rows() if flips_and_scales else None
    if stacked is not None:
        _copy_and_scale(batch_x, stacked, generator, source, batch_threads.all_threads)
        return
    started = batch_threads.start()
    threads = started.threads
    if flips_and_scales:
        _fill_and_scale(batch_x, images, generator, source, threads, meanwhile)
    elif not generator:
        threads.map(
            lambda position: _put(batch_x, position, images.load(position)),
            range(len(batch_x)),
            meanwhile,
        )
    elif overridden is None or overridden():
        with as_global_state(source):
            _fill_one_by_one(batch_x, _load_all(images, threads, 0, len(batch_x)), generator, 0)
    elif generator.preprocessing_function and not is_keras_preprocessing(
        generator.preprocessing_function
    ):
        if only_flips(generator):
            with as_global_state(source):
                _fill_in_turn(batch_x, _load_all(images, threads, 0, len(batch_x)), generator)
        else:
            _fill_in_order(batch_x, images, generator, source, threads)
    else:
        _fill_in_parallel(batch_x, images, generator, source, threads, meanwhile)
    batch_threads.finish(started, len(batch_x))


def _load_all(images: Images, threads: ThreadMap, start: int, stop: int) -> Iterator[Image]:
    """Loads images on threads, a few at a time, and yields them in order."""
    if threads.num_threads < 2:
        yield from map(images.load, range(start, stop))
        return
    chunks = threads.chunks(list(range(start, stop)))
    for chunk in threads.imap(lambda chunk: [images.load(at) for at in chunk], chunks):
        yield from chunk


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


def _fill_in_turn(batch_x: npt.NDArray[Any], images: Iterable[Image], generator: Any) -> None:
    """Writes flipped ``images``, drawing from the global state as Keras does."""
    shape = batch_x.shape[1:]
    for position, x in enumerate(images):
        EXIT_GUARD.check()
        x = generator._transform(x, generator._draw(shape, np.random), exact=True)
        batch_x[position] = generator._standardize(x)


def _fill_and_scale(
    batch_x: npt.NDArray[Any],
    images: Images,
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
    meanwhile: Callable[[], object],
) -> None:
    """Writes images that are flipped at most; small ones are normalized all together."""
    generator._warn_if_unfitted()
    flips = draw_flips(generator, batch_x.shape[1:], source, len(batch_x))
    is_large = batch_x[:1].nbytes > _LARGE

    def put(position: int) -> None:
        row, axes = batch_x[position], flips[position]
        if axes:
            row[...] = contiguous_flip(np.flip(images.read(position), axes))
        else:
            x = images.read(position, row)
            if x is not row:
                row[...] = x
        if is_large:
            normalize(row, generator)

    threads.map(put, range(len(batch_x)), meanwhile)
    if not is_large:
        normalize(batch_x, generator)


def _copy_and_scale(
    batch_x: npt.NDArray[Any],
    stacked: StackedRows,
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
) -> None:
    """Does the same as ``_fill_and_scale`` for rows of an array."""
    generator._warn_if_unfitted()
    flips = draw_flips(generator, batch_x.shape[1:], source, len(batch_x))

    def put_block(block: slice) -> None:
        copied = batch_x[block]
        _copy_rows(stacked, block, copied)
        for x, axes in zip(copied, flips[block], strict=True):
            if axes:
                x[...] = contiguous_flip(np.flip(x, axes))
        normalize(copied, generator)

    _map_blocks(put_block, batch_x, threads)


def _copy_rows(images: StackedRows, block: slice, copied: npt.NDArray[Any]) -> None:
    stack, rows = images.stack, images.rows[block]
    if stack.dtype == copied.dtype and stack.flags.c_contiguous:
        np.take(stack, rows, axis=0, out=copied, mode="clip")  # other modes use a buffer
    else:
        copied[...] = stack[rows]


def _map_blocks(
    work: Callable[[slice], None], batch_x: npt.NDArray[Any], threads: ThreadMap
) -> None:
    """Calls ``work`` for slices of a batch; on threads only if the batch is large."""
    num_images = len(batch_x)
    step = max(1, _BLOCK_BYTES * num_images // max(1, batch_x.nbytes))
    blocks = [slice(start, start + step) for start in range(0, num_images, step)]
    if len(blocks) < _MIN_BLOCKS:
        for block in blocks:
            work(block)
    else:
        threads.map(work, blocks)


def _fill_in_parallel(
    batch_x: npt.NDArray[Any],
    images: Images,
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
    meanwhile: Callable[[], object],
) -> None:
    generator._warn_if_unfitted()
    parameters = draw_batch(generator, batch_x.shape[1:], source, len(batch_x))
    exact = _amplifies_differences(batch_x.dtype)
    is_plain = (
        not exact
        and batch_x.dtype == images.dtype
        and not generator.preprocessing_function
        and is_elementwise(generator)
    )
    affine = find_affine_batch(generator, parameters, batch_x) if is_plain else None

    def work(position: int) -> None:
        if affine is None:
            x = images.load(position)
        else:
            image = images.read(position)
            if affine.put(position, image):
                normalize(batch_x[position], generator)
                return
            x = image.astype(images.dtype)
        x = generator._transform(x, parameters[position], exact=exact)
        if generator.preprocessing_function:
            x = generator.preprocessing_function(x)
        batch_x[position] = contiguous_flip(normalize(x, generator))

    threads.map(work, range(len(batch_x)), meanwhile)


def _fill_in_order(
    batch_x: npt.NDArray[Any],
    images: Images,
    generator: Any,
    source: RandomSource,
    threads: ThreadMap,
) -> None:
    parameters, states = [], []
    for _ in batch_x:
        parameters.append(generator._draw(batch_x.shape[1:], source))
        states.append(source.get_state())

    def work(position: int) -> Image:
        x, chosen = images.load(position), parameters[position]
        transformed: Image = generator._transform(x, chosen, exact=True)
        return transformed

    with as_global_state(source):
        for position, x in enumerate(threads.imap(work, range(len(batch_x)))):
            EXIT_GUARD.check()
            np.random.set_state(states[position])
            batch_x[position] = generator._standardize(x)
            if not is_same_state(np.random.get_state(), states[position]):
                start = position + 1
                rest = _load_all(images, threads, start, len(batch_x))
                _fill_one_by_one(batch_x, rest, generator, start)
                return


def is_keras_preprocessing(function: Callable[[Image], Any]) -> bool:
    """Returns whether ``function`` is a ``preprocess_input`` of Keras, which draws no numbers."""
    module = getattr(function, "__module__", None) or ""
    return module.startswith("keras.") and ".applications." in module


def _amplifies_differences(dtype: np.dtype[Any]) -> bool:
    """Returns whether rounding to this dtype may turn a small difference into a large one."""
    return dtype not in (np.float32, np.float64)
