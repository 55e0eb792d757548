"""The drop-in loads the files of the next batch ahead: all of them once, and none in vain."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs
from PIL import Image

from imggen import legacy
from tests.helpers.images import write_images

BATCH = 4


class Watched(legacy.DirectoryIterator):
    """Notes which files were loaded, in which order, and by which threads."""

    def __init__(self, *args, **options):
        self.loads = []
        self.threads = set()
        super().__init__(*args, **options)

    def _pixels(self, path, row=None):
        self.loads.append(os.path.relpath(path, self.directory))
        self.threads.add(threading.current_thread().name)
        return super()._pixels(path, row)


@pytest.fixture
def folder(tmp_path):
    """Two classes of ten images: five batches of four."""
    target = write_images(tmp_path / "photos", {"cat": 10, "dog": 10}, size=(15, 13))
    for number in (3, 4):
        pixels = np.random.default_rng(number).integers(0, 256, (15, 13, 3), dtype=np.uint8)
        (target / "dog" / f"00{number}.png").unlink()
        Image.fromarray(pixels).save(target / "dog" / f"00{number}.jpg")
    return target


@pytest.fixture
def many(tmp_path):
    """Two batches of sixteen."""
    return write_images(tmp_path / "many", {"cat": 16, "dog": 16}, size=(15, 13))


def flow(folder, make=Watched, generator=None, **options):
    return make(
        folder,
        generator or legacy.ImageDataGenerator(),
        **{
            "target_size": (15, 13),
            "class_mode": "sparse",
            "batch_size": BATCH,
            "seed": 3,
            "workers": 3,
            **options,
        },
    )


def loaded_at_rest(iterator):
    """What was loaded once nothing is under way any more."""
    if iterator._ahead is not None:
        for future in list(iterator._ahead._loads.values()):
            if not future.cancelled():
                future.exception(timeout=20)
    return list(iterator.loads)


def files_up_to(iterator, index):
    samples = iterator.index_array[: (index + 1) * BATCH]
    return [iterator.filenames[sample] for sample in samples]


def by_next(iterator):
    for _ in range(len(iterator)):
        yield next(iterator)


def by_index(iterator):
    for index in range(len(iterator)):
        yield iterator[index]
    iterator.on_epoch_end()


LOOPS = {"next": by_next, "by index": by_index}


# What is loaded, and when


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_every_file_is_loaded_once_an_epoch(folder, loop, shuffle):
    iterator = flow(folder, shuffle=shuffle)
    for epoch in range(1, 4):
        for _ in LOOPS[loop](iterator):
            pass
        assert Counter(loaded_at_rest(iterator)) == dict.fromkeys(iterator.filenames, epoch)


def test_next_loads_one_batch_ahead_and_no_more(folder):
    iterator = flow(folder)
    next(iterator)
    for index in range(1, len(iterator)):
        loads = loaded_at_rest(iterator)
        assert sorted(loads) == sorted(files_up_to(iterator, index))
        next(iterator)


def test_a_loop_by_index_loads_ahead_from_the_second_batch_on(folder):
    iterator = flow(folder)
    iterator[0]
    assert len(loaded_at_rest(iterator)) == BATCH
    for index in range(1, len(iterator)):
        iterator[index]
        loads = loaded_at_rest(iterator)
        assert sorted(loads) == sorted(files_up_to(iterator, index + 1))


@pytest.mark.parametrize("loop", LOOPS)
def test_after_the_last_batch_nothing_is_loaded_ahead(folder, loop):
    iterator = flow(folder)
    for _ in LOOPS[loop](iterator):
        pass

    assert len(loaded_at_rest(iterator)) == 20
    assert iterator._ahead._loads == {}


@pytest.mark.parametrize("shuffle", [True, False])
def test_in_fit_every_file_is_loaded_once_an_epoch_though_keras_shuffles(folder, shuffle):
    # Keras shuffles the order of batches; what it asks for next is known all the same.
    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            loaded_at_rest(iterator)

    model = keras.Sequential([keras.Input((15, 13, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(2))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    random.seed(4)
    iterator = flow(folder, shuffle=shuffle)
    model.fit(iterator, epochs=1, verbose=0)  # Keras looks at two batches first
    before = Counter(loaded_at_rest(iterator))
    model.fit(iterator, epochs=3, verbose=0, callbacks=[Slow()])
    loads = Counter(loaded_at_rest(iterator)) - before

    assert max(loads.values()) <= 5  # three epochs, and Keras's look at two batches
    assert 60 <= sum(loads.values()) <= 60 + 3 * BATCH
    assert {name for name in iterator.threads if not name.startswith("imggen")} == set()
    iterator.workers = 0  # ends the threads: TensorFlow never lets go of the iterator


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_caller_alone_loads_nothing_ahead(folder, loop, workers):
    iterator = flow(folder, workers=workers)
    for index, _ in enumerate(LOOPS[loop](iterator), 1):
        assert len(iterator.loads) == index * BATCH
    assert iterator.threads == {threading.current_thread().name}


def test_with_a_cache_nothing_is_loaded_ahead(folder):
    iterator = flow(folder, cache="ram")
    next(iterator)
    time.sleep(0.1)

    assert len(iterator.loads) == BATCH


def test_files_that_change_after_they_were_loaded_ahead_are_loaded_again(folder):
    iterator = flow(folder, shuffle=False)
    next(iterator)
    loaded_at_rest(iterator)
    for path in iterator.filepaths:
        Image.new("RGB", (13, 15), "teal").save(path)

    assert (next(iterator)[0] == (0, 128, 128)).all()


def test_batches_asked_for_in_another_order_are_what_they_are(folder):
    iterator, plain = flow(folder, shuffle=False), flow(folder, shuffle=False, workers=0)
    for index in (0, 1, 4, 2, 3, 3, 0, 1, 0, 4, 4, 2):
        np.testing.assert_array_equal(iterator[index][0], plain[index][0])


def test_images_that_were_loaded_for_nothing_are_dropped(folder):
    iterator = flow(folder, shuffle=False)
    for index in (0, 1, 3, 4, 0, 1, 0):
        iterator[index]
        assert len(iterator._ahead._loads) <= BATCH


def test_a_sample_twice_in_a_batch_is_served_twice(folder):
    class Twice(Watched):
        def _set_index_array(self):
            self.index_array = np.repeat(np.arange(10), 2)

    iterator, plain = flow(folder, Twice), flow(folder, Twice, workers=0)
    for _ in range(2 * len(plain)):
        for came, wanted in zip(next(iterator), next(plain), strict=True):
            np.testing.assert_array_equal(came, wanted)


# What is served

GENERATORS = {
    "plain": {},
    "rotated": {"rotation_range": 20, "horizontal_flip": True, "rescale": 1 / 255},
    "standardized in place": {"samplewise_center": True, "samplewise_std_normalization": True},
    "a function": {"preprocessing_function": lambda image: image + np.random.normal()},
    "channels first": {"data_format": "channels_first"},
    "float64": {"dtype": "float64", "zoom_range": 0.3},
}


def bits(batch):
    return [(part.dtype, part.shape, part.tobytes()) for part in batch]


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # Keras's use of SciPy
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("loop", LOOPS)
def test_batches_are_those_of_keras(folder, loop, name, interpolation):
    options = {"target_size": (12, 14), "interpolation": interpolation}
    generator = legacy.ImageDataGenerator(**GENERATORS[name], exact=True)
    options |= {"class_mode": "sparse", "batch_size": BATCH, "seed": 3}
    ours = generator.flow_from_directory(folder, workers=3, **options)
    keras_own = theirs.ImageDataGenerator(**GENERATORS[name]).flow_from_directory(folder, **options)
    for _ in range(3):
        for came, wanted in zip(LOOPS[loop](ours), LOOPS[loop](keras_own), strict=True):
            assert bits(came) == bits(wanted)


def test_a_batch_that_is_written_to_shows_in_no_other(folder):
    iterator, plain = flow(folder, shuffle=False), flow(folder, shuffle=False, workers=0)
    for index in (0, 1, 1, 2, 2, 3, 2):
        x, _ = iterator[index]
        np.testing.assert_array_equal(x, plain[index][0])
        x[:] = -1


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("interpolation", "bicubic"),
        ("target_size", (13, 15)),
        ("keep_aspect_ratio", True),
        ("color_mode", "grayscale"),
    ],
)
def test_what_is_set_between_two_batches_holds_for_the_next_one(folder, attribute, value):
    def served(workers):
        iterator = flow(folder, workers=workers, target_size=(9, 14))
        batches = [next(iterator), next(iterator)]
        loaded_at_rest(iterator)
        setattr(iterator, attribute, value)
        shapes = {
            "target_size": (13, 15, 3),
            "color_mode": (9, 14, 1),
        }
        iterator.image_shape = shapes.get(attribute, (9, 14, 3))
        return batches + [next(iterator) for _ in range(4)]

    for came, wanted in zip(served(3), served(0), strict=True):
        assert bits(came) == bits(wanted)


def test_a_generator_that_is_set_between_two_batches_holds_for_the_next_one(folder):
    def served(workers):
        iterator = flow(folder, workers=workers)
        batches = [next(iterator), next(iterator)]
        iterator.image_data_generator = legacy.ImageDataGenerator(rescale=1 / 255)
        return batches + [next(iterator) for _ in range(2)]

    for came, wanted in zip(served(3), served(0), strict=True):
        assert bits(came) == bits(wanted)


# Errors


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", ["dog/002.png", "dog/003.jpg"])
@pytest.mark.parametrize("loop", ["next", "by index"])
def test_an_error_is_raised_with_its_own_batch_and_no_other(folder, loop, name, shuffle):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) * 2 // 3])
    iterator = flow(folder, shuffle=shuffle)
    failed = []
    for index in range(len(iterator)):
        try:
            if loop == "next":
                next(iterator)
            else:
                iterator[index]
        except OSError as err:
            failed.append(index)
            (note,) = err.__notes__
            assert note == f"The file is {str(folder / name)!r}."

    (sample,) = (at for at, file in enumerate(iterator.filenames) if file == name)
    (place,) = np.flatnonzero(iterator.index_array == sample)
    assert failed == [place // BATCH]


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
@pytest.mark.filterwarnings("ignore::imggen.errors.ImggenWarning")
def test_bad_files_are_dealt_with_as_by_the_caller_alone(folder, on_error):
    for name in ("cat/005.png", "dog/003.jpg", "dog/004.jpg"):
        (folder / name).write_bytes(b"\xff\xd8\xff broken")

    def served(workers):
        iterator = flow(folder, workers=workers, on_error=on_error)
        batches = [next(iterator) for _ in range(2 * len(iterator))]
        return [bits(batch) for batch in batches], sorted(iterator.failures)

    assert served(3) == served(0)


@pytest.mark.filterwarnings("ignore::imggen.errors.ImggenWarning")
def test_of_files_loaded_together_only_the_bad_one_is_left_out(many):
    (many / "dog/001.png").write_bytes(b"broken")

    def served(workers):
        # With two threads, sixteen files are handed over two at a time.
        options = {"shuffle": False, "batch_size": 16, "on_error": "skip", "workers": workers}
        iterator = flow(many, **options)
        batches = [bits(next(iterator)) for _ in range(2)]
        return batches, sorted(iterator.failures)

    assert served(2) == served(0)


def test_of_files_loaded_together_the_bad_one_is_named(many):
    (many / "dog/001.png").write_bytes(b"broken")
    iterator = flow(many, shuffle=False, batch_size=16, workers=2, on_error="substitute")
    next(iterator)
    loaded_at_rest(iterator)
    with pytest.warns(match=r"dog/001\.png"):
        next(iterator)

    assert list(iterator.failures) == [str(many / "dog/001.png")]


# Forks, threads and endings


def run_script(script, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), folder],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_serves_what_its_parent_serves(folder):
    lines = run_script(
        """
        import os, signal, sys, zlib
        from imggen import legacy

        iterator = legacy.ImageDataGenerator(rotation_range=10).flow_from_directory(
            sys.argv[1], target_size=(15, 13), batch_size=4, seed=1, workers=3
        )
        next(iterator)
        next(iterator)  # the third batch is being loaded now
        child = os.fork()
        if child == 0:
            signal.alarm(20)
        for _ in range(4):
            os.write(1, b"%d\\n" % zlib.crc32(next(iterator)[0].tobytes()))
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        folder,
    )
    served = [line for line in lines if line.isdigit()]
    assert len(served) == 8
    assert sorted(Counter(served).values()) == [2] * 4


def test_a_program_that_leaves_while_files_are_loaded_ends(folder):
    lines = run_script(
        """
        import sys
        from imggen import legacy

        iterator = legacy.ImageDataGenerator().flow_from_directory(sys.argv[1], workers=3)
        print(len(next(iterator)[0]))
        """,
        folder,
    )
    assert lines[-1] == "20"


def test_threads_that_call_next_get_every_batch_once(many):
    lines = run_script(
        """
        import faulthandler, sys, threading, zlib
        from collections import Counter
        from imggen import legacy

        def make(workers):
            return legacy.ImageDataGenerator().flow_from_directory(
                sys.argv[1], target_size=(15, 13), batch_size=8, shuffle=False, workers=workers
            )

        def take():
            for _ in range(200):
                number = zlib.crc32(next(iterator)[0].tobytes())
                with lock:
                    came[number] += 1

        faulthandler.dump_traceback_later(30, exit=True)
        iterator, plain, lock, came = make(2), make(0), threading.Lock(), Counter()
        wanted = Counter([zlib.crc32(next(plain)[0].tobytes()) for _ in range(4)] * 200)
        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(came == wanted)
        """,
        many,
    )
    assert lines[-1] == "True"


def test_iterators_do_not_serve_what_another_one_has_loaded(folder, tmp_path):
    other = write_images(tmp_path / "other", {"dog": 10, "cat": 10}, size=(15, 13))
    iterators = [flow(place, shuffle=False) for place in (folder, other)]
    plain = [flow(place, shuffle=False, workers=0) for place in (folder, other)]
    for _ in range(7):
        for one, two in zip(iterators, plain, strict=True):
            assert bits(next(one)) == bits(next(two))


# Files that the quick route may treat otherwise than Keras


@pytest.mark.parametrize("target_size", [(0, 5), (5, 0)])
def test_a_size_of_nothing_is_the_error_that_keras_gives(folder, target_size):
    (folder / "cat/000.png").unlink()
    Image.new("RGB", (13, 15)).save(folder / "cat/000.jpg")
    with pytest.raises(Exception) as expected:
        theirs.image_utils.load_img(folder / "cat/000.jpg", target_size=target_size)
    with pytest.raises(expected.type):
        flow(folder, target_size=target_size, shuffle=False, workers=0)[0]


def jpegs(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (19, 23, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    folder.mkdir()
    picture.save(folder / "plain.jpg")
    picture.save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "named.png", "JPEG")
    picture.save(folder / "png.jpg", "PNG")
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("L").save(folder / "gray.jpg")
    data = (folder / "plain.jpg").read_bytes()
    (folder / "trailing.jpg").write_bytes(data + b"more")
    return folder, data


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
@pytest.mark.parametrize("target_size", [(19, 23), (8, 40)])
def test_pixels_of_jpegs_are_those_of_keras(tmp_path, target_size, keep_aspect_ratio, color_mode):
    jpegs(tmp_path / "jpegs")
    options = {"color_mode": color_mode, "keep_aspect_ratio": keep_aspect_ratio}
    iterator = flow(tmp_path, target_size=target_size, shuffle=False, batch_size=16, **options)
    x, _ = iterator[0]
    assert len(x) == 8
    for came, path in zip(x, iterator.filepaths, strict=True):
        wanted = theirs.image_utils.load_img(path, target_size=target_size, **options)
        np.testing.assert_array_equal(came, theirs.image_utils.img_to_array(wanted))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_jpeg_is_the_error_that_keras_gives(tmp_path, share):
    folder, data = jpegs(tmp_path / "jpegs")
    path = folder / "cut.jpg"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Exception) as expected:
        theirs.image_utils.load_img(path, target_size=(8, 9))
    iterator = flow(tmp_path, target_size=(8, 9), batch_size=16)
    with pytest.raises(expected.type) as came:
        iterator[0]

    assert came.type is expected.type


def test_a_jpeg_that_pillow_warns_of_is_warned_of(tmp_path, monkeypatch):
    jpegs(tmp_path / "jpegs")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 19 * 23 - 1)
    iterator = flow(tmp_path, workers=0)

    with pytest.warns(Image.DecompressionBombWarning):
        iterator[0]
