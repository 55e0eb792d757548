"""Contact sheets and confusion matrices, down to the pixels."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import metrics

import imggen
from imggen.errors import OptionError
from imggen.preview import confusion
from tests.helpers.images import pixels_of, places, write_images

HEIGHT, WIDTH = 24, 20
BLUE, ORANGE, EMPTY = (9, 105, 218), (188, 76, 0), (246, 248, 250)


def invert(image):
    return 255 - image


def recolor(image, rng):
    return image ^ rng.integers(1, 256, image.shape, dtype=np.uint8)


def sequence_of(folder, **options):
    return imggen.from_directory(folder, seed=3, image_size=(HEIGHT, WIDTH), **options)


def sheet_of(sequence, **options) -> np.ndarray:
    # Cells as large as the images, so that nothing is resized.
    return np.asarray(imggen.contact_sheet(sequence, cell=HEIGHT, **options))


def test_a_sheet_shows_the_first_of_each_class_beside_what_training_makes_of_it(photos):
    sheet = sheet_of(sequence_of(photos, augment=invert), variants=3)

    for name in ("cat", "dog"):
        original = pixels_of(photos / name / "000.png")
        [(top, left)] = places(sheet, original)
        variants = places(sheet, 255 - original)
        assert [row for row, _ in variants] == [top] * 3
        assert left + WIDTH <= variants[0][1]


def test_each_class_has_a_row_below_the_one_before(photos):
    sheet = sheet_of(sequence_of(photos))
    cats, dogs = (places(sheet, pixels_of(photos / name / "000.png")) for name in ("cat", "dog"))

    assert cats[0][0] + HEIGHT <= dogs[0][0]
    assert [left for _, left in cats] == [left for _, left in dogs]


def test_the_variants_are_what_the_first_epochs_train_on(photos):
    sequence = sequence_of(photos, augment=recolor, dtype="uint8", batch_size=5)
    sheet = sheet_of(sequence, variants=4)

    lefts = []
    for epoch in range(4):
        served = sequence.served(epoch).tolist()
        x = np.concatenate([x for x, _ in sequence])
        [(_, left)] = places(sheet, x[served.index(8)])
        lefts.append(left)
    assert lefts == sorted(lefts)


def test_images_per_class_are_rows(photos):
    sheet = sheet_of(sequence_of(photos, augment=invert), images_per_class=3, variants=1)
    shown = [places(sheet, pixels_of(photos / "dog" / f"00{number}.png")) for number in range(4)]

    assert [len(found) for found in shown] == [1, 1, 1, 0]
    assert shown[0] < shown[1] < shown[2]


def test_a_class_with_fewer_images_than_rows_shows_what_it_has(tmp_path):
    folder = write_images(tmp_path, {"cat": 1, "dog": 2}, size=(HEIGHT, WIDTH))
    sheet = sheet_of(sequence_of(folder), images_per_class=5, variants=1)

    assert len(places(sheet, pixels_of(folder / "cat" / "000.png"))) == 2
    assert len(places(sheet, pixels_of(folder / "dog" / "001.png"))) == 2


def test_samples_without_classes_are_shown_from_the_first(photos):
    sequence = sequence_of(photos, labels=None, augment=invert)
    sheet = sheet_of(sequence, images_per_class=2, variants=1)

    assert len(places(sheet, pixels_of(photos / "cat" / "001.png"))) == 1
    assert places(sheet, pixels_of(photos / "dog" / "000.png")) == []


def test_by_default_there_are_six_rows_without_classes_and_one_per_class_with_them(photos):
    for options, num_shown in (({"labels": None}, 6), ({}, 1)):
        sheet = sheet_of(sequence_of(photos, augment=invert, **options), variants=1)
        names = [f"00{number}.png" for number in range(8)]
        shown = [len(places(sheet, pixels_of(photos / "cat" / name))) for name in names]
        assert shown == [1] * num_shown + [0] * (8 - num_shown)


def test_small_images_are_enlarged_without_smoothing(tmp_path):
    folder = write_images(tmp_path, {"cat": 1}, size=(2, 3))
    sequence = imggen.from_directory(folder, image_size=(2, 3), augment=invert)
    sheet = np.asarray(imggen.contact_sheet(sequence, cell=30, variants=1))
    enlarged = pixels_of(folder / "cat" / "000.png").repeat(10, axis=0).repeat(10, axis=1)

    assert len(places(sheet, enlarged)) == 1
    assert len(places(sheet, 255 - enlarged)) == 1


def test_large_images_are_shrunk_with_their_aspect_ratio(tmp_path):
    folder = write_images(tmp_path, {"cat": 1}, size=(40, 80))
    sequence = imggen.from_directory(folder, image_size=(40, 80))
    sheet = np.asarray(imggen.contact_sheet(sequence, cell=20, variants=1))
    with Image.open(folder / "cat" / "000.png") as image:
        small = np.asarray(image.resize((20, 10), Image.Resampling.LANCZOS))

    assert len(places(sheet, small)) == 2


def test_grayscale_is_shown_in_gray(photos):
    sheet = sheet_of(sequence_of(photos, color_mode="grayscale", augment=invert), variants=1)
    with Image.open(photos / "cat" / "000.png") as image:
        gray = np.asarray(image.convert("L").convert("RGB"))

    assert len(places(sheet, gray)) == 1
    assert len(places(sheet, 255 - gray)) == 1


def test_transparency_is_shown_over_a_checkerboard(tmp_path):
    (tmp_path / "cat").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[5:9, 5:9, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "cat" / "000.png")

    sheet = sheet_of(sequence_of(tmp_path, color_mode="rgba"), variants=1)
    shown = places(sheet, pixels[:5, :, :3])
    assert len(shown) == 2
    for top, left in shown:
        cell = sheet[top : top + HEIGHT, left : left + WIDTH]
        behind = cell[5:9, 5:9]
        cell = np.where(pixels[..., 3:] == 0, pixels[..., :3], cell)
        np.testing.assert_array_equal(cell, pixels[..., :3])
        assert np.unique(behind).tolist() == [216, 255]


def test_a_sheet_leaves_the_sequence_as_it_was(photos):
    sequence, untouched = (sequence_of(photos, augment=recolor) for _ in range(2))
    first = sheet_of(sequence)

    np.testing.assert_array_equal(sheet_of(sequence), first)
    assert sequence.epoch == 0
    np.testing.assert_array_equal(sequence[0][0], untouched[0][0])


@pytest.mark.parametrize("name", [b"caf\xff.png", "🐈 cat.png".encode(), b"x" * 200 + b".png"])
def test_any_file_name_can_stand_under_its_image(photos, name):
    os.rename(photos / "cat" / "000.png", os.path.join(os.fsencode(photos), b"cat", b"0" + name))

    assert sheet_of(sequence_of(photos)).shape[2] == 3


def test_a_line_break_in_a_file_name_does_no_harm(photos):
    os.rename(photos / "cat" / "000.png", photos / "cat" / "0\n0.png")

    assert sheet_of(sequence_of(photos)).shape[2] == 3


@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 4), (4, 4, 2)])
def test_samples_that_are_no_images_are_refused_with_what_they_are(tmp_path, shape):
    dtype = np.float32 if len(shape) == 3 and shape[2] == 3 else np.uint8
    np.save(tmp_path / "0.npy", np.zeros(shape, dtype))
    sequence = imggen.from_files([str(tmp_path / "0.npy")], ["cat"], loader=np.load)

    with pytest.raises(OptionError, match="shows images, uint8 of shape") as caught:
        imggen.contact_sheet(sequence)
    assert f"{np.dtype(dtype)} of shape {shape}" in str(caught.value)


@pytest.mark.parametrize("option", ["images_per_class", "variants", "cell"])
def test_a_number_below_one_is_refused(photos, option):
    with pytest.raises(OptionError, match=f"{option}=0 must be .* of 1 or more"):
        imggen.contact_sheet(sequence_of(photos), **{option: 0})


def test_a_sheet_that_would_be_too_large_is_refused_before_any_image_is_loaded(tmp_path):
    # 2 rows of 9 images with 2**24 pixels each, where 2**28 are allowed.
    folder = write_images(tmp_path, {"cat": 2, "dog": 2})
    loaded = []
    sequence = imggen.from_directory(folder, loader=loaded.append, image_size=None)

    with pytest.raises(OptionError, match=f"up to {18 * 4096**2} pixels; expected at most"):
        imggen.contact_sheet(sequence, variants=8, cell=4096)
    assert loaded == []


def table(true, predicted, **columns) -> pd.DataFrame:
    return pd.DataFrame({"true": true, "predicted": predicted, **columns}, dtype=object)


def colored(picture: Image.Image, color: tuple[int, int, int]) -> list[int]:
    """The middle (row, column) of the pixels of one color; empty where there are none."""
    found = np.argwhere((np.asarray(picture) == color).all(axis=2))
    return ((found.min(axis=0) + found.max(axis=0)) // 2).tolist() if len(found) else []


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_are_scikit_learns(seed):
    names = ["ant", "bee", "cat", "dog"]
    rng = np.random.default_rng(seed)
    true, predicted = rng.choice(names[:3], 60), rng.choice(names, 60)
    counts = confusion._count(list(zip(true, predicted, strict=True)), names)

    np.testing.assert_array_equal(
        counts, metrics.confusion_matrix(true, predicted, labels=names), strict=True
    )


def test_right_predictions_are_blue_on_the_diagonal():
    picture = imggen.confusion_matrix(table(["a", "b"], ["a", "b"]))

    assert colored(picture, BLUE)
    assert not colored(picture, ORANGE)


def test_a_row_is_a_true_class_and_a_column_a_predicted_one():
    picture = imggen.confusion_matrix(table(["a", "a", "b"], ["b", "b", "b"]))
    wrong, right = colored(picture, ORANGE), colored(picture, BLUE)

    assert wrong[0] < right[0]
    assert wrong[1] == right[1]


def test_a_square_is_shaded_by_its_share_of_the_row():
    def shades(picture):
        return {color for count, color in picture.getcolors(10**6) if count > 500}

    few = imggen.confusion_matrix(table(["a", "a", "b"], ["a", "b", "b"]))
    many = imggen.confusion_matrix(table(["a"] * 40 + ["b"], ["a", "b"] * 20 + ["b"]))

    assert shades(few) == shades(many)
    # White paper, half a row each in blue and orange, an empty and a full square.
    assert len(shades(few)) == 5
    assert shades(few) > {(255, 255, 255), EMPTY, BLUE}
    assert ORANGE not in shades(few)


def test_rows_without_a_prediction_or_a_class_are_left_out():
    with_gaps = table(["a", "b", "b", None, "a"], ["a", "a", None, "a", "a"])
    without = table(["a", "b", "a"], ["a", "a", "a"])

    assert imggen.confusion_matrix(with_gaps) == imggen.confusion_matrix(without)


def test_classes_stand_in_the_order_of_the_scores_whether_predicted_or_not():
    scores = {"p_b": [0.1, 0.1], "p_a": [0.9, 0.9], "p_c": [0.0, 0.0]}
    two = imggen.confusion_matrix(table(["a", "b"], ["a", "a"]), cell=90)
    three = imggen.confusion_matrix(table(["a", "b"], ["a", "a"], **scores), cell=90)

    assert (three.width - two.width, three.height - two.height) == (90, 90)
    assert colored(two, BLUE)[0] < colored(two, ORANGE)[0]
    assert colored(three, ORANGE)[0] < colored(three, BLUE)[0]


def test_several_classes_per_image_have_no_matrix():
    scores = {"p_a": [0.9, 0.9], "p_b": [0.9, 0.1]}
    for true, predicted in ((["a;b", "a"], ["a", "a"]), (["a", "b"], ["a;b", ""])):
        with pytest.raises(OptionError, match="several classes per image, there is no confusion"):
            imggen.confusion_matrix(table(true, predicted, **scores))


@pytest.mark.parametrize(
    "columns", [{"true": ["a"]}, {"predicted": ["a"]}, {"true": [None], "predicted": ["a"]}, {}]
)
def test_a_table_without_classes_is_refused_with_the_columns_it_needs(columns):
    with pytest.raises(OptionError, match="needs the columns 'true' and 'predicted'"):
        imggen.confusion_matrix(pd.DataFrame(columns))


def test_a_table_in_which_every_prediction_is_missing_is_drawn_empty():
    assert imggen.confusion_matrix(table(["a", "b"], [None, None])).mode == "RGB"


def test_a_class_that_no_score_belongs_to_is_refused_by_name():
    with pytest.raises(OptionError, match="'zebra'"):
        imggen.confusion_matrix(table(["a", "zebra"], ["a", "a"], p_a=[1, 1], p_b=[0, 0]))


def test_a_line_break_in_a_class_name_does_no_harm():
    assert imggen.confusion_matrix(table(["a\nb"], ["a\nb"])).mode == "RGB"


def test_texts_and_counts_fit_into_a_small_matrix():
    rows = ["a"] * 12345
    for cell in (5, 24, 44):
        picture = imggen.confusion_matrix(table(rows, rows), cell=cell)
        dark = np.argwhere(np.asarray(picture).min(axis=2) < 200)
        # Ink would touch the edge if the summary or a heading were cut.
        assert dark.max(axis=0)[1] < picture.width - 4, cell
        white = np.asarray(picture.crop((picture.width - 4, 0, *picture.size)))
        assert (white == 255).all(), cell


def test_classes_that_are_numbers_are_read_back_from_a_file(tmp_path):
    scores = {"p_1": [0.9, 0.1, None], "p_2": [0.1, 0.9, None]}
    written = table(["1", "1", "2"], ["1", "2", None], **scores)
    written.to_csv(tmp_path / "table.csv", index=False)
    read = pd.read_csv(tmp_path / "table.csv")

    assert read["predicted"].dtype == float
    assert imggen.confusion_matrix(read) == imggen.confusion_matrix(written)


def test_numbers_have_no_matrix():
    with pytest.raises(OptionError, match="not whole"):
        imggen.confusion_matrix(pd.DataFrame({"true": [0.5, 1.0], "predicted": [1.0, 1.5]}))


def test_images_of_a_loader_with_other_values_are_visible(tmp_path):
    folder = write_images(tmp_path, {"a": 1}, size=(8, 8))
    gray = np.linspace(0, 1, 64).reshape(8, 8, 1)
    expected = np.asarray(load_and_draw(folder, (255 * gray).round().astype(np.uint8)), int)
    others = (gray, 65535 * gray, 4095 * gray, 1e6 * gray, 2 * gray - 1, 2000 * gray - 1000)
    near = (255 * gray).astype(np.float32)
    near[0, 0], near[-1, -1] = -3, 260  # as interpolation and noise leave them
    for values in (*others, near):
        drawn = np.asarray(load_and_draw(folder, values), int)
        assert np.abs(drawn - expected).max() <= 1
    near[0, 0] = np.nan
    assert np.array_equal(load_and_draw(folder, near), expected)


def load_and_draw(folder, values):
    sequence = imggen.from_directory(folder, loader=lambda path: values, seed=0, workers=0)
    return sequence.show_batch(cell=8)
