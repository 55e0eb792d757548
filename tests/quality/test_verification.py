"""verify: findings in real files of every kind, and the quarantine of broken ones."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import imggen
from imggen import verify
from imggen.errors import ExportError, ImageError, OptionError, ScanError
from imggen.quality.image_check import Problem, check_image
from tests.helpers.images import write_images
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
    assert "400000000 pixels" in words


@pytest.mark.parametrize(
    ("image", "mode"),
    [(gray("float32", 1), "F"), (gray("float32", 1 / 255), "F"), (gray("int32", 70_000), "I")],
    ids=["0 to 255", "0 to 1", "integers"],
)
def test_pixels_without_a_defined_range_are_unusable(tmp_path, image, mode):
    unusual, unusable = found_in(tmp_path, "a.tif", data_of(image, "TIFF"))

    assert unusual == ("unusual mode", mode)
    assert unusable[0] == "unusable pixels"
    assert "and this mode has no defined range" in unusable[1]
    assert len(verify(tmp_path).faults) == 1


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


# Faults are exactly the files that cannot be loaded.


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


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_that_cannot_be_loaded_are_faults(tmp_path, data):
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    whole = WHOLE[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from([whole[:at], changed(whole, at, bytes(60))[: len(whole)], whole[:at] * 2])
    )
    (tmp_path / name).write_bytes(damaged)
    found = check_image(str(tmp_path), name).findings

    assert any(finding.problem.is_fault for finding in found) != is_loadable(tmp_path / name)


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_damage_behind_the_first_frame_is_not_a_fault(tmp_path, kind):
    whole = data_of(PICTURE, kind, **FRAMES)
    name = f"a.{kind.lower()}"
    cuts = [len(whole) - rest for rest in range(20, len(whole) // 2, 20)]
    faults = []
    for cut in cuts:
        (tmp_path / name).write_bytes(whole[:cut])
        found = check_image(str(tmp_path), name).findings
        if is_loadable(tmp_path / name):
            faults += [(cut, finding) for finding in found if finding.problem.is_fault]

    assert faults == []


# The report.


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Two classes of four valid images, three faults, and three remarks."""
    folder = write_images(tmp_path / "mixed", {"cat": 4, "dog": 4})
    return write_photos(
        folder,
        {
            "cat/empty.png": b"",
            "cat/half.jpg": JPEG[: len(JPEG) // 2],
            "cat/moving.gif": data_of(PICTURE, "GIF", **FRAMES),
            "dog/deep/er/text.jpg": b"text",
            "dog/other.jpg": PNG,
            "loose.jpg": PNG,
            "notes.txt": b"text",
            ".hidden.png": b"",
        },
    )


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

    assert list(frame.columns) == ["path", "problem", "is_fault", "detail"]
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


# The quarantine.


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "quarantine.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as log:
        return list(csv.DictReader(log))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "quarantine.csv"
    }


def test_faults_are_moved_with_their_paths_and_other_files_stay(mixed, tmp_path):
    before = contents(mixed)
    moved = verify(mixed).quarantine(tmp_path / "aside")

    assert moved == FAULTS
    assert contents(tmp_path / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed) == {path: before[path] for path in before.keys() - FAULTS}
    assert verify(mixed).faults == ()


def test_the_quarantine_has_a_table_of_the_faults(mixed, tmp_path):
    report = verify(mixed)
    report.quarantine(tmp_path / "aside")

    assert logged(tmp_path / "aside") == [
        {
            "path": finding.path,
            "problem": finding.problem.value,
            "is_fault": "True",
            "detail": finding.detail,
        }
        for finding in report.faults
    ]


def test_a_second_call_adds_files_and_rows(mixed, tmp_path):
    verify(mixed).quarantine(tmp_path / "aside")
    write_photos(mixed, {"dog/later.png": b"broken"})

    assert verify(mixed).quarantine(tmp_path / "aside") == ["dog/later.png"]
    assert sorted(contents(tmp_path / "aside")) == sorted([*FAULTS, "dog/later.png"])
    assert [row["path"] for row in logged(tmp_path / "aside")] == [*FAULTS, "dog/later.png"]


def test_without_faults_no_file_is_moved(photos, tmp_path):
    before = contents(photos)

    assert verify(photos).quarantine(tmp_path / "aside") == []
    assert contents(photos) == before


def test_other_files_in_the_quarantine_stay(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"mine.txt": b"mine", "cat/mine.txt": b"mine"})
    verify(mixed).quarantine(tmp_path / "aside")

    assert contents(tmp_path / "aside")["mine.txt"] == b"mine"
    assert contents(tmp_path / "aside")["cat/mine.txt"] == b"mine"


@pytest.mark.parametrize("inside", ["mixed", "mixed/aside", "mixed/cat/a/b", "link/aside", "to"])
def test_a_folder_inside_the_verified_one_is_refused_before_any_move(mixed, tmp_path, inside):
    (tmp_path / "link").symlink_to("mixed")
    (tmp_path / "to").symlink_to("mixed/cat")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ExportError, match="is inside .* Choose a folder outside it"):
        verify(mixed).quarantine(tmp_path / inside)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_with_the_same_prefix_is_not_inside(mixed, tmp_path):
    assert verify(mixed).quarantine(tmp_path / "mixed 2") == FAULTS


def test_the_parent_of_the_verified_folder_may_be_the_quarantine(mixed, tmp_path):
    verify(mixed).quarantine(tmp_path)

    assert (tmp_path / "cat" / "empty.png").is_file()


def test_another_file_of_the_same_name_is_an_error_and_both_stay(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"cat/half.jpg": b"another"})
    with pytest.raises(ExportError, match=r"Stopped after 1 of 3 files: .*cat/half\.jpg"):
        verify(mixed).quarantine(tmp_path / "aside")

    assert contents(tmp_path / "aside")["cat/half.jpg"] == b"another"
    assert (mixed / "cat" / "half.jpg").read_bytes() == JPEG[: len(JPEG) // 2]
    assert [row["path"] for row in logged(tmp_path / "aside")][:1] == ["cat/empty.png"]


def test_a_file_that_is_already_in_the_quarantine_is_only_removed(mixed, tmp_path):
    write_photos(tmp_path / "aside", {"cat/half.jpg": JPEG[: len(JPEG) // 2]})

    assert verify(mixed).quarantine(tmp_path / "aside") == FAULTS
    assert sorted(contents(tmp_path / "aside")) == FAULTS
    assert not (mixed / "cat" / "half.jpg").exists()


def test_a_quarantine_that_is_a_file_is_refused(mixed, tmp_path):
    (tmp_path / "aside").write_text("mine")

    with pytest.raises(ExportError, match="Stopped after 0 of 3 files"):
        verify(mixed).quarantine(tmp_path / "aside")
    assert (tmp_path / "aside").read_text() == "mine"


def test_faults_are_moved_to_another_disk(mixed, other_disk):
    before = contents(mixed)
    verify(mixed).quarantine(other_disk / "aside")

    assert contents(other_disk / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS


def test_names_that_are_not_utf_8_are_moved_and_listed(photos, tmp_path):
    names = [os.fsdecode(b"cat/caf\xe9 \xff.png"), 'cat/line\nbreak, "quoted".png']
    write_photos(photos, dict.fromkeys(names, b"broken"))

    assert sorted(verify(photos).quarantine(tmp_path / "aside")) == sorted(names)
    assert sorted(contents(tmp_path / "aside")) == sorted(names)
    assert sorted(row["path"] for row in logged(tmp_path / "aside")) == sorted(names)


KILLED = """
import os, signal, sys
import imggen

report = imggen.verify(sys.argv[1])
event, left = sys.argv[3], int(sys.argv[4])

def kill(what, _):
    global left
    if what == event:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
report.quarantine(sys.argv[2])
"""


def killed(source: Path, folder: Path, event: str, at: int) -> int:
    """Runs a quarantine that is killed just before the given event."""
    command = [sys.executable, "-c", KILLED, str(source), str(folder), event, str(at)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize(
    ("event", "at"), [("os.rename", 1), ("os.rename", 3), ("os.mkdir", 2)], ids=str
)
def test_a_killed_run_is_completed_by_another(mixed, tmp_path, event, at):
    before = contents(mixed)

    assert killed(mixed, tmp_path / "aside", event, at) == -signal.SIGKILL
    assert {**contents(mixed), **contents(tmp_path / "aside")} == before
    verify(mixed).quarantine(tmp_path / "aside")
    assert contents(tmp_path / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS
    assert {row["path"] for row in logged(tmp_path / "aside")} == set(FAULTS)


# To another disk, a file is copied under a temporary name, renamed, and removed here.
@pytest.mark.parametrize(("event", "at"), [("os.rename", 2), ("os.rename", 4), ("os.remove", 2)])
def test_a_killed_run_to_another_disk_is_completed(mixed, other_disk, event, at):
    before = contents(mixed)

    assert killed(mixed, other_disk / "aside", event, at) == -signal.SIGKILL
    verify(mixed).quarantine(other_disk / "aside")
    assert contents(other_disk / "aside") == {path: before[path] for path in FAULTS}
    assert contents(mixed).keys() == before.keys() - FAULTS


def test_a_missing_file_does_not_prevent_moving_the_others(mixed, tmp_path):
    manifest = listing(mixed, "cat/gone.png", "cat/empty.png")

    assert verify(manifest).quarantine(tmp_path / "aside") == ["cat/empty.png"]


@pytest.mark.parametrize("is_absolute", [True, False], ids=["absolute", "with .."])
def test_a_file_outside_of_the_folder_is_never_lost(tmp_path, is_absolute):
    write_photos(tmp_path, {"elsewhere/a.jpg": b"broken", "in/b.jpg": JPEG})
    path = str(tmp_path / "elsewhere" / "a.jpg") if is_absolute else "../elsewhere/a.jpg"
    with contextlib.suppress(ExportError):
        verify(listing(tmp_path / "in", path, "b.jpg")).quarantine(tmp_path / "aside")

    assert b"broken" in contents(tmp_path).values()


def test_a_link_in_the_quarantine_points_to_the_same_file(tmp_path):
    write_photos(tmp_path, {"store/a.jpg": b"broken", "in/b.jpg": JPEG})
    (tmp_path / "in" / "a.jpg").symlink_to("../store/a.jpg")
    verify(tmp_path / "in").quarantine(tmp_path / "deep" / "aside")

    assert (tmp_path / "deep" / "aside" / "a.jpg").read_bytes() == b"broken"
