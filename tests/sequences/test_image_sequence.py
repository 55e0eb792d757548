"""ImageSequence: the contents of its batches."""

import os
import pickle
import re
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import ImageSequence
from imggen.errors import ImggenWarning, OptionError, SampleError
from tests.helpers.cases import case
from tests.helpers.images import places, write_images
from tests.helpers.steps import mirrored, with_noise


@pytest.fixture
def manifest(photos):
    return imggen.scan(photos)


def pixels(manifest, index):
    return np.array(Image.open(manifest.filepath(index)))


def plain(manifest, **options):
    """A sequence that serves the files' own pixels in their own order."""
    return ImageSequence(
        manifest, **{"image_size": (24, 20), "batch_size": 4, "shuffle": False, **options}
    )


def test_without_a_shuffle_row_i_is_file_i(manifest):
    x = np.concatenate([batch for batch, _ in plain(manifest)])
    assert x.dtype == np.float32
    assert np.array_equal(x, np.stack([pixels(manifest, index) for index in range(16)]))


def test_labels_stay_with_their_images_when_shuffled(manifest):
    sequence = plain(manifest, shuffle=True, seed=3, label_mode="int")
    for x, y in sequence:
        for image, label in zip(x, y, strict=True):
            matches = [
                index for index in range(16) if np.array_equal(image, pixels(manifest, index))
            ]
            assert [manifest.labels[index] for index in matches] == [label]


def test_an_epoch_serves_every_sample_once(manifest):
    sequence = plain(manifest, shuffle=True, seed=3)
    assert sorted(sequence.served()) == list(range(16))
    x = np.concatenate([batch for batch, _ in sequence])
    expected = np.stack([pixels(manifest, index) for index in sequence.served(0)])
    assert np.array_equal(x, expected)


def test_served_is_the_pass_that_predict_or_evaluate_has_just_made(manifest):
    sequence = plain(manifest, shuffle=True, batch_size=6, seed=3)
    mean = keras.Sequential([keras.Input((24, 20, 3)), keras.layers.GlobalAveragePooling2D()])
    orders = []
    for _ in range(3):
        predicted = mean.predict(sequence, verbose=0)
        orders.append(sequence.served().tolist())
        expected = [pixels(manifest, index).mean(axis=(0, 1)) for index in orders[-1]]
        assert np.allclose(predicted, expected, atol=1e-3)
    assert orders[0] != orders[1] != orders[2]
    assert orders == [sequence.served(epoch).tolist() for epoch in range(3)]
    assert sequence.epoch == 3


def test_epochs_differ_in_order_and_in_augmentation(manifest):
    sequence = plain(manifest, shuffle=True, augment=with_noise, seed=3)
    first, second = (np.concatenate([x for x, _ in sequence]) for _ in range(2))
    assert list(sequence.served(0)) != list(sequence.served(1))
    assert not set(map(bytes, first)) & set(map(bytes, second))


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(manifest):
    def first_batch(seed):
        return plain(manifest, shuffle=True, augment=with_noise, seed=seed)[0][0]

    assert np.array_equal(first_batch(5), first_batch(5))
    assert not np.array_equal(first_batch(5), first_batch(6))


def test_without_a_seed_each_sequence_has_its_own_seed_attribute(manifest):
    first, second = plain(manifest, augment=with_noise), plain(manifest, augment=with_noise)
    assert first.seed != second.seed
    again = plain(manifest, augment=with_noise, seed=first.seed)
    assert np.array_equal(first[1][0], again[1][0])


def test_numpys_global_state_is_neither_read_nor_changed(manifest):
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    list(plain(manifest, shuffle=True, augment=with_noise, workers=2))
    assert np.random.random() == expected  # noqa: NPY002


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 0},
        {"workers": 1},
        {"workers": 8, "max_queue_size": 2},
        {"workers": 8, "cache": "ram"},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=["caller", "one thread", "eight threads", "cached", "two processes"],
)
def test_batches_do_not_depend_on_the_workers(manifest, options):
    def epochs(**how):
        sequence = plain(manifest, shuffle=True, augment=[mirrored, with_noise], seed=9, **how)
        return [x for _ in range(2) for x, _ in sequence]

    for one, other in zip(epochs(workers=0), epochs(**options), strict=True):
        assert np.array_equal(one, other)


def test_batches_do_not_depend_on_the_order_of_requests(manifest):
    sequence = plain(manifest, shuffle=True, augment=with_noise, seed=9)
    backwards = [sequence[index][0] for index in (3, 2, 1, 0)][::-1]
    in_order = [x for x, _ in plain(manifest, shuffle=True, augment=with_noise, seed=9)]
    assert all(map(np.array_equal, backwards, in_order))


def test_a_flip_mirrors_every_image(manifest):
    x, _ = plain(manifest, augment=mirrored)[0]
    assert np.array_equal(x[2], pixels(manifest, 2)[:, ::-1])


def test_original_and_augmented_show_one_sample(manifest):
    sequence = plain(manifest, augment=[mirrored, with_noise], shuffle=True, seed=4)
    row = int(sequence.served(1)[5])
    sequence.epoch = 1
    assert np.array_equal(sequence.original(row), pixels(manifest, row))
    assert np.array_equal(sequence.augmented(row, epoch=1), sequence[1][0][1])


@pytest.mark.parametrize(
    ("label_mode", "expected"),
    [
        ("categorical", [[1, 0], [1, 0], [0, 1], [0, 1]]),
        ("int", [0, 0, 1, 1]),
        ("binary", [[0], [0], [1], [1]]),
    ],
)
def test_targets_are_encoded(manifest, label_mode, expected):
    sequence = plain(manifest.take([0, 1, 8, 9]), label_mode=label_mode)
    y = sequence[0][1]
    assert y.tolist() == expected
    assert y.dtype == (np.int32 if label_mode == "int" else np.float32)


def test_an_autoencoder_gets_its_augmented_images_as_targets(manifest):
    x, y = plain(manifest, label_mode="input", augment=with_noise)[0]
    assert np.array_equal(x, y)


def test_without_targets_a_batch_is_the_images(manifest):
    assert plain(manifest, label_mode=None)[0].shape == (4, 24, 20, 3)


def test_without_targets_the_generator_still_yields_tuples(manifest):
    (x,) = next(plain(manifest, label_mode=None).generator())
    assert x.shape == (4, 24, 20, 3)


def test_sample_weights_stay_with_their_images(photos):
    frame = imggen.scan(photos).to_frame()
    frame["weight"] = np.arange(16)
    weighted = imggen.Manifest.from_frame(frame, root=photos, weight_col="weight")
    sequence = plain(weighted, shuffle=True, seed=2)
    _, _, weights = sequence[1]
    assert weights.tolist() == sequence.served()[4:8].tolist()


def test_rescale_is_a_factor(manifest):
    x, _ = plain(manifest, rescale=1 / 255)[0]
    expected = pixels(manifest, 0).astype(np.float32) * np.float32(1 / 255)
    assert np.array_equal(x[0], expected)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_batches_have_the_requested_dtype(manifest, dtype):
    assert plain(manifest, dtype=dtype)[0][0].dtype == dtype


def test_channels_first_moves_the_last_axis_to_the_front(manifest):
    x, _ = plain(manifest, data_format="channels_first")[0]
    assert np.array_equal(x[0], pixels(manifest, 0).transpose(2, 0, 1))


def test_the_data_format_defaults_to_keras_own(manifest):
    keras.config.set_image_data_format("channels_first")
    try:
        assert plain(manifest)[0][0].shape == (4, 3, 24, 20)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(("drop", "sizes"), [(False, [6, 6, 4]), (True, [6, 6])])
def test_the_last_batch_is_kept_or_dropped(manifest, drop, sizes):
    sequence = plain(manifest, batch_size=6, drop_remainder=drop)
    assert [len(x) for x, _ in sequence] == sizes
    assert len(sequence) == len(sizes)


def test_repeats_serve_each_sample_again_with_another_augmentation(manifest):
    sequence = plain(manifest.take([0, 1]), repeats=3, augment=with_noise, batch_size=6)
    assert sorted(sequence.served()) == [0, 0, 0, 1, 1, 1]
    assert len(set(map(bytes, sequence[0][0]))) == 6


def test_grayscale_has_one_channel(manifest):
    assert plain(manifest, color_mode="grayscale")[0][0].shape == (4, 24, 20, 1)


def test_aspect_ratio_is_kept_by_cropping_or_padding(tmp_path):
    write_images(tmp_path / "wide", {"a": 1}, size=(10, 30))
    manifest = imggen.scan(tmp_path / "wide")
    cropped = plain(manifest, image_size=(10, 10), crop_to_aspect_ratio=True)[0][0][0]
    assert np.array_equal(cropped, pixels(manifest, 0)[:, 10:20])
    padded = plain(manifest, image_size=(30, 30), pad_to_aspect_ratio=True)[0][0][0]
    assert np.array_equal(padded[10:20], pixels(manifest, 0))
    assert not padded[:10].any()
    assert not padded[20:].any()


def test_exif_orientation_is_applied_unless_disabled(tmp_path):
    (tmp_path / "a").mkdir()
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    image.save(tmp_path / "a" / "1.png", exif=exif)
    manifest = imggen.scan(tmp_path)
    upright = plain(manifest, image_size=(6, 4), color_mode="grayscale")[0][0][0, :, :, 0]
    assert np.array_equal(upright, np.rot90(np.array(image), -1))
    as_stored = plain(manifest, image_size=(4, 6), color_mode="grayscale", exif_orientation=False)[
        0
    ][0][0, :, :, 0]
    assert np.array_equal(as_stored, np.array(image))


def load_npy(path):
    return np.load(path)


def test_a_loader_serves_arrays_of_any_rank(tmp_path):
    volumes = np.random.default_rng(0).normal(size=(6, 4, 4, 4, 1)).astype(np.float32)
    for number, volume in enumerate(volumes):
        np.save(tmp_path / f"{number}.npy", volume)
    sequence = imggen.from_files(
        [f"{number}.npy" for number in range(6)],
        {f"{number}.npy": number % 3 for number in range(6)},
        root=tmp_path,
        loader=load_npy,
        num_classes=5,
        shuffle=False,
        batch_size=4,
        workers=2,
    )
    x, y = sequence[1]
    assert np.array_equal(x, volumes[4:])
    assert y.tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_arrays_of_different_shapes_are_an_error_that_names_the_file(tmp_path):
    for number, side in enumerate([3, 3, 4]):
        np.save(tmp_path / f"{number}.npy", np.zeros((side, side)))
    sequence = imggen.from_files(
        ["0.npy", "1.npy", "2.npy"], root=tmp_path, loader=load_npy, shuffle=False
    )
    with pytest.raises(SampleError, match=r"2\.npy' has shape \(4, 4\), .* have \(3, 3\)"):
        sequence[0]


def test_a_loader_that_does_not_return_an_array_is_named(photos):
    sequence = plain(imggen.scan(photos), image_size=None, loader=str.upper)
    with pytest.raises(SampleError, match=r"returned str for .*000\.png"):
        sequence[0]


def test_a_loader_that_raises_is_a_file_that_cannot_be_read(photos):
    sequence = plain(imggen.scan(photos), image_size=None, loader=load_npy)
    with pytest.raises(imggen.errors.ImageError, match=r"000\.png.*the loader raised ValueError"):
        sequence[0]


@pytest.fixture
def broken(photos) -> Path:
    """The photos, with cat/001.png truncated and dog/003.png empty."""
    content = (photos / "cat" / "001.png").read_bytes()
    (photos / "cat" / "001.png").write_bytes(content[: len(content) // 2])
    (photos / "dog" / "003.png").write_bytes(b"")
    return photos


@pytest.mark.parametrize("options", [{}, {"workers": 2, "use_multiprocessing": True}])
def test_a_bad_file_raises_with_path_and_reason(broken, options):
    with pytest.raises(imggen.errors.ImageError, match="truncated") as caught:
        list(plain(imggen.scan(broken), **options))
    assert caught.value.path == os.path.join(broken, "cat", "001.png")
    assert 'on_error="skip"' in str(caught.value)


def test_a_bad_file_can_be_skipped(broken):
    manifest = imggen.scan(broken)
    sequence = plain(manifest, on_error="skip", label_mode="int", batch_size=16)
    with pytest.warns(ImggenWarning, match=r"Epoch 0: 2 of 16 images .* skipped; first .*001"):
        ((x, y),) = list(sequence)
    good = [index for index in range(16) if index not in (1, 11)]
    assert np.array_equal(x, np.stack([pixels(manifest, index) for index in good]))
    assert y.tolist() == manifest.labels[good].tolist()


def test_a_bad_file_can_be_substituted_by_its_own_class(broken):
    manifest = imggen.scan(broken)
    sequence = plain(manifest, on_error="substitute", label_mode="int", batch_size=16, seed=1)
    with pytest.warns(ImggenWarning, match="2 of 16 images .* substituted"):
        ((x, y),) = list(sequence)
    assert y.tolist() == manifest.labels.tolist()
    cats = [pixels(manifest, index) for index in range(8) if index != 1]
    assert any(np.array_equal(x[1], cat) for cat in cats)


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 8}, {"use_multiprocessing": True}])
def test_substitutes_do_not_depend_on_the_workers(broken, options):
    def epoch(**how):
        sequence = plain(imggen.scan(broken), on_error="substitute", seed=1, **how)
        with pytest.warns(ImggenWarning, match="substituted"):
            return np.concatenate([x for x, _ in sequence])

    assert np.array_equal(epoch(workers=1), epoch(**options))


@pytest.mark.parametrize("use_multiprocessing", [False, True])
def test_failures_are_counted_by_file(broken, use_multiprocessing):
    sequence = plain(
        imggen.scan(broken), on_error="skip", use_multiprocessing=use_multiprocessing, workers=1
    )
    with pytest.warns(ImggenWarning, match="2 of 16"):
        list(sequence)
    list(sequence)
    counts = {os.path.basename(path): count for (path, _), count in sequence.failures.items()}
    assert counts == {"001.png": 2, "003.png": 2}
    reasons = {os.path.basename(path): reason for path, reason in sequence.failures}
    assert "truncated" in reasons["001.png"]
    assert reasons["003.png"] == "the file is empty"


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_a_batch_without_a_single_readable_file_is_an_error(photos, on_error):
    for file in photos.glob("*/*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(
        imggen.errors.ImageError, match=r"of its batch can be read|cannot be read either"
    ):
        plain(imggen.scan(photos), on_error=on_error)[0]


def linear_model():
    layers = [keras.Input((24, 20, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    return model


def constant_model(scores):
    """A model that scores an image by its mean, to tell images apart."""

    class Mean(keras.layers.Layer):
        def call(self, x):
            mean = keras.ops.mean(x, axis=(1, 2, 3)) / 255
            return keras.ops.stack([mean * score for score in scores], axis=1)

    model = keras.Sequential([keras.Input((24, 20, 3)), Mean()])
    model.compile(loss="mse", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("options", [{"shuffle": True, "repeats": 2}, {"drop_remainder": True}])
def test_predictions_match_files_in_any_serving_order(manifest, options):
    sequence = plain(manifest, batch_size=6, augment=with_noise, **options)
    table = sequence.predict(constant_model([1.0, 0.5]))
    means = np.array([pixels(manifest, index).mean() / 255 for index in range(16)])
    assert table.columns.tolist() == ["path", "true", "predicted", "p_cat", "p_dog"]
    assert table["path"].tolist() == sequence.filepaths
    assert table["true"].tolist() == ["cat"] * 8 + ["dog"] * 8
    assert set(table["predicted"]) == {"cat"}
    np.testing.assert_allclose(table["p_cat"], means, rtol=1e-5)
    np.testing.assert_allclose(table["p_dog"], means / 2, rtol=1e-5)


def test_the_tables_accuracy_is_that_of_evaluate(manifest):
    model = keras.Sequential(
        [
            keras.Input((24, 20, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, "softmax", kernel_initializer=keras.initializers.GlorotNormal(3)),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    sequence = plain(manifest, rescale=1 / 255)
    _, accuracy = model.evaluate(sequence, verbose=0)
    table = sequence.predict(model)
    assert 0 < accuracy < 1
    assert (table["true"] == table["predicted"]).mean() == pytest.approx(accuracy)


def test_one_sigmoid_predicts_two_classes(manifest):
    model = keras.Sequential(
        [
            keras.Input((24, 20, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros", bias_initializer="ones"),
        ]
    )
    table = plain(manifest, label_mode="binary").predict(model)
    assert table["p_dog"].tolist() == pytest.approx([1 / (1 + np.exp(-1))] * 16)
    assert (table["p_cat"] + table["p_dog"]).tolist() == pytest.approx([1] * 16)
    assert set(table["predicted"]) == {"dog"}


def test_a_bad_file_keeps_its_row_in_the_table(broken):
    sequence = plain(imggen.scan(broken), on_error="skip")
    table = sequence.predict(constant_model([1.0, 0.5]))
    assert len(table) == 16
    assert table.index[table["predicted"].isna()].tolist() == [1, 11]
    assert table.index[table["p_cat"].isna()].tolist() == [1, 11]


def test_a_model_for_other_classes_is_refused(manifest):
    with pytest.raises(
        OptionError, match=re.escape("shape (16, 3); a prediction table needs (16, 2)")
    ):
        plain(manifest).predict(constant_model([1, 2, 3]))


def test_attributes_have_keras_names(manifest, photos):
    sequence = plain(manifest)
    assert sequence.filepaths[9] == os.path.join(photos, "dog", "001.png")
    assert sequence.labels.tolist() == [0] * 8 + [1] * 8
    assert sequence.class_names == ("cat", "dog")
    assert sequence.class_indices == {"cat": 0, "dog": 1}
    assert (sequence.num_classes, sequence.samples, sequence.batch_size) == (2, 16, 4)


def test_class_weight_balances_the_classes(manifest):
    assert plain(manifest.take([0, 1, 2, 8])).class_weight() == {0: 4 / 6, 1: 4 / 2}


@pytest.mark.parametrize("label_mode", ["categorical", "int", "binary"])
def test_a_class_weight_that_keras_would_ignore_is_refused(manifest, label_mode):
    sequence, model = plain(manifest, label_mode=label_mode), linear_model()
    for wrong in ({"cat": 1.0, "dog": 2.0}, {2: 1.0}, {0: "1"}, [1.0, 2.0]):
        with pytest.raises(OptionError, match="must map class indices, 0 to 1, to numbers"):
            model.fit(sequence, class_weight=wrong, verbose=0)


def test_fit_takes_the_class_weight(manifest):
    sequence = plain(manifest)
    model = linear_model()
    model.fit(sequence, class_weight=sequence.class_weight(), verbose=0)
    assert sequence.epoch == 1


def test_repr_shows_classes_counts_and_shapes(photos):
    (photos / "cat" / "notes.txt").write_text("x")
    shown = repr(plain(imggen.scan(photos), seed=3))
    for fact in ["16 samples", "cat: 8", "(4, 24, 20, 3) float32", "seed=3", "an image (.txt): 1"]:
        assert fact in shown


def test_html_repr_shows_the_same_and_escapes_names(tmp_path):
    write_images(tmp_path, {"a<b>": 3})
    (tmp_path / "a<b>" / ".hidden.png").write_text("x")
    shown = plain(imggen.scan(tmp_path))._repr_html_()
    assert "a&lt;b&gt;" in shown
    assert "<b>a<b>" not in shown
    assert ">3</td>" in shown
    assert "1 × hidden" in shown
    assert "(4, 24, 20, 3)" in shown


def test_a_pickled_sequence_serves_the_same(manifest):
    sequence = plain(manifest, shuffle=True, augment=with_noise, cache="ram", seed=3)
    expected = sequence[1][0]
    assert np.array_equal(pickle.loads(pickle.dumps(sequence))[1][0], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (0, 4)}, "image_size"),
        ({"image_size": 224.0}, "must be a whole number of 1 or more, or two of them"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of 1 or more"),
        ({"batch_size": 1.5}, "batch_size=1.5"),
        ({"repeats": 0}, "repeats=0"),
        ({"label_mode": "categorial"}, "Did you mean 'categorical'"),
        ({"color_mode": "grey"}, "color_mode='grey'"),
        ({"interpolation": "bilinar"}, "Did you mean 'bilinear'"),
        ({"dtype": "int8"}, "dtype='int8'"),
        ({"dtype": "uint8", "rescale": 0.5}, "rescale=0.5 needs a float dtype"),
        ({"data_format": "last"}, "data_format='last'"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"on_error": "blank"}, "on_error='blank'"),
        ({"cache": "disk"}, "cache='disk'"),
        ({"cache": "ram", "use_multiprocessing": True}, "Use threads, or a cache folder"),
        ({"seed": -1}, "seed=-1"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "not both"),
        ({"augment": 3}, "augment=3 is not callable"),
        ({"loader": load_npy}, "are options of decoding"),
        ({"batch_size": 17, "drop_remainder": True}, "leaves no batch"),
        ({"workers": -1}, "workers=-1"),
    ],
)
def test_options_outside_their_legal_set_are_refused(manifest, options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        plain(manifest, **options)


def test_labels_are_needed_for_targets(photos):
    with pytest.raises(OptionError, match="needs labels"):
        plain(imggen.scan(photos, labels=None))


def test_binary_needs_two_classes(tmp_path):
    manifest = imggen.scan(write_images(tmp_path, {"a": 1, "b": 1, "c": 1}))
    with pytest.raises(OptionError, match="needs two classes; there are 3"):
        plain(manifest, label_mode="binary")


def test_an_empty_manifest_is_refused(manifest):
    with pytest.raises(OptionError, match="empty"):
        plain(manifest.take([]))


def test_predictions_for_images_without_labels_use_the_given_classes(photos):
    unlabelled = imggen.scan(photos, labels=None, class_names=["cat", "dog"])
    table = plain(unlabelled, label_mode=None).predict(constant_model([0.5, 1.0]))
    assert set(table["predicted"]) == {"dog"}
    assert table["true"].isna().all()


def test_predictions_without_class_names_are_numbered(photos):
    unlabelled = imggen.scan(photos, labels=None)
    table = plain(unlabelled, label_mode=None).predict(constant_model([0.5, 1.0, 0.0]))
    assert table.columns.tolist() == ["path", "true", "predicted", "p_0", "p_1", "p_2"]
    assert set(table["predicted"]) == {"1"}


def test_an_augmentation_with_its_own_random_source_causes_one_warning(manifest):
    def careless(image):
        return np.roll(image, np.random.randint(1000))  # noqa: NPY002

    sequence = plain(manifest, augment=[mirrored, careless])
    with pytest.warns(ImggenWarning, match=r"\['careless'\] return another result.* rng") as caught:
        list(sequence)
    assert len(caught) == 1


def test_steps_that_spawn_or_keep_their_generator_do_not_reach_other_samples(manifest):
    kept = []

    def spawns(rng):
        for other in kept[-2:]:
            other.random(5)
        kept.append(rng)
        return rng.spawn(1)[0]

    class OwnFlip(imggen.augment.RandomFlip):
        def draw_operations(self, size, rng):
            return super().draw_operations(size, spawns(rng))

    def roll(image, rng):
        return np.roll(image, spawns(rng).integers(1000))

    for steps in ([OwnFlip()], [roll], [imggen.augment.RandomFlip(), roll]):
        with case(steps):
            kept.clear()
            options = {"augment": steps, "seed": 1, "workers": 0}
            one, all_together = (
                np.concatenate([x for x, _ in plain(manifest, batch_size=size, **options)])
                for size in (1, 16)
            )
            np.testing.assert_array_equal(one, all_together)


def test_an_augmentation_that_writes_to_its_image_does_not_reach_the_cache(manifest):
    def darken(image):
        image //= 2
        return image

    sequence = plain(manifest, augment=darken, cache="ram")
    first, second = (np.concatenate([x for x, _ in sequence]) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(sequence.original(0), pixels(manifest, 0))


def test_a_loader_may_return_the_same_array_repeatedly(tmp_path):
    buffer = np.zeros(3)

    def load(name):
        buffer[:] = int(name)
        return buffer

    sequence = imggen.from_files(
        ["0", "1", "2"], root="", loader=load, shuffle=False, workers=0, batch_size=3
    )
    assert sequence[0].tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_values_that_uint8_cannot_hold_are_refused():
    sequence = imggen.from_files(["0"], root="", loader=lambda _: np.array([0.2]), dtype="uint8")
    with pytest.raises(SampleError, match='float64 for .*dtype="uint8" cannot hold'):
        sequence[0]


def test_a_file_that_a_loader_cannot_read_has_no_prediction(broken):
    spec = imggen.ImageSpec((24, 20))

    def load(name):
        return imggen.load_image(broken / f"{name}.png", spec)

    names = [f"{kind}/{number:03d}" for kind in ("cat", "dog") for number in range(8)]
    sequence = imggen.from_files(
        names, [0] * 8 + [1] * 8, root="", loader=load, on_error="skip", batch_size=1
    )
    table = sequence.predict(constant_model([1.0, 0.5]))
    assert table.index[table["predicted"].isna()].tolist() == [1, 11]
    assert table.index[table["p_0"].isna()].tolist() == [1, 11]


def test_a_batch_without_readable_files_gets_one_substitute(broken):
    manifest = imggen.scan(broken)
    sequence = plain(manifest, on_error="skip", batch_size=1, label_mode="int", seed=1)
    with pytest.warns(ImggenWarning, match="2 of 16 images"):
        batches = list(sequence)
    assert [len(x) for x, _ in batches] == [1] * 16
    assert [int(y[0]) for _, y in batches] == manifest.labels.tolist()


def test_failures_are_counted_once_although_keras_requests_batches_twice(broken):
    sequence = plain(imggen.scan(broken), on_error="substitute")
    model = linear_model()
    with pytest.warns(ImggenWarning) as caught:
        model.fit(sequence, epochs=2, verbose=0)
    assert [str(warning.message)[:17] for warning in caught] == ["Epoch 0: 2 of 16 "]
    assert sequence.failures.total() == 4


def test_later_epochs_warn_of_further_files_only(broken):
    sequence = plain(imggen.scan(broken), on_error="skip")
    with pytest.warns(ImggenWarning, match="Epoch 0: 2 of 16 .* first '.*001.png'"):
        list(sequence)
    further = sequence.manifest.filepaths[0]
    Path(further).write_bytes(b"")
    new = r"Epoch 1: 3 of 16 images .* skipped; 1 of them for the first time; first '.*000\.png'"
    with pytest.warns(ImggenWarning, match=new):
        list(sequence)
    list(sequence)


def test_logits_become_probabilities(manifest):
    class Constant(keras.layers.Layer):
        def call(self, x):
            return keras.ops.zeros((keras.ops.shape(x)[0], 1)) + 0.3

    model = keras.Sequential([keras.Input((24, 20, 3)), Constant()])
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    table = plain(manifest, label_mode="binary").predict(model)
    assert table["p_dog"].tolist() == pytest.approx([1 / (1 + np.exp(-0.3))] * 16)
    assert set(table["predicted"]) == {"dog"}


def test_logits_of_several_classes_become_probabilities_per_file(manifest):
    model = constant_model([3.0, -2.0])
    model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    table = plain(manifest).predict(model)
    means = np.array([pixels(manifest, index).mean() / 255 for index in range(16)])
    np.testing.assert_allclose(table["p_cat"], 1 / (1 + np.exp(-5 * means)), rtol=1e-5)
    np.testing.assert_allclose(table["p_cat"] + table["p_dog"], 1)


def test_scores_that_are_not_probabilities_cause_a_warning(manifest):
    with pytest.warns(ImggenWarning, match="are not probabilities"):
        plain(manifest).predict(constant_model([100.0, -50.0]))


def test_predictions_of_a_file_whose_name_is_not_valid_text(tmp_path):
    write_images(tmp_path, {"a": 1, "b": 1})
    name = os.fsdecode(b"caf\xe9.png")
    os.rename(tmp_path / "a" / "000.png", tmp_path / "a" / name)
    table = plain(imggen.scan(tmp_path)).predict(constant_model([0.5, 1.0]))
    assert table["path"][0] == os.path.join(tmp_path, "a", name)


def test_predicting_leaves_no_worker_running(manifest):
    sequence = plain(manifest, workers=3)
    before = threading.active_count()
    for _ in range(3):
        sequence.predict(constant_model([0.5, 1.0]))
    assert threading.active_count() <= before + 1


def test_closing_releases_the_cache(manifest):
    sequence = plain(manifest, cache="ram")
    expected = sequence[0][0]
    sequence.close()
    assert sequence.batch_maker.samples.cache._arrays == {}
    assert np.array_equal(sequence[0][0], expected)


def test_a_shown_batch_is_the_served_batch(photos):
    sequence = ImageSequence(
        imggen.scan(photos), image_size=(20, 20), batch_size=4, rescale=1 / 255, seed=3
    )
    x, _ = sequence[1]
    picture = np.asarray(sequence.show_batch(1, cell=20))
    found = [places(picture, np.rint(255 * image).astype(np.uint8)) for image in x]
    assert [len(places) for places in found] == [1] * 4
    assert found == sorted(found)  # from left to right


def test_a_shown_batch_has_at_most_num_images_images(photos):
    sequence = ImageSequence(imggen.scan(photos), image_size=(20, 20), batch_size=5, seed=3)
    x, _ = sequence[0]
    picture = np.asarray(sequence.show_batch(num_images=3, cell=20))
    shown = [len(places(picture, image.astype(np.uint8))) for image in x]
    assert shown == [1] * 3 + [0] * (len(x) - 3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"cell": 0}, "cell=0"),
        ({"num_images": 0}, "num_images=0"),
        ({"index": 4}, "index=4 must be an index of one of 4 batches"),
        ({"index": -5}, "index=-5"),
    ],
)
def test_what_cannot_be_shown_is_refused(photos, arguments, named):
    sequence = ImageSequence(imggen.scan(photos), image_size=(8, 8), batch_size=4, seed=3)
    with pytest.raises(OptionError, match=named):
        sequence.show_batch(**arguments)
