"""The page of duplicates."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from imggen import find_duplicates, scan
from imggen.reports.duplicates_page import duplicates_page
from tests.helpers.images import write_images
from tests.helpers.pages import Page, captions, tile
from tests.helpers.pictures import (
    compressed,
    data_of,
    photo,
    smaller,
    write_photos,
)

# Duplicates.


@pytest.fixture
def album(tmp_path):
    """An image, a copy and a small copy of it; another image; a broken file."""
    data = data_of(photo(0), "PNG")
    return write_photos(
        tmp_path / "album",
        {
            "cat/0.png": data,
            "cat/1.png": 1,
            "cat/again.png": data,
            "dog/broken.png": b"broken",
            "cat/small.jpg": compressed(smaller(photo(0)), 90),
        },
    )


def test_the_page_of_duplicates_counts_files_groups_and_files_to_drop(album):
    text = Page(duplicates_page(find_duplicates(scan(album)))).text

    assert tile(text, "files") == "5"
    assert tile(text, "group") == "1"
    assert tile(text, "files to drop") == "2"
    assert tile(text, "copy with the same bytes") == "1"
    assert tile(text, "cannot be read") == "1"


def test_a_group_is_shown_with_the_kept_file_first_and_reasons(album):
    page = duplicates_page(find_duplicates(scan(album)))
    kept, equal, small = [caption for caption in captions(page) if caption]

    assert kept == "cat/0.png (keep)"
    assert equal == "cat/again.png (same bytes)"
    assert re.fullmatch(r"cat/small\.jpg \(similarity (0\.9\d\d|1\.000)\)", small)
    found = Page(page)
    assert len(found.all("figure", class_="keep")) == 1
    assert len(found.all("figure", class_="drop")) == 2


def test_without_duplicates_the_page_says_so(photos):
    text = Page(duplicates_page(find_duplicates(scan(photos)))).text

    assert "There are no duplicates." in text
    assert "There are no duplicates with different bytes." in text
    assert "No pair is within 0.05 of the threshold." in text


def test_pairs_on_both_sides_of_the_threshold_are_shown(tmp_path):
    qualities = {20: "b", 40: "c", 90: "d"}
    copies = {f"{name}.jpg": data_of(photo(0), "JPEG", quality=q) for q, name in qualities.items()}
    write_photos(tmp_path, {"a.png": 0, **copies})
    manifest = scan(tmp_path, labels=None)
    every = find_duplicates(manifest, threshold=0.5)
    threshold = float(every.pairs.similarity.min()) + 0.001
    found = find_duplicates(manifest, threshold=threshold)
    text = Page(duplicates_page(found)).text
    inside, _, outside = text.partition("The most similar pairs that are not duplicates")

    assert f"Pairs close to the threshold of {threshold}" in text
    assert f"{min(found.pairs.similarity):.3f}" in inside
    assert f"{max(found.near_misses.similarity):.3f}" in outside


def test_many_groups_are_all_counted_and_some_shown(tmp_path):
    write_images(tmp_path, {"cat": 203}, size=(4, 4))
    shutil.copytree(tmp_path / "cat", tmp_path / "dog")
    page = duplicates_page(find_duplicates(scan(tmp_path, labels=None), near=False))

    assert tile(Page(page).text, "groups") == "203"
    assert len(Page(page).all("figure", class_="keep")) == 200
    assert "and 3 more groups" in Page(page).text


def test_files_of_a_group_that_cannot_be_read_are_shown_as_such(tmp_path):
    write_photos(tmp_path, {"a.png": b"broken", "b.png": b"broken"})
    page = duplicates_page(find_duplicates(scan(tmp_path, labels=None)))

    assert page.count('<div class="missing">cannot be read</div>') == 2
    assert Page(page).all("img") == []


def test_drawing_reports_its_progress(album):
    told = []
    duplicates_page(find_duplicates(scan(album)), lambda *step: told.append(step))

    assert told[-1] == ("drawing", 3, 3)


# Conflicts.


def test_an_image_with_two_labels_comes_first_with_its_labels_and_nothing_to_drop(tmp_path):
    data = data_of(photo(0), "PNG")
    write_photos(
        tmp_path, {"cat/1.png": 1, "cat/1b.png": photo(1), "cat/x.png": data, "dog/y.png": data}
    )
    page = duplicates_page(find_duplicates(scan(tmp_path)))
    text = Page(page).text

    assert text.index("1 image has different labels") < text.index("file to drop")
    assert captions(page)[:2] == ["cat/x.png (cat)", "dog/y.png (dog)"]
    assert tile(text, "file to drop") == "1"
    assert len(Page(page).all("figure", class_="drop")) == 1


def test_a_conflict_of_many_files_shows_a_file_of_each_label(tmp_path):
    data = data_of(photo(0, 16), "PNG")
    write_photos(tmp_path, {**{f"a/{n:02}.png": data for n in range(30)}, "b/z.png": data})
    page = duplicates_page(find_duplicates(scan(tmp_path)))

    assert captions(page)[:2] == ["a/00.png (a)", "b/z.png (b)"]
    assert len(Page(page).all("figure")) == 12
    assert "and 19 more" in Page(page).text


def test_names_and_labels_of_a_conflict_are_escaped(tmp_path):
    data = data_of(photo(0, 16), "PNG")
    write_photos(tmp_path, {"<script>a/1.png": data, "<b>/2.png": data})
    page = duplicates_page(find_duplicates(scan(tmp_path)))

    assert "<script>a" not in page
    assert "&lt;script&gt;a/1.png (&lt;script&gt;a)" in page


# Transparency.


def test_images_of_which_nothing_is_visible_are_named(tmp_path):
    write_photos(tmp_path, {f"{n}.png": Image.new("RGBA", (8, 8), (n, 0, 0, 0)) for n in range(2)})
    text = Page(duplicates_page(find_duplicates(scan(tmp_path, labels=None)))).text

    assert tile(text, "show nothing") == "2"
    assert "On a background of white" in text
    assert "0.png, 1.png" in text


def test_images_are_shown_on_the_background_that_they_were_compared_on(tmp_path):
    icon = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    icon.paste((255, 255, 255, 255), (16, 16, 48, 48))
    write_photos(tmp_path, {"a.png": icon, "b.png": icon})
    found = find_duplicates(scan(tmp_path, labels=None), background="#0000ff")
    uri = Page(duplicates_page(found)).all("img")[0]["src"]
    shown = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")

    assert abs(np.array(shown.getpixel((0, 0)), int) - (0, 0, 255)).max() < 12
    assert abs(np.array(shown.getpixel((32, 32)), int) - 255).max() < 12
