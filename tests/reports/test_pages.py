"""HTML pages: one self-contained file each, with escaped names."""

import base64
import io
import os
import re
import shutil
import warnings

import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import find_duplicates, scan, survey
from imggen.errors import ExportError
from imggen.export import RecipeSplits
from imggen.preview import make_preview
from imggen.quality import Finding, Problem, VerifyReport
from imggen.reports.duplicates_page import duplicates_page
from imggen.reports.predictions_page import predictions_page
from imggen.reports.preview_page import preview_page
from imggen.reports.render import make_thumbnails, write_page
from imggen.reports.scan_page import scan_page
from imggen.reports.split_page import split_page
from imggen.reports.verify_page import verify_page
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
    write_photos,
)

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
    pictures[f"{120 * 'n'}/0.png"] = data_of(photo(9, 48), "PNG")
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
    if kind == "verify":
        findings = [
            Finding(path, Problem.EXTRA_BYTES, HOSTILE[0], HOSTILE[1]) for path in manifest.paths
        ]
        return verify_page(VerifyReport(str(folder), 21, tuple(findings), {HOSTILE[2]: 1}))
    if kind == "predictions":
        # pandas keeps no names of columns that are not valid UTF-8.
        names = [name.encode("utf-8", "ignore").decode() for name in manifest.class_names]
        true = [names[label] for label in manifest.labels]
        columns = {"path": list(manifest.paths), "true": true, "predicted": true[::-1]}
        scores = {f"p_{name}": 0.5 for name in names}
        table = pd.DataFrame({**columns, **scores, "error": None}, dtype=object)
        return predictions_page(table, manifest.filepaths, folder)
    found = find_duplicates(manifest, threshold=0.8)
    if kind == "duplicates":
        return duplicates_page(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", imggen.errors.ImggenWarning)
        splits = imggen.split(found.grouped(), (0.5, 0.5))
    groups = [[manifest.filepath(row) for row in group] for group in found.groups]
    return split_page(RecipeSplits(splits, groups, 1), Recipe(ratios=(0.5, 0.5)), "photos")


KINDS = ["scan", "duplicates", "split", "preview", "verify", "predictions"]


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
    shown = [one for one in Page(page).all("img") if "True classes" not in one["alt"]]

    assert len(shown) >= 10
    for attributes in shown:
        kind, _, data = attributes["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert max(picture.size) <= 3 * 112
            picture.load()


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
    overflow = hidden = 0
    for width in (400, 900, 1440):
        view.set_viewport_size({"width": width, "height": 800})
        overflow = max(overflow, view.evaluate("document.documentElement.scrollWidth - innerWidth"))
        if width >= 900:
            hidden += view.evaluate(
                "[...document.images].filter(one => one.getBoundingClientRect().right > innerWidth)"
                ".length"
            )
    view.close()

    assert told == [(tmp_path / "page.html").as_uri()]
    assert broken == 0
    assert (overflow, hidden) == (0, 0)


def test_strips_do_not_make_the_page_long(chromium, tmp_path):
    folder = write_images(tmp_path / "strips", {"a": 1}, size=(120, 4))
    sequence = imggen.from_directory(folder, image_size=(120, 4), seed=0)
    write_page(tmp_path / "page.html", preview_page(make_preview(sequence, variants=1), "strips"))
    view = chromium.new_page(viewport={"width": 1200, "height": 800})
    view.goto((tmp_path / "page.html").as_uri())
    assert view.evaluate("document.body.scrollHeight") < 1200
    view.close()


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
    with pytest.raises(ExportError, match="not an earlier output of the same kind"):
        write_page(tmp_path / "a.html", "<p>é猫")
    write_page(tmp_path / "a.html", "<p>é猫", overwrite=True)

    assert (tmp_path / "a.html").read_bytes() == "<p>é猫".encode()
    assert os.listdir(tmp_path) == ["a.html"]


def test_an_unwritable_page_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"Cannot write .*nowhere/a\.html"):
        write_page(tmp_path / "nowhere" / "a.html", "x")
