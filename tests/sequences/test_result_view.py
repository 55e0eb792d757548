"""show_results and show_mistakes: the right images, in the right order, with what was predicted."""

import keras
import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.errors import OptionError
from imggen.preview import find_worst, read_results
from tests.helpers.images import places

RIGHT, WRONG = (26, 127, 55), (207, 34, 46)
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])


def sequence_of(labels=LABELS, **options):
    return imggen.from_arrays(
        IMAGES, labels, **{"shuffle": False, "seed": 1, "workers": 0, "batch_size": 5, **options}
    )


def model_of(units, activation=None):
    layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    keras.utils.set_random_seed(3)
    model = keras.Sequential([*layers, keras.layers.Dense(units, activation)])
    model.run_eagerly = True  # compiling takes longer
    return model


def has(picture, color) -> bool:
    return bool((np.asarray(picture) == color).all(axis=2).any())


def in_reading_order(picture, rows) -> list[int]:
    """The rows whose images a picture shows, from left to right and top to bottom."""
    sheet = np.asarray(picture)
    found = [(place, row) for row in rows for place in places(sheet, IMAGES[row])]
    return [row for _, row in sorted(found)]


def test_mistakes_are_in_numpys_order_of_the_probability_of_the_wrong_class():
    for labels, units, mode in ((LABELS, 3, "int"), (LABELS % 2, 2, "categorical")):
        sequence = sequence_of(labels, label_mode=mode, shuffle=True)
        table = sequence.predict(model_of(units, "softmax"))
        scores = table[[f"p_{index}" for index in range(units)]].to_numpy()
        wrong = np.flatnonzero(scores.argmax(axis=1) != labels)
        expected = wrong[np.argsort(-scores.max(axis=1)[wrong], kind="stable")]
        assert len(wrong) > 3

        picture = sequence.show_mistakes(table, cell=8, columns=20)
        assert in_reading_order(picture, range(12)) == expected.tolist()
        some = sequence.show_mistakes(table.iloc[::-1], num_images=2, cell=8)
        assert in_reading_order(some, range(12)) == expected[:2].tolist()


def test_one_unit_for_two_classes():
    sequence = sequence_of(LABELS % 2, label_mode="binary")
    model = model_of(1, "sigmoid")
    table = sequence.predict(model)
    right = int((table["true"] == table["predicted"]).sum())
    results = read_results(table)
    assert sum(bool(result.is_right) for result in results) == right
    assert has(sequence.show_results(model, cell=8), RIGHT) == (right > 0)


def test_results_show_every_class_once_and_mark_right_and_wrong():
    sequence = sequence_of()
    model = model_of(3, "softmax")
    table = sequence.predict(model)
    shown = [0, 4, 8]
    picture = sequence.show_results(model, num_images=3, cell=8, columns=3)

    assert in_reading_order(picture, range(12)) == shown
    is_right = (table["true"] == table["predicted"]).to_numpy()[shown]
    assert (has(picture, RIGHT), has(picture, WRONG)) == (is_right.any(), (~is_right).any())


def test_results_are_those_of_predict_for_the_same_samples():
    from imggen.preview import choose_samples
    from imggen.sequences.predictions import prediction_table

    sequence = sequence_of(augment=lambda image: 255 - image, repeats=2)
    model = model_of(3, "softmax")
    whole = sequence.predict(model)
    rows = choose_samples(sequence.batch_maker, 5)
    some = prediction_table(
        sequence.batch_maker,
        sequence.worker_options,
        model,
        output=None,
        from_logits=None,
        verbose=0,
        rows=rows,
    )
    pd.testing.assert_frame_equal(some, whole.iloc[rows].reset_index(drop=True), rtol=1e-5)
    assert in_reading_order(sequence.show_results(model, cell=8), range(12)) == list(range(12))


def test_without_mistakes_the_picture_says_so():
    table = sequence_of().predict(model_of(3, "softmax"))
    right = table[table["true"] == table["predicted"]]
    assert not has(sequence_of().show_mistakes(right), WRONG)


def test_of_numbers_the_largest_errors_come_first():
    values = RNG.normal(size=12).astype(np.float32)
    sequence = sequence_of(values, label_mode="regression")
    model = model_of(1)
    table = sequence.predict(model)
    expected = np.argsort(-np.abs(table["predicted"] - table["true"]).to_numpy(), kind="stable")
    picture = sequence.show_mistakes(table, cell=8, columns=12)
    assert in_reading_order(picture, range(12)) == expected.tolist()
    assert in_reading_order(sequence.show_results(model, cell=8), range(12)) == list(range(12))


def test_several_numbers_count_alike_whatever_their_units():
    true = np.stack([RNG.normal(size=12), 1000 * RNG.normal(size=12)], axis=1)
    guess = RNG.normal(size=(12, 2)) * [1, 1000]
    table = pd.DataFrame(
        {
            f"{kind}_{name}": values[:, index]
            for kind, values in (("true", true), ("predicted", guess))
            for index, name in enumerate("xy")
        }
    )
    errors = (np.abs(guess - true) / true.std(axis=0)).mean(axis=1)
    worst = [result.position for result in find_worst(read_results(table))]
    assert worst == np.argsort(-errors, kind="stable").tolist()


def test_of_several_classes_the_one_that_is_furthest_off_counts():
    hot = RNG.integers(0, 2, (12, 3))
    sequence = sequence_of(hot, label_mode="multi_label", class_names=["a", "b", "c"])
    model = model_of(3, "sigmoid")
    table = sequence.predict(model)
    off = np.abs(table[["p_a", "p_b", "p_c"]].to_numpy() - hot)
    wrong = np.flatnonzero(((off >= 0.5) & (off != 0.5)).any(axis=1))
    expected = wrong[np.argsort(-off.max(axis=1)[wrong], kind="stable")]
    picture = sequence.show_mistakes(table, cell=8, columns=12)
    assert in_reading_order(picture, range(12)) == expected.tolist()
    assert sequence.show_results(model, cell=8).mode == "RGB"


def test_masks_are_drawn_as_they_are_and_as_they_are_predicted():
    masks = np.zeros((12, 8, 8, 1), np.uint8)
    masks[:, :4] = 1
    for data_format in ("channels_last", "channels_first"):
        sequence = sequence_of(None, masks=masks, label_mode="mask", data_format=data_format)
        first = data_format == "channels_first"
        x = keras.Input((3, 8, 8) if first else (8, 8, 3))
        inner = keras.layers.Permute((2, 3, 1))(x) if first else x
        scores = keras.layers.Conv2D(2, 1, kernel_initializer="zeros")(inner)  # class 0 everywhere
        scores = keras.layers.Permute((3, 1, 2))(scores) if first else scores
        model = keras.Model(x, scores)
        sheet = np.asarray(sequence.show_results(model, num_images=2, cell=8))
        for row in (0, 6):
            true = IMAGES[row].copy()
            true[:4] = true[:4] // 2 + np.array((255, 80, 0), np.uint8) // 2
            [(top, left)] = places(sheet, true)
            [(predicted_top, predicted_left)] = places(sheet, IMAGES[row])
            assert predicted_top == top
            assert predicted_left > left


def test_what_cannot_be_shown_is_refused_with_what_to_do():
    sequence = sequence_of()
    table = sequence.predict(model_of(3, "softmax"))
    for changed, message in [
        (table.drop(columns="predicted"), "has no column 'predicted'"),
        (table.drop(columns="path"), "has no column 'path'"),
        (table.drop(columns="true"), "no true classes"),
        (table.drop(columns=["p_0", "p_1", "p_2"]), "no probabilities"),
        (table.drop(columns=["p_0", "p_1"]), "no column 'p_[01]'"),
        (table.assign(path="elsewhere.png"), "'elsewhere.png', which is not a sample"),
        (table.rename(columns=lambda name: f"age_{name}"), "several outputs"),
        (table.iloc[:0], "no true classes"),
    ]:
        with pytest.raises(OptionError, match=message):
            sequence.show_mistakes(changed)
    for options in ({"num_images": 0}, {"columns": 0}, {"cell": 0}):
        with pytest.raises(OptionError, match=f"{next(iter(options))}=0"):
            sequence.show_mistakes(table, **options)
        with pytest.raises(OptionError, match=f"{next(iter(options))}=0"):
            sequence.show_results(model_of(3, "softmax"), **options)


def test_a_table_from_a_csv_file_is_read_alike(tmp_path):
    sequence = sequence_of()
    table = sequence.predict(model_of(3, "softmax"))
    table.loc[0, ["predicted", "p_0", "p_1", "p_2"]] = None  # a file that could not be read
    table.to_csv(tmp_path / "table.csv", index=False)
    read = find_worst(read_results(pd.read_csv(tmp_path / "table.csv")))
    assert [result.position for result in read] == [
        result.position for result in find_worst(read_results(table))
    ]


def test_a_sequence_that_is_not_shuffled_shows_as_many_classes_as_possible():
    for count, expected in ((3, [0, 4, 8]), (4, [0, 1, 4, 8]), (2, [0, 4]), (99, list(range(12)))):
        picture = sequence_of().show_batch(num_images=count, columns=12, cell=8)
        assert in_reading_order(picture, range(12)) == expected
    assert in_reading_order(sequence_of().show_batch(0, columns=12, cell=8), range(12)) == [
        0,
        1,
        2,
        3,
        4,
    ]  # a batch that was asked for
    without_classes = sequence_of(LABELS.astype(np.float32), label_mode="regression")
    shown = without_classes.show_batch(num_images=3, columns=3, cell=8)
    assert in_reading_order(shown, range(12)) == [0, 4, 8]


def test_what_is_chosen_is_augmented_as_in_training():
    def recolor(image, rng):
        return image ^ rng.integers(1, 256, image.shape, dtype=np.uint8)

    sequence = sequence_of(augment=recolor, dtype="uint8")
    x = np.concatenate([x for x, _ in sequence])  # of epoch 0
    sequence.epoch = 0
    sheet = np.asarray(sequence.show_batch(num_images=3, cell=8))
    assert [len(places(sheet, image)) for image in x] == [1, 0, 0, 0] * 3


def test_mistakes_without_probabilities_come_last():
    table = pd.DataFrame(
        {"true": ["a", "a", "a"], "predicted": ["b", "b", "b"], "p_a": 0.1, "p_b": [None, 0.9, 0.6]}
    )
    assert [result.position for result in find_worst(read_results(table))] == [1, 2, 0]
