"""``imggen split --near-duplicates`` and ``--report``."""

import html
import os
import re
from pathlib import Path

import pytest

import imggen
from imggen.core.text import printable
from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.pictures import photo, smaller, write_photos
from tests.helpers.split_files import (
    HALF,
    everything_in,
    files_in,
    numbered,
    part_of,
    write_files,
)

HALVES = ("--ratio", 0.5, 0.25, 0.25)


@pytest.fixture
def album(tmp_path) -> Path:
    """Two classes of eight images; cat/3.png has a smaller copy."""
    pictures = {
        f"{name}/{n}.png": photo(n + 8 * (name == "dog"), 48)
        for n in range(8)
        for name in ("cat", "dog")
    }
    return write_photos(tmp_path / "album", pictures | {"cat/copy.png": smaller(photo(3, 48))})


def shown_in(page: Path) -> str:
    """The words of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.read_text("utf-8"))))


@pytest.mark.parametrize("more", [(), ("--move",), ("--symlink",), ("--oversample",)])
def test_an_image_and_its_smaller_copy_stay_in_one_split(album, tmp_path, more):
    result = invoke("split", album, tmp_path / "out", *HALVES, *more, "--near-duplicates")
    parts = part_of(tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    assert "kept 1 group of duplicates together; " in result.output
    assert parts["cat/3.png"] == parts["cat/copy.png"]


def test_split_prints_how_many_groups_would_be_separated(album, tmp_path):
    seen = set()
    for seed in range(12):
        parts = imggen.split(imggen.scan(album), HALF, seed=seed)
        is_torn = sum({"cat/3.png", "cat/copy.png"} & {*part.paths} != set() for part in parts) > 1
        if is_torn not in seen:
            line = ("split", album, tmp_path / "out", *HALVES, "--seed", seed, "--near-duplicates")
            result = invoke(*line, "--dry-run").output
            assert f"without this, {'1' if is_torn else 'none'} of them would be in" in result
            seen.add(is_torn)
    assert seen == {False, True}


def test_a_table_lists_near_duplicates_in_one_split(album, tmp_path):
    result = invoke("split", album, "--manifest", tmp_path / "m.csv", *HALVES, "--near-duplicates")
    row_of = {row["path"]: row for row in csv_rows(tmp_path / "m.csv")}

    assert "kept 1 group of duplicates together" in result.output
    assert row_of["cat/3.png"]["split"] == row_of["cat/copy.png"]["split"]
    assert row_of["cat/3.png"]["group"] == row_of["cat/copy.png"]["group"]
    assert len({row["group"] for row in row_of.values()}) == 16


def test_split_reports_that_there_are_no_near_duplicates(photos, tmp_path):
    result = invoke("split", photos, tmp_path / "out", *HALVES, "--near-duplicates").output

    assert "\nfound no duplicates\n" in result
    assert "kept together" not in invoke("split", photos, tmp_path / "b", *HALVES).output


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (["out"], "train val test"),
        (["out", "--move"], "train val test"),
        (["out", "--symlink"], "train val test"),
        (["out", "--hardlink", "--oversample"], "train val test"),
        (["out", "--count", 2, 0], "train val"),
        (["--manifest", "m.csv"], "train val test"),
        (["out", "--kfold", 3], "fold_0 fold_1 fold_2"),
        (["--manifest", "m.csv", "--kfold", 3], "fold_0 fold_1 fold_2"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--near-duplicates"]])
def test_a_report_shows_every_split_with_images(album, monkeypatch, line, names, more):
    monkeypatch.chdir(album.parent)
    result = invoke("split", "album", *line, *more, "--report", "page.html")
    page = Path("page.html").read_text("utf-8")

    assert result.exit_code == 0, result.stderr
    assert re.findall(r"<h3>(.*?)</h3>", page) == names.split()
    assert len(set(re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page))) >= 10
    assert ("Groups of duplicates: 1." in shown_in(Path("page.html"))) == bool(more)
    assert ("were not searched for" in shown_in(Path("page.html"))) == (not more)


def test_a_report_shows_new_paths_and_settings(album, tmp_path):
    line = ("split", album, tmp_path / "out", *HALVES, "--move", "--near-duplicates", "--seed", 5)
    invoke(*line, "--report", tmp_path / "page.html")
    shown = shown_in(tmp_path / "page.html")
    [copy] = (tmp_path / "out").glob("*/cat/copy.png")

    assert f" {tmp_path / 'out'} " in shown
    assert "seed 5" in shown
    assert f"all in {copy.parents[1].name}" in shown


@pytest.mark.parametrize("into", [["out"], ["--manifest", "m.csv"], ["out", "--kfold", 2]])
@pytest.mark.parametrize("more", [[], ["--near-duplicates"]])
def test_a_dry_run_writes_the_report_and_touches_nothing_else(album, monkeypatch, into, more):
    monkeypatch.chdir(album.parent)
    before = everything_in(album.parent), files_in(album)
    result = invoke("split", "album", *into, *more, "--dry-run", "--report", "page.html")
    page = Path("page.html").read_text("utf-8")
    Path("page.html").unlink()

    assert result.exit_code == 0, result.stderr
    assert len(re.findall("<h3>", page)) == (2 if "--kfold" in into else 3)
    assert "data:image/jpeg" in page
    assert (everything_in(album.parent), files_in(album)) == before


def test_a_report_can_be_added_by_the_same_command(album, tmp_path):
    line = ("split", album, tmp_path / "out", *HALVES, "--near-duplicates", "--move")
    invoke(*line, "--report", tmp_path / "page.html")
    files = files_in(tmp_path / "out")
    result = invoke(*line, "--report", tmp_path / "again.html")

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "page.html").read_bytes()
    assert files_in(tmp_path / "out") == files


def test_unreadable_files_are_in_the_report_by_name(tmp_path):
    folder = write_files(tmp_path / "in", *numbered("cat", 4))
    result = invoke("split", folder, tmp_path / "out", *HALVES, "--report", tmp_path / "page.html")

    assert result.exit_code == 0, result.stderr
    assert "000.png" in shown_in(tmp_path / "page.html")


@pytest.mark.parametrize("name", [b"caf\xe9 \xff", b"line\nbreak", b"<b>&amp;"])
def test_unusual_names_are_escaped_in_the_report(album, tmp_path, name):
    text = os.fsdecode(name)
    (album / "cat" / "3.png").rename(album / "cat" / f"{text}.png")
    (album / "cat").rename(album / text)
    folder = album.rename(tmp_path / text)
    result = invoke(
        *("split", folder, tmp_path / f"{text}-out", *HALVES, "--near-duplicates"),
        *("--report", tmp_path / f"{text}.html"),
    )

    assert result.exit_code == 0, result.output
    shown = shown_in(tmp_path / f"{text}.html")
    assert shown.count(printable(text)) >= 5


@pytest.mark.parametrize("into", [["out"], ["--manifest", "m.csv"]])
def test_an_unwritable_report_is_an_error_on_one_line(album, monkeypatch, into):
    monkeypatch.chdir(album.parent)
    result = invoke("split", "album", *into, "--report", "no/page.html")

    assert result.exit_code == 1
    assert re.fullmatch(r"Error: .*no/page\.html.*\n", result.stderr)
