"""Whole batches are copied with the same bits as one sample after the other."""

import itertools

import numpy as np
import pytest

from imggen.augment import Sample
from imggen.cache import StackedRows
from imggen.errors import SampleError
from imggen.loading import collate
from imggen.loading.collate import BatchCollator
from imggen.workers import BufferPool

ROWS = np.array([5, 0, 3, 3, 1])


def collator(dtype="float32", rescale=None, *, channels_first=False):
    return BatchCollator(
        (),
        len(ROWS),
        dtype=dtype,
        rescale=rescale,
        channels_first=channels_first,
        sample_targets=None,
        filepath=lambda row: f"file {row}",
        buffers=BufferPool(2),
    )


def put_one_by_one(stack, **options):
    one_by_one = collator(**options)
    for position, row in enumerate(ROWS):
        one_by_one.put(position, Sample(stack[row]), row)
    return one_by_one.images["image"]


def put_all(stack, **options):
    together = collator(**options)
    together.put_all(StackedRows(stack, ROWS), row=5)
    return together.images["image"]


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("block", [1, 400, 2**18])  # bytes: one image, some, all of them
def test_a_batch_has_the_bits_of_its_samples(block, channels_first, monkeypatch):
    monkeypatch.setattr(collate, "_BLOCK_BYTES", block)
    rng = np.random.default_rng(0)
    stacks = [
        rng.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8),
        rng.integers(-9, 2**31, (6, 5, 4, 1)),
        rng.normal(size=(6, 5, 4, 2)),
        rng.normal(size=(6, 3, 5, 4, 1)).astype("float32"),
        rng.integers(0, 2, (6, 7)).astype(bool),
    ]
    for stack in stacks:
        for dtype in ("float32", "float64", "float16", "uint8"):
            for rescale in (None, 1 / 255, 2.0):
                if dtype == "uint8" and (stack.dtype.kind not in "bu" or rescale):
                    continue
                with np.errstate(over="ignore"):  # of float16
                    options = {"dtype": dtype, "rescale": rescale, "channels_first": channels_first}
                    np.testing.assert_array_equal(
                        put_all(stack, **options), put_one_by_one(stack, **options), strict=True
                    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("block", [1, 2**18])  # bytes: one image, all of them
def test_scaled_values_are_the_products_in_the_dtype(dtype, channels, block, monkeypatch):
    monkeypatch.setattr(collate, "_BLOCK_BYTES", block)
    pixels = np.arange(6 * 64 * channels).astype(np.uint8)
    for height in (1, 8, 64):
        stack = pixels.reshape(6, height, -1, channels)
        for rescale, channels_first in itertools.product((None, 1 / 255, 2.5), (False, True)):
            expected = stack[ROWS].astype(dtype) * np.dtype(dtype).type(rescale or 1)
            expected = np.moveaxis(expected, -1, 1) if channels_first else expected
            options = {"dtype": dtype, "rescale": rescale, "channels_first": channels_first}
            for put in (put_all, put_one_by_one):
                np.testing.assert_array_equal(put(stack, **options), expected, strict=True)


def test_floats_do_not_fit_into_uint8():
    with pytest.raises(SampleError, match="float64 for 'file 5'"):
        put_all(np.ones((6, 2, 2, 1)), dtype="uint8")


def test_samples_may_be_single_numbers():
    stack = np.arange(6.0)

    assert put_one_by_one(stack, rescale=2.0).tolist() == [10, 0, 6, 6, 2]
    assert put_all(stack, rescale=2.0).tolist() == [10, 0, 6, 6, 2]
