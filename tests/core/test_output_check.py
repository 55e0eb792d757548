"""Files that are written replace no file of another kind, and no input."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image

import imggen
from imggen.core import check_output, check_output_folder, find_clash
from imggen.errors import ExportError, ImggenError, OptionError
from imggen.preview import check_picture, save_picture
from imggen.reports import write_page
from tests.helpers.images import write_images


def is_own(path):
    return path.endswith("own.csv")


def test_a_file_of_another_kind_is_replaced_only_if_that_is_allowed(tmp_path):
    for name in ("own.csv", "other.csv", "empty.csv"):
        (tmp_path / name).write_text("" if name == "empty.csv" else "x")
    (tmp_path / "broken link.csv").symlink_to("nowhere")
    (tmp_path / "link.csv").symlink_to("other.csv")

    for name in ("own.csv", "empty.csv", "new.csv"):
        check_output(tmp_path / name, is_own)
    for name in ("other.csv", "link.csv", "broken link.csv"):
        with pytest.raises(ExportError, match="not an earlier output of the same kind"):
            check_output(tmp_path / name, is_own)
        check_output(tmp_path / name, is_own, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["own.csv", "other.csv", "empty.csv", "broken link.csv", "link.csv"]
    )


def test_what_cannot_be_a_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for name, named in {
        "folder": "it is a folder",
        "pipe": "it is not a regular file",
        "nowhere/x": "the folder does not exist",
        "file/x": "Not a directory",
        "n" * 256: "File name too long",
        "a\0b": "embedded null",
    }.items():
        with pytest.raises(ExportError, match=named):
            check_output(tmp_path / name, is_own, overwrite=True)


def test_a_folder_to_write_to_is_checked_with_its_parents(tmp_path):
    (tmp_path / "file").write_text("x")
    check_output_folder(tmp_path)
    check_output_folder(tmp_path / "a/b/c")
    for name in ("file", "file/a", "n" * 256, f"a/{'n' * 256}/b", "a\0b", "a/" * 2100):
        with pytest.raises(ExportError):
            check_output_folder(tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]


def test_a_uri_is_not_a_place_to_write_to(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri in ("s3://bucket/x", "GS://bucket/x", "https://host/x", "other+scheme://x"):
        for place in (uri, Path(uri)):  # which has one slash
            for check in (check_output_folder, lambda place: check_output(place, is_own)):
                with pytest.raises(ExportError, match=re.escape(f"{uri!r}: it is a URI")):
                    check(place)
    with pytest.raises(ExportError, match=r"\*\*\*@bucket") as caught:
        check_output_folder("s3://key:secret@bucket/x")
    assert "secret" not in str(caught.value)
    with pytest.raises(ExportError, match="is a URI"):
        imggen.split_directory(photos, "s3://bucket/x")
    with pytest.raises(OptionError, match=r"^cache='s3://b/x' is a URI"):
        imggen.Cache(Path("s3://b/x"))
    assert os.listdir(tmp_path) == [photos.name]


def test_an_input_is_found_under_any_of_its_names(tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/x.png").write_text("x")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "in/deep/x.png")
    (tmp_path / "soft.png").symlink_to("in/deep/x.png")
    (tmp_path / "folder").symlink_to("in/deep")
    folder, file = tmp_path / "in", tmp_path / "in/deep/x.png"

    for output in ("in", "in/new.png", "in/deep/x.png", "folder/new.png", "soft.png", "in/../in/n"):
        assert find_clash(tmp_path / output, [folder]) == str(folder)
    for output in ("hard.png", "soft.png", "folder/x.png", "in/../in/deep/./x.png"):
        assert find_clash(tmp_path / output, [file]) == str(file)
    for output in ("new.png", "inside/new.png", "in.png", "hard.png"):
        assert find_clash(tmp_path / output, [folder]) is None
    assert find_clash(tmp_path / "in/new.png", [file, tmp_path / "nowhere"]) is None


# Each function that writes a file.


@pytest.fixture
def photos(tmp_path):
    return write_images(tmp_path / "photos", {"cat": 3, "dog": 3})


def writers(photos):
    """By extension, functions that write a file of one kind."""
    manifest = imggen.scan(photos)
    report = imggen.verify(photos)
    duplicates = imggen.find_duplicates(imggen.scan(photos))
    picture = Image.new("RGB", (8, 8), "red")
    return [
        (".csv", manifest.save),
        (".parquet", manifest.save),
        (".csv", report.save),
        (".json", report.save),
        (".csv", duplicates.save),
        (".json", duplicates.save),
        (".csv", imggen.survey(manifest).save),
        (".json", imggen.survey(manifest).save),
        (".yaml", lambda file, **options: imggen.save_policy(file, "light", **options)),
        (".json", lambda file, **options: imggen.save_policy(file, "light", **options)),
        (".html", lambda file, **options: write_page(file, "<p>", **options)),
        *(
            (ending, lambda file, **options: save_picture(picture, file, **options))
            for ending in (".png", ".jpg", ".webp", ".tiff")
        ),
    ]


FOREIGN = {
    ".csv": b"path,label,split,notes\ncat/0.png,cat,train,by hand\n",
    ".json": b'{"rows": [{"path": "x"}], "mine": 1}',
    ".yaml": b"model: resnet\nversion: 3\n",
    ".html": b"<!doctype html><title>my page about imggen</title>",
}


def test_no_function_replaces_a_file_that_it_did_not_write(photos, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    image = (tmp_path / "p.png").read_bytes()
    for number, (ending, write) in enumerate(writers(photos)):
        file = tmp_path / f"{number}{ending}"
        for content in (image, FOREIGN.get(ending, image)):
            file.write_bytes(content)
            with pytest.raises(ImggenError, match="not an earlier output of the same kind"):
                write(file)
            assert file.read_bytes() == content, ending
            assert not (tmp_path / f"{number}{ending}.json").exists()
        write(file, overwrite=True)
        assert file.read_bytes() != content


def test_every_function_replaces_its_own_earlier_file(photos, tmp_path):
    page = '<meta name="generator" content="imggen 1">'
    for number, (ending, write) in enumerate(writers(photos)):
        file = tmp_path / f"{number}{ending}"
        write(file)
        if ending == ".html":
            file.write_text(page)
        before = file.stat().st_ino
        write(file)
        assert file.stat().st_ino != before  # replaced in one step
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_reports_of_different_kinds_do_not_replace_each_other(photos, tmp_path):
    imggen.verify(photos).save(tmp_path / "r.csv")
    with pytest.raises(ExportError, match="not an earlier output"):
        imggen.find_duplicates(imggen.scan(photos)).save(tmp_path / "r.csv")
    imggen.scan(photos).save(tmp_path / "m.csv")
    with pytest.raises(ExportError, match="not an earlier output"):
        imggen.verify(photos).save(tmp_path / "m.csv")


def test_a_policy_written_by_hand_is_replaced(tmp_path):
    for text in (
        "# mine\naugmentations:\n- RandomFlip\nversion: 1\n",
        '{"version":1,"augmentations":[]}',
        '{\n\t"augmentations" : [],\n\t"version" : 1}',
    ):
        file = tmp_path / f"p{'.json' if text.startswith('{') else '.yaml'}"
        file.write_text(text)
        imggen.save_policy(file, "light")
        assert len(imggen.load_policy(file)) > 0


def test_long_names_leave_room_for_the_temporary_file(photos, tmp_path):
    file = tmp_path / f"{'n' * 246}.csv"
    imggen.scan(photos).save(file)
    imggen.verify(photos).save(tmp_path / f"{'v' * 251}.csv")

    assert len(os.listdir(tmp_path)) == 4
    with pytest.raises(ExportError, match="File name too long"):
        imggen.scan(photos).save(tmp_path / f"{'n' * 251}.csv")  # not with .json


def test_formats_that_cannot_be_written_are_refused_before_the_work(tmp_path):
    for name in ("x.svg", "x", "x.psd", "x.csv"):
        with pytest.raises(OptionError, match=r"must end in \.png"):
            check_picture(tmp_path / name)


def test_a_picture_that_pillow_cannot_write_is_an_error_with_its_path(tmp_path):
    with pytest.raises(ExportError, match=r"Cannot write .*wide\.jpg"):
        save_picture(Image.new("L", (70_000, 1)), tmp_path / "wide.jpg")
    assert os.listdir(tmp_path) == []
