"""Mappings from the values of masks to classes: which are taken, and what they make of arrays."""

import numpy as np
import pytest

from imggen.decode import MaskValues
from imggen.errors import OptionError

TWO = {0: 0, 255: 1}


@pytest.mark.parametrize(
    ("mask_values", "message"),
    [
        ({}, "must be a mapping"),
        ([0, 255], "must be a mapping"),
        (255, "must be a mapping"),
        ({0: 0, 255: 1.0}, r"has the class 1\.0 for 255"),
        ({0: -1, 255: 1}, r"has the class -1 for 0.*ignore_class=255"),
        ({0: "sky"}, r"has the class 'sky' for 0"),
        ({"0": 0}, r"has the key '0'; expected a value"),
        ({-1: 0}, r"has the key -1"),
        ({(0, 0): 0}, r"has the key \(0, 0\)"),
        ({(0, 0, 256): 0}, r"has the key \(0, 0, 256\)"),
        ({range(0): 0}, r"has the key range\(0, 0\)"),
        ({range(70000): 0}, r"has the key range\(0, 70000\)"),
        ({range(9): 0, 8: 1}, r"has two classes for 8: 0 and 1"),
        ({0: 0, (0, 0, 0): 0}, r"has keys of several kinds"),
        ({(0, 0, 0): 0, (0, 0, 0, 0): 1}, r"has keys of several kinds"),
    ],
)
def test_other_mappings_are_refused(mask_values, message):
    with pytest.raises(OptionError, match=rf"^mask_values(=.*)? {message}"):
        MaskValues.parse(mask_values)


def test_numbers_of_numpy_are_numbers():
    mask = np.array([[0, 300]], np.uint16)
    mapped = MaskValues.parse({np.uint8(0): np.int64(1), np.int32(300): 700}).apply(mask)
    assert (mapped.dtype, mapped.tolist()) == (np.uint16, [[1, 700]])


def test_values_of_colors_are_told_apart_by_every_channel():
    mapping = {(1, 2, 3): 1, (3, 2, 1): 2, (0, 1, 2): 3, (255, 255, 255): 4}
    colors = np.array([list(mapping)], np.uint8)
    assert MaskValues.parse(mapping).apply(colors).tolist() == [[1, 2, 3, 4]]
    with pytest.raises(
        ValueError, match=r"has the colors .*\(1, 2, 4\), .* and mask_values has the colors"
    ):
        MaskValues.parse(mapping).apply(colors + np.array([0, 0, 1], np.uint8))
