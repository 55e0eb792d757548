"""preview(): which images are shown, what training makes of them, and what looks wrong."""

import os

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.augment import (
    CutMix,
    MixUp,
    RandomBrightness,
    RandomFlip,
    RandomHue,
    RandomTranslation,
    RandomZoom,
)
from imggen.errors import OptionError
from imggen.loading.label_modes import find_label_mode
from imggen.preview import make_preview
from tests.helpers.images import write_images

SIZE = (24, 20)
WARNING = (188, 76, 0)


def sequence_of(folder, augment=None, **options):
    return imggen.from_directory(
        folder, **{"image_size": SIZE, "seed": 3, "workers": 0, "augment": augment, **options}
    )


def paths_of(found) -> list[str]:
    return [row.path for row in found.rows]


# What is shown.


def test_the_first_images_of_each_class_are_shown_class_after_class(photos):
    found = make_preview(sequence_of(photos), images_per_class=2, variants=1)

    assert paths_of(found) == ["cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png"]
    assert [row.label for row in found.rows] == ["cat", "cat", "dog", "dog"]


def test_the_original_is_the_image_of_the_file(photos):
    [_, row] = make_preview(sequence_of(photos, RandomHue()), variants=1).rows

    with Image.open(photos / "dog" / "000.png") as image:
        np.testing.assert_array_equal(row.before.image, np.asarray(image))


@pytest.mark.parametrize("augment", [[RandomFlip(), RandomHue()], [MixUp(1.0)]], ids=["", "mixed"])
def test_variants_are_what_the_first_epochs_are_explained_to_be(photos, augment):
    sequence = sequence_of(photos, augment)
    found = make_preview(sequence, images_per_class=2, variants=4)

    assert found.num_variants == 4
    for row, index in zip(found.rows, (0, 1, 8, 9), strict=True):
        for epoch, variant in enumerate(row.variants):
            expected = sequence.explain(epoch, index)
            np.testing.assert_array_equal(variant.explanation.image, expected.image)
            assert str(variant.explanation) == str(expected)


def test_a_preview_names_the_steps_with_the_mixer_last_and_the_seed(photos):
    found = make_preview(
        sequence_of(photos, [RandomFlip(), np.fliplr, CutMix()], seed=41), variants=1
    )

    assert found.steps == ("RandomFlip", "fliplr", "CutMix")
    assert found.seed == 41


def test_images_that_an_epoch_leaves_out_are_shown_all_the_same(photos):
    options = {"batch_size": 5, "drop_remainder": True, "augment": MixUp(1.0)}
    found = make_preview(sequence_of(photos, **options), images_per_class=8, variants=3)
    assert [len(row.variants) for row in found.rows] == [3] * 16


def test_files_that_cannot_be_read_are_skipped_and_named(photos):
    for name in ("000.png", "002.png"):
        (photos / "cat" / name).write_bytes(b"broken")
    found = make_preview(sequence_of(photos, on_error="substitute"), images_per_class=2, variants=1)
    assert paths_of(found) == ["cat/001.png", "cat/003.png", "dog/000.png", "dog/001.png"]
    assert [os.path.basename(path) for path, _ in found.unread] == ["000.png", "002.png"]
    for row in found.rows:
        with Image.open(photos / row.path) as image:
            np.testing.assert_array_equal(row.before.image, np.asarray(image.resize(SIZE[::-1])))


def test_where_nothing_can_be_read_the_first_file_is_named(photos):
    for file in photos.rglob("*.png"):
        file.write_bytes(b"broken")
    with pytest.raises(imggen.errors.ImageError, match=r"cat.000\.png"):
        make_preview(sequence_of(photos, on_error="skip"))


def test_of_boxes_a_few_images_of_each_class_are_shown(photos):
    frame = imggen.scan(photos).to_frame()
    frame["boxes"] = [[[0, 0, 9, 9], [3, 3, 9, 9]]] * len(frame)
    frame["kinds"] = [["b", "b"]] * 5 + [["b", "a"]] * 3 + [["b", "b"]] * 8
    sequence = imggen.from_dataframe(
        frame,
        root=photos,
        y_col=None,
        boxes=imggen.Boxes(col="boxes", format="coco", labels="kinds"),
        image_size=SIZE,
        workers=0,
    )
    found = make_preview(sequence, images_per_class=2, variants=1)
    assert paths_of(found) == ["cat/005.png", "cat/006.png", "cat/000.png", "cat/001.png"]
    assert found.num_classes_left_out == 0
    assert make_preview(sequence, variants=1, max_classes=1).num_classes_left_out == 1


def test_without_augmentations_there_are_no_steps(photos):
    assert make_preview(sequence_of(photos), variants=1).steps == ()


def test_of_many_classes_the_first_are_shown_and_the_others_counted(tmp_path):
    write_images(tmp_path, dict.fromkeys("abcde", 2))
    found = make_preview(sequence_of(tmp_path), variants=1, max_classes=3)

    assert [row.label for row in found.rows] == ["a", "b", "c"]
    assert found.num_classes_left_out == 2


@pytest.mark.parametrize("max_classes", [None, 2, 50])
def test_of_few_classes_none_is_left_out(photos, max_classes):
    found = make_preview(sequence_of(photos), variants=1, max_classes=max_classes)

    assert [row.label for row in found.rows] == ["cat", "dog"]
    assert found.num_classes_left_out == 0


def test_a_class_without_images_is_neither_shown_nor_counted(photos):
    (photos / "ant").mkdir()
    found = make_preview(sequence_of(photos), variants=1, max_classes=1)

    assert [row.label for row in found.rows] == ["cat"]
    assert found.num_classes_left_out == 1


def test_images_without_classes_have_no_label(photos):
    found = make_preview(sequence_of(photos, labels=None), images_per_class=3, variants=1)

    assert [row.label for row in found.rows] == [None] * 3
    assert paths_of(found) == [f"cat/00{number}.png" for number in range(3)]


@pytest.mark.parametrize("option", ["images_per_class", "variants", "max_classes"])
@pytest.mark.parametrize("number", [0, -1, 1.5, "2"])
def test_a_number_below_one_is_refused_by_name(photos, option, number):
    with pytest.raises(OptionError, match=rf"{option}={number!r} must be a whole number of 1 or"):
        make_preview(sequence_of(photos), **{option: number})


def test_of_mixed_images_each_variant_has_the_shares_of_its_label(photos):
    found = make_preview(sequence_of(photos, MixUp(1.0)), images_per_class=4, variants=4)
    targets = [
        (row.label, variant.explanation.target) for row in found.rows for variant in row.variants
    ]

    assert any(len(target) == 2 for _, target in targets)
    for label, target in targets:
        assert sum(target.values()) == pytest.approx(1)
        assert next(iter(target)) == label


# What looks wrong.


def warnings_of(folder, augment, **options) -> set[tuple[str, ...]]:
    found = make_preview(sequence_of(folder, augment, **options), variants=3)
    return {variant.warnings for row in found.rows for variant in row.variants}


def painted(share, color):
    """A function that paints so large a part of an image, from above."""

    def paint(image):
        painted = image.copy()
        painted[: round(share * len(image))] = color
        return painted

    return paint


@pytest.mark.parametrize("color", [0, 2, 253, 255])
def test_an_image_that_is_half_black_or_white_is_marked_with_the_share(photos, color):
    assert warnings_of(photos, painted(0.5, color)) == {("clipped: 50% black or white",)}


@pytest.mark.parametrize(
    ("share", "color"), [(0.25, 0), (0.5, 8), (0.5, 247), (0.5, (0, 0, 200)), (0.5, (255, 255, 9))]
)
def test_a_smaller_part_or_another_color_is_not_marked(photos, share, color):
    assert warnings_of(photos, painted(share, color)) == {()}


def test_what_was_black_before_is_not_counted(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(20, 230, (*SIZE, 3), dtype=np.uint8)
    pixels[:18] = 0
    Image.fromarray(pixels).save(tmp_path / "a" / "0.png")

    assert warnings_of(tmp_path, RandomBrightness((1.1, 1.1))) == {()}


def test_an_image_that_is_too_bright_is_marked(photos):
    found = warnings_of(photos, RandomBrightness((10, 10)))

    assert all(any(text.startswith("clipped: ") for text in texts) for texts in found)


def test_an_image_that_is_shifted_out_is_marked_with_what_is_left(photos):
    shift = RandomTranslation((0.8, 0.8), (0, 0), fill_mode="nearest")
    [texts] = warnings_of(photos, shift, image_size=(60, 60))

    assert texts == ("mostly cut off: 20% of the original visible",)


def test_an_image_of_which_half_is_left_is_not_marked(photos):
    shift = RandomTranslation((0.5, 0.5), (0, 0), fill_mode="nearest")

    assert warnings_of(photos, shift, image_size=(60, 60)) == {()}


def test_where_it_is_not_known_what_is_left_nothing_is_said(photos):
    shift = RandomTranslation((0.8, 0.8), (0, 0), fill_mode="nearest")

    assert warnings_of(photos, [shift, np.fliplr], image_size=(60, 60)) == {()}


def test_an_image_of_one_grey_is_marked(photos):
    assert warnings_of(photos, painted(1, 128)) == {("blank: a single color",)}


def test_an_image_of_one_color_is_marked(photos):
    assert warnings_of(photos, painted(1, (200, 60, 40))) == {("blank: a single color",)}


def test_an_image_that_is_black_is_marked_twice(photos):
    assert warnings_of(photos, painted(1, 0)) == {
        ("clipped: 100% black or white", "blank: a single color")
    }


def test_an_image_of_one_grey_that_was_so_before_is_not_marked_as_such(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", SIZE[::-1], (90, 90, 90)).save(tmp_path / "a" / "0.png")

    assert warnings_of(tmp_path, painted(1, 130)) == {()}


@pytest.mark.parametrize("augment", [np.copy, RandomFlip(p=0.0), RandomZoom((1, 1))])
def test_an_image_that_augmentations_leave_as_it_is_is_marked(photos, augment):
    assert warnings_of(photos, augment) == {("no visible change",)}


def test_an_image_of_which_one_pixel_changes_is_not_marked(photos):
    def nudge(image):
        changed = image.copy()
        changed[3, 4, 0] ^= 1
        return changed

    assert warnings_of(photos, nudge) == {()}


def test_without_augmentations_it_need_not_change(photos):
    assert warnings_of(photos, None) == {()}


def test_transparency_does_not_count(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(20, 230, (*SIZE, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a" / "0.png")

    def fade(image):
        return np.dstack([image[..., :3], np.zeros(SIZE, np.uint8)])

    assert warnings_of(tmp_path, fade, color_mode="rgba") == {("no visible change",)}


def test_warnings_are_summed_up_with_the_most_frequent_first(photos):
    def sometimes(image, rng):
        draw = rng.random()
        return image if draw < 0.2 else painted(0.5, 0)(image) if draw < 0.6 else image // 2

    found = make_preview(sequence_of(photos, sometimes), images_per_class=8, variants=5)
    each = [text for row in found.rows for variant in row.variants for text in variant.warnings]
    dark, same = (sum(text.startswith(name) for text in each) for name in ("clipped", "no visible"))

    assert dark > same > 0
    assert found.warnings == [
        f"clipped: {dark} of 80 variants",
        f"no visible change: {same} of 80 variants",
    ]


def test_a_warning_with_several_numbers_is_counted_once_for_all_of_them(photos):
    def darker(image, rng):
        return painted(rng.uniform(0.4, 0.9), 0)(image)

    found = make_preview(sequence_of(photos, darker), images_per_class=4, variants=2)

    assert found.warnings == ["clipped: 16 of 16 variants"]


def marks(sheet) -> int:
    return (np.asarray(sheet) == WARNING).all(axis=2).sum()


def test_a_sheet_writes_warnings_in_a_color_of_their_own(photos):
    wrong, right = (sequence_of(photos, one) for one in (painted(1, 128), painted(0.2, 128)))

    assert marks(imggen.contact_sheet(wrong, variants=1)) > 0
    assert marks(imggen.contact_sheet(right, variants=1)) == 0


def test_a_sheet_without_parameters_writes_no_warnings(photos):
    wrong = sequence_of(photos, painted(1, 128))
    sheet, bare = (imggen.contact_sheet(wrong, variants=1, parameters=on) for on in (True, False))

    assert marks(bare) == 0
    assert bare.height < sheet.height


def test_a_sheet_has_room_for_the_shares_of_mixed_labels(photos):
    mixed, plain = (sequence_of(photos, [RandomFlip(p=1.0), *more]) for more in ([MixUp()], []))

    assert imggen.contact_sheet(mixed).height > imggen.contact_sheet(plain).height


def test_shares_that_round_to_nothing_are_left_out():
    mode = find_label_mode("categorical")
    assert mode.format_target({"cat": 0.999, "dog": 0.001}) == "cat 1.00"
    assert mode.caption(np.float32([0.001, 0.999, 0]), ("a", "b", "c")) == "b 1.00"
    assert mode.caption(np.float32([0.25, 0.75, 0]), ("a", "b", "c")) == "b 0.75, a 0.25"


def test_large_numbers_have_no_exponent():
    mode = find_label_mode("regression")
    assert mode.format_target({"price": 213500.0, "x": 0.123456}) == "price 213500, x 0.1235"
