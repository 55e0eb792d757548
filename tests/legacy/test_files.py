"""Files that cannot be read, and the cache of images, in the drop-in for ImageDataGenerator."""

import contextlib
import shutil
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as theirs
from PIL import Image

from imggen import legacy
from imggen.errors import ImageError, ImggenWarning
from tests.helpers.images import write_images

AUGMENT = {"rotation_range": 20, "horizontal_flip": True, "rescale": 1 / 255}
BAD = ["cut.jpg", "empty.png", "gone.png", "text.png"]


@pytest.fixture
def folder(tmp_path):
    """Two classes of six images; in the first one four more, broken in a way each."""
    target = write_images(tmp_path / "photos", {"cat": 6, "dog": 6}, size=(15, 13))
    noise = np.random.default_rng(0).integers(0, 256, (15, 13, 3), dtype=np.uint8)
    cut = target / "cat" / "cut.jpg"
    Image.fromarray(noise).save(cut)
    cut.write_bytes(cut.read_bytes()[:-300])
    (target / "cat" / "empty.png").touch()
    (target / "cat" / "text.png").write_text("not an image")
    (target / "cat" / "gone.png").touch()
    return target


def flow(folder, kind="directory", generator=None, **options):
    """An iterator over the folder, from which ``gone.png`` has then vanished."""
    generator = generator or legacy.ImageDataGenerator()
    options = {"target_size": (15, 13), "class_mode": "sparse", "batch_size": 4, **options}
    (folder / "cat" / "gone.png").touch()
    if kind == "directory":
        iterator = generator.flow_from_directory(folder, **options)
    else:
        files = [f"{path.parent.name}/{path.name}" for path in sorted(folder.rglob("*.*"))]
        frame = pd.DataFrame({"filename": files, "class": [file[:3] for file in files]})
        frame["weight"] = np.arange(len(files), dtype=float)
        iterator = generator.flow_from_dataframe(frame, folder, weight_col="weight", **options)
    (folder / "cat" / "gone.png").unlink()
    return iterator


def quietly(call):
    """What ``call`` returns, and the warnings that imggen gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImggenWarning)
        result = call()
    return result, [str(one.message) for one in caught if one.category is ImggenWarning]


def sample_of(pixels, iterator):
    """The number of the sample whose file has these pixels."""
    for sample, path in enumerate(iterator.filepaths):
        with contextlib.suppress(OSError):
            if np.array_equal(np.asarray(Image.open(path)), pixels):
                return sample
    raise AssertionError("no file has these pixels")


def one_epoch(iterator):
    return [iterator[index] for index in range(len(iterator))]


# Files that cannot be read


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_raising_keeps_the_error_that_keras_gives_and_names_the_file(folder, name, kind, workers):
    iterator = flow(folder, kind, shuffle=False, batch_size=16, workers=workers)
    for other in set(BAD) - {name}:
        shutil.copy(folder / "cat" / "000.png", folder / "cat" / other)
    path = str(folder / "cat" / name)
    with pytest.raises(Exception) as expected:
        theirs.image_utils.load_img(path)
    with pytest.raises(expected.type) as came:
        iterator[0]
    assert came.type is expected.type
    assert any(repr(path) in note for note in came.value.__notes__)


def test_raising_is_the_default_and_leaves_later_batches_to_be_served(folder):
    iterator = flow(folder, shuffle=False)
    for index in (1, 2):  # files 000 to 003 come first, four broken ones are 006 to 009
        with pytest.raises(OSError):
            iterator[index]
    assert [len(iterator[index][0]) for index in (0, 3)] == [4, 4]
    assert iterator.failures == {}


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_skipping_leaves_out_the_bad_files_and_keeps_rows_and_labels_together(
    folder, kind, workers
):
    iterator = flow(folder, kind, on_error="skip", batch_size=5, workers=workers, seed=1)
    batches, caught = quietly(lambda: one_epoch(iterator))
    seen = []
    for batch in batches:
        x, y = batch[:2]
        assert len({len(part) for part in batch}) == 1
        samples = [sample_of(pixels, iterator) for pixels in x]
        assert [iterator.classes[sample] for sample in samples] == y.tolist()
        if kind == "dataframe":
            assert [iterator.sample_weight[sample] for sample in samples] == batch[2].tolist()
        seen += samples
    good = [at for at, path in enumerate(iterator.filepaths) if not path.endswith(tuple(BAD))]
    assert sorted(seen) == good
    assert len(caught) == 4
    assert_failures_are_listed(iterator, caught, "skipped")


@pytest.mark.parametrize("workers", [0, 4])
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_substituting_serves_others_of_the_class_and_keeps_rows_and_labels_together(
    folder, kind, workers
):
    iterator = flow(folder, kind, on_error="substitute", batch_size=5, workers=workers, seed=1)
    batches, caught = quietly(lambda: one_epoch(iterator))
    assert [len(batch[0]) for batch in batches] == [5, 5, 5, 1]
    samples = []
    for batch in batches:
        samples += [sample_of(pixels, iterator) for pixels in batch[0]]
        of_batch = samples[-len(batch[0]) :]
        assert [iterator.classes[sample] for sample in of_batch] == batch[1].tolist()
        if kind == "dataframe":
            assert [iterator.sample_weight[sample] for sample in of_batch] == batch[2].tolist()
    for asked, came in zip(iterator.index_array, samples, strict=True):
        assert iterator.classes[came] == iterator.classes[asked]
        if not iterator.filepaths[asked].endswith(tuple(BAD)):
            assert came == asked
    assert_failures_are_listed(iterator, caught, "substituted")


def assert_failures_are_listed(iterator, caught, done):
    assert sorted(path.rpartition("/")[2] for path in iterator.failures) == BAD
    assert len(caught) == len(set(caught)) == 4
    for path, reason in iterator.failures.items():
        (warning,) = (message for message in caught if message.startswith(repr(path)))
        assert done in warning
        assert reason in warning
        assert "failures" in warning
    kinds = {
        path.rpartition("/")[2]: why.partition(":")[0] for path, why in iterator.failures.items()
    }
    assert kinds["gone.png"] == "FileNotFoundError"
    assert kinds["text.png"] == kinds["empty.png"] == "UnidentifiedImageError"
    assert kinds["cut.jpg"] == "OSError"
    assert quietly(lambda: one_epoch(iterator))[1] == []  # once a file, not once an epoch


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_what_is_done_about_bad_files_repeats_with_the_seed_for_any_workers(folder, on_error):
    def served(workers):
        generator = legacy.ImageDataGenerator(**AUGMENT)
        iterator = flow(folder, generator=generator, on_error=on_error, seed=4, workers=workers)
        np.random.seed(workers)  # noqa: NPY002 - which changes nothing
        batches, _ = quietly(lambda: [next(iterator) for _ in range(2 * len(iterator))])
        return [part.tobytes() for batch in batches for part in batch]

    assert served(0) == served(1) == served(8)


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_without_bad_files_batches_are_those_of_raise(tmp_path, on_error):
    target = write_images(tmp_path, {"cat": 6, "dog": 6}, size=(15, 13))

    def served(**options):
        generator = legacy.ImageDataGenerator(**AUGMENT)
        iterator = generator.flow_from_directory(target, batch_size=5, seed=4, **options)
        return [part.tobytes() for _ in range(6) for part in next(iterator)]

    assert served(on_error=on_error) == served()


def test_skipping_a_whole_batch_serves_one_other_image_of_the_class(folder):
    iterator = flow(folder, on_error="skip", shuffle=False, batch_size=1)
    at = [sample for sample, path in enumerate(iterator.filepaths) if path.endswith(tuple(BAD))]
    for sample in at:
        (x, y), _ = quietly(lambda sample=sample: iterator[sample])
        assert x.shape == (1, 15, 13, 3)
        assert iterator.classes[sample_of(x[0], iterator)] == y[0] == iterator.classes[sample]


def test_a_class_without_any_good_file_is_substituted_from_another_one(folder):
    for path in (folder / "cat").glob("0*.png"):
        path.write_bytes(b"")
    iterator = flow(folder, on_error="substitute", shuffle=False, batch_size=10)
    (x, y), _ = quietly(lambda: iterator[0])
    assert {iterator.classes[sample_of(pixels, iterator)] for pixels in x} == {1}
    assert y.tolist() == [1] * 10  # the label of what is shown, not of what was asked for
    assert len(iterator.failures) == 10


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_everything_broken_is_an_error_that_names_a_file_and_a_reason(folder, on_error):
    for path in folder.rglob("*.*"):
        path.write_bytes(b"")
    iterator = flow(folder, on_error=on_error)
    reason = r"(?s)Cannot read '.*(png|jpg)'.*UnidentifiedImageError.*cannot be read either"
    with pytest.raises(ImageError, match=reason) as raised:
        quietly(lambda: iterator[0])
    assert isinstance(raised.value, OSError)
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target_size": 64}, "target_size=64 is of type int; expected a tuple"),
        ({"batch_size": "8"}, "batch_size='8' is of type str; expected a whole number"),
        ({"batch_size": 8.0}, "batch_size=8.0 is of type float; expected a whole number"),
    ],
)
def test_numbers_of_a_wrong_kind_are_named(folder, wrong, message):
    with pytest.raises(TypeError, match=message):
        flow(folder, **wrong)


def test_saved_pictures_carry_the_numbers_of_the_samples_that_are_shown(folder, tmp_path):
    target = tmp_path / "saved"
    target.mkdir()
    iterator = flow(folder, on_error="skip", save_to_dir=target, batch_size=16)
    quietly(lambda: iterator[0])
    numbers = sorted(int(path.name.split("_")[1]) for path in target.iterdir())
    assert numbers == [
        at for at, path in enumerate(iterator.filepaths) if not path.endswith(tuple(BAD))
    ]


def test_a_class_mode_of_images_themselves_drops_the_same_rows(folder):
    iterator = flow(folder, on_error="skip", class_mode="input", batch_size=16)
    (x, y), _ = quietly(lambda: iterator[0])
    assert len(x) == 12
    np.testing.assert_array_equal(x, y)


# The cache


@pytest.fixture
def photos(tmp_path):
    return write_images(tmp_path / "whole", {"cat": 5, "dog": 6}, size=(15, 13))


def epochs(folder, num=3, generator=None, between=lambda: None, **options):
    generator = generator or legacy.ImageDataGenerator(**AUGMENT)
    iterator = generator.flow_from_directory(
        folder, **{"target_size": (14, 12), "batch_size": 4, "seed": 3, **options}
    )
    batches = []
    for epoch in range(num):
        batches += [next(iterator) for _ in range(len(iterator))]
        if epoch == 0:
            between()
    return [part.tobytes() for batch in batches for part in batch]


@pytest.mark.parametrize("workers", [0, 8])
@pytest.mark.parametrize(
    "generator",
    [
        {},
        AUGMENT,
        {"samplewise_center": True, "samplewise_std_normalization": True},
        {"preprocessing_function": lambda image: np.multiply(image, 0.5, out=image)},
        {"data_format": "channels_first", "rescale": 0.1},
        {"dtype": "uint8"},
        {"dtype": "float64", "rescale": 0.1},
    ],
)
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_a_cache_changes_no_batch(photos, color_mode, generator, workers):
    generator = legacy.ImageDataGenerator(**generator)
    options = {"generator": generator, "color_mode": color_mode, "workers": workers}
    if generator.dtype == "uint8":
        generator.rescale = None
    came = epochs(photos, cache="ram", **options)
    assert came == epochs(photos, cache=None, **options)


def test_files_are_read_once_only(photos):
    expected = epochs(photos)
    assert epochs(photos, cache="ram", between=lambda: shutil.rmtree(photos)) == expected


def test_without_a_cache_files_that_vanish_are_missed(photos):
    with pytest.raises(FileNotFoundError):
        epochs(photos, between=lambda: shutil.rmtree(photos))


def test_a_batch_that_is_written_to_leaves_the_cache_alone(photos):
    for color_mode in ("rgb", "grayscale"):
        iterator = legacy.ImageDataGenerator().flow_from_directory(
            photos, color_mode=color_mode, cache="ram", shuffle=False
        )
        first = iterator[0][0].copy()
        iterator[0][0][:] = -1
        np.testing.assert_array_equal(iterator[0][0], first)


@pytest.mark.parametrize("first", [8, 16])
def test_grayscale_files_of_eight_and_sixteen_bits_may_be_mixed(tmp_path, first):
    rng = np.random.default_rng(0)
    (tmp_path / "all").mkdir()
    for number in range(6):
        deep = (number % 2 == 0) == (first == 16)
        pixels = rng.integers(0, 65536 if deep else 256, (9, 8))
        picture = Image.fromarray(pixels.astype(np.uint16 if deep else np.uint8))
        picture.save(tmp_path / "all" / f"{number}.png")
    options = {"color_mode": "grayscale", "class_mode": "sparse", "target_size": (9, 8)}
    generator = legacy.ImageDataGenerator(rescale=0.5, zoom_range=0.2)
    plain = epochs(tmp_path, generator=generator, **options)
    assert epochs(tmp_path, generator=generator, cache="ram", **options) == plain
    whole = np.frombuffer(b"".join(plain[::2]), np.float32)
    assert whole.max() > 128 * 100  # not cut down to eight bits


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_bad_files_are_not_kept(folder, on_error):
    iterator = flow(folder, on_error=on_error, cache="ram", shuffle=False, batch_size=16)
    (x, _), _ = quietly(lambda: iterator[0])
    (again, _), _ = quietly(lambda: iterator[0])
    assert len(x) == len(again) == (12 if on_error == "skip" else 16)
    Image.new("RGB", (13, 15), (9, 9, 9)).save(folder / "cat" / "gone.png")
    (mended, _), _ = quietly(lambda: iterator[0])
    assert (mended == 9).all((1, 2, 3)).any()


def test_threads_that_ask_at_once_share_a_cache(photos):
    iterator = legacy.ImageDataGenerator().flow_from_directory(
        photos, cache="ram", shuffle=False, workers=4, batch_size=2
    )
    expected = [iterator[index][0] for index in range(len(iterator))]
    fresh = legacy.ImageDataGenerator().flow_from_directory(
        photos, cache="ram", shuffle=False, workers=4, batch_size=2
    )
    came = {}
    threads = [
        threading.Thread(target=lambda at=at: came.update({at: fresh[at % len(fresh)][0]}))
        for at in range(18)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at in range(18):
        np.testing.assert_array_equal(came[at], expected[at % len(fresh)])
