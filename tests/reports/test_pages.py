"""HTML pages: one self-contained file each, with escaped names."""

import base64
import io
import os
import re
import shutil
import warnings

import pytest
from PIL import Image

import imggen
from imggen import find_duplicates, scan, survey
from imggen.errors import ExportError
from imggen.export import RecipeSplits
from imggen.preview import make_preview
from imggen.reports.duplicates_page import duplicates_page
from imggen.reports.preview_page import preview_page
from imggen.reports.render import make_thumbnails, write_page
from imggen.reports.scan_page import scan_page
from imggen.reports.split_page import split_page
from imggen.splitting import Recipe
from tests.helpers.images import write_images
from tests.helpers.pages import Page
from tests.helpers.pictures import (
    FRAMES,
    JPEG,
    PICTURE,
    compressed,
    data_of,
    photo,
    smaller,
    write_photos,
)


def captions(page: str) -> list[str]:
    return re.findall(r"<figcaption>(.*?)</figcaption>", page)


HOSTILE = [
    "<script>alert(1)</script>.png",  # a folder and a file
    '" onerror="alert(1)".png',
    "'><img src=x onerror=alert(1)>.png",
    "<style><title><h1>.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "&lt;&amp;.png",
    "line\nbreak \x1b[31m.png",
    "right\u202eto left.png",
    os.fsdecode(b"caf\xe9 \xff.png"),
    "猫 🐈.png",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Classes and files with names that need escaping, each image twice; one is broken."""
    folder = tmp_path_factory.mktemp("hostile <b>&")
    pictures = {}
    for number, name in enumerate(HOSTILE):
        similar = compressed(photo(number, 48), 90)
        pictures |= {
            f"{name} class/{name}": data_of(photo(number, 48), "PNG"),
            f"{name} class/again {name}": data_of(similar, "PNG"),
        }
    write_photos(folder, {**pictures, "broken/<b>broken<b>.png": b"broken"})
    (folder / "broken" / "notes.<i>x<i>").write_text("x")
    return folder


def hostile_page(kind: str, folder) -> str:
    manifest = scan(folder)
    if kind == "scan":
        return scan_page(survey(manifest))
    if kind == "preview":
        sequence = imggen.ImageSequence(
            manifest,
            image_size=(112, 112),
            batch_size=5,
            augment=["medium", imggen.augment.MixUp(1.0)],
            seed=1,
            on_error="substitute",
        )
        return preview_page(make_preview(sequence, variants=2), str(folder))
    found = find_duplicates(manifest, threshold=0.8)
    if kind == "duplicates":
        return duplicates_page(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", imggen.errors.ImggenWarning)
        splits = imggen.split(found.grouped(), (0.5, 0.5))
    groups = [[manifest.filepath(row) for row in group] for group in found.groups]
    return split_page(RecipeSplits(splits, groups, 1), Recipe(ratios=(0.5, 0.5)))


KINDS = ["scan", "duplicates", "split", "preview"]


@pytest.fixture(scope="module", params=KINDS)
def page(request, hostile) -> str:
    """Each kind of page, with these names."""
    return hostile_page(request.param, hostile)


# All pages.


def test_tags_are_balanced(page):
    assert Page(page).open == []
    assert page.lower().startswith("<!doctype html>")


def test_a_page_is_self_contained(page):
    found = Page(page)
    references = [
        value
        for _, attributes in found.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "poster", "action", "data", "background")
    ]

    assert references
    assert all(reference.startswith("data:") for reference in references)
    assert not re.search(r"url\(|@import", page)


def test_a_page_contains_no_scripts(page):
    found = Page(page)

    assert found.all("script") == found.all("iframe") == found.all("object") == []
    assert not [
        name for _, attributes in found.elements for name in attributes if name.startswith("on")
    ]


def test_names_are_escaped(page):
    found = Page(page)

    assert {tag for tag, _ in found.elements}.isdisjoint({"b onerror", "script", "raw"})
    assert len(found.all("h1")) == len(found.all("title")) == 1
    assert len(found.all("style")) == page.count("</style>") <= 2
    assert all(attributes["src"].startswith("data:image/") for attributes in found.all("img"))
    for shown in ("onerror=", "{{ 7 * 7 }}", "&lt;&amp;.png", "猫 🐈"):
        assert shown in found.text


def test_unprintable_names_are_shown_with_escapes(page):
    found = Page(page)

    assert "line\\nbreak \\x1b[31m.png" in found.text
    assert "caf\\udce9 \\udcff.png" in found.text
    assert "right\\u202eto left.png" in found.text
    assert page.encode("utf-8").decode("utf-8") == page


def test_images_are_small_jpegs_with_alternative_text(page):
    shown = Page(page).all("img")

    assert len(shown) >= 10
    for attributes in shown:
        kind, _, data = attributes["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert max(picture.size) <= 3 * 112
            picture.load()
        assert "alt" in attributes


def test_the_version_is_that_of_the_package(page):
    assert f"imggen {imggen.__version__}" in Page(page).text


@pytest.fixture(scope="module")
def chromium():
    """A headless browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium")
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_shows_a_page_without_errors_or_requests(
    chromium, hostile, tmp_path, kind, scheme
):
    write_page(tmp_path / "page.html", hostile_page(kind, hostile))
    told = []
    view = chromium.new_page(color_scheme=scheme, viewport={"width": 1200, "height": 800})
    view.on("console", lambda message: told.append(message.text))
    view.on("pageerror", lambda error: told.append(str(error)))
    view.on("dialog", lambda dialog: told.append(dialog.message))
    view.on("request", lambda request: told.append(request.url))
    view.goto((tmp_path / "page.html").as_uri())
    broken = view.evaluate("[...document.images].filter(image => !image.naturalWidth).length")
    overflow = view.evaluate("document.documentElement.scrollWidth - innerWidth")
    view.close()

    assert told == [(tmp_path / "page.html").as_uri()]
    assert broken == 0
    assert overflow <= 0


# Thumbnails.


def test_one_thumbnail_is_made_per_file(photos):
    paths = [str(photos / "cat" / "000.png"), str(photos / "cat" / "001.png")]
    told = []
    made = make_thumbnails(paths * 3, 64, progress=lambda *step: told.append(step))

    assert list(made) == paths
    assert told[-1] == ("drawing", 2, 2)


@pytest.mark.parametrize("data", [b"", b"no image", JPEG[:600], None])
def test_a_file_that_cannot_be_read_has_no_thumbnail(tmp_path, data):
    if data is not None:
        (tmp_path / "a.jpg").write_bytes(data)

    assert make_thumbnails([str(tmp_path / "a.jpg")], 64) == {str(tmp_path / "a.jpg"): None}


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (4000, 3)),
        Image.new("RGB", (3, 4000)),
        Image.new("RGBA", (50, 40), (0, 0, 0, 0)),
        Image.new("CMYK", (50, 40)),
        Image.new("1", (1, 1)),
        Image.new("I;16", (300, 300)),
    ],
    ids=["wide", "high", "transparent", "CMYK", "one pixel", "16 bits"],
)
def test_thumbnails_of_unusual_images_have_a_suitable_size(tmp_path, image):
    path = tmp_path / "a.tif"
    image.save(path)
    (made,) = make_thumbnails([str(path)], 64).values()
    with Image.open(io.BytesIO(base64.b64decode(made.partition(",")[2]))) as picture:
        assert max(picture.size) <= 3 * 64
        assert picture.mode == "RGB"


def test_the_thumbnail_of_an_animation_is_its_first_frame(tmp_path):
    moving, still = tmp_path / "moving.gif", tmp_path / "still.gif"
    moving.write_bytes(data_of(PICTURE, "GIF", **FRAMES))
    still.write_bytes(data_of(PICTURE, "GIF"))
    made = make_thumbnails([str(moving), str(still)], 64)

    assert made[str(moving)] == made[str(still)]


# Files.


def test_a_page_is_written_as_utf_8_and_replaces_an_existing_file(tmp_path):
    (tmp_path / "a.html").write_text("old")
    write_page(tmp_path / "a.html", "<p>é猫")

    assert (tmp_path / "a.html").read_bytes() == "<p>é猫".encode()
    assert os.listdir(tmp_path) == ["a.html"]


def test_an_unwritable_page_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"Cannot write .*nowhere/a\.html"):
        write_page(tmp_path / "nowhere" / "a.html", "x")


# The page of a folder.


def scan_text(folder, **options) -> str:
    return Page(scan_page(survey(scan(folder, **options)))).text


def tile(text: str, label: str) -> str:
    """The number above a label."""
    return re.search(rf"(\S+) {label}", text).group(1)


def test_the_page_of_a_folder_counts_classes_images_and_bytes(tmp_path):
    text = scan_text(write_images(tmp_path, {"cat": 6, "dog": 2}))

    assert tile(text, "images") == "8"
    assert tile(text, "classes") == "2"
    assert tile(text, "largest class / smallest") == "3.0"
    assert "0 cat 6 75.0 %" in text
    assert "1 dog 2 25.0 %" in text


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
            "dog/small.jpg": compressed(smaller(photo(0)), 90),
        },
    )


def test_the_page_of_duplicates_counts_files_groups_and_files_to_drop(album):
    text = Page(duplicates_page(find_duplicates(scan(album)))).text

    assert tile(text, "files") == "5"
    assert tile(text, "groups") == "1"
    assert tile(text, "files to drop") == "2"
    assert tile(text, "of them with the same bytes") == "1"
    assert tile(text, "cannot be read") == "1"


def test_a_group_is_shown_with_the_kept_file_first_and_reasons(album):
    page = duplicates_page(find_duplicates(scan(album)))
    kept, equal, small = [caption for caption in captions(page) if caption]

    assert kept == "cat/0.png (keep)"
    assert equal == "cat/again.png (same bytes)"
    assert re.fullmatch(r"dog/small\.jpg \(similarity (0\.9\d\d|1\.000)\)", small)
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
    page = duplicates_page(find_duplicates(scan(tmp_path), near=False))

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
