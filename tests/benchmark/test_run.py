"""bench: stages, rates and advice, with sleeps in place of work to tell them apart."""

import functools
import importlib
import random
import threading
import time

import keras
import numpy as np
import pytest

import imggen
from imggen.benchmark.advice import explain_contention
from imggen.benchmark.report import BenchReport
from imggen.benchmark.trial import Trial
from imggen.errors import ImageError, OptionError
from tests.helpers.benchmarks import SIZE, bench, holds_once, is_advised, sequence_of
from tests.helpers.images import write_images

# Not by its dotted name, since imggen.bench is the function.
TRIAL = importlib.import_module("imggen.benchmark.trial")


def sleepy(image):
    time.sleep(0.02)
    return image


def slow_load(path):
    time.sleep(0.015)
    return np.zeros((6, 5, 3), dtype=np.float32)


def network(*, seconds=0.0, shape=(*SIZE, 3), compiled=True):
    class Slow(keras.layers.Layer):
        def call(self, x):
            time.sleep(seconds)
            return x

    layers = [keras.Input(shape), keras.layers.Flatten()]
    model = keras.Sequential([*layers, *([Slow()] if seconds else []), keras.layers.Dense(2)])
    if compiled:
        model.compile("adam", "mse", run_eagerly=bool(seconds))
    return model


def test_the_stages_of_decoded_files_come_in_their_order(photos):
    report = bench(photos)

    assert list(report.stages) == ["read", "decode", "resize", "augment", "encode"]
    assert min(report.stages.values()) >= 0
    assert report.stages["decode"] > 0
    assert report.stages["augment"] == 0  # there is none


def test_the_numbers_of_a_report_are_consistent(photos):
    report = bench(photos, augment=sleepy)

    assert report.work == pytest.approx(sum(report.stages.values()))
    assert (report.workers, report.threads) == (2, min(2, report.cores))
    expected = 1000 / report.images_per_second - report.work / report.threads
    assert report.wait == pytest.approx(max(0, expected))
    assert 3 <= report.num_timed <= 16
    assert report.unreadable == ()
    assert report.model_images_per_second is report.model_timed_by is report.waiting_share is None


def test_on_one_thread_the_stages_add_up_to_the_served_time(photos):
    assert holds_once(
        lambda report: 0.6 < (1000 / report.images_per_second) / report.work < 1.6,
        lambda: bench(photos, augment=sleepy, workers=0),
    )


def test_a_slow_augmentation_is_found_and_named(photos):
    report = bench(photos, augment=sleepy)

    assert 15 < report.stages["augment"] < 60
    assert report.stages["augment"] > 0.8 * report.work
    first = report.advice[0]
    assert first.startswith("A faster augmentation")
    assert "'sleepy'" in first
    # Sleeping does not hold the lock, and a cache would not help.
    assert not any("multiprocessing" in one or "cache" in one for one in report.advice)


def test_the_slowest_of_several_steps_is_named(photos):
    report = bench(photos, augment=[np.flipud, sleepy, np.fliplr])

    assert "the slowest step is 'sleepy'" in report.advice[0]


def test_two_threads_that_sleep_serve_twice_as_much_as_one(photos):
    def compare():
        one, two = (bench(photos, augment=sleepy, workers=workers) for workers in (1, 2))
        return two.images_per_second / one.images_per_second

    assert holds_once(lambda ratio: 1.4 < ratio < 2.6, compare)


def test_a_custom_loader_is_one_stage(photos):
    report = bench(photos, loader=slow_load, image_size=None)

    assert list(report.stages) == ["load", "augment", "encode"]
    assert 12 < report.stages["load"] < 60
    assert report.machine_images_per_second > 1.3 * 1000 / report.stages["load"]
    assert report.advice[0].startswith('cache="ram": about ')
    assert "pack" not in report.advice[0]  # what it loads need not be an image


def test_a_custom_loader_may_decode(photos):
    load = functools.partial(imggen.load_image, spec=imggen.ImageSpec((8, 8)))
    report = bench(photos, loader=load, image_size=None)

    assert list(report.stages) == ["load", "augment", "encode"]
    assert not any("pack" in one for one in report.advice)  # which goes with no loader=


@pytest.mark.parametrize(
    "augment", [None, imggen.augment.RandomResizedCrop()], ids=["whole", "crop"]
)
def test_timed_images_are_those_that_the_sequence_loads(tmp_path, augment):
    write_images(tmp_path, {"cat": 4}, size=(240, 100), suffix=".jpg")
    sequence = sequence_of(tmp_path, augment=augment, label_mode=None)
    trial = Trial(sequence, 0.1, lambda _: None)
    stages = trial.stages()

    assert list(stages) == ["read", "decode", "resize", "augment", "encode"]
    assert (stages["augment"] > 0) == (augment is not None)
    assert len(trial.loaded) == 4
    for row, array in trial.loaded.items():
        assert np.array_equal(array, sequence.original(row))
        assert np.array_equal(trial.augmented[row], sequence.augmented(row, epoch=0))


def test_cached_images_are_not_decoded(photos):
    def load(path):
        loads.append(path)
        return slow_load(path)

    loads = []
    sequence = sequence_of(photos, loader=load, image_size=None, cache="ram")
    report = imggen.bench(sequence, seconds=0.3)

    assert list(report.stages) == ["cache", "augment", "encode"]
    assert report.stages["cache"] < 5
    assert report.cached_images_per_second is None
    assert report.images_per_second > 3 * 1000 / 15
    assert not any("cache" in one for one in report.advice)
    before = len(loads)
    assert len(sequence[0][0]) == 4
    assert len(loads) == before


def test_a_cache_folder_is_timed_as_in_later_epochs(photos, tmp_path):
    report = bench(photos, cache=tmp_path / "kept", workers=0)

    assert list(report.stages) == ["cache", "augment", "encode"]
    assert sum(store.num_images for store in imggen.cache.list_stores(tmp_path / "kept")) == 16


def test_files_that_cannot_be_read_are_counted_and_skipped(photos):
    for name in ("001", "004"):
        (photos / "dog" / f"{name}.png").write_bytes(b"no image")
    report = bench(photos)

    assert sorted(report.unreadable) == [
        str(photos / "dog" / f"{name}.png") for name in ("001", "004")
    ]
    assert 3 <= report.num_timed <= 14
    assert "2 files could not be read" in str(report)


def test_a_set_without_readable_files_is_an_error(photos):
    for file in photos.rglob("*.png"):
        file.write_bytes(b"")

    with pytest.raises(ImageError, match="the file is empty"):
        bench(photos)


def test_the_sequence_and_random_states_are_unchanged(photos):
    def draws(image):
        np.random.random()  # noqa: NPY002 - that is what some do
        random.random()
        return image

    sequence = sequence_of(photos, augment=draws)
    other = sequence_of(photos)
    sequence.epoch = other.epoch = 5
    model = network()
    theirs, mine = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    imggen.bench(sequence, seconds=0.2, model=model)

    assert random.getstate() == theirs
    assert np.array_equal(np.random.get_state()[1], mine)  # noqa: NPY002
    assert sequence.epoch == 5
    assert not sequence.failures
    assert sequence._prefetcher._pool is None
    for served, expected in zip(sequence, other, strict=True):
        assert np.array_equal(served[0], expected[0])


def test_more_workers_are_recommended(photos, monkeypatch):
    monkeypatch.setattr("imggen.workers.options.usable_cores", lambda: 4)
    monkeypatch.setattr(TRIAL, "usable_cores", lambda: 4)
    report = bench(photos, augment=sleepy, workers=1)

    [advice] = [one for one in report.advice if one.startswith("workers=")]
    assert advice.startswith("workers=4: about ")
    assert advice.endswith("now there are 1.")


def test_processes_are_recommended_for_python_code_that_holds_the_lock(photos, monkeypatch):
    def hold_the_lock(image):
        with lock:
            time.sleep(0.01)
        return image

    lock = threading.Lock()  # in place of Python's own, which a busy machine may leave free
    monkeypatch.setattr(TRIAL, "usable_cores", lambda: 2)

    assert is_advised("use_multiprocessing=True: about ", photos, augment=hold_the_lock)


@pytest.mark.parametrize(("interpolation", "told"), [("area", True), ("bilinear", False)])
def test_reduced_decoding_is_recommended_for_large_jpegs(tmp_path, interpolation, told):
    write_images(tmp_path, {"cat": 4}, size=(1024, 1024), suffix=".jpg")
    options = {"interpolation": interpolation, "image_size": (64, 64), "label_mode": None}

    change = f'interpolation="bilinear" instead of "{interpolation}"'
    assert is_advised(change, tmp_path, **options) == told


def test_uint8_is_recommended_for_large_float_batches(photos):
    def load(path):
        return array

    array = np.zeros((256, 256, 3), dtype=np.uint8)
    report = bench(photos, loader=load, image_size=None, rescale=1 / 255, dtype="float64")

    [advice] = [one for one in report.advice if one.startswith("dtype=")]
    assert advice.startswith('dtype="uint8", and keras.layers.Rescaling(0.00392157)')


def test_the_advice_states_the_size_of_all_images(photos):
    report = bench(photos, image_size=(256, 256))

    [advice] = [one for one in report.advice if one.startswith("cache=")]
    # 16 * 256 * 256 * 3 bytes
    assert "The cache of 16 images takes 3.0 MiB of pixels, or " in advice
    assert advice.endswith(' with pack="jpeg". That fits into memory.')


def test_the_largest_gain_comes_first(photos):
    report = bench(photos, augment=sleepy, workers=0)
    rates = [
        float(one.split(": about ")[1].split(" ")[0].replace(",", "")) for one in report.advice
    ]

    assert rates == sorted(rates, reverse=True)


TEN_MS = {"read": 1.0, "decode": 4.0, "resize": 3.0, "augment": 1.0, "encode": 1.0}


OF_THE_CACHE = {"cache": 8.0, "augment": 1.0, "encode": 1.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"workers": 1, "images_per_second": 50.0}, True),
        ({"images_per_second": 390.0}, False),  # so there is next to no wait
        ({"machine_images_per_second": 400.0}, False),  # so the sequence alone is slow
        ({"stages": OF_THE_CACHE}, False),
        ({"stages": {name: taken / 100 for name, taken in TEN_MS.items()}}, True),
        (
            {
                "stages": {name: taken / 100 for name, taken in TEN_MS.items()},
                "images_per_second": 9000.0,
                "machine_images_per_second": 9500.0,
            },
            False,  # which may be Python itself
        ),
    ],
)
def test_contention_by_other_programs_is_reported(changes, told):
    report = BenchReport(
        **{
            "subject": "",
            "stages": TEN_MS,
            "workers": 4,
            "cores": 4,
            "num_timed": 9,
            "unreadable": (),
            "images_per_second": 150.0,
            "machine_images_per_second": 160.0,
            **changes,
        }
    )
    advice = explain_contention(report)

    assert (advice is not None) == told
    if not changes:
        assert advice == (
            "Other programs seem to use the cores, which explains the wait: 4 cores loaded 160 "
            "images/s, and 500 were expected. Run the benchmark again when they are done."
        )


def test_the_advice_for_a_slow_model_is_that_loading_is_fast_enough(photos):
    report = bench(photos, model=network(seconds=0.2))

    assert report.model_timed_by == "train_on_batch"
    assert report.model_images_per_second <= 4 / 0.2
    assert report.waiting_share == 0
    [advice] = report.advice
    assert advice.startswith("Loading is fast enough: ")


def test_the_advice_for_a_fast_model_is_how_long_it_waits(photos):
    options = {"loader": slow_load, "image_size": None, "workers": 1, "batch_size": 16}
    report = bench(photos, model=network(shape=(6, 5, 3)), **options)

    served, taken = report.images_per_second, report.model_images_per_second
    assert taken > served
    assert report.waiting_share == pytest.approx(1 - served / taken)
    assert f"The model waits {report.waiting_share:.0%} of the time" in report.advice[0]
    assert report.advice[1].startswith("cache=")


def test_the_weights_and_the_optimizer_of_the_model_are_unchanged(photos):
    model = network()
    model.train_on_batch(np.ones((4, *SIZE, 3)), np.ones((4, 2)))
    before = [np.asarray(value).copy() for value in (*model.weights, *model.optimizer.variables)]
    report = bench(photos, model=model)

    assert report.model_timed_by == "train_on_batch"
    after = [np.asarray(value) for value in (*model.weights, *model.optimizer.variables)]
    assert all(map(np.array_equal, before, after))


def test_a_model_that_cannot_be_trained_is_timed_predicting(photos):
    assert bench(photos, model=network(compiled=False)).model_timed_by == "predict_on_batch"
    assert bench(photos, model=network(), label_mode=None).model_timed_by == "predict_on_batch"


def test_a_model_for_other_images_is_an_error_that_names_both_shapes(photos):
    with pytest.raises(OptionError, match=r"\(None, 9, 9, 3\).*\(4, 24, 20, 3\)"):
        bench(photos, model=network(shape=(9, 9, 3)))


def test_a_model_that_cannot_process_the_batch_is_an_error(photos):
    inputs = [keras.Input((*SIZE, 3)), keras.Input((*SIZE, 3))]
    two = keras.Model(inputs, keras.layers.Add()(inputs))

    with pytest.raises(OptionError, match=r"cannot process a batch .* shape \(4, 24, 20, 3\)"):
        bench(photos, model=two)


def test_invalid_sequences_and_durations_are_errors(photos):
    with pytest.raises(OptionError, match="times an ImageSequence; got list"):
        imggen.bench([])
    for seconds in (0, -1, float("nan"), "5", True):
        with pytest.raises(OptionError, match="seconds="):
            bench(photos, seconds=seconds)
