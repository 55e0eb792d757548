"""Hashes of files."""

import hashlib
import os
from pathlib import Path

import pytest

import imggen
from imggen import Manifest, hash_files
from imggen.errors import ManifestError, OptionError
from imggen.workers.thread_map import ThreadMap
from tests.helpers.split_files import ODD_NAMES, numbered, write_files


@pytest.mark.parametrize("workers", [None, 0, 1, 3])
def test_every_hash_is_that_of_its_file(photos, workers):
    hashed = hash_files(imggen.scan(photos), workers=workers)

    assert list(hashed.hashes) == [
        hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in hashed.filepaths
    ]


def test_only_the_hashes_are_new(photos):
    manifest = imggen.scan(photos)
    hashed = hash_files(manifest)

    assert manifest.hashes is None
    assert hashed.to_frame().drop(columns="hash").equals(manifest.to_frame())


def test_equal_files_have_equal_hashes_whatever_their_names(tmp_path):
    names = [os.fsdecode(name) for name in ODD_NAMES]
    write_files(tmp_path, *names, "other.png")
    for name in names:
        (tmp_path / name).write_bytes(b"the same")
    hashes = list(hash_files(Manifest.from_files([*names, "other.png"], root=tmp_path)).hashes)

    assert len(set(hashes[:-1])) == 1
    assert hashes[-1] != hashes[0]


def test_hashing_reports_its_progress(tmp_path):
    told = []
    write_files(tmp_path, *numbered("cat", 40))
    hash_files(imggen.scan(tmp_path), progress=lambda *now: told.append(now))

    assert {(what, total) for what, _, total in told} == {("reading", 40)}
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})
    assert told[-1] == ("reading", 40, 40)


@pytest.mark.parametrize("what", ["gone", "a folder"])
def test_a_file_that_cannot_be_read_is_a_manifest_error_with_its_path(photos, what):
    manifest = imggen.scan(photos)
    (photos / "dog/003.png").unlink()
    if what == "a folder":
        (photos / "dog/003.png").mkdir()
    with pytest.raises(ManifestError, match="Cannot read") as caught:
        hash_files(manifest)

    assert repr(str(photos / "dog/003.png")) in str(caught.value)


def test_hashes_are_saved_in_tables(photos, tmp_path):
    hashed = hash_files(imggen.scan(photos))
    hashed.save(tmp_path / "m.csv")

    assert Manifest.load(tmp_path / "m.csv").hashes == hashed.hashes


def test_an_invalid_number_of_threads_is_an_option_error(photos):
    with pytest.raises(OptionError, match="workers=-1"):
        hash_files(imggen.scan(photos), workers=-1)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("num_items", [0, 1, 16, 17, 100])
def test_imap_returns_results_in_order_and_reports_progress(count, num_items):
    told = []
    results = ThreadMap(count).imap_with_progress(
        "halving", lambda item: item / 2, range(num_items), lambda *now: told.append(now)
    )

    assert list(results) == [item / 2 for item in range(num_items)]
    assert [now[1] for now in told] == [*range(16, num_items, 16), num_items][: len(told)]
    assert (told[-1:] == [("halving", num_items, num_items)]) == (num_items > 0)


@pytest.mark.parametrize("count", [1, 4])
def test_imap_raises_errors_after_the_earlier_results(count):
    seen = []
    results = ThreadMap(count).imap_with_progress(
        "dividing", lambda item: 1 / (item - 40), range(100)
    )
    with pytest.raises(ZeroDivisionError):
        seen.extend(results)

    assert len(seen) in (0, 32)
