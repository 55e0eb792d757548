"""Records with valid checksums that imggen did not write, and files in place of a cache's own."""

import contextlib
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

import imggen
from imggen.cache import Cache, clear_stores, list_stores, open_cache
from imggen.cache.records import RECORD, compute_checks
from imggen.errors import CacheError
from tests.helpers.caches import sequence_of, store_in
from tests.helpers.images import write_images

SIZE = (8, 10)


@pytest.fixture
def photos_of_six(tmp_path):
    return imggen.scan(write_images(tmp_path / "photos", {"a": 6}, size=(12, 10)))


def served(manifest, cache):
    with sequence_of(manifest, cache, image_size=SIZE, batch_size=3, workers=0) as sequence:
        return np.concatenate([x for x, _ in sequence])


def craft(store, **fields):
    """Overwrites fields of all records; their checksums are right for what they describe."""
    records = np.frombuffer((store / "journal.bin").read_bytes(), RECORD).copy()
    pixels = (store / "pixels.bin").read_bytes()
    for name, value in fields.items():
        records[name] = np.array(value, RECORD[name])
    for record in records:
        start = int(record["offset"])
        record["checksum"] = zlib.crc32(pixels[start : start + 240])
    records["check"] = compute_checks(records)
    (store / "journal.bin").write_bytes(records.tobytes())


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("pack", ["raw", "jpeg"])
@pytest.mark.parametrize(
    "fields",
    [
        *({"offset": value} for value in (2**40, 2**63, 2**64 - 1)),
        *(
            {"shape": value}
            for value in ((2**32 - 1,) * 3, (65536, 65536, 4), (1, 1, 1), (0, 0, 0), (8, 10, 1))
        ),
        *({"dtype": value} for value in (b"O", b"V8", b"<M8", b"\xff\xfe", b"", b"<U4", b"i4,")),
        {"dtype": b"<f8", "shape": (30, 0, 0)},
    ],
    ids=str,
)
def test_impossible_records_are_ignored(photos_of_six, tmp_path, pack, fields):
    cache = Cache(tmp_path / "kept", pack)
    expected = served(photos_of_six, cache)
    craft(store_in(tmp_path / "kept"), **fields)
    assert np.array_equal(served(photos_of_six, cache), expected)
    assert np.array_equal(served(photos_of_six, cache), expected)
    assert clear_stores(tmp_path / "kept") > 0


def test_an_intact_record_of_no_jpeg_is_loaded_again(photos_of_six, tmp_path):
    cache = Cache(tmp_path / "kept", "jpeg")
    expected = served(photos_of_six, cache)
    store = store_in(tmp_path / "kept")
    size = (store / "pixels.bin").stat().st_size
    (store / "pixels.bin").write_bytes(b"\xff\xd8\xff" + bytes(size - 3))
    craft(store, offset=0, shape=(240, 0, 0))
    assert np.array_equal(served(photos_of_six, cache), expected)


def test_a_journal_of_any_size_is_not_read_into_memory(photos_of_six, tmp_path):
    expected = served(photos_of_six, tmp_path / "kept")
    store = store_in(tmp_path / "kept")
    os.truncate(store / "journal.bin", 2**40)  # a sparse file
    with pytest.warns(imggen.errors.ImggenWarning, match="was damaged"):
        assert np.array_equal(served(photos_of_six, tmp_path / "kept"), expected)
    assert (store / "journal.bin").stat().st_size == 6 * RECORD.itemsize


@pytest.mark.parametrize("content", [b"", b"0", b"9" * 30, b"\xff", b"-5"])
def test_a_crafted_mark_of_an_unfinished_write_loses_no_image(photos_of_six, tmp_path, content):
    expected = served(photos_of_six, tmp_path / "kept")
    store = store_in(tmp_path / "kept")
    size = (store / "pixels.bin").stat().st_size
    (store / "unfinished").write_bytes(content)
    assert np.array_equal(served(photos_of_six, tmp_path / "kept"), expected)
    assert (store / "pixels.bin").stat().st_size == size
    assert not (store / "unfinished").exists()


@pytest.mark.parametrize("name", ["pixels.bin", "journal.bin", "lock", "about.txt", "unfinished"])
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_links_folders_and_pipes_in_place_of_files_are_not_followed(
    photos_of_six, tmp_path, name, kind
):
    expected = served(photos_of_six, tmp_path / "kept")
    store = store_in(tmp_path / "kept")
    foreign = tmp_path / "foreign"
    foreign.write_text("mine")
    (store / name).unlink(missing_ok=True)
    if kind == "link":
        (store / name).symlink_to(foreign)
    elif kind == "folder":
        (store / name).mkdir()
        (store / name / "mine").write_text("mine")
    else:
        os.mkfifo(store / name)
    with contextlib.suppress(CacheError):
        assert np.array_equal(served(photos_of_six, tmp_path / "kept"), expected)
    assert [one.folder for one in list_stores(tmp_path / "kept")] == [store]
    clear_stores(tmp_path / "kept")
    assert foreign.read_text() == "mine"
    left = {path.name for path in store.iterdir()} if store.exists() else set()
    # imggen replaces its own text, and writes nothing else in place of a foreign entry.
    assert left <= {name}
    assert kind != "folder" or (store / name / "mine").read_text() == "mine"


def test_clear_deletes_damaged_stores_and_nothing_else(photos_of_six, tmp_path):
    kept = tmp_path / "kept"
    for damage in (
        lambda store: (store / "about.txt").write_bytes(b"\xff\0"),
        lambda store: (store / "about.txt").unlink(),
        lambda store: (store / "journal.bin").unlink(),
        lambda store: [(store / name).unlink() for name in ("about.txt", "journal.bin")],
        lambda store: [path.unlink() for path in store.iterdir() if path.name != "lock"],
        lambda store: os.truncate(store / "about.txt", 2**40),
    ):
        served(photos_of_six, kept)
        damage(store_in(kept))
        (kept / "mine").mkdir()
        (kept / "mine" / "pixels.bin").write_text("mine")
        (kept / ("a" * 16)).symlink_to(kept / "mine")
        (kept / ("b" * 16)).mkdir()
        (kept / ("b" * 16) / "about.txt").write_text("notes")
        (kept / ("b" * 16) / "notes").write_text("notes")
        list_stores(kept)
        clear_stores(kept)
        left = {str(path.relative_to(kept)).replace("b" * 16, "b") for path in kept.rglob("*")}
        assert left == {"a" * 16, "b", "b/about.txt", "b/notes", "mine", "mine/pixels.bin"}
        (kept / ("a" * 16)).unlink()
        shutil.rmtree(kept / "mine")
        shutil.rmtree(kept / ("b" * 16))


def test_a_store_whose_lock_is_held_for_long_is_deleted(photos_of_six, tmp_path, monkeypatch):
    from filelock import FileLock

    from imggen.cache import store_files

    monkeypatch.setattr(store_files, "_DELETION_TIMEOUT", 0.05)
    served(photos_of_six, tmp_path / "kept")
    store = store_in(tmp_path / "kept")
    with FileLock(store / "lock"):
        assert clear_stores(tmp_path / "kept") > 0
    assert not store.exists()


def test_files_without_a_readable_content_are_loaded_each_time(tmp_path):
    """A path that can be found but not read: loading it reports the error."""
    (tmp_path / "folder.png").mkdir()
    cache = open_cache(
        tmp_path / "kept",
        "x",
        1,
        lambda index: str(tmp_path / "folder.png"),
        color_mode="rgb",
        same_size=True,
    )
    for _ in range(2):
        assert cache.get(0, lambda: np.zeros((2, 2, 3), np.uint8)).shape == (2, 2, 3)
    cache.flush()
    assert Path(store_in(tmp_path / "kept"), "pixels.bin").stat().st_size == 0
