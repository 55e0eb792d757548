"""A list of files or IDs, with labels, as a manifest."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imggen import Manifest, group_by
from imggen.errors import ManifestError, OptionError, SplitError
from tests.helpers.cases import each_case

FILES = ["b.jpg", "a.jpg", "c.jpg"]


@pytest.mark.parametrize(
    ("labels", "options", "names", "indices"),
    [
        ([0, 2, 0], {}, ("0", "1", "2"), [0, 2, 0]),
        (np.array([0, 2, 0], np.uint8), {}, ("0", "1", "2"), [0, 2, 0]),
        ([0, np.int64(1), 0], {"num_classes": 4}, ("0", "1", "2", "3"), [0, 1, 0]),
        ([10.0, 2.0, 1.0], {}, tuple(map(str, range(11))), [10, 2, 1]),
        ([1, 0, 1], {"class_names": ["cat", "dog"]}, ("cat", "dog"), [1, 0, 1]),
        (["dog", "cat", "dog"], {}, ("cat", "dog"), [1, 0, 1]),
        (np.array(["dog", "cat", "dog"]), {}, ("cat", "dog"), [1, 0, 1]),
        (["x", "y", "x"], {"class_names": ["y", "z", "x"]}, ("y", "z", "x"), [2, 0, 2]),
        ({"c.jpg": "z", "a.jpg": "y", "b.jpg": "x", "d.jpg": "w"}, {}, ("x", "y", "z"), [0, 1, 2]),
        ({Path("c.jpg"): 0, Path("a.jpg"): 1, Path("b.jpg"): 2}, {}, ("0", "1", "2"), [2, 1, 0]),
        ({"c.jpg": 0, "a.jpg": 1, "b.jpg": 2}, {}, ("0", "1", "2"), [2, 1, 0]),
        ([True, False, True], {}, ("False", "True"), [1, 0, 1]),
    ],
)
def test_labels_of_files_are_indices_or_names(labels, options, names, indices):
    manifest = Manifest.from_files(FILES, labels, **options)
    assert (list(manifest.paths), manifest.class_names) == (FILES, names)
    assert (manifest.labels.tolist(), manifest.labels.dtype) == (indices, np.int32)


def test_files_may_have_no_labels():
    manifest = Manifest.from_files([Path("x/1.jpg"), "patient-7"], root=Path("r"))
    assert list(manifest.paths) == [os.path.join("x", "1.jpg"), "patient-7"]
    assert (manifest.root, manifest.labels, manifest.class_names) == ("r", None, ())


@each_case(
    ("labels", "options", "message"),
    [
        ([0, 1], {}, "Got 3 files and 2 labels; expected one label per file"),
        ({"a.jpg": 0}, {}, r"2 of 3 files have no label; the first is 'b\.jpg'"),
        ([0, 1, 3], {"num_classes": 3}, "labels run from 0 to 3, but there are 3 class names"),
        ([0, -1, 1], {}, "labels run from -1 to 1, but there are 2 class names"),
        ([0, 1, 2**40], {"num_classes": 3}, "labels run from 0 to 1099511627776, but there are 3"),
        ([0, 1, 2**32], {"class_names": ["a", "b"]}, "labels run from 0 to 4294967296"),
        (
            ["a", "b", "a"],
            {"class_names": ["a"]},
            r"list of labels holds \['b'\], which are not in class_n",
        ),
        ([0, 1, 2**70], {"num_classes": 3}, "labels run from 0"),
        ([0, 1, 2**40], {}, "make 1099511627777 classes; expected 1 to 1000000"),
        ([-2, -1, -2], {}, "make 0 classes"),
        ([0.5, 1.0, 2.0], {}, r"list of labels holds 0\.5, which is not a class"),
        (["a", None, "b"], {}, r"1 of 3 files have no label; the first is 'a\.jpg'"),
        (["a", float("nan"), "b"], {}, r"1 of 3 files have no label; the first is 'a\.jpg'"),
        (np.eye(3), {}, r"expected one dimension\. Pass np\.argmax"),
    ],
)
def test_labels_that_do_not_fit_the_files_are_explained(labels, options, message):
    with pytest.raises(ManifestError, match=message):
        Manifest.from_files(FILES, labels, **options)


def test_an_empty_list_of_files_is_refused():
    with pytest.raises(ManifestError, match="files is empty; expected at least one file"):
        Manifest.from_files([])


def test_a_number_of_classes_does_not_go_with_names():
    with pytest.raises(OptionError, match="num_classes= needs integer labels; for names, pass"):
        Manifest.from_files(FILES, ["a", "b", "a"], num_classes=2)


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory")
def test_one_huge_index_does_not_fill_the_memory():
    code = (
        "import resource\n"
        "from imggen import Manifest\n"
        "from imggen.errors import ManifestError\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 2**27\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try:\n    Manifest.from_files(['a.jpg'], [2**40])\n"
        "except ManifestError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "refused"


def test_what_cannot_be_a_path_or_a_name_is_refused_by_row():
    for path in ("a\0.jpg", "\0", "\ud800.jpg"):
        with pytest.raises(
            ManifestError, match="files holds '.*' in row 1, which cannot be a path"
        ):
            Manifest.from_files(["ok.jpg", path])
    manifest = Manifest.from_files(["\udcff.jpg", "ä.jpg"])  # bytes that are not UTF-8
    with pytest.raises(SplitError, match="group_by holds .* in row 1, which has half"):
        group_by(manifest, ["ä", "\ud800"])
