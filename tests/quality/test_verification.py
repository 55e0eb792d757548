"""verify: findings in real files of every kind."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import imggen
from imggen import verify
from imggen.errors import ImageError, OptionError, ScanError
from imggen.quality.findings import Problem
from imggen.quality.image_check import check_image
from tests.helpers.pictures import (
    FRAMES,
    JPEG,
    PICTURE,
    PIXELS,
    PNG,
    data_of,
    listing,
    png_of_zeros,
    scenes,
    write_photos,
)


def changed(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def gray(dtype: str, factor: float) -> Image.Image:
    return Image.fromarray((PIXELS[..., 0] * float(factor)).astype(dtype))


def found_in(folder: Path, name: str, data: bytes):
    """The findings of the one file of a folder: (problem, detail) pairs."""
    write_photos(folder, {name: data})
    report = verify(folder)
    assert report.num_files == 1
    assert {finding.path for finding in report.findings} <= {name}
    return [(finding.problem.value, finding.detail) for finding in report.findings]


# Every kind of problem.


def test_valid_images_have_no_findings(photos):
    report = verify(photos)

    assert (report.root, report.num_files) == (str(photos), 16)
    assert report.findings == report.faults == ()
    assert report.counts == {}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_usual_modes_are_not_reported(tmp_path, mode):
    assert found_in(tmp_path, "a.png", data_of(PICTURE.convert(mode), "PNG")) == []


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.jpe", "a.jfif"])
def test_every_extension_of_a_format_is_accepted(tmp_path, name):
    assert found_in(tmp_path, name, JPEG) == []


@pytest.mark.parametrize(
    ("name", "data", "problem", "detail"),
    [
        pytest.param("a.jpg", b"", "empty", "the file has 0 bytes", id="empty"),
        pytest.param(
            "a.jpg",
            b"<html>404 Not Found</html>",
            "not an image",
            "not a format that Pillow knows, or a broken header",
            id="text",
        ),
        pytest.param(
            "a.png", bytes(1000), "not an image", "not a format that Pillow knows", id="zeros"
        ),
        pytest.param("a.jpg", JPEG[: len(JPEG) // 2], "truncated", "truncated", id="half a JPEG"),
        pytest.param("a.png", PNG[: len(PNG) // 2], "truncated", "truncated", id="half a PNG"),
        pytest.param("a.jpg", JPEG[:2], "not an image", "broken header", id="start of a JPEG"),
        pytest.param(
            "a.png", changed(PNG, 500, b"\xff" * 8), "broken", "data stream", id="PNG data"
        ),
        pytest.param(
            "a.png",
            changed(PNG, PNG.index(b"IDAT"), b"\0\0\0\0"),
            "not an image",
            "broken header",
            id="PNG chunk",
        ),
        pytest.param(
            "a.gif",
            data_of(PICTURE, "GIF")[:200],
            "not an image",
            "",
            id="palette of a GIF",
        ),
    ],
)
def test_a_file_without_a_complete_image_is_a_fault(tmp_path, name, data, problem, detail):
    ((found, words),) = found_in(tmp_path, name, data)

    assert found == problem
    assert detail in words
    assert Problem(found).is_fault


def test_a_small_file_of_very_many_pixels_is_too_large(tmp_path):
    bomb = png_of_zeros(20_000)
    ((found, words),) = found_in(tmp_path, "a.png", bomb)

    assert len(bomb) < 100_000
    assert found == "too large"
    assert verify(tmp_path).faults == ()
    assert len(verify(tmp_path).unsupported) == 1
    assert "400000000 pixels" in words


@pytest.mark.parametrize(
    ("image", "mode"),
    [(gray("float32", 1), "F"), (gray("float32", 1 / 255), "F"), (gray("int32", 70_000), "I")],
    ids=["0 to 255", "0 to 1", "integers"],
)
def test_pixels_without_a_defined_range_are_not_supported(tmp_path, image, mode):
    unusual, unusable = found_in(tmp_path, "a.tif", data_of(image, "TIFF"))

    assert unusual == ("unusual mode", mode)
    assert unusable[0] == "kind not supported"
    assert "and this mode has no defined range" in unusable[1]
    assert verify(tmp_path).faults == ()
    assert len(verify(tmp_path).unsupported) == 1


@pytest.mark.parametrize(
    ("name", "data", "problem", "detail"),
    [
        pytest.param("a.jpg", PNG, "wrong extension", "PNG in a .jpg file", id="PNG as .jpg"),
        pytest.param("a.PNG", JPEG, "wrong extension", "JPEG in a .png file", id="JPEG as .PNG"),
        pytest.param(
            "a.jpg", data_of(PICTURE.convert("CMYK"), "JPEG"), "unusual mode", "CMYK", id="CMYK"
        ),
        pytest.param(
            "a.tif", data_of(PICTURE.convert("LAB"), "TIFF"), "unusual mode", "LAB", id="LAB"
        ),
        pytest.param(
            "a.png", data_of(gray("uint16", 200), "PNG"), "unusual mode", "I;16", id="16 bits"
        ),
        *(
            pytest.param(
                f"a.{kind.lower()}",
                data_of(PICTURE, kind, **FRAMES),
                "animated",
                "3 frames, of which only the first is used",
                id=f"animated {kind}",
            )
            for kind in ("GIF", "PNG", "WEBP", "TIFF")
        ),
    ],
)
def test_unusual_files_are_reported_and_not_faults(tmp_path, name, data, problem, detail):
    assert found_in(tmp_path, name, data) == [(problem, detail)]
    assert verify(tmp_path).faults == ()
    assert is_loadable(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jpg", "a.mpo"])
def test_a_photo_of_a_phone_with_previews_behind_it_is_a_jpeg(tmp_path, name):
    write_photos(tmp_path, {name: data_of(PICTURE, "MPO", **FRAMES)})

    assert verify(listing(tmp_path, name)).findings == ()


def test_an_unknown_extension_is_accepted_for_all_formats(tmp_path):
    write_photos(tmp_path, {"a.image": JPEG, "b": PNG})

    assert verify(listing(tmp_path, "a.image", "b")).findings == ()


def test_a_file_may_have_several_findings(tmp_path):
    half = data_of(PICTURE.convert("CMYK"), "JPEG")[:1500]

    assert [problem for problem, _ in found_in(tmp_path, "a.png", half)] == [
        "wrong extension",
        "unusual mode",
        "truncated",
    ]
    assert len(verify(tmp_path).faults) == 1


@pytest.mark.parametrize(
    ("path", "detail"), [("gone.png", "no such file or directory"), ("folder", "is a directory")]
)
def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path, path, detail):
    (tmp_path / "folder").mkdir()
    (finding,) = verify(listing(tmp_path, path)).findings

    assert (finding.path, finding.problem) == (path, Problem.UNREADABLE)
    assert finding.detail == detail


def test_a_file_that_may_not_be_read_is_unreadable(photos):
    (photos / "cat" / "000.png").chmod(0)
    if os.access(photos / "cat" / "000.png", os.R_OK):
        pytest.skip("this user may read everything")
    (finding,) = verify(photos).findings

    assert (finding.problem, finding.detail) == (Problem.UNREADABLE, "permission denied")


# Files that cannot be loaded are faults.


def is_loadable(path) -> bool:
    try:
        imggen.load_image(path)
    except ImageError:
        return False
    return True


SMOOTH = Image.fromarray(np.stack(list(scenes(3, side=48)), axis=2))


WHOLE = {
    "a.jpg": data_of(SMOOTH, "JPEG"),
    "b.jpg": data_of(SMOOTH, "JPEG", progressive=True),
    "c.png": data_of(SMOOTH, "PNG"),
    "d.gif": data_of(SMOOTH, "GIF"),
    "e.webp": data_of(SMOOTH, "WEBP"),
    "f.bmp": data_of(SMOOTH, "BMP"),
    "g.tif": data_of(SMOOTH, "TIFF"),
}


def test_a_damaged_size_over_the_limit_is_named(tmp_path, helpers):
    whole = WHOLE["d.gif"]
    (tmp_path / "d.gif").write_bytes(whole[:6] + b"\xff" * 4 + whole[10:])
    findings = check_image(str(tmp_path), "d.gif", helpers)
    assert [finding.problem for finding in findings] == [Problem.TOO_LARGE]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_that_cannot_be_loaded_are_faults(tmp_path, helpers, data):
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    whole = WHOLE[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from([whole[:at], changed(whole, at, bytes(60))[: len(whole)], whole[:at] * 2])
    )
    (tmp_path / name).write_bytes(damaged)
    found = {finding.problem for finding in check_image(str(tmp_path), name, helpers)}
    faults = {problem for problem in found if problem.is_fault}

    if is_loadable(tmp_path / name):
        assert faults <= {Problem.DAMAGED, Problem.TRUNCATED}
    elif name in ("a.jpg", "b.jpg", "g.tif") and not faults:  # the header states another kind
        assert Problem.UNSUPPORTED in found
    elif found == {Problem.TOO_LARGE}:  # the header states another size
        with pytest.raises(Image.DecompressionBombError):
            Image.open(tmp_path / name)
    else:
        assert len(faults) == 1


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_damage_behind_the_first_frame_is_not_a_fault(tmp_path, helpers, kind):
    whole = data_of(PICTURE, kind, **FRAMES)
    name = f"a.{kind.lower()}"
    cuts = [len(whole) - rest for rest in range(20, len(whole) // 2, 20)]
    faults = []
    for cut in cuts:
        (tmp_path / name).write_bytes(whole[:cut])
        found = check_image(str(tmp_path), name, helpers)
        if is_loadable(tmp_path / name):
            faults += [(cut, finding) for finding in found if finding.problem.is_fault]

    assert faults == []


FAULTS = ["cat/empty.png", "cat/half.jpg", "dog/deep/er/text.jpg"]


def test_findings_are_in_order_of_path_at_any_depth(mixed):
    assert [(finding.path, finding.problem.value) for finding in verify(mixed).findings] == [
        ("cat/empty.png", "empty"),
        ("cat/half.jpg", "truncated"),
        ("cat/moving.gif", "animated"),
        ("dog/deep/er/text.jpg", "not an image"),
        ("dog/other.jpg", "wrong extension"),
        ("loose.jpg", "wrong extension"),
    ]


def test_files_that_cannot_be_used_for_training_are_faults(mixed):
    report = verify(mixed)

    assert [finding.path for finding in report.faults] == FAULTS
    assert report.num_files == 14


def test_problems_are_counted_by_kind(mixed):
    assert verify(mixed).counts == {
        "empty": 1,
        "truncated": 1,
        "animated": 1,
        "not an image": 1,
        "wrong extension": 2,
    }


def test_skipped_files_are_reported(mixed):
    assert verify(mixed).skipped == {"not an image (.txt)": 1, "hidden": 1}


def test_only_the_files_of_a_manifest_are_verified(mixed):
    report = verify(imggen.scan(mixed).take([0, 1, 4]))

    assert report.num_files == 3
    assert [finding.path for finding in report.findings] == ["cat/empty.png"]


def test_a_file_listed_twice_is_verified_once(mixed):
    report = verify(listing(mixed, "cat/empty.png", "cat/000.png", "cat/empty.png"))

    assert report.num_files == 2
    assert len(report.findings) == 1


@pytest.mark.parametrize("workers", [0, 1, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(mixed, workers):
    assert verify(mixed, workers=workers) == verify(mixed)


def test_a_number_of_threads_below_zero_is_refused(mixed):
    with pytest.raises(OptionError, match="workers=-1"):
        verify(mixed, workers=-1)


def test_progress_ends_with_all_files(mixed):
    told = []
    verify(mixed, progress=lambda *step: told.append(step))

    assert told[-1] == ("decoding", 14, 14)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ScanError, match="Found 0 images"):
        verify(tmp_path)


def test_the_table_has_a_row_for_each_finding(mixed):
    report = verify(mixed)
    frame = report.to_frame()

    assert list(frame.columns) == ["path", "problem", "is_fault", "detail", "witness"]
    assert frame.path.tolist() == [finding.path for finding in report.findings]
    assert frame.problem.tolist() == [finding.problem.value for finding in report.findings]
    assert frame.path[frame.is_fault].tolist() == FAULTS


def test_saved_findings_are_the_rows_of_the_table(mixed, tmp_path):
    report = verify(mixed)
    report.save(tmp_path / "found.csv")
    report.save(tmp_path / "found.json")
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    expected = report.to_frame().to_dict("records")
    assert rows == [{**row, "is_fault": str(row["is_fault"])} for row in expected]
    assert json.loads((tmp_path / "found.json").read_text()) == {
        "root": str(mixed),
        "num_files": 14,
        "rows": expected,
    }
