"""What notebooks show of results: small, escaped, without arrays, and without opening a file."""

import os
import random
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen import find_duplicates, find_leaks, scan, survey
from imggen.augment import Sample
from imggen.benchmark import BenchReport
from imggen.core import MAX_PICTURE_BYTES, format_class_table
from imggen.data import Splits
from imggen.decode import make_thumbnail
from imggen.quality import Finding, Problem, Survey, VerifyReport
from imggen.quality.image_check import ImageFacts
from imggen.sequences import FilePredictions
from tests.helpers.cases import case
from tests.helpers.images import write_images
from tests.helpers.pages import Page
from tests.helpers.pictures import compressed, data_of, photo, write_photos

HOSTILE = "<img src=x onerror=alert(1)>"
ODD = os.fsdecode(b"caf\xe9 \xff \x1b[31m")

opened: list[str] = []
is_watching = False


@sys.addaudithook
def watch(event, arguments):
    if is_watching and event == "open":
        opened.append(str(arguments[0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes with names that need escaping, each with a duplicate; one file is broken."""
    folder = tmp_path_factory.mktemp("reprs")
    pictures = {}
    for number, name in enumerate((HOSTILE, ODD)):
        similar = compressed(photo(number, 48), 90)
        pictures |= {
            f"{name}/{name}.png": data_of(photo(number, 48), "PNG"),
            f"{name}/again {name}.png": data_of(similar, "PNG"),
            f"{name}/other.png": data_of(photo(7 + number, 48), "PNG"),
        }
    return write_photos(folder / "photos", {**pictures, f"{HOSTILE}/{ODD}.png": b"broken"})


@pytest.fixture(scope="module")
def results(folder):
    """One result of each kind; afterwards the files are gone."""
    manifest = scan(folder)
    parts = Splits([manifest.take([0, 4]), manifest.take([1, 2, 3, 5, 6])], ("train", "val"))
    sequence = imggen.ImageSequence(
        manifest, image_size=(16, 16), augment="medium", seed=1, workers=0, on_error="substitute"
    )
    columns = {"path": [HOSTILE, ODD], "true": ["a", None], "predicted": [HOSTILE, None]}
    table = pd.DataFrame({**columns, "error": [None, "x"]}, dtype=object)
    table[f"p_{HOSTILE}"] = [0.5, float("nan")]
    found = {
        "manifest": manifest,
        "splits": parts,
        "sequence": sequence,
        "sequences": Splits([sequence, sequence], ("train", HOSTILE)),
        "numbers": Splits([1, HOSTILE], ("train", "val")),
        "verify": imggen.verify(folder),
        "survey": survey(manifest),
        "duplicates": find_duplicates(manifest, threshold=0.8),
        "exact duplicates": find_duplicates(manifest, near=False),
        "conflicts": find_duplicates(scan(folder).take([0, 1, 4]), threshold=0.8),
        "leaks": find_leaks(parts.as_dict(), threshold=0.8),
        "explanation": sequence.explain(1, 0),
        "mixed": imggen.ImageSequence(
            manifest.take([0, 4]), image_size=(16, 16), augment=[imggen.augment.MixUp()], workers=0
        ).explain(0, 1),
        "statistics": imggen.statistics(sequence),
        "bench": BenchReport(HOSTILE, {"read": 1.0}, 0, 1, 2, (ODD,), 5.0, 7.0, advice=(HOSTILE,)),
        "no stages": BenchReport("nothing", {}, 0, 1, 0, (), 5.0, 7.0),
        "no splits": Splits([], ()),
        "no samples": manifest.take([]),
        "preprocessing": sequence.preprocessing,
        "predictions": FilePredictions(table, [HOSTILE, ODD], (HOSTILE,), {HOSTILE: 1}),
        "pairs": find_duplicates(manifest, threshold=0.8).pairs,
        "sample": Sample(np.zeros((2, 2, 3), np.uint8), (np.zeros((2, 2)),), boxes=np.ones((1, 5))),
    }
    for result in found.values():  # the modules that draw are imported
        getattr(result, "_repr_html_", lambda: None)()
    shutil.rmtree(folder)
    return found


def watched(function) -> tuple[str, list[str]]:
    """The result of a function, and the files that it opens."""
    global is_watching
    opened.clear()
    is_watching = True
    try:
        return function(), list(opened)
    finally:
        is_watching = False


def test_the_watch_sees_files():
    assert watched(lambda: open(__file__).close())[1] == [__file__]


def test_text_is_one_short_line_without_arrays_and_opens_no_file(results):
    for name, result in results.items():
        with case(name):
            text, files = watched(lambda result=result: repr(result))
            assert files == []
            assert "[[" not in text
            assert "array(" not in text
            assert name == "preprocessing" or len(text) < 1200
            assert "\n" not in text


def test_html_opens_no_file_though_all_are_gone_and_draws_no_random_number(results):
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for name, result in results.items():
        if name not in ("pairs", "sample"):
            with case(name):
                page, files = watched(result._repr_html_)
                assert files == []
                assert len(page.encode()) < 200_000
                assert "[[" not in page
                assert "array(" not in page
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # noqa: NPY002


def test_html_is_balanced_and_names_are_escaped(results):
    for name, result in results.items():
        if name not in ("pairs", "sample"):
            with case(name):
                page = Page(result._repr_html_())
                assert page.open == []
                assert not any("onerror" in attributes for _, attributes in page.elements)
                assert all(
                    attributes["src"].startswith("data:image/") for attributes in page.all("img")
                )
                assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe"})
    for name in ("manifest", "splits", "verify", "survey", "duplicates", "leaks", "explanation"):
        with case(name):
            assert HOSTILE in Page(results[name]._repr_html_()).text


def test_pictures_are_shown(results):
    numbers = {"duplicates": 4, "conflicts": 2, "leaks": 4, "explanation": 2, "survey": 4}
    for name, number in numbers.items():
        with case(name):
            assert len(Page(results[name]._repr_html_()).all("img")) == number
    assert "no picture" not in results["duplicates"]._repr_html_()


def test_notebooks_find_no_method_that_is_not_there(results):
    probed = ("_ipython_canary_method_should_not_exist_", "_repr_png_", "_ipython_display_")
    for name, result in results.items():
        with case(name):
            assert not any(hasattr(result, method) for method in probed)


def test_many_findings_and_long_names_stay_small():
    long = "&" * 4000
    findings = tuple(
        Finding(f"{number}{long}", Problem.BROKEN, f"detail [{number}] {long}", long)
        for number in range(5000)
    )
    classes = tuple(f"{number}{long[:250]}" for number in range(3000))
    manifest = imggen.Manifest.from_files(
        [f"{name}.png" for name in classes], list(classes), root=long
    )
    facts = tuple(ImageFacts(n + 1, n + 2, "RGB", "PNG", 1, 9) for n in range(3000))
    for name, result in (
        ("verify", VerifyReport(long, 5000, findings, {long: 1})),
        ("manifest", manifest),
        ("survey", Survey(manifest, facts)),
        ("splits", Splits([manifest] * 3, ("train", "val", "test"))),
        ("many splits", Splits([manifest] * 100, [f"{n}{long[:250]}" for n in range(100)])),
    ):
        with case(name):
            page = result._repr_html_()
            assert len(page.encode()) < 200_000
            assert Page(page).open == []
            assert "more" in Page(page).text


def test_the_number_of_findings_that_are_not_shown_is_stated():
    findings = tuple(Finding(f"{n}.png", Problem.EMPTY, "0 bytes", "") for n in range(25))
    page = Page(VerifyReport("photos", 30, findings, {})._repr_html_())
    assert "19.png" in page.text
    assert "20.png" not in page.text
    assert "and 5 more findings" in page.text


def test_pictures_of_noise_stay_small(tmp_path):
    rng = np.random.default_rng(0)
    from PIL import Image

    for number in range(4):
        image = Image.fromarray(rng.integers(0, 256, (100, 290, 3), np.uint8))
        for copy in range(4):
            image.save(tmp_path / f"{number} {copy}.png")
    found = find_duplicates(scan(tmp_path, labels=None))
    assert sum(map(len, found.thumbnails.values())) <= MAX_PICTURE_BYTES
    page = found._repr_html_()
    assert len(page.encode()) < 200_000
    assert "no picture" in page


def test_verify_shows_damage_and_writes_nothing_to_stderr(tmp_path, capfd):
    data = bytearray(data_of(photo(1), "JPEG", quality=90))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(range(40))
    (tmp_path / "damaged.jpg").write_bytes(data)
    (tmp_path / "empty.jpg").write_bytes(b"")
    report = imggen.verify(tmp_path)
    assert "libjpeg" in {finding.witness for finding in report.findings}
    assert list(report.thumbnails) == ["damaged.jpg"]
    assert Page(report._repr_html_()).all("img", alt="damaged.jpg")
    assert capfd.readouterr().err == ""


def test_a_thumbnail_of_a_missing_or_broken_file_is_none(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"broken")
    assert make_thumbnail(str(tmp_path / "broken.png"), 32) is None
    assert make_thumbnail(str(tmp_path / "gone.png"), 32) is None


def test_arrays_that_are_not_images_are_explained_without_a_picture(tmp_path):
    manifest = scan(write_images(tmp_path, {"a": 2}))
    sequence = imggen.ImageSequence(
        manifest, image_size=None, loader=lambda path: np.zeros((4, 4, 7), np.float32), workers=0
    )
    page = sequence.explain(0, 0)._repr_html_()
    assert "no picture" in page


def test_each_split_has_a_column_of_its_classes(results):
    page = Page(results["splits"]._repr_html_())
    assert "index class train val" in page.text
    assert "2 samples" in page.text


def test_the_number_of_what_is_left_out_agrees_with_its_noun():
    assert "and 1 more class<" in format_class_table({"": dict.fromkeys(map(str, range(51)), 1)})
    assert "and 2 more classes<" in format_class_table({"": dict.fromkeys(map(str, range(52)), 1)})
