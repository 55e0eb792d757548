"""survey: sizes, modes and formats, from the header of every file."""

import csv
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import survey
from imggen.errors import ExportError, OptionError, ScanError
from tests.helpers.images import write_images
from tests.helpers.pictures import (
    FRAMES,
    JPEG,
    PICTURE,
    PNG,
    data_of,
    listing,
    png_of_zeros,
    write_photos,
)


@pytest.fixture
def mixed(tmp_path):
    """Five images of several kinds, and a file that is not an image."""
    return write_photos(
        tmp_path / "mixed",
        {
            "cat/a.jpg": JPEG,
            "cat/b.png": Image.new("L", (7, 9)),
            "cat/broken.png": b"broken",
            "dog/a.png": Image.new("RGBA", (30, 20)),
            "dog/b.gif": data_of(PICTURE, "GIF", **FRAMES),
            "dog/c.jpg": PNG,
        },
    )


def test_the_facts_of_each_image_agree_with_pillow(mixed):
    manifest = imggen.scan(mixed)
    for path, metadata in zip(manifest.filepaths, survey(manifest).facts, strict=True):
        if path.endswith("broken.png"):
            assert metadata is None
            continue
        with Image.open(path) as image:
            assert (metadata.width, metadata.height) == image.size
            assert (metadata.mode, metadata.format) == (image.mode, image.format)
            assert metadata.num_frames == getattr(image, "n_frames", 1)


def test_sizes_are_those_of_the_images_that_can_be_opened(mixed):
    found = survey(imggen.scan(mixed))

    assert found.sizes.tolist() == [[50, 40], [7, 9], [30, 20], [50, 40], [50, 40]]
    assert found.num_unreadable == 1


def test_modes_and_formats_are_counted_the_most_frequent_first(mixed):
    found = survey(imggen.scan(mixed))

    assert list(found.formats.items()) == [("PNG", 3), ("JPEG", 1), ("GIF", 1)]
    assert next(iter(found.modes.items())) == ("RGB", 2)
    assert sum(found.modes.values()) == 5


def test_the_size_of_all_files_is_that_on_the_disk(mixed):
    found = survey(imggen.scan(mixed))

    assert found.num_bytes == sum(
        path.stat().st_size for path in mixed.rglob("*.*") if path.name != "broken.png"
    )


@pytest.mark.parametrize(
    ("counts", "imbalance"),
    [({"cat": 6, "dog": 2}, 3), ({"cat": 2, "dog": 2}, 1), ({"cat": 3, "dog": 2, "emu": 0}, 1.5)],
)
def test_imbalance_is_the_largest_class_by_the_smallest_that_has_any(tmp_path, counts, imbalance):
    assert survey(imggen.scan(write_images(tmp_path, counts))).imbalance == imbalance


def test_without_classes_there_is_no_imbalance(photos):
    assert survey(imggen.scan(photos, labels=None)).imbalance is None


@pytest.mark.parametrize("data", [JPEG[:700], PNG[:200]], ids=["JPEG", "PNG"])
def test_only_the_beginning_of_a_file_is_read(tmp_path, data):
    write_photos(tmp_path, {"a.png": data})

    assert survey(listing(tmp_path)).sizes.tolist() == [[50, 40]]


def test_a_very_large_image_is_reported_without_a_warning(tmp_path):
    write_photos(tmp_path, {"a.png": png_of_zeros(10_000)})

    assert survey(listing(tmp_path)).sizes.tolist() == [[10_000, 10_000]]


def test_a_file_truncated_behind_its_first_frame_can_be_opened(tmp_path):
    whole = data_of(PICTURE, "TIFF", **FRAMES)
    write_photos(tmp_path, {"a.tif": whole[:-100], "b.png": PNG})
    assert imggen.load_image(tmp_path / "a.tif").any()

    assert survey(listing(tmp_path)).num_unreadable == 0


def test_if_no_file_can_be_opened_the_error_suggests_verify(tmp_path):
    write_photos(tmp_path, {"a.png": b"broken", "b.png": b""})

    with pytest.raises(ScanError, match="None of the 2 files .* `imggen verify` reports why"):
        survey(listing(tmp_path))


@pytest.mark.parametrize("workers", [0, 1, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(mixed, workers):
    manifest = imggen.scan(mixed)

    assert survey(manifest, workers=workers).facts == survey(manifest).facts


def test_progress_ends_with_all_files(mixed):
    told = []
    survey(imggen.scan(mixed), progress=lambda *step: told.append(step))

    assert told[-1] == ("reading headers", 6, 6)


def test_the_table_has_a_row_for_each_image(mixed):
    found = survey(imggen.scan(mixed))
    frame = found.to_frame()

    assert list(frame.columns) == (
        "path label width height mode format num_frames num_bytes".split()
    )
    assert frame.path.tolist() == list(found.manifest.paths)
    assert frame.label.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert frame.loc[frame.path == "dog/b.gif", "num_frames"].item() == 3
    assert frame.loc[frame.path == "cat/broken.png"].iloc[0, 2:].isna().all()


def test_without_classes_the_table_has_no_labels(photos):
    assert survey(imggen.scan(photos, labels=None)).to_frame().label.isna().all()


def test_saved_rows_are_those_of_the_table(mixed, tmp_path):
    (mixed / "cat" / "notes.txt").write_text("x")
    found = survey(imggen.scan(mixed))
    found.save(tmp_path / "found.json")
    found.save(tmp_path / "found.csv")
    saved = json.loads((tmp_path / "found.json").read_text())
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    expected = found.to_frame().astype(object).replace({np.nan: None}).to_dict("records")
    assert saved == {"root": str(mixed), "skipped": {"not an image (.txt)": 1}, "rows": expected}
    assert rows == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in saved["rows"]
    ]


def test_an_unwritable_file_is_named(photos, tmp_path):
    found = survey(imggen.scan(photos))

    with pytest.raises(OptionError, match=r"found\.txt"):
        found.save(tmp_path / "found.txt")
    with pytest.raises(ExportError, match=r"nowhere/found\.csv"):
        found.save(tmp_path / "nowhere" / "found.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="names there are text")
def test_names_that_are_not_utf_8_are_in_the_table(tmp_path):
    write_images(tmp_path, {"a": 2})
    name = os.fsdecode(b"caf\xe9.png")
    os.rename(tmp_path / "a/001.png", tmp_path / "a" / name)
    table = survey(imggen.scan(tmp_path)).to_frame()
    assert table["path"].tolist() == ["a/000.png", f"a/{name}"]
    assert table["width"].dtype == np.int64
