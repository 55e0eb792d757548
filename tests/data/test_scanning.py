"""Scanning of folders: classes, samples, skipped files and error messages."""

import os
import sys
from pathlib import Path

import pytest

from imggen import scan
from imggen.data.scanning import scan_splits
from imggen.errors import ImggenWarning, ManifestError, OptionError, ScanError

NOT_UTF8 = os.fsdecode(b"caf\xe9")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX links and names")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
as_user = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder"
)


@pytest.fixture
def make(tmp_path):
    """Makes empty files below tmp_path/"data"; a name that ends in a slash is a folder."""

    def made(*names: str) -> Path:
        for name in names:
            path = tmp_path / "data" / name
            (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                path.touch()
        return tmp_path / "data"

    return made


def test_samples_are_sorted_by_class_and_path_at_any_depth(make):
    manifest = scan(make("b/2.jpg", "b/10.jpg", "a/z/y/1.png", "a/z.png", "a/b.png"))
    assert list(manifest.paths) == ["a/b.png", "a/z.png", "a/z/y/1.png", "b/10.jpg", "b/2.jpg"]
    assert manifest.labels.tolist() == [0, 0, 0, 1, 1]
    assert manifest.class_names == ("a", "b")
    assert manifest.skipped == {}


@pytest.mark.parametrize("of_type", [str, Path])
def test_the_root_is_as_given_and_leads_to_the_files(make, of_type):
    manifest = scan(of_type(make("cat/1.jpg")))
    assert manifest.root == str(make())
    assert Path(manifest.filepath(0)) == make() / "cat" / "1.jpg"


@pytest.mark.parametrize(
    "extension",
    "jpg jpeg png gif bmp webp tif tiff ppm pgm tga ico avif jp2".split(),
)
def test_every_common_format_is_an_image_in_any_case(make, extension):
    assert len(scan(make(f"a/1.{extension}", f"a/2.{extension.upper()}"))) == 2


@pytest.mark.parametrize("extension", [".eps", ".pdf", ".mpg", ".h5", ".txt", ".npy"])
def test_formats_that_pillow_cannot_decode_are_not_images(make, extension):
    manifest = scan(make("a/1.jpg", f"a/2{extension}"))
    assert manifest.skipped == {f"not an image ({extension})": 1}


HIDDEN = [".ipynb_checkpoints", "._1.jpg", ".DS_Store", ".hidden.jpg"]
SYSTEM = ["__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN", "THUMBS.DB"]


@pytest.mark.parametrize("where", ["", "cat/", "cat/deep/"])
@pytest.mark.parametrize("name", HIDDEN + SYSTEM)
def test_a_hidden_or_system_file_is_counted_and_never_a_sample(make, where, name):
    manifest = scan(make("cat/1.jpg", where + name))
    assert list(manifest.paths) == ["cat/1.jpg"]
    usual = name.replace("THUMBS.DB", "Thumbs.db")
    assert manifest.skipped == {"hidden" if name in HIDDEN else f"system file ({usual})": 1}


@pytest.mark.parametrize("where", ["", "cat/", "cat/deep/"])
@pytest.mark.parametrize("name", HIDDEN + SYSTEM)
def test_a_hidden_or_system_folder_is_never_a_class_or_listed(make, where, name):
    manifest = scan(make("cat/1.jpg", f"{where}{name}/2.jpg", f"{where}{name}/3.jpg"))
    assert manifest.class_counts == {"cat": 1}
    usual = name.replace("THUMBS.DB", "Thumbs.db")
    assert manifest.skipped == {"hidden" if name in HIDDEN else f"system folder ({usual})": 1}


def test_everything_skipped_is_counted_by_reason(make):
    folder = make("1.jpg", "2.png", "README", "labels.csv", ".git/x.jpg", "cat/1.jpg", "cat/a.txt")
    make("cat/b.TXT", "cat/LICENSE", "cat/.x.jpg", "dog/1.jpg", "dog/__MACOSX/._1.jpg", "none/")
    assert scan(folder).skipped == {
        "image outside a class folder": 2,
        "not an image (no extension)": 2,
        "not an image (.csv)": 1,
        "not an image (.txt)": 2,
        "hidden": 2,
        "system folder (__MACOSX)": 1,
    }


def test_an_empty_folder_is_a_class_without_samples(make):
    assert scan(make("cat/", "dog/1.jpg")).class_counts == {"cat": 0, "dog": 1}


def test_class_names_give_order_and_subset(make):
    manifest = scan(make("a/1.jpg", "b/1.jpg", "c/1.jpg", "d/"), class_names=["c", "a"])
    assert list(manifest.paths) == ["c/1.jpg", "a/1.jpg"]
    assert (manifest.class_names, manifest.labels.tolist()) == (("c", "a"), [0, 1])
    assert manifest.skipped == {"folder not in class_names": 2}


def test_without_labels_every_image_at_any_depth_is_taken(make):
    manifest = scan(make("b.jpg", "a/1.jpg", "a/b/2.jpg", "note.txt", ".h/3.jpg"), labels=None)
    assert list(manifest.paths) == ["a/1.jpg", "a/b/2.jpg", "b.jpg"]
    assert (manifest.labels, manifest.class_names) == (None, ())
    assert manifest.skipped == {"not an image (.txt)": 1, "hidden": 1}


@pytest.mark.parametrize("extensions", [[".jpg"], ["jpg"], {"JPG"}, (".Jpg", "jpg")])
def test_extensions_are_taken_with_or_without_dot_in_any_case(make, extensions):
    manifest = scan(make("a/1.jpg", "a/2.JPG", "a/3.png", "a/4.jpeg"), extensions=extensions)
    assert list(manifest.paths) == ["a/1.jpg", "a/2.JPG"]
    assert manifest.skipped == {"not an image (.png)": 1, "not an image (.jpeg)": 1}


@posix
@pytest.mark.parametrize("name", ["my photo", "🐈", "日本", "a\nb", "a,b", 'a"b', "a\\b", "%20 #?"])
def test_any_name_is_a_class_and_a_sample(make, name):
    manifest = scan(make(f"{name}/{name}.jpg"))
    assert manifest.class_counts == {name: 1}
    assert Path(manifest.filepath(0)).is_file()


@linux
def test_a_name_that_is_not_valid_text_is_a_class_and_a_sample(make):
    manifest = scan(make(f"{NOT_UTF8}/{NOT_UTF8}.jpg"))
    assert manifest.class_counts == {NOT_UTF8: 1}
    assert os.fsencode(manifest.paths[0]) == b"caf\xe9/caf\xe9.jpg"
    assert Path(manifest.filepath(0)).is_file()


@posix
def test_links_to_files_and_folders_are_followed(make, tmp_path):
    folder = make("cat/1.jpg", "../other/deep/2.jpg")
    (folder / "cat" / "link.jpg").symlink_to("1.jpg")
    (folder / "cat" / "more").symlink_to(tmp_path / "other")
    (folder / "dog").symlink_to(tmp_path / "other")
    cats = ["cat/1.jpg", "cat/link.jpg", "cat/more/deep/2.jpg"]
    assert list(scan(folder).paths) == [*cats, "dog/deep/2.jpg"]


@posix
@pytest.mark.parametrize(
    ("link", "target", "labels"),
    [
        ("cat/loop", ".", "inferred"),
        ("cat/deep/loop", "..", "inferred"),
        ("cat/deep/loop", "../..", None),
        ("cat/loop", "..", "inferred"),
        ("loop", ".", "inferred"),
    ],
)
def test_a_link_to_a_parent_folder_ends_and_adds_no_sample(make, link, target, labels):
    folder = make("cat/1.jpg", "cat/deep/2.jpg", "dog/1.jpg")
    (folder / link).symlink_to(target)
    manifest = scan(folder, labels=labels)
    assert list(manifest.paths) == ["cat/1.jpg", "cat/deep/2.jpg", "dog/1.jpg"]
    assert manifest.skipped == {"link to a parent folder": 1}


@posix
@pytest.mark.parametrize("where", ["", "cat/"])
@pytest.mark.parametrize(
    "target",
    [
        "gone.jpg",
        "x.jpg",
        "/dev/null/x",
    ],
)
def test_a_broken_link_is_counted(make, where, target):
    folder = make("cat/1.jpg")
    (folder / where / "x.jpg").symlink_to(target)
    assert scan(folder).skipped == {"broken link or special file": 1}


@posix
def test_a_pipe_is_not_an_image(make):
    os.mkfifo(make("cat/1.jpg") / "cat" / "pipe.jpg")
    assert scan(make()).skipped == {"broken link or special file": 1}


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (
            ["1.jpg", "2.jpg"],
            {},
            r"data/?' has no class folders; expected DIR/<class>.*found 2 im",
        ),
        (["1.jpg"], {}, r"For images without classes, pass labels=None\.$"),
        (["a.txt", ".x"], {}, r"found 0 images.*skipped: .*1 (hidden|not an image \(\.txt\)), 1 "),
        (
            ["cat/"],
            {},
            r"Found 0 images in '.*data'; expected DIR/<class>/\*\*/<image> .*\.jpg, \.png",
        ),
        (["cat/"], {}, r"; the folders are empty\.$"),
        (["cat/1.txt", "cat/2.txt"], {}, r"Found 0 .*; skipped: 2 not an image \(\.txt\)\.$"),
        (["cat/1.jpg"], {"extensions": ["npy"]}, r"such as \.npy; skipped: 1 not an image \(\.jp"),
        (["cat/1.txt"], {"labels": None}, r"Found 0 images .*expected DIR/\*\*/<image> with"),
        (
            ["cat/1.jpg", "dog/1.jpg"],
            {"class_names": ["cat", "cow"]},
            r"class_names has \['cow'\], but '.*data/?' has no such.* folders are \['cat', 'dog'\]",
        ),
        (["cat/1.jpg", ".x/1.jpg"], {"class_names": ["x"]}, r"has \['x'\], .* are \['cat'\]\.$"),
        (["cat/1.jpg"], {"class_names": []}, "Found 0 images.*1 folder not in class_names"),
    ],
)
def test_a_folder_with_another_layout_is_explained(make, names, options, message):
    with pytest.raises(ScanError, match=message):
        scan(make(*names), **options)


@pytest.mark.parametrize("scanner", [scan, scan_splits])
@pytest.mark.parametrize(("name", "what"), [("gone", "does not exist"), ("cat/1.jpg", "is a file")])
def test_a_path_that_is_not_a_folder_is_named_with_the_current_directory(make, scanner, name, what):
    folder = make("cat/1.jpg") / name
    with pytest.raises(ScanError) as caught:
        scanner(folder)
    assert str(caught.value) == (
        f"{str(folder)!r} {what}; expected a folder with images, relative to {os.getcwd()!r}."
    )


def test_a_folder_above_the_classes_is_noticed(make):
    root = make("photos/cat/1.jpg", "photos/dog/1.jpg")

    with pytest.warns(ImggenWarning, match="one class, 'photos'.*'cat', 'dog'.*pass '.*photos'"):
        assert scan(root).class_names == ("photos",)
    assert scan(root, class_names=["photos"]).num_samples == 2
    (root / "photos" / "2.jpg").write_bytes(b"")
    assert scan(root).num_samples == 3  # a class with images and folders of its own


def test_a_class_named_twice_is_refused(make):
    with pytest.raises(
        ManifestError, match=r"must differ from each other; the list has duplicates: \['cat'\]"
    ):
        scan(make("cat/1.jpg"), class_names=["cat", "cat"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"extensions": "jpg"},
            r"extensions='jpg' is of type str; expected a list .* pass \['jpg'\]",
        ),
        ({"labels": "infered"}, "labels='infered' is not one .* Did you mean 'inferred'"),
    ],
)
def test_options_outside_their_legal_set_are_refused(make, options, message):
    with pytest.raises(OptionError, match=message):
        scan(make("cat/1.jpg"), **options)


@as_user
@pytest.mark.parametrize(
    "unreadable",
    ["cat", ""],
)
def test_a_folder_that_cannot_be_listed_is_named(make, unreadable):
    folder = make("cat/1.jpg")
    (folder / unreadable).chmod(0)
    try:
        with pytest.raises(ScanError, match=f"{folder / unreadable}/?' cannot be listed"):
            scan(folder)
    finally:
        (folder / unreadable).chmod(0o755)


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Valid", "TEST"),
        ("TRAIN", "validation", None),
        ("train", "VALIDATION", "Test"),
        ("train", None, "test"),
    ],
)
def test_splits_are_found_by_all_their_names(make, train, val, test):
    folders = {"train": train, "val": val, "test": test}
    present = {split: folder for split, folder in folders.items() if folder}
    manifest = scan_splits(make(*(f"{folder}/cat/1.jpg" for folder in present.values())))
    assert list(manifest.splits) == list(present)
    assert list(manifest.paths) == [f"{folder}/cat/1.jpg" for folder in present.values()]


@pytest.mark.parametrize("class_names", [None, ["cat", "dog"], ["dog", "cat"]])
def test_all_splits_have_the_classes_of_train(make, class_names):
    folder = make("train/cat/1.jpg", "train/dog/1.jpg", "val/dog/2.jpg")
    manifest = scan_splits(folder, class_names=class_names)
    names = [manifest.class_names[label] for label in manifest.labels]
    assert names == [Path(path).parent.name for path in manifest.paths]
    assert manifest.class_counts == {"cat": 1, "dog": 2}
    assert manifest.class_names == tuple(class_names or ["cat", "dog"])
    assert list(manifest.splits) == ["train", "train", "val"]


def test_a_subset_of_classes_applies_to_all_splits(make):
    folder = make(*(f"{split}/{name}/1.jpg" for split in ("train", "val") for name in "abc"))
    manifest = scan_splits(folder, class_names=["c", "a"])
    assert list(manifest.splits) == ["train", "train", "val", "val"]
    assert [path[-7:] for path in manifest.paths] == ["c/1.jpg", "a/1.jpg"] * 2
    assert manifest.labels.tolist() == [0, 1, 0, 1]
    assert manifest.skipped == {"folder not in class_names": 2}


def test_everything_outside_the_splits_is_counted(make):
    folder = make("train/a/1.jpg", "val/a/1.jpg", "extra/a/1.jpg", "raw/", "x.jpg", ".git/")
    make("val/y.jpg", "val/a/note.txt", "Thumbs.db")
    assert scan_splits(folder).skipped == {
        "folder that is not a split": 2,
        "image outside a class folder": 2,
        "hidden": 1,
        "system file (Thumbs.db)": 1,
        "not an image (.txt)": 1,
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["val/a/1.jpg"], r"expects train/ and at least one of val/.*data'; found \['val'\]"),
        (["train/a/1.jpg"], r"expects train/ and at least one of val/.*found \['train'\]"),
        (["a/1.jpg", "b/1.jpg"], r"found \['a', 'b'\]"),
        (
            ["train/a/1.jpg", "val/a/1.jpg", "Valid/a/1.jpg"],
            r"data' has two folders for the split 'val': '(val|Valid)' and '(val|Valid)'\. K",
        ),
        (
            ["train/a/1.jpg", "test/a/1.jpg", "test/b/1.jpg"],
            r"data/test' has the classes \['b'\], which train does not have \(\['a'\]\)",
        ),
        (["train/a/1.jpg", "val/a/1.txt"], r"Found 0 images in '.*data/val'; expected DIR/<class>"),
        (["train/1.jpg", "val/a/1.jpg"], r"data/train' has no class folders.* found 1 image "),
    ],
)
def test_folders_that_are_not_splits_are_explained(make, names, message):
    with pytest.raises(ScanError, match=message):
        scan_splits(make(*names))


def test_images_without_labels_may_have_class_names(make):
    manifest = scan(make("1.jpg", "2.jpg"), labels=None, class_names=["cat", "dog"])
    assert (manifest.labels, manifest.class_names) == (None, ("cat", "dog"))
