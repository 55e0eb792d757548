"""Cache(where, pack, quality, limit): legal options, and the images that are stored and served."""

import io
import itertools
import pickle
import re
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import imggen
from imggen import Cache, ImageSequence, ImageSpec
from imggen.cache import as_cache, open_cache
from imggen.errors import CacheError, ImggenWarning, OptionError
from tests.helpers.cases import case
from tests.helpers.images import through_jpeg, write_images

ROOT = Path(__file__).parents[2]
SIZE = (96, 128)
MODES = {"rgb": "RGB", "grayscale": "L"}
BOTH = pytest.mark.parametrize("where", ["ram", "folder"])


# Options


def test_an_invalid_location_is_refused():
    for where in ["RAM", "Ram", "disk", "DISK", "", None, 7, True, b"kept", ["ram"], Path("Ram")]:
        with (
            case(where),
            pytest.raises(OptionError, match=r'^cache=.* is neither "ram", nor a folder'),
        ):
            Cache(where)


def test_an_invalid_pack_is_refused():
    for pack in ["JPEG", "jpg", "png", "", None, 1, True]:
        with (
            case(pack),
            pytest.raises(OptionError, match=r"^pack=.* is not one of 'raw', 'jpeg'\."),
        ):
            Cache("ram", pack=pack)


def test_an_invalid_quality_is_refused():
    for quality in [0, 101, -1, 90.0, "90", None, True, [90]]:
        with (
            case(quality),
            pytest.raises(OptionError, match=r"^quality=.* whole number from 1 to 100"),
        ):
            Cache("ram", pack="jpeg", quality=quality)


def test_an_invalid_limit_is_refused():
    for limit in [0, -1, 2.0**30, "2GB", float("inf"), True, False]:
        with (
            case(limit),
            pytest.raises(OptionError, match=r"^limit=.* whole number of 1 or more, or None"),
        ):
            Cache("ram", limit=limit)


@pytest.mark.parametrize("field", [{"pack": "jepg"}, {"quality": 0}, {"limit": 0}], ids=str)
def test_invalid_options_are_refused_for_a_folder_too(tmp_path, field):
    with pytest.raises(OptionError, match=f"^{next(iter(field))}="):
        Cache(tmp_path / "kept", **field)
    assert not (tmp_path / "kept").exists()


def test_the_bounds_of_options_are_legal():
    for limit, quality in itertools.product([None, 1, 2**50], [1, 100]):
        with case(limit, quality):
            cache = Cache("ram", pack="jpeg", quality=quality, limit=limit)
            assert (cache.quality, cache.limit) == (quality, limit)


@pytest.mark.parametrize("where", ["ram", "kept", "./disk", Path("kept")], ids=repr)
def test_a_location_is_short_for_a_cache(where):
    assert as_cache(where) == Cache(where) == Cache(where, "raw", 90, None)
    assert as_cache(where).is_in_memory == (where == "ram")


def test_no_cache_stays_none_and_a_cache_stays_itself():
    cache = Cache("kept", pack="jpeg")
    assert as_cache(None) is None
    assert as_cache(cache) is cache


def test_caches_are_equal_if_all_of_their_fields_are():
    fields = ["kept", "jpeg", 80, 1000]
    caches = [
        Cache(*fields),
        *(
            Cache(*fields[:at], other, *fields[at + 1 :])
            for at, other in enumerate(["ram", "raw", 81, 1001])
        ),
    ]
    assert len({*caches, Cache(*fields)}) == 5
    assert Cache(*fields) == caches[0]
    assert hash(Cache(*fields)) == hash(caches[0])


def test_a_cache_can_be_pickled_and_not_changed():
    cache = Cache(Path("kept"), "jpeg", 80, 1000)
    assert pickle.loads(pickle.dumps(cache)) == cache
    with pytest.raises(AttributeError):
        cache.quality = 1


def test_memory_is_refused_with_processes_in_any_spelling(photos):
    with pytest.raises(OptionError, match="not shared between processes"):
        ImageSequence(imggen.scan(photos), cache=Cache("ram", "jpeg"), use_multiprocessing=True)


def test_an_unknown_word_is_refused_by_a_sequence(photos):
    with pytest.raises(OptionError, match=r"^cache='RAM'"):
        ImageSequence(imggen.scan(photos), cache="RAM")


# JPEGs: served images


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Eight crops of real photographs, of different sizes, in two classes."""
    folder = tmp_path_factory.mktemp("shots")
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir()
        for number in range(4):
            part = pixels[20 * number :, 30 * number :]
            Image.fromarray(part).save(folder / name / f"{number}.png", compress_level=1)
    return imggen.scan(folder)


def resized(manifest, color_mode="rgb"):
    spec = ImageSpec(SIZE, color_mode)
    return [imggen.load_image(path, spec) for path in manifest.filepaths]


def sequence_of(manifest, cache, **options):
    options = {"image_size": SIZE, "batch_size": 3, "shuffle": False, "dtype": "uint8", **options}
    return ImageSequence(manifest, cache=cache, **options)


def served(manifest, cache, epochs=2, **options):
    """The images of each epoch."""
    with sequence_of(manifest, cache, **options) as sequence:
        return [np.concatenate([x for x, _ in sequence]) for _ in range(epochs)]


def place(where, tmp_path):
    return "ram" if where == "ram" else tmp_path / "kept"


def store_in(folder):
    (store,) = Path(folder).iterdir()
    return store


def bytes_kept(folder):
    return sum(file.stat().st_size for file in Path(folder).glob("*/pixels.bin"))


@BOTH
@pytest.mark.parametrize("color_mode", MODES)
@pytest.mark.parametrize("quality", [30, 90])
def test_every_epoch_is_served_the_decoded_jpeg(shots, tmp_path, where, color_mode, quality):
    expected = [through_jpeg(image, quality) for image in resized(shots, color_mode)]
    cache = Cache(place(where, tmp_path), "jpeg", quality)
    for epoch in served(shots, cache, color_mode=color_mode):
        np.testing.assert_array_equal(epoch, expected)


@BOTH
@pytest.mark.parametrize("quality", [1, 100])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (1, 9, 3), (17, 33, 1), (64, 64, 3)])
def test_images_of_any_size_are_served_from_jpegs(tmp_path, where, shape, quality):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "file").touch()
    cache = open_cache(
        Cache(place(where, tmp_path), "jpeg", quality),
        "",
        1,
        lambda _: str(tmp_path / "file"),
        color_mode="rgb",
        same_size=True,
    )
    for _ in range(3):
        got = cache.get(0, lambda: image)
        np.testing.assert_array_equal(got, through_jpeg(image, quality))
        assert not got.flags.writeable
        cache.flush()


@pytest.mark.parametrize(
    "how",
    [{"workers": 0}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}],
    ids=["caller", "threads", "processes"],
)
def test_packed_images_do_not_depend_on_the_workers(shots, tmp_path, how):
    options = {"shuffle": True, "seed": 5, "augment": np.flipud}
    expected = served(shots, Cache("ram", "jpeg", 70), workers=0, **options)
    for _ in range(2):  # an empty folder, and the same again in another sequence
        got = served(shots, Cache(tmp_path / "kept", "jpeg", 70), **options, **how)
        np.testing.assert_array_equal(got, expected)


IN_ANOTHER_PROCESS = """
import sys, zlib
from imggen import Cache, ImageSpec
from imggen.cache import open_cache
folder, *paths = sys.argv[1:]
about = ImageSpec((96, 128)).cache_key()
cache = open_cache(
    Cache(folder, "jpeg", 80), about, len(paths), paths.__getitem__,
    color_mode="rgb", same_size=True,
)
for index in range(len(paths)):
    print(zlib.crc32(cache.get(index, lambda: sys.exit("not kept")).tobytes()))
"""


def test_another_process_reads_the_same_bits(shots, tmp_path):
    (epoch,) = served(shots, Cache(tmp_path / "kept", "jpeg", 80), epochs=1)
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "kept"), *shots.filepaths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(zlib.crc32(image.tobytes())) for image in epoch]


def test_original_and_augmented_images_are_made_from_the_jpeg(shots):
    sequence = sequence_of(shots, Cache("ram", "jpeg", 50), augment=np.flipud)
    expected = through_jpeg(resized(shots)[2], 50)
    np.testing.assert_array_equal(sequence.original(2), expected)
    np.testing.assert_array_equal(sequence.augmented(2, 0), expected[::-1])


def scribble(image):
    image[:] = 0
    return image


@BOTH
def test_an_augmentation_that_writes_to_its_image_does_not_change_the_cache(shots, tmp_path, where):
    sequence = sequence_of(shots, Cache(place(where, tmp_path), "jpeg"), augment=scribble)
    assert not sequence[0][0].any()
    np.testing.assert_array_equal(sequence.original(0), through_jpeg(resized(shots)[0]))


# JPEGs: stored images


def test_each_quality_and_the_raw_pixels_have_a_store_of_their_own(shots, tmp_path):
    caches = [Cache(tmp_path, "jpeg", 40), Cache(tmp_path, "jpeg", 41), Cache(tmp_path)]
    expected = [
        [through_jpeg(image, 40) for image in resized(shots)],
        [through_jpeg(image, 41) for image in resized(shots)],
        resized(shots),
    ]
    for _ in range(2):
        for cache, images in zip(caches, expected, strict=True):
            for epoch in served(shots, cache):
                np.testing.assert_array_equal(epoch, images)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_quality_does_not_matter_for_raw_pixels(shots, tmp_path):
    for quality in (10, 90):
        served(shots, Cache(tmp_path, "raw", quality), epochs=1)
    assert len(list(tmp_path.iterdir())) == 1


# Measured on these photographs, Pillow 13, quality 90: 0.13 of the bytes and 3.5 gray levels in
# color, 0.33 and 1.8 in grayscale.
@pytest.mark.parametrize(
    ("color_mode", "share", "levels"), [("rgb", 0.2, 5.0), ("grayscale", 0.5, 2.7)]
)
def test_photographs_take_far_fewer_bytes_and_hardly_change(
    shots, tmp_path, color_mode, share, levels
):
    raw, packed = (
        served(shots, Cache(tmp_path / pack, pack), epochs=1, color_mode=color_mode)[0].astype(int)
        for pack in ("raw", "jpeg")
    )
    assert bytes_kept(tmp_path / "raw") == raw.size
    assert bytes_kept(tmp_path / "jpeg") < share * raw.size
    assert 0 < np.abs(packed - raw).mean() < levels


def test_transparency_cannot_be_packed(shots, tmp_path):
    with pytest.raises(OptionError, match=r'pack="jpeg" cannot keep the transparency'):
        sequence_of(shots, Cache(tmp_path / "kept", "jpeg"), color_mode="rgba")
    assert not (tmp_path / "kept").exists()


@BOTH
def test_arrays_of_a_custom_loader_are_not_packed(photos, tmp_path, where):
    with pytest.raises(OptionError, match=r'loader=.* need not be images\. Use cache="ram"'):
        ImageSequence(
            imggen.scan(photos), loader=np.load, cache=Cache(place(where, tmp_path), "jpeg")
        )


@BOTH
@pytest.mark.parametrize(
    "array",
    [
        np.float32([[0.25, 1e6], [-3, 0.125]]),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.arange(12, dtype=np.uint16).reshape(2, 2, 3) * 5000,
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_other_than_images_are_stored_unchanged(tmp_path, where, array):
    (tmp_path / "file").touch()
    cache = open_cache(
        Cache(place(where, tmp_path), "jpeg"),
        "",
        1,
        lambda _: str(tmp_path / "file"),
        color_mode="rgb",
        same_size=True,
    )
    for _ in range(2):
        got = cache.get(0, array.copy)
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got, array)
        cache.flush()


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
            Path(path).touch()
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
