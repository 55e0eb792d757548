"""imggen preview: pictures and pages of augmented images."""

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import imggen
from imggen.augment import MixUp, RandomFlip, RandomHue, RandomTranslation
from imggen.cli import main
from imggen.preview import make_preview
from imggen.reports.preview_page import preview_page
from tests.helpers.images import pixels_of, places, write_images
from tests.helpers.pages import Page

QUICK = ("--image-size", 24, 20, "--variants", 3)


def invoke(*arguments):
    result = CliRunner().invoke(main, ["preview", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def page_of(folder, tmp_path, *options) -> Page:
    result = invoke(folder, "-o", tmp_path / "page.html", *QUICK, *options)
    assert result.exit_code == 0, result.output
    return Page((tmp_path / "page.html").read_text(encoding="utf-8"))


def originals(page: Page) -> list[str]:
    return [image["alt"] for image in page.all("img") if image["alt"].startswith("original")]


def decoded(uri: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        return np.asarray(picture)


# Pictures.


def test_a_picture_that_would_be_too_large_is_refused_and_a_page_is_written(
    photos, tmp_path, monkeypatch
):
    # 2 rows of 4 images of up to 160 x 160 pixels.
    monkeypatch.setattr("imggen.preview.layout._MAX_PIXELS", 8 * 160**2 - 1)
    options = ("--images-per-class", 1, *QUICK, "--html", tmp_path / "page.html")
    result = invoke(photos, "-o", tmp_path / "x.png", *options)

    assert result.exit_code == 1
    assert "The sheet would have up to 204800 pixels" in result.stderr
    assert list(tmp_path.glob("*.*")) == []
    assert invoke(photos, *options).exit_code == 0


@pytest.mark.parametrize("policy", ["light", "medium", "strong"])
def test_a_picture_is_the_contact_sheet_of_the_sequence_with_that_policy(photos, tmp_path, policy):
    result = invoke(photos, "--policy", policy, "-o", tmp_path / "x.png", *QUICK, "--seed", 9)
    sequence = imggen.from_directory(photos, augment=policy, seed=9, image_size=(24, 20))
    sheet = imggen.contact_sheet(sequence, images_per_class=2, variants=3)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.endswith(f" to {tmp_path / 'x.png'}\n")
    with Image.open(tmp_path / "x.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(sheet))


def test_a_picture_shows_two_images_of_each_class_as_they_are(tmp_path):
    write_images(tmp_path / "in", {"cat": 3, "dog": 3}, size=(160, 160))
    invoke(tmp_path / "in", "-o", tmp_path / "x.png", "--image-size", 160, 160, "--variants", 1)
    sheet = pixels_of(tmp_path / "x.png")
    found = [
        len(places(sheet, pixels_of(tmp_path / "in" / name / f"00{number}.png")))
        for name in ("cat", "dog")
        for number in range(3)
    ]

    assert found == [1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("name", ["x.jpg", "x.PNG", "x.webp"])
def test_pictures_of_other_formats_are_written(photos, tmp_path, name):
    assert invoke(photos, "-o", tmp_path / name, *QUICK).exit_code == 0
    with Image.open(tmp_path / name) as picture:
        assert min(picture.size) > 300


def test_the_picture_depends_on_the_seed(photos, tmp_path):
    pictures = []
    for seed in (1, 1, 2):
        invoke(photos, "-o", tmp_path / "x.png", *QUICK, "--seed", seed)
        pictures.append((tmp_path / "x.png").read_bytes())

    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.timeout(120)
def test_the_program_writes_without_warnings(photos, tmp_path):
    command = [sys.executable, "-m", "imggen", "preview", photos, "-o", tmp_path / "x.html"]
    result = subprocess.run([*command, "--policy", "strong"], capture_output=True, text=True)

    assert result.returncode == 0
    # TensorFlow always logs its start there.
    assert not re.search("Error|Warning|Traceback", result.stderr)
    assert result.stdout.splitlines()[-1].endswith(f" to {tmp_path / 'x.html'}")
    assert len(Page((tmp_path / "x.html").read_text()).all("img")) == 4 * 7


# Pages.


def enlarged(image, shown):
    """An image enlarged, pixel by pixel, to the size of another array."""
    factor = shown.shape[0] // image.shape[0]
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def test_a_page_shows_each_image_with_its_variants(photos, tmp_path):
    page = page_of(photos, tmp_path)

    assert page.open == []
    assert [image["alt"] for image in page.all("img")] == [
        f"{what} of {name}.png"
        for name in ("000", "001", "000", "001")
        for what in ("original", "epoch 0", "epoch 1", "epoch 2")
    ]


def test_a_page_shows_small_originals_enlarged_pixel_by_pixel(photos, tmp_path):
    first, *_ = page_of(photos, tmp_path).all("img")
    shown = decoded(first["src"])

    assert shown.shape[0] >= 8 * 24
    expected = enlarged(pixels_of(photos / "cat" / "000.png"), shown)
    np.testing.assert_array_equal(shown, expected)


def test_variants_on_a_page_are_what_training_sees(photos, tmp_path):
    sequence = imggen.from_directory(photos, augment="medium", seed=0, image_size=(24, 20))
    images = page_of(photos, tmp_path).all("img")

    for number, epoch in ((1, 0), (2, 1), (3, 2)):
        shown = decoded(images[number]["src"])
        expected = enlarged(sequence.explain(epoch, 0).image, shown)
        np.testing.assert_array_equal(shown, expected)


def test_a_page_lists_the_parameters_of_each_step(photos, tmp_path):
    text = page_of(photos, tmp_path, "--policy", "light").text
    sequence = imggen.from_directory(photos, augment="light", seed=0, image_size=(24, 20))

    assert "Augmentations: RandomFlip, RandomRotation, RandomTranslation, RandomZoom" in text
    phrases = sequence.explain(2, 8).phrases
    assert phrases
    assert ", ".join(phrases) in text


def test_a_page_is_self_contained(photos, tmp_path):
    page_of(photos, tmp_path, "--policy", "strong")
    page = (tmp_path / "page.html").read_text()

    assert not re.search(r"(https?:)?//\w|url\(|@import|<script", re.sub(r"data:[^\"]*", "", page))


def test_a_class_has_one_heading_for_all_its_rows(photos, tmp_path):
    page = page_of(photos, tmp_path)
    page_text = (tmp_path / "page.html").read_text()

    assert re.findall(r"<h2>(\w+)</h2>", page_text) == ["cat", "dog"]
    assert len(originals(page)) == 4


def test_options_set_the_number_of_images_variants_and_classes(tmp_path):
    write_images(tmp_path / "in", dict.fromkeys("abcde", 4))
    options = ("--images-per-class", 3, "--variants", 2, "--max-classes", 2)
    result = invoke(tmp_path / "in", "-o", tmp_path / "x.html", *options)
    page = Page((tmp_path / "x.html").read_text())

    assert len(page.all("img")) == 2 * 3 * (1 + 2)
    assert "and 3 more classes" in page.text
    assert "3 more classes are not shown; raise --max-classes" in result.output


def test_one_image_variant_or_class_is_not_spoken_of_as_several(tmp_path):
    write_images(tmp_path / "in", dict.fromkeys("ab", 1))
    options = ("--variants", 1, "--max-classes", 1, "--html", tmp_path / "x.html")
    result = invoke(tmp_path / "in", "-o", tmp_path / "x.png", *options)
    text = Page((tmp_path / "x.html").read_text()).text

    assert "1 image 1 variant of each" in text
    assert "and 1 more class" in text
    assert "and 1 more classes" not in text
    assert "1 more class is not shown; raise --max-classes to see it" in result.output


def test_images_of_a_flat_folder_are_shown_without_classes(tmp_path):
    write_images(tmp_path / "in", {".": 4})
    page = page_of(tmp_path / "in", tmp_path)

    assert originals(page) == ["original of 000.png", "original of 001.png"]
    assert "<h2>Images</h2>" in (tmp_path / "page.html").read_text()


def test_images_of_a_table_are_shown_by_class(photos, tmp_path):
    table = pd.DataFrame(
        {"path": [f"photos/dog/00{number}.png" for number in range(4)], "label": list("xyxy")}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    page = page_of(tmp_path / "table.csv", tmp_path)

    assert originals(page) == [f"original of 00{number}.png" for number in (0, 2, 1, 3)]
    assert re.findall(r"<h2>(\w)</h2>", (tmp_path / "page.html").read_text()) == ["x", "y"]


def test_images_of_a_table_without_classes_are_shown(photos, tmp_path):
    pd.DataFrame({"path": ["photos/dog/003.png"]}).to_csv(tmp_path / "table.csv", index=False)

    assert originals(page_of(tmp_path / "table.csv", tmp_path)) == ["original of 003.png"]


def test_a_saved_manifest_is_shown(photos, tmp_path):
    imggen.scan(photos).take([9, 3]).save(tmp_path / "m.parquet")

    assert originals(page_of(tmp_path / "m.parquet", tmp_path)) == [
        "original of 003.png",
        "original of 001.png",
    ]


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_a_policy_file_is_applied(photos, tmp_path, ending):
    imggen.save_policy(tmp_path / f"mine.{ending}", [RandomFlip(p=1.0), RandomHue((50, 50))])
    text = page_of(photos, tmp_path, "--policy", tmp_path / f"mine.{ending}").text

    assert "Augmentations: RandomFlip, RandomHue." in text
    assert "flip left-right, hue +50.0°" in text


def test_a_mixing_policy_shows_the_shares_of_labels(photos, tmp_path):
    imggen.save_policy(tmp_path / "mine.yaml", [MixUp(1.0)])
    page = page_of(photos, tmp_path, "--policy", tmp_path / "mine.yaml")
    sequence = imggen.from_directory(photos, augment=MixUp(1.0), seed=0, image_size=(24, 20))
    targets = [sequence.explain(epoch, row).target for row in (0, 1, 8, 9) for epoch in range(3)]
    shown = [target for target in targets if len(target) == 2]

    assert shown
    for target in shown:
        assert ", ".join(f"{name} {share:.2f}" for name, share in target.items()) in page.text


def test_damaged_variants_are_marked_on_the_page_and_printed(photos, tmp_path):
    shift = RandomTranslation((1, 1), (0, 0), fill_mode="constant", cval=100)
    imggen.save_policy(tmp_path / "mine.yaml", [shift])
    result = invoke(
        photos, "--policy", tmp_path / "mine.yaml", "-o", tmp_path / "page.html", *QUICK
    )
    page = Page((tmp_path / "page.html").read_text())

    assert result.output.splitlines()[:-1] == [
        "warning: mostly cut off: 12 of 12 variants",
        "warning: blank: 12 of 12 variants",
    ]
    assert len(page.all("figure", class_="wrong")) == 12
    assert page.text.count("mostly cut off: 0% of the original visible") == 12
    assert "mostly cut off: 12 of 12 variants" in page.text


def test_no_variant_is_marked_if_none_is_damaged(photos, tmp_path):
    imggen.save_policy(tmp_path / "mine.yaml", [RandomFlip(p=1.0)])
    result = invoke(photos, "--policy", tmp_path / "mine.yaml", "-o", tmp_path / "x.html", *QUICK)
    page = Page((tmp_path / "x.html").read_text())

    assert re.fullmatch(rf"Wrote a page of .* to {tmp_path / 'x.html'}\n", result.output)
    assert page.all("figure", class_="wrong") == page.all("li", class_="badge") == []
    assert "To look at" not in page.text


def test_names_of_files_classes_and_steps_are_escaped(tmp_path):
    folder = write_images(tmp_path / "in <i>", {"<b>cat</b>&": 2, "dog\n<hr>": 2})
    (folder / "<b>cat</b>&" / "000.png").rename(folder / "<b>cat</b>&" / "<b>0&.png")

    def step(image):
        return image[::-1]

    step.__name__ = "<b>step&"
    augment = [step, MixUp(1.0)]
    sequence = imggen.from_directory(folder, augment=augment, image_size=(24, 20), seed=1)
    found = make_preview(sequence, images_per_class=2, variants=4)
    page = Page(preview_page(found, str(folder)))

    assert page.open == []
    assert page.all("i") == page.all("hr") == []
    for shown in ("<b>cat<", "dog\\n<hr>", "<b>0&.png", "<b>step&", "in <i>"):
        assert shown in page.text
    assert "original of <b>0&.png" in originals(page)


def test_a_page_without_augmentations_says_so(photos):
    sequence = imggen.from_directory(photos, image_size=(24, 20), seed=1)

    assert "Augmentations: none." in Page(preview_page(make_preview(sequence), str(photos))).text


def test_broken_files_are_listed_and_replaced_by_others(photos, tmp_path):
    (photos / "cat" / "000.png").write_bytes(b"broken")

    page = page_of(photos, tmp_path)

    assert len(page.all("img")) == 16
    assert f"Cannot be read file error {photos / 'cat' / '000.png'} it is not in" in page.text
    assert "Cannot be read" not in page_of(photos / "dog", tmp_path).text


# Errors, before any work.


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["nowhere", "-o", "x.png"], "'nowhere' does not exist; expected a folder"),
        (["empty", "-o", "x.png"], "Found 0 images in 'empty'"),
        (["gone.csv", "-o", "x.png"], r"The table 'gone\.csv' does not exist"),
        (["photos", "-o", "x.txt"], r"'x\.txt' must end in \.png"),
        (["photos", "-o", "x"], r"'x' must end in \.png"),
        (["photos", "-o", "no/x.png"], "Cannot write 'no/x.png': the folder does not exist"),
        (
            ["photos", "-o", "no/x.html", *QUICK],
            r"Cannot write 'no/x\.html': the folder does not exist",
        ),
        (["photos", "-o", "x.png", "--policy", "strng"], "--augment strng is not a preset"),
        (["photos", "-o", "x.png", "--policy", "gone.yaml"], r"gone\.yaml"),
        (["photos", "-o", "x.png", "--policy", "bad.yaml"], r"'bad\.yaml', line 1"),
        (["photos", "-o", "x.png", "--variants", 0], "--variants 0 must be a whole number"),
        (["photos", "-o", "x.png", "--images-per-class", -1], "--images-per-class -1 must be"),
        (["photos", "-o", "x.png", "--image-size", 0, 9], "--image-size 0 9 must be"),
        (["photos", "-o", "x.png", "--seed", -1], "--seed -1 must be a whole number"),
        (["broken", "-o", "x.png"], r"Cannot read 'broken/a\.png'"),
        (["parts", "-o", "x.png"], r"which look like splits and not like classes"),
    ],
)
def test_errors_are_printed_on_one_line_with_exit_status_1(
    photos, tmp_path, monkeypatch, line, reason
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"broken")
    (tmp_path / "bad.yaml").write_text("RandomFlop: 1\n")
    write_images(tmp_path / "parts", {"train": 1, "val": 1})
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    result = invoke(*line)

    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{reason}.*\n", result.stderr, flags=re.DOTALL)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ([], "SRC"),
        (["photos"], "--output"),
        (["photos", "-o", "x.png", "--variants", "many"], "'many'"),
        (["photos", "-o", "x.png", "--polcy", "light"], "--polcy"),
        (["photos", "-o", "x.png", "--image-size", "9.5"], "--image-size"),
    ],
)
def test_usage_errors_name_the_argument_with_exit_status_2(line, named):
    result = invoke(*line)

    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""
