"""label_mode="regression": numbers as targets, from a table to predictions."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import CutMix, MixUp, MixUpOrCutMix, RandomFlip
from imggen.errors import ImggenWarning, ManifestError, OptionError

NUM = 12
AGES = [0.5 * row - 1 for row in range(NUM)]
HEIGHTS = [100.0 + row * row for row in range(NUM)]


@pytest.fixture
def folder(tmp_path):
    for row in range(NUM):
        pixels = np.full((10, 8, 3), 20 * row, np.uint8)
        pixels[:, :4] = 255 - 20 * row
        Image.fromarray(pixels).save(tmp_path / f"{row}.png")
    return tmp_path


def frame_of(**columns) -> pd.DataFrame:
    paths = [f"{row}.png" for row in range(NUM)]
    return pd.DataFrame({"path": paths, "age": AGES, "height": HEIGHTS, **columns})


def sequence_of(folder, y_col="age", frame=None, **options):
    chosen = {"image_size": (10, 8), "batch_size": 5, "seed": 3, "workers": 0, **options}
    frame = frame_of() if frame is None else frame
    return imggen.from_dataframe(frame, root=folder, y_col=y_col, label_mode="regression", **chosen)


def served_rows(sequence, epoch=0):
    return sequence.served(epoch).tolist()


# What is served.


def test_one_column_is_served_as_float32_of_one_axis(folder):
    sequence = sequence_of(folder)
    y = np.concatenate([y for _, y in sequence])

    assert (y.dtype, y.shape) == (np.float32, (NUM,))
    assert y.tolist() == [AGES[row] for row in served_rows(sequence)]


def test_a_list_of_columns_is_served_as_float32_of_two_axes(folder):
    sequence = sequence_of(folder, ["height", "age"])
    y = np.concatenate([y for _, y in sequence])

    assert (y.dtype, y.shape) == (np.float32, (NUM, 2))
    assert y.tolist() == [[HEIGHTS[row], AGES[row]] for row in served_rows(sequence)]


def test_a_list_of_one_column_is_served_with_two_axes(folder):
    assert sequence_of(folder, ["age"])[0][1].shape == (5, 1)


@pytest.mark.parametrize("options", [{"workers": 2}, {"cache": "ram"}, {"augment": RandomFlip()}])
def test_targets_are_those_of_their_images_whatever_the_options(folder, options):
    with sequence_of(folder, **options) as sequence:
        for x, y in sequence:
            rows = [int(min(image[0, 0, 0], image[0, -1, 0])) for image in x]
            darker = [min(20 * row, 255 - 20 * row) for row in range(NUM)]
            assert [AGES[darker.index(dark)] for dark in rows] == y.tolist()


def test_processes_serve_what_threads_serve(folder):
    options = {"use_multiprocessing": True, "workers": 1}
    with sequence_of(folder, ["age", "height"], **options) as by_processes:
        by_threads = sequence_of(folder, ["age", "height"])
        for (x, y), (other_x, other_y) in zip(by_processes, by_threads, strict=True):
            np.testing.assert_array_equal(x, other_x)
            np.testing.assert_array_equal(y, other_y)


def test_repeats_have_the_target_of_their_sample(folder):
    sequence = sequence_of(folder, repeats=3)
    y = np.concatenate([y for _, y in sequence])

    assert y.tolist() == [AGES[row] for row in served_rows(sequence)]
    assert sorted(y.tolist()) == sorted(3 * AGES)


def test_splits_have_the_targets_of_their_samples(folder):
    train, val = sequence_of(folder, split={"train": 0.5, "val": 0.5})

    for one in (train, val):
        y = np.concatenate([y for _, y in one])
        rows = [int(one.manifest.paths[row].removesuffix(".png")) for row in served_rows(one)]
        assert y.tolist() == [AGES[row] for row in rows]


def test_a_column_of_splits_is_heeded(folder):
    frame = frame_of(part=["train"] * 8 + ["test"] * 4)
    train, test = sequence_of(folder, frame=frame, split="part")

    assert (train.samples, test.samples) == (8, 4)
    assert np.concatenate([y for _, y in test]).tolist() == AGES[8:]


def test_weights_are_served_beside_the_targets(folder):
    frame = frame_of(weight=[float(row) for row in range(NUM)])
    sequence = sequence_of(folder, frame=frame, weight_col="weight")
    _, y, weights = sequence[0]

    assert y.tolist() == [AGES[int(weight)] for weight in weights]


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_unreadable_files_leave_no_target_behind(folder, on_error):
    (folder / "3.png").write_bytes(b"broken")
    sequence = sequence_of(folder, on_error=on_error)
    with pytest.warns(ImggenWarning, match="1 of 12 images"):
        y = np.concatenate([y for _, y in sequence])

    assert AGES[3] not in y.tolist()
    assert len(y) == (NUM - 1 if on_error == "skip" else NUM)


def test_a_manifest_with_targets_is_used_as_any_other(folder, tmp_path):
    file = tmp_path / "table.parquet"
    sequence_of(folder).manifest.save(file)
    manifest = imggen.Manifest.load(file)
    sequence = imggen.ImageSequence(
        manifest, image_size=(10, 8), label_mode="regression", shuffle=False, workers=0
    )

    assert sequence[0][1].tolist() == AGES


def test_the_repr_names_the_targets(folder):
    text = repr(sequence_of(folder, ["age", "height"]))

    assert "targets age, height" in text
    assert "label_mode='regression'" in text


# MixUp and CutMix.


def test_mixup_blends_targets_as_it_blends_images(folder):
    columns = ["age", "height"]
    sequence = sequence_of(folder, columns, augment=MixUp(1.0), shuffle=False, batch_size=NUM)
    x, y = sequence[0]
    for row in range(NUM):
        explained = sequence.explain(0, row)
        step = explained.steps[-1].parameters
        partner = int(step["with"].removesuffix(".png"))
        share = step["share"]
        for column, numbers in enumerate((AGES, HEIGHTS)):
            blended = share * numbers[row] + (1 - share) * numbers[partner]
            assert y[row, column] == pytest.approx(blended, rel=1e-5)
            assert explained.target[columns[column]] == pytest.approx(blended, rel=1e-5)
        pixel = share * 20 * row + (1 - share) * 20 * partner
        assert x[row, 0, -1, 0] == pytest.approx(pixel, rel=1e-4, abs=1e-3)


def test_mixup_blends_one_column_and_keeps_its_shape(folder):
    y = sequence_of(folder, augment=MixUp(1.0), batch_size=NUM)[0][1]

    assert (y.dtype, y.shape) == (np.float32, (NUM,))
    assert not set(y.tolist()) <= set(AGES)


@pytest.mark.parametrize("mixer", [CutMix(), MixUpOrCutMix()], ids=lambda mixer: mixer.name)
def test_cutmix_is_refused_with_what_to_use_instead(folder, mixer):
    with pytest.raises(OptionError, match=rf"^{mixer.name} cannot blend the numbers.*Use MixUp"):
        sequence_of(folder, augment=mixer)


# What people see.


def test_an_explanation_has_the_target(folder):
    explained = sequence_of(folder, ["age", "height"]).explain(0, 4)

    assert explained.target == {"age": 1.0, "height": 116.0}
    assert explained.label is None
    assert str(explained).splitlines()[1] == "target: age 1, height 116"


def test_classes_in_the_same_table_are_named_beside_the_target(folder):
    frame = frame_of(label=["cat", "dog"] * 6)
    manifest = imggen.Manifest.from_frame(frame, root=folder, target_cols="age")
    sequence = imggen.ImageSequence(manifest, label_mode="regression", image_size=(10, 8))
    explained = sequence.explain(0, 4)

    assert (explained.label, explained.target) == ("cat", {"age": 1.0})
    assert explained.target_text == "age 1"


@pytest.mark.parametrize("y_col", ["age", ["age", "height"]], ids=str)
def test_batches_and_previews_are_drawn(folder, y_col):
    sequence = sequence_of(folder, y_col, augment=[RandomFlip(), MixUp()])

    assert sequence.show_batch(num_images=2, cell=32).size[0] > 32
    assert imggen.contact_sheet(sequence, images_per_class=2, variants=2).size[0] > 100


@pytest.mark.parametrize(
    ("y_col", "caption"), [("age", "age 0.5"), (["age", "height"], "age 0.5, height 109")]
)
def test_a_batch_is_captioned_with_names_and_numbers(folder, y_col, caption):
    sequence = sequence_of(folder, y_col, shuffle=False)
    mode, y = sequence.batch_maker.label_mode, sequence[0][1]
    pixels = np.zeros((10, 8, 3), np.uint8)

    assert mode.show(pixels, y, 3, sequence.manifest, channels_first=False)[1] == caption


# Predictions, and training.


def model_of(outputs: int, *, flat: bool = False) -> keras.Model:
    """Predicts the mean of the last column's pixels, 20 x row, times 1, 2, ..."""
    inputs = keras.Input((10, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs[:, :, 4:, :1])
    output = keras.layers.Concatenate()([mean * (i + 1) for i in range(outputs)] + [mean])[
        :, :outputs
    ]
    return keras.Model(inputs, keras.layers.Reshape(())(output) if flat else output)


@pytest.mark.parametrize("flat", [False, True])
def test_predictions_of_one_column_are_a_table_of_true_and_predicted(folder, flat):
    table = sequence_of(folder).predict(model_of(1, flat=flat))

    assert list(table.columns) == ["path", "true", "predicted"]
    assert table["path"].tolist() == [str(folder / f"{row}.png") for row in range(NUM)]
    assert table["true"].tolist() == AGES
    np.testing.assert_allclose(table["predicted"], [20 * row for row in range(NUM)], rtol=1e-5)


def test_predictions_of_several_columns_have_a_pair_for_each(folder):
    table = sequence_of(folder, ["age", "height"], augment=MixUp()).predict(model_of(2))

    names = ["true_age", "predicted_age", "true_height", "predicted_height"]
    assert list(table.columns) == ["path", *names]
    assert table["true_height"].tolist() == HEIGHTS
    np.testing.assert_allclose(table["predicted_age"], [20 * row for row in range(NUM)])
    np.testing.assert_allclose(table["predicted_height"], [40 * row for row in range(NUM)])


def test_files_that_cannot_be_read_are_predicted_as_nan(folder):
    (folder / "3.png").write_bytes(b"broken")
    table = sequence_of(folder, on_error="skip").predict(model_of(1))

    assert np.flatnonzero(table["predicted"].isna()).tolist() == [3]
    assert table["true"].tolist() == AGES


@pytest.mark.parametrize(("y_col", "outputs"), [("age", 2), (["age", "height"], 3)])
def test_a_model_with_another_number_of_outputs_is_refused(folder, y_col, outputs):
    message = rf"shape \(12, {outputs}\); a prediction table needs \(12, {outputs - 1}\)"
    with pytest.raises(OptionError, match=message):
        sequence_of(folder, y_col).predict(model_of(outputs))


def test_a_model_is_trained_and_finds_the_slope(folder):
    train = sequence_of(folder, rescale=1 / 220, batch_size=4)
    inputs = keras.Input((10, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs[:, :, 4:, :1])
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros")(mean))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(train, epochs=80, verbose=0)

    assert model.evaluate(train, verbose=0) < 0.1


# What is refused.


def test_a_manifest_without_targets_is_refused(folder):
    manifest = imggen.Manifest.from_frame(frame_of(), y_col=None)
    with pytest.raises(OptionError, match=r'"regression" needs columns of numbers.*y_col='):
        imggen.ImageSequence(manifest, label_mode="regression")


@pytest.mark.parametrize("y_col", [None, [], ""])
def test_no_columns_are_refused(folder, y_col):
    with pytest.raises(OptionError, match=r'"regression" needs columns of numbers; got y_col='):
        sequence_of(folder, y_col)


def test_several_columns_of_classes_are_refused_with_the_mode_that_takes_them(folder):
    with pytest.raises(OptionError, match=r'must be the name of one column.*"regression"'):
        imggen.from_dataframe(frame_of(), root=folder, y_col=["age", "height"])


def test_measured_values_as_classes_are_refused_with_the_mode_that_takes_them(folder):
    with pytest.raises(ManifestError, match=r'not a class.*label_mode="regression"'):
        imggen.from_dataframe(frame_of(), root=folder, y_col="age")


def test_numbers_that_are_missing_are_refused_with_their_row(folder):
    frame = frame_of(age=[*AGES[:4], None, *AGES[5:]])
    with pytest.raises(ManifestError, match=r"'age' has no value in 1 of 12 rows, first in row 4"):
        sequence_of(folder, frame=frame)


def test_exports_of_images_alone_are_refused(folder, tmp_path):
    manifest = sequence_of(folder).manifest
    with pytest.raises(imggen.errors.ExportError, match="targets"):
        imggen.split_directory(manifest, tmp_path / "out", (0.5, 0.5))
