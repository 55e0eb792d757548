"""Whole files about which OpenCV is wrong, or says nothing, get no remark."""

import numpy as np
import pytest
from PIL import Image

from imggen import verify
from imggen.decode import ImageSpec, load_image
from imggen.quality.findings import Problem
from imggen.quality.witnesses import second_decoder
from tests.helpers import tiff_files
from tests.helpers.pictures import data_of, write_photos

_LEVELS = np.linspace(0, 255, 8 * 12 * 3).reshape(8, 12, 3)
_ORIENTATION = 274


def _remarks(folder) -> list[tuple[str, str]]:
    """Remarks of decoders, and faults."""
    return [
        (finding.path, finding.detail)
        for finding in verify(folder).findings
        if finding.problem is not Problem.UNUSUAL_MODE
    ]


def test_decoders_agree_about_tiffs_of_any_orientation(tmp_path):
    files = {}
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        values = (_LEVELS * ((1 << bits) - 1) / 255).astype(dtype)
        for orientation in range(1, 9):
            for name, given, photometric in (("rgb", values, 2), ("gray", values[:, :, :1], 1)):
                tags = {_ORIENTATION: (orientation,)}
                data = tiff_files.tiff(given, bits, photometric, tags=tags, compression="deflate")
                files[f"{name}{bits}-{orientation}.tif"] = data
    write_photos(tmp_path, files)

    assert _remarks(tmp_path) == []


def test_wrong_pixels_of_a_turned_tiff_are_still_found(tmp_path, monkeypatch):
    tags = {_ORIENTATION: (6,)}
    data = tiff_files.tiff(_LEVELS.astype(np.uint8), 8, tiff_files.RGB, tags=tags)
    path = write_photos(tmp_path, {"a.tif": data}) / "a.tif"
    monkeypatch.setattr(second_decoder, "load_image", lambda *a: load_image(*a)[::-1])

    (evidence,) = second_decoder.compare_decoders(str(path), list)
    assert evidence.problem is Problem.DISAGREEMENT


@pytest.mark.parametrize("photometric", [tiff_files.WHITE_IS_ZERO, tiff_files.BLACK_IS_ZERO])
def test_tiffs_that_opencv_does_not_read_have_no_remark(tmp_path, photometric):
    files = {}
    for bits in (2, 4):
        values = (_LEVELS[:, :, :1] * ((1 << bits) - 1) / 255).astype(np.uint8)
        files[f"{bits}.tif"] = tiff_files.tiff(values, bits, photometric)
    values = np.round(_LEVELS).astype(np.uint8)
    files["tiles.tif"] = tiff_files.tiff(values, 8, tiff_files.RGB, planar=True, tile=(16, 16))
    write_photos(tmp_path, files)

    assert _remarks(tmp_path) == []


def test_gray_code_streams_that_opencv_does_not_read_have_no_remark(tmp_path):
    gray = Image.fromarray(np.round(_LEVELS[:, :, 0]).astype(np.uint8))
    write_photos(tmp_path, {"a.j2k": data_of(gray, "JPEG2000", no_jp2=True)})

    assert _remarks(tmp_path) == []


def test_netpbm_files_with_any_largest_value_have_no_remark(tmp_path):
    files, expected = {}, {}
    for top in (1, 15, 100, 255, 1023, 65535):
        values = np.round(_LEVELS * top / 255).astype(int)
        raw = values.astype(np.uint8 if top < 256 else ">u2").tobytes()
        files[f"raw{top}.ppm"] = b"P6 12 8 %d\n" % top + raw
        files[f"text{top}.ppm"] = b"P3\n12 8\n%d\n" % top + b" ".join(
            b"%d" % value for value in values.ravel()
        )
        expected[top] = values / top * 255
    write_photos(tmp_path, files)

    assert _remarks(tmp_path) == []
    for top, pixels in expected.items():
        for kind in ("raw", "text"):
            served = load_image(tmp_path / f"{kind}{top}.ppm", ImageSpec(None))
            np.testing.assert_allclose(served, pixels, atol=1)


def test_warnings_of_opencv_are_the_same_in_each_run(tmp_path):
    prefix = "[ERROR:0@0.042] global grfmt_tiff.cpp:117 "
    data = tiff_files.tiff(_LEVELS.astype(np.uint8), 8, tiff_files.RGB)
    path = write_photos(tmp_path, {"a.tif": data}) / "a.tif"
    evidence = second_decoder.compare_decoders(
        str(path), lambda: [f"{prefix}TIFF_Error Corrupt strip"]
    )
    assert [found.detail for found in evidence] == ["TIFF_Error Corrupt strip"]
