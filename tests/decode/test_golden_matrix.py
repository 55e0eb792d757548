"""Files of every format, mode, depth and layout are read as written, or refused by kind.

``python -m pytest -s tests/decode/test_golden_matrix.py`` prints the counts.
"""

import itertools
import re
import warnings
from collections import Counter

import numpy as np
import pytest

from imggen.decode import ImageSpec, identify_kind, load_image, load_mask
from imggen.errors import ImageError
from tests.helpers import golden_old, golden_others, golden_pngs, golden_tiffs
from tests.helpers.golden_files import Golden

CASES = {
    "PNG": golden_pngs.png_cases,
    "TIFF layouts": golden_tiffs.tiff_cases,
    "TIFF colors": golden_tiffs.more_tiff_cases,
    "Netpbm": golden_others.netpbm_cases,
    "BMP": golden_others.bmp_cases,
    "GIF": golden_others.gif_cases,
    "JPEG": golden_others.jpeg_cases,
    "JPEG 2000": golden_others.jpeg2000_cases,
    "old formats": golden_old.old_cases,
    "others": golden_others.pillow_cases,
}

GRAY = np.array([0.299, 0.587, 0.114])
# Compositing and conversion to gray each round once more.
ROUNDING = 1.1
# At least this many files of each family, so that a loop that stops early is noticed.
EXPECTED = {
    "PNG": (50, 3),
    "TIFF layouts": (900, 20),
    "TIFF colors": (100, 20),
    "Netpbm": (38, 1),
    "BMP": (23, 1),
    "GIF": (24, 0),
    "JPEG": (30, 4),
    "JPEG 2000": (25, 2),
    "old formats": (28, 6),
    "others": (50, 0),
}


def expected(golden: Golden, color_mode: str) -> np.ndarray:
    if color_mode == "rgba":
        return golden.rgba
    opacity = golden.rgba[:, :, 3:] / 255
    color = golden.rgba[:, :, :3] * opacity + 255 * (1 - opacity)
    return color if color_mode == "rgb" else (color @ GRAY)[:, :, np.newaxis]


def outcome(golden: Golden, color_mode: str, source: str | bytes) -> str:
    try:
        with warnings.catch_warnings():  # Pillow's own, about formats that it will drop
            warnings.simplefilter("ignore")
            got = load_image(source, ImageSpec(None, color_mode))
    except ImageError as err:
        is_expected = golden.rgba is None and re.search(golden.refusal, err.reason)
        return "refused by name" if is_expected else f"wrongly refused: {err.reason}"
    if golden.rgba is None:
        return "wrong: not refused"
    wanted = expected(golden, color_mode)
    if got.shape != wanted.shape:
        return f"wrong: shape {got.shape}, not {wanted.shape}"
    is_mixed = color_mode == "grayscale" or (golden.rgba[:, :, 3] < 255).any()
    error = np.nanmax(np.abs(got - wanted))
    tolerance = golden.tolerance + (ROUNDING if is_mixed else 1e-6)
    return "right" if error <= tolerance else f"wrong: off by {error}"


@pytest.mark.parametrize("family", CASES)
def test_pixels_are_those_that_were_written_or_the_kind_is_named(family, tmp_path):
    outcomes = {}
    modes = itertools.cycle(("rgba", "grayscale"))
    path = tmp_path / "image"  # Pillow reads some files otherwise than their bytes
    for golden in CASES[family]():
        path.write_bytes(golden.data)
        for color_mode, source in (("rgb", path), (next(modes), golden.data)):
            outcomes[golden.name, color_mode] = outcome(golden, color_mode, source)

    counts = Counter(outcomes.values())
    print(f"\n{family}: {dict(counts)}")
    right, refused = counts.pop("right"), counts.pop("refused by name", 0)
    faults = {name: text for name, text in outcomes.items() if text in counts}
    assert not faults
    assert (right // 2, refused // 2) >= EXPECTED[family]


def test_masks_have_the_values_of_the_file_at_every_depth(tmp_path):
    path = tmp_path / "mask"
    count = 0
    for golden in itertools.chain.from_iterable(cases() for cases in CASES.values()):
        if golden.stored is None or ("TIFF" in golden.name and "none" not in golden.name):
            continue
        path.write_bytes(golden.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = load_mask(str(path), str(path), ImageSpec(None))
        assert got[:, :, 0].tolist() == golden.stored.tolist(), golden.name
        count += 1
    assert count >= 150


def test_the_kind_of_a_file_is_known_without_reading_its_pixels():
    for golden in itertools.chain.from_iterable(cases() for cases in CASES.values()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = identify_kind(golden.data)
        # Values without a defined range are refused once they are known.
        is_by_values = golden.refusal in ("mode F", ".") or "no defined" in golden.refusal
        if not is_by_values:
            assert kind.is_supported == (golden.rgba is not None), (golden.name, kind)
        if golden.rgba is None and not is_by_values and golden.name != "BMP 444":
            assert re.search(golden.refusal.replace(" is not", ""), kind.name), golden.name
