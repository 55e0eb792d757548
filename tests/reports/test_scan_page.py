"""The page of a folder."""

from PIL import Image

from imggen import scan, survey
from imggen.reports.scan_page import scan_page
from tests.helpers.images import write_images
from tests.helpers.pages import Page, captions, tile
from tests.helpers.pictures import (
    write_photos,
)

# The page of a folder.


def scan_text(folder, **options) -> str:
    return Page(scan_page(survey(scan(folder, **options)))).text


def test_the_page_of_a_folder_counts_classes_images_and_bytes(tmp_path):
    text = scan_text(write_images(tmp_path, {"cat": 6, "dog": 2}))

    assert tile(text, "images") == "8"
    assert tile(text, "classes") == "2"
    assert tile(text, "largest class / smallest") == "3.0"
    assert "0 cat 6 75.0 %" in text
    assert "1 dog 2 25.0 %" in text


def test_the_page_of_a_folder_with_one_image_does_not_speak_of_several(tmp_path):
    text = scan_text(write_images(tmp_path, {"cat": 1}))

    assert "1 image 1 class 1.0" in text
    assert "; 1 different size." in text


def test_the_page_of_a_folder_lists_sizes_formats_and_modes(tmp_path):
    text = scan_text(
        write_photos(
            tmp_path,
            {
                "cat/a.png": Image.new("L", (10, 20)),
                "cat/b.jpg": Image.new("RGB", (30, 40)),
                "cat/c.png": Image.new("RGB", (400, 300)),
            },
        )
    )

    assert "smallest 10 × 20, median 30 × 40, largest 400 × 300; 3 different sizes" in text
    assert "format images PNG 2 JPEG 1" in text
    assert "mode images RGB 2 L 1" in text


def test_the_page_of_a_folder_draws_each_size_within_its_axes(tmp_path):
    pictures = {f"{side}.png": Image.new("1", (side, 3 * side)) for side in (1, 7, 50, 999)}
    write_photos(tmp_path, {**pictures, "again.png": Image.new("1", (7, 21))})
    points = Page(scan_page(survey(scan(tmp_path, labels=None)))).all("circle")

    assert len(points) == 4
    assert all(50 <= float(point["cx"]) <= 550 for point in points)
    assert all(10 <= float(point["cy"]) <= 320 for point in points)


def test_the_page_of_a_folder_lists_skipped_files(photos):
    assert "No files were skipped." in scan_text(photos)
    (photos / "cat" / "notes.txt").write_text("x")

    assert "1 not an image (.txt)" in scan_text(photos)


def test_files_that_cannot_be_opened_are_counted_and_shown_as_such(photos):
    (photos / "cat" / "000.png").write_bytes(b"broken")
    page = scan_page(survey(scan(photos)))

    assert tile(Page(page).text, "cannot be opened") == "1"
    assert page.count("cannot be read") == 1
    assert len(Page(page).all("img")) == 9


def test_a_few_evenly_spaced_images_of_each_class_are_shown(tmp_path):
    page = scan_page(survey(scan(write_images(tmp_path, {"cat": 9, "dog": 2, "emu": 0}))))

    assert captions(page) == [
        *(f"{number:03}.png" for number in (0, 2, 4, 6, 8)),
        *(f"{number:03}.png" for number in (0, 1)),
    ]


def test_images_without_classes_are_shown_too(photos):
    page = scan_page(survey(scan(photos, labels=None)))

    assert tile(Page(page).text, "classes") == "0"
    assert len(captions(page)) == 5
    assert "index class" not in Page(page).text


def test_many_classes_are_all_counted_and_some_shown(tmp_path):
    write_images(tmp_path, {f"{number:03}": 1 for number in range(103)}, size=(4, 4))
    page = scan_page(survey(scan(tmp_path)))

    assert len(Page(page).all("img")) == 100
    assert "and 3 more classes" in Page(page).text
    assert "102 102 1 1.0 %" in Page(page).text
