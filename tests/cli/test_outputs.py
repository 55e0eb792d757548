"""Commands never overwrite their input, and report all that they skip."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.command_line import invoke
from tests.helpers.images import write_images


@pytest.fixture
def table(photos):
    """A table of the images, with an additional column."""
    rows = [f"{p.parent.name}/{p.name},{p.parent.name},p{p.stem}" for p in photos.rglob("*.png")]
    file = photos / "table.csv"
    file.write_text("\n".join(["path,label,patient", *sorted(rows)]) + "\n")
    return file


def test_a_table_never_overwrites_its_source(table):
    before = table.read_bytes()
    result = invoke("split", table, "--manifest", table)

    assert result.exit_code == 2
    assert "is inside SRC" in result.stderr
    assert table.read_bytes() == before


def test_a_foreign_metadata_file_next_to_a_table_is_kept(photos, tmp_path):
    (tmp_path / "out.csv.json").write_text('{"mine": 1}')
    result = invoke("split", photos, "--manifest", tmp_path / "out.csv")

    assert result.exit_code == 1
    assert "not an earlier output of the same kind" in result.stderr
    assert (tmp_path / "out.csv.json").read_text() == '{"mine": 1}'
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "line",
    [["split", "{photos}", "out", "--report"], ["scan", "{photos}", "--html"]],
    ids=["split", "scan"],
)
def test_a_page_never_overwrites_an_image(photos, line):
    picture = photos / "cat/000.png"
    before = picture.read_bytes()
    result = invoke(*(word.format(photos=photos) for word in line), picture)

    assert result.exit_code == 2
    assert "is inside" in result.stderr
    assert picture.read_bytes() == before


def test_a_row_without_a_group_is_an_error(table):
    table.write_text(table.read_text().replace("p003", ""))
    result = invoke("split", table, table.parent.parent / "out", "--group-by", "patient")

    assert result.exit_code == 2
    assert "2 of 16 rows have no group" in result.stderr


def test_a_missing_column_is_an_error_that_lists_the_columns(table):
    result = invoke("split", table, table.parent.parent / "out", "--group-by", "patinet")

    assert result.exit_code == 2
    assert "no such column. It has ['path', 'label', 'patient']" in result.stderr


def test_hashes_in_a_table_are_computed_again(photos, tmp_path):
    assert invoke("split", photos, "--manifest", tmp_path / "one.csv").exit_code == 0
    before = (tmp_path / "one.csv").read_text()
    shutil.copy(photos / "cat/001.png", photos / "cat/000.png")
    assert invoke("split", tmp_path / "one.csv", "--manifest", tmp_path / "two.csv").exit_code == 0

    hashes = {
        line.split(",")[0]: line.split(",")[-1]
        for line in (tmp_path / "two.csv").read_text().splitlines()
    }
    assert hashes['"cat/000.png"'] == hashes['"cat/001.png"']
    assert hashes['"cat/000.png"'] not in before.split('"cat/000.png"')[1].split("\n")[0]


def test_a_split_whose_files_have_all_vanished_is_reported(photos, tmp_path):
    assert invoke("split", photos, tmp_path / "out", "--move").exit_code == 0
    for file in (tmp_path / "out").rglob("*.png"):
        file.unlink()
    result = invoke("split", photos, tmp_path / "out", "--move")

    assert result.exit_code == 1
    assert "16 files vanished after the split was planned" in result.stderr
    assert not result.exception or isinstance(result.exception, SystemExit)


def test_leaks_outside_class_folders_are_found(photos, tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5, "dog": 5})
    val = write_images(tmp_path / "val", {"bird": 3, "fish": 3}, size=(30, 40))
    shutil.copy(train / "dog/002.png", val / "loose.png")
    result = invoke("leaks", train, val)

    assert result.exit_code == 1
    assert "1 image in more than one split" in result.output


def test_splits_without_classes_are_compared(tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5, "dog": 5})
    (tmp_path / "test").mkdir()
    shutil.copy(train / "dog/002.png", tmp_path / "test/x.png")

    assert "1 image in more than one split" in invoke("leaks", train, tmp_path / "test").output


def test_images_that_cannot_be_compared_are_reported(tmp_path):
    train = write_images(tmp_path / "train", {"cat": 5})
    val = write_images(tmp_path / "val", {"dog": 5}, size=(30, 40))
    (val / "dog/broken.png").write_bytes(b"broken")
    (val / "notes.txt").write_text("x")
    result = invoke("leaks", train, val)

    assert "cannot decode, compared by bytes only: val/dog/broken.png" in result.stderr
    assert "skipped: 1 not an image (.txt)" in result.stderr


# Every verb: not over what it reads, not over another kind of file.

SMALL = ("--image-size", "8", "8")


def lines_with(output: str, source: str) -> list[list[str]]:
    """Lines that write ``output`` with each extension; {} is the name without it."""
    return [
        ["split", source, "--manifest", output + ".csv"],
        ["split", source, "{out}", "--report", output + ".html"],
        ["verify", source, "-o", output + ".csv"],
        ["verify", source, "-o", output + ".json"],
        ["duplicates", source, "-o", output + ".csv"],
        ["duplicates", source, "--html", output + ".html"],
        ["preview", source, "-o", output + ".png", *SMALL, "--variants", "1"],
        ["preview", source, "-o", output + ".html", *SMALL, "--variants", "1"],
    ]


def folder_lines_with(output: str, source: str) -> list[list[str]]:
    return [
        ["scan", source, "-o", output + ".csv"],
        ["scan", source, "--html", output + ".html"],
        ["scan", source, "--save", output + ".csv"],
        ["bench", source, "-o", output + ".png", *SMALL, "--seconds", "0.01"],
        ["leaks", source, "{other}", "-o", output + ".csv"],
        ["leaks", "{other}", source, "--fix", output + ".csv"],
    ]


def content_of(*folders):
    return {
        path: path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_verb_writes_into_the_folder_that_it_reads(photos, tmp_path):
    other = write_images(tmp_path / "other", {"cat": 2})
    (tmp_path / "link").symlink_to(photos)
    before = content_of(photos, other)
    for output in (f"{photos}/new", f"{photos}/cat/000", f"{tmp_path}/link/cat/new"):
        for line in [*lines_with(output, str(photos)), *folder_lines_with(output, str(photos))]:
            result = invoke(*(word.format(out=tmp_path / "out", other=other) for word in line))

            assert result.exit_code == 2, line
            assert "is inside" in result.stderr
            assert content_of(photos, other) == before


def test_no_verb_replaces_the_table_that_it_reads(table, tmp_path):
    other = tmp_path / "hard.csv"
    other.hardlink_to(table)
    before = table.read_bytes()
    for output in (str(table)[:-4], str(other)[:-4]):
        for line in lines_with(output, str(table)):
            if line[-1].endswith(".csv"):
                result = invoke(*(word.format(out=tmp_path / "out") for word in line), "--force")

                assert result.exit_code == 2, line
                assert table.read_bytes() == other.read_bytes() == before


def test_the_images_of_a_table_are_not_replaced_by_force(table, photos):
    before = content_of(photos)
    result = invoke("preview", table, "-o", photos / "cat/000.png", *SMALL, "--force")

    assert result.exit_code == 2
    assert content_of(photos) == before


def test_verbs_replace_other_files_only_by_force(photos, tmp_path):
    other = write_images(tmp_path / "other", {"cat": 2}, size=(30, 40))
    lines = [*lines_with("{o}", str(photos)), *folder_lines_with("{o}", str(photos))]
    for number, line in enumerate(lines):
        names = {"o": tmp_path / str(number), "out": tmp_path / f"out{number}", "other": other}
        words = [word.format(**names) for word in line]
        [file] = [Path(word) for word in words if word.startswith(f"{names['o']}.")]
        file.write_bytes(b"mine")
        result = invoke(*words)

        assert result.exit_code == 1, line
        assert "not an earlier output of the same kind" in result.stderr
        assert "--force" in result.stderr
        assert file.read_bytes() == b"mine"
        assert not names["out"].exists()  # refused before the work
        for words_now in ([*words, "--force"], words):  # and its own file again
            assert "Cannot write" not in invoke(*words_now).stderr
            assert file.read_bytes() != b"mine"
            shutil.rmtree(names["out"], ignore_errors=True)


def test_two_outputs_are_never_the_same_file(photos, tmp_path):
    other = write_images(tmp_path / "other", {"cat": 2})
    file = tmp_path / "x.csv"
    for line in (
        ["scan", photos, "-o", file, "--save", tmp_path / "." / "x.csv"],
        ["leaks", photos, other, "-o", file, "--fix", file],
        ["scan", photos, "-o", tmp_path / "x.csv.json", "--save", file],
        ["split", photos, tmp_path / "x.html", "--report", tmp_path / "x.html"],
        ["verify", photos, "-o", file, "--quarantine", file],
    ):
        result = invoke(*line)

        assert result.exit_code == 2
        assert "Two outputs are the same file" in result.stderr
        assert not file.exists()


@pytest.mark.parametrize("place", ["folder", "nowhere/x", "n" * 300, "file/x"])
def test_what_cannot_be_written_is_refused_before_the_work(photos, tmp_path, place, monkeypatch):
    other = write_images(tmp_path / "other", {"cat": 2})
    monkeypatch.setattr("imggen.workers.ThreadMap.imap", lambda *_, **__: pytest.fail("at work"))
    (tmp_path / "file").write_text("x")
    output = str(tmp_path / place)
    for line in [*lines_with(output, str(photos)), *folder_lines_with(output, str(photos))]:
        words = [word.format(out=tmp_path / "out", other=other) for word in line]
        if place == "folder":
            for ending in ("csv", "json", "html", "png"):
                (tmp_path / f"folder.{ending}").mkdir(exist_ok=True)
        result = invoke(*words)

        assert result.exit_code == 1, line
        assert "Cannot write" in result.stderr


def test_folders_that_cannot_be_written_to_are_refused_before_the_work(photos, tmp_path):
    (tmp_path / "file").write_text("x")
    for target in ("file", "file/x", "n" * 300):
        for line in (
            ["split", photos, tmp_path / target],
            ["augment", photos, tmp_path / target, "--copies", "1"],
            ["verify", photos, "--quarantine", tmp_path / target],
        ):
            result = invoke(*line)

            assert result.exit_code == 1, line
            assert "Cannot write" in result.stderr or "is not a folder" in result.stderr


def test_sources_with_names_that_are_too_long_are_one_line(tmp_path):
    for line in (
        ["augment", "n" * 300, tmp_path / "out"],
        ["augment", "n" * 300 + ".csv", tmp_path / "out"],
        ["split", "n" * 300, tmp_path / "out"],
        ["split", "n" * 300 + ".csv", tmp_path / "out"],
        ["split", "--undo", "n" * 300],
        ["preview", "n" * 300, "-o", tmp_path / "x.png"],
        ["verify", "n" * 300],
        ["duplicates", "n" * 300 + ".parquet"],
        ["leaks", "n" * 300, "m" * 300],
        ["leaks", "n" * 300],
        ["scan", "n" * 300],
        ["bench", "n" * 300],
    ):
        result = invoke(*line)

        assert result.exit_code in (1, 2), line
        assert "Error: " in result.stderr


def test_a_foreign_list_in_a_quarantine_is_kept(photos, tmp_path):
    (photos / "cat/000.png").write_bytes(b"broken")
    (tmp_path / "q").mkdir()
    (tmp_path / "q/quarantine.csv").write_text("name,test\nme,negative\n")
    result = invoke("verify", photos, "--quarantine", tmp_path / "q")

    assert result.exit_code == 1
    assert "not an earlier output" in result.stderr
    assert (tmp_path / "q/quarantine.csv").read_text() == "name,test\nme,negative\n"
    assert (photos / "cat/000.png").exists()


def test_a_demo_is_written_to_no_folder_of_other_files(photos, tmp_path):
    (tmp_path / "file").write_text("x")
    before = content_of(photos)
    for folder in (photos, tmp_path / "file", tmp_path / "file/x", tmp_path / ("n" * 300)):
        result = invoke("demo", "--output", folder)

        assert result.exit_code == 1, folder
        assert (
            "is not empty" in result.stderr
            or "not a folder" in result.stderr
            or "Cannot" in (result.stderr)
        )
    assert content_of(photos) == before


def test_a_page_shows_the_folder_as_it_was_given_and_no_path_of_the_machine(
    photos, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pages = (
        (["scan", "photos"], "photos"),
        (["verify", "photos"], "photos"),
        (["duplicates", "photos"], "photos"),
        (["preview", "photos"], "photos"),
        (["split", "photos", "out", "--dry-run"], "photos"),
        (["split", "photos", "out"], "out"),
        (["split", "photos", "--manifest", "splits.csv"], "photos"),
        (["scan", str(photos)], str(photos)),
        (["scan", "photos/cat/.."], "photos/cat/.."),
    )
    for line, shown in pages:
        assert invoke(*line, "--html", "page.html", "--force").exit_code == 0, line
        page = Path("page.html").read_text()
        assert f'<p class="faint">{shown}</p>' in page, line
        assert shown == str(photos) or str(tmp_path) not in page, line
    monkeypatch.chdir(photos / "cat")
    invoke("scan", ".", "--html", "../page.html")
    assert '<p class="faint">cat</p>' in Path("../page.html").read_text()


def test_one_image_is_in_the_singular(tmp_path):
    write_images(tmp_path / "one", {"cat": 1})
    write_images(tmp_path / "two", {"cat": 1, "dog": 1})
    for line, expected in (
        (["scan", tmp_path / "one"], "1 image in 1 class\n"),
        (["split", tmp_path / "one", tmp_path / "out", "--split", "1", "0"], "1 image in "),
        (["split", tmp_path / "one", tmp_path / "no"], "1 sample cannot be split into 3 splits"),
        (["split", tmp_path / "one", tmp_path / "no", "--kfold", "2"], "1 sample cannot be split"),
        (
            ["augment", tmp_path / "one", tmp_path / "made", "--copies", "1"],
            "1 original and 1 copy",
        ),
        (
            ["preview", tmp_path / "two", "-o", tmp_path / "x.png", "--max-classes", "1"],
            "1 more class is not shown; raise --max-classes to see it",
        ),
    ):
        assert expected in invoke(*line).output, line
