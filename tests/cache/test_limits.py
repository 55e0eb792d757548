"""Limits of caches in bytes."""

import io
import pickle
import re
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import Cache
from imggen.cache import open_cache
from imggen.errors import CacheError, ImggenWarning, OptionError
from tests.helpers.caches import BOTH, bytes_kept, place, resized, sequence_of, served, store_in
from tests.helpers.images import through_jpeg, write_images

# Limits: images of one size
RAW = 24 * 20 * 3  # bytes of one of conftest's images


def small(photos, cache, **options):
    """A sequence of conftest's own images, 16 of one size."""
    return sequence_of(
        imggen.scan(photos), cache, **{"image_size": (24, 20), "batch_size": 1, **options}
    )


@BOTH
def test_a_set_that_just_fits_is_kept(photos, tmp_path, where):
    sequence = small(photos, Cache(place(where, tmp_path), limit=16 * RAW))
    assert sequence.fill_cache() == []
    if where == "folder":
        assert bytes_kept(tmp_path / "kept") == 16 * RAW


def test_a_set_larger_than_the_limit_in_memory_is_refused(tmp_path):
    write_images(tmp_path, {"a": 4}, size=(1024, 512))
    sequence = sequence_of(
        imggen.scan(tmp_path), Cache("ram", limit=4 * 2**20), image_size=(1024, 1024), workers=0
    )
    with pytest.raises(
        OptionError,
        match=r'cache="ram" needs 12\.0 MiB for 4 samples of 3145728 bytes, and its limit= is '
        r'4\.0 MiB\. Use .*pack="jpeg", or no cache',
    ):
        sequence[0]


def test_a_set_larger_than_the_limit_of_a_folder_is_refused(photos, tmp_path):
    sequence = small(photos, Cache(tmp_path / "kept", limit=16 * RAW - 1), workers=0)
    with pytest.raises(
        CacheError,
        match=rf"16 images of {RAW} bytes take .* and limit={16 * RAW - 1} allows .* in '.*kept.*'"
        r'\. Raise it, or use a smaller image_size, pack="jpeg", or no cache',
    ):
        sequence[0]
    sequence.close()
    assert bytes_kept(tmp_path / "kept") == 0


@BOTH
def test_the_sizes_in_the_error_can_be_distinguished(photos, tmp_path, where):
    sequence = small(photos, Cache(place(where, tmp_path), limit=4 * RAW), workers=0)
    with pytest.raises((OptionError, CacheError)) as caught:
        sequence[0]
    taken, allowed = re.findall(r"([\d.]+) (?:[KMG]iB|bytes)", str(caught.value))[-2:]
    assert float(taken) > float(allowed) > 0


def test_memory_refuses_every_time(photos):
    sequence = small(photos, Cache("ram", limit=4 * RAW), workers=4)
    for _ in range(3):
        with pytest.raises(OptionError, match="its limit= is"):
            sequence.fill_cache()


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
def test_a_folder_refuses_every_time(photos, tmp_path):
    sequence = small(photos, Cache(tmp_path / "kept", limit=4 * RAW), workers=0)
    for index in range(3):
        with pytest.raises(CacheError, match="limit="):
            sequence[index]


def test_no_image_is_stored_if_several_threads_find_the_set_too_large(photos, tmp_path):
    manifest = imggen.scan(photos)
    cache = open_cache(
        Cache(tmp_path / "kept", limit=4 * RAW),
        "",
        16,
        manifest.filepath,
        color_mode="rgb",
        same_size=True,
    )
    all_have_loaded = threading.Barrier(4)
    refused = []

    def load():
        all_have_loaded.wait()
        return np.zeros((24, 20, 3), np.uint8)

    def ask(index):
        try:
            cache.get(index, load)
        except CacheError:
            refused.append(index)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.flush()
    assert refused
    assert bytes_kept(tmp_path / "kept") == 0


def test_stored_images_are_served_under_a_lower_limit(photos, tmp_path):
    small(photos, Cache(tmp_path / "kept")).fill_cache()
    expected = served(imggen.scan(photos), None, image_size=(24, 20))
    got = served(
        imggen.scan(photos), Cache(tmp_path / "kept", limit=RAW), image_size=(24, 20), workers=0
    )
    np.testing.assert_array_equal(got, expected)
    assert bytes_kept(tmp_path / "kept") == 16 * RAW


# Limits: images of different sizes, and JPEGs


class Varied:
    """Twenty files in place of images of different sizes, all different."""

    def __init__(self, folder):
        folder.mkdir()
        self.paths = [str(folder / str(number)) for number in range(20)]
        for path in self.paths:
            Path(path).write_text(path)
        self.images = [
            np.random.default_rng(number).integers(0, 256, (9 + number, 11, 3), dtype=np.uint8)
            for number in range(20)
        ]

    def open(self, cache):
        return open_cache(
            cache, "varied", 20, self.paths.__getitem__, color_mode="rgb", same_size=False
        )

    def served(self, pack):
        return [through_jpeg(image) if pack == "jpeg" else image for image in self.images]

    def size(self, index, pack):
        """The bytes of the smallest image."""
        if pack == "raw":
            return self.images[index].nbytes
        file = io.BytesIO()
        Image.fromarray(self.images[index]).save(file, "JPEG", quality=90)
        return file.tell()


@pytest.fixture
def varied(tmp_path):
    return Varied(tmp_path / "varied")


# Both limits allow some of the images, but not all: they take 12,210 bytes raw.
PACKS = pytest.mark.parametrize(("pack", "limit"), [("raw", 5000), ("jpeg", 8000)])


def told_of(told):
    return [str(warning.message) for warning in told if warning.category is ImggenWarning]


@PACKS
@BOTH
def test_images_beyond_the_limit_are_loaded_again_and_warned_once(
    varied, tmp_path, where, pack, limit
):
    cache = varied.open(Cache(place(where, tmp_path), pack, limit=limit))
    expected, loaded = varied.served(pack), []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            loaded.append([])
            for index in range(20):

                def load(index=index):
                    loaded[-1].append(index)
                    return varied.images[index]

                np.testing.assert_array_equal(cache.get(index, load), expected[index])
            cache.flush()

    (message,) = told_of(told)
    assert "loaded again in each epoch" in message
    assert loaded[0] == list(range(20))
    assert loaded[1] == loaded[2]
    kept = set(range(20)) - set(loaded[1])
    assert 0 < sum(varied.size(index, pack) for index in kept) <= limit
    if where == "folder":
        assert f"stores no more images than {len(kept)}: its limit is {limit} bytes" in message
        assert 0 < bytes_kept(tmp_path / "kept") <= limit


@PACKS
@BOTH
def test_threads_respect_the_limit_together(varied, tmp_path, where, pack, limit):
    cache = varied.open(Cache(place(where, tmp_path), pack, limit=limit))
    expected, wrong = varied.served(pack), []

    def ask(seed):
        for index in np.random.default_rng(seed).integers(0, 20, 200).tolist():
            got = cache.get(index, lambda index=index: varied.images[index])
            if not np.array_equal(got, expected[index]):
                wrong.append(index)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cache.flush()

    assert wrong == []
    assert len(told_of(told)) == 1
    if where == "folder":
        assert 0 < bytes_kept(tmp_path / "kept") <= limit


def fill(varied, cache, indices=range(20)):
    """Gets images; returns the warnings."""
    opened = varied.open(cache)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for index in indices:
            opened.get(index, lambda index=index: varied.images[index])
        opened.flush()
    return told_of(told)


@PACKS
def test_stored_images_count_when_a_folder_is_opened_again(varied, tmp_path, pack, limit):
    cache = Cache(tmp_path / "kept", pack, limit=limit)
    assert fill(varied, cache, range(4)) == []
    before = bytes_kept(tmp_path / "kept")
    assert 0 < before < limit
    for _ in range(2):
        assert len(fill(varied, cache)) == 1
        assert before < bytes_kept(tmp_path / "kept") <= limit


def test_a_lower_limit_stores_no_more_and_a_higher_one_does(varied, tmp_path):
    fill(varied, Cache(tmp_path / "kept", limit=5000))
    before = bytes_kept(tmp_path / "kept")
    assert len(fill(varied, Cache(tmp_path / "kept", limit=100))) == 1
    assert bytes_kept(tmp_path / "kept") == before
    assert fill(varied, Cache(tmp_path / "kept", limit=10**6)) == []
    assert bytes_kept(tmp_path / "kept") == sum(image.nbytes for image in varied.images)


@BOTH
def test_a_limit_below_the_first_image_stores_none(varied, tmp_path, where):
    assert len(fill(varied, Cache(place(where, tmp_path), limit=1))) == 1
    if where == "folder":
        assert bytes_kept(tmp_path / "kept") == 0


def test_a_limit_stays_with_a_cache_that_was_pickled(varied, tmp_path):
    cache = open_cache(
        Cache(tmp_path / "kept", "jpeg", limit=8000),
        "",
        20,
        varied.paths.__getitem__,
        color_mode="rgb",
        same_size=False,
    )
    copied = pickle.loads(pickle.dumps(cache))

    def serve():
        return [copied.get(at, lambda at=at: varied.images[at]) for at in range(20)]

    with pytest.warns(ImggenWarning, match="its limit is 8000 bytes"):
        got = serve()
    assert all(map(np.array_equal, got, varied.served("jpeg")))
    copied.flush()
    assert 0 < bytes_kept(tmp_path / "kept") <= 8000


def test_two_caches_of_one_folder_respect_the_limit_together(varied, tmp_path):
    cache = Cache(tmp_path / "kept", limit=5000)
    opened = [varied.open(cache), varied.open(cache)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keeper, indices in zip(opened, (range(10), range(10, 20)), strict=True):
            for index in indices:
                keeper.get(index, lambda index=index: varied.images[index])
            keeper.flush()
    assert bytes_kept(tmp_path / "kept") <= 5000


@pytest.mark.filterwarnings("ignore:The cache:imggen.errors.ImggenWarning")
def test_the_splits_of_a_folder_respect_the_limit_together(photos, tmp_path):
    train, val = imggen.from_directory(
        photos,
        image_size=(24, 20),
        split=(0.5, 0.5),
        seed=1,
        cache=Cache(tmp_path / "kept", limit=10 * RAW),
        workers=0,
    )
    for part in (train, val):
        list(part)
        part.close()
    assert bytes_kept(tmp_path / "kept") <= 10 * RAW


def test_orphaned_bytes_of_a_killed_writer_count(varied, tmp_path):
    fill(varied, Cache(tmp_path / "kept", limit=5000))
    with (store_in(tmp_path / "kept") / "journal.bin").open("r+b") as journal:
        journal.truncate(0)
    fill(varied, Cache(tmp_path / "kept", limit=5000))
    assert bytes_kept(tmp_path / "kept") <= 5000


@BOTH
@pytest.mark.parametrize("workers", [0, 2])
def test_a_packed_sequence_continues_beyond_its_limit(shots, tmp_path, where, workers):
    expected = [through_jpeg(image) for image in resized(shots)]
    limit = 15_000  # of about 36,000
    with pytest.warns(ImggenWarning) as told:
        epochs = served(
            shots,
            Cache(place(where, tmp_path), "jpeg", limit=limit),
            epochs=3,
            workers=workers,
        )
    assert len(told_of(told)) == 1
    for epoch in epochs:
        np.testing.assert_array_equal(epoch, expected)
    if where == "folder":
        assert 0 < bytes_kept(tmp_path / "kept") <= limit


@pytest.mark.parametrize("workers", [0, 2])
def test_images_of_any_size_continue_beyond_their_limit(shots, tmp_path, workers):
    options = {"augment": imggen.augment.RandomResizedCrop(), "seed": 3, "workers": workers}
    expected = served(shots, None, **options)
    limit = 2 * 427 * 640 * 3
    with pytest.warns(ImggenWarning) as told:
        got = served(shots, Cache(tmp_path / "kept", limit=limit), **options)
    assert len(told_of(told)) == 1
    np.testing.assert_array_equal(got, expected)
    assert 0 < bytes_kept(tmp_path / "kept") <= limit
