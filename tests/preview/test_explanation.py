"""explain() against what was served: every sample of any epoch, and what was drawn for it."""

import albumentations
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.augment import (
    CutMix,
    MixUp,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomFlip,
    RandomGamma,
    RandomGaussianNoise,
    RandomHue,
    RandomJPEG,
    RandomPerspective,
    RandomPosterization,
    RandomResizedCrop,
    RandomRotation,
    RandomSaturation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Sample,
)
from imggen.augment.execution import apply_operations
from imggen.augment.operations import Operation
from imggen.errors import ImageError, OptionError

SIZE = (24, 20)
MOVES = [RandomFlip(), RandomRotation(), RandomBrightness((0.7, 1.3))]
CROP = RandomResizedCrop((0.2, 0.8))


def sequence_of(folder, augment=None, **options):
    chosen = {"image_size": SIZE, "batch_size": 5, "seed": 3, "workers": 0, **options}
    return imggen.from_directory(folder, augment=augment, **chosen)


def images_of(sequence, epoch):
    """The images of an epoch as training gets them, in the order served."""
    sequence.epoch = epoch
    return np.concatenate([sequence[number][0] for number in range(len(sequence))])


def add_noise(image, rng):
    return image ^ rng.integers(0, 256, image.shape, dtype=np.uint8)


def move(image, mask=None):
    moved = np.roll(image, 3, axis=1)
    return moved if mask is None else (moved, np.roll(mask, 3, axis=1))


def still(image, mask=None):
    return image if mask is None else (image, mask)


def check_epochs(sequence, epochs):
    for epoch in epochs:
        served = images_of(sequence, epoch)
        rows = sequence.served(epoch).tolist()
        assert len(served) == len(rows)
        for row, image in zip(rows, served, strict=True):
            explained = sequence.explain(epoch, row)
            assert explained.image.dtype == np.uint8
            np.testing.assert_array_equal(np.rint(image), explained.image)


# The image is the one that was served.

PIPELINES = {
    "none": None,
    "moves": MOVES,
    "plain functions": [add_noise, np.fliplr],
    "albumentations": [albumentations.Rotate(p=0.7), albumentations.GaussNoise(p=1)],
    "crop": [CROP, *MOVES],
    "crop later": [*MOVES, CROP],
    "strong": "strong",
    "MixUp": [*MOVES, MixUp(1.0)],
    "CutMix": [CROP, CutMix(p=0.5)],
}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_image_of_every_epoch_is_the_one_that_was_served(photos, name):
    check_epochs(sequence_of(photos, PIPELINES[name]), range(3))


@pytest.mark.parametrize(
    "options",
    [
        {"cache": "ram"},
        {"shuffle": False},
        {"color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"crop_to_aspect_ratio": True, "image_size": (16, 16)},
        {"dtype": "uint8"},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=str,
)
def test_the_image_is_the_one_that_was_served_whatever_the_options(photos, options):
    with sequence_of(photos, [*MOVES, MixUp(1.0)], **options) as sequence:
        check_epochs(sequence, [0, 1])


def test_past_epochs_are_explained_after_others_were_served_and_out_of_order(photos):
    sequence = sequence_of(photos, [*MOVES, MixUp(1.0)])
    served = [images_of(sequence, epoch) for epoch in range(4)]

    for epoch, row in ((2, 9), (0, 3), (3, 9), (0, 15), (1, 0), (2, 9)):
        place = sequence.served(epoch).tolist().index(row)
        explained = sequence.explain(epoch, row).image
        np.testing.assert_array_equal(np.rint(served[epoch][place]), explained)


def test_an_epoch_is_explained_before_it_is_served(photos):
    sequence = sequence_of(photos, [*MOVES, MixUp(1.0)])
    explained = sequence.explain(7, 4)

    place = sequence.served(7).tolist().index(4)
    np.testing.assert_array_equal(np.rint(images_of(sequence, 7)[place]), explained.image)
    assert (explained.epoch, explained.index) == (7, 4)


@pytest.mark.parametrize("augment", [MOVES, [*MOVES, MixUp(1.0)]], ids=["moved", "mixed"])
def test_repeats_of_a_sample_are_explained_each_on_its_own(photos, augment):
    sequence = sequence_of(photos, augment, repeats=3)
    for epoch in (0, 1):
        served = sorted(
            np.rint(image).astype(np.uint8).tobytes() for image in images_of(sequence, epoch)
        )
        explained = sorted(sequence.explain(epoch, draw).image.tobytes() for draw in range(48))
        assert explained == served
    assert sequence.explain(0, 5).path == sequence.explain(0, 37).path
    assert sequence.explain(0, 5).image.tobytes() != sequence.explain(0, 37).image.tobytes()


@pytest.mark.filterwarnings("ignore:.* could not be read:imggen.errors.ImggenWarning")
@pytest.mark.parametrize("mixers", [[], [MixUp(1.0)]], ids=["alone", "mixed"])
def test_a_substitute_is_explained_under_its_own_name(photos, mixers):
    (photos / "cat" / "003.png").write_bytes(b"broken")
    sequence = sequence_of(photos, [*MOVES, *mixers], on_error="substitute")

    check_epochs(sequence, range(3))
    explained = sequence.explain(1, 3)
    assert explained.path != str(photos / "cat" / "003.png")
    assert explained.path.startswith(str(photos / "cat"))
    with Image.open(explained.path) as image:
        np.testing.assert_array_equal(explained.original, np.asarray(image))


@pytest.mark.filterwarnings("ignore:.* could not be read:imggen.errors.ImggenWarning")
def test_what_is_left_in_a_batch_is_explained_where_files_are_left_out(photos):
    for name in ("cat/003.png", "dog/001.png"):
        (photos / name).write_bytes(b"broken")
    sequence = sequence_of(photos, [*MOVES, MixUp(1.0)], on_error="skip", batch_size=4)
    served = images_of(sequence, 1)
    rows = [row for row in sequence.served(1).tolist() if row not in (3, 9)]

    for row, image in zip(rows, served, strict=True):
        np.testing.assert_array_equal(np.rint(image), sequence.explain(1, row).image)


@pytest.mark.parametrize("option", [{"rescale": 1 / 255}, {"data_format": "channels_first"}])
def test_the_image_is_as_it_was_before_it_is_rescaled_or_turned(photos, option):
    plain, other = sequence_of(photos, MOVES), sequence_of(photos, MOVES, **option)

    np.testing.assert_array_equal(plain.explain(1, 6).image, other.explain(1, 6).image)


def test_of_floats_blends_are_not_rounded(tmp_path):
    pixels = np.random.default_rng(0).random((4, 6, 5, 3), dtype=np.float32)
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", pixels[number])
    files = [str(tmp_path / f"{number}.npy") for number in range(4)]
    sequence = imggen.from_files(
        files, list("abcd"), loader=np.load, augment=MixUp(1.0), seed=1, shuffle=False, workers=0
    )

    for row, image in enumerate(sequence[0][0]):
        np.testing.assert_allclose(sequence.explain(0, row).image, image, rtol=0, atol=1e-6)


def test_arrays_of_one_axis_that_are_blended_are_explained(tmp_path):
    rows = np.random.default_rng(0).random((4, 5), dtype=np.float32)
    for number, row in enumerate(rows):
        np.save(tmp_path / f"{number}.npy", row)
    files = [str(tmp_path / f"{number}.npy") for number in range(4)]
    options = {"loader": np.load, "shuffle": False, "workers": 0, "seed": 1}
    sequence = imggen.from_files(files, list("abcd"), augment=MixUp(1.0), **options)
    x, _ = sequence[0]

    np.testing.assert_allclose(sequence.explain(0, 2).image, x[2], rtol=0, atol=1e-6)


def test_the_substitute_of_a_batch_of_which_nothing_can_be_read_is_explained(photos):
    (photos / "cat" / "003.png").write_bytes(b"broken")
    sequence = sequence_of(photos, on_error="skip", batch_size=1, shuffle=False)
    x, _ = sequence[3]

    np.testing.assert_array_equal(sequence.explain(0, 3).image, x[0])


def test_the_mask_is_the_target_that_was_served(photos):
    sequence = sequence_of(photos, MOVES, mask_dir=_masks(photos))
    sequence.epoch = 2
    masks = np.concatenate([sequence[number][1] for number in range(len(sequence))])

    for row, mask in zip(sequence.served(2).tolist(), masks, strict=True):
        np.testing.assert_array_equal(sequence.explain(2, row).mask, mask)


def _masks(photos):
    for path in photos.rglob("*.png"):
        with Image.open(path) as image:
            mask = image.convert("L").point(lambda value: value // 100)
        place = photos.parent / "masks" / path.relative_to(photos)
        place.parent.mkdir(parents=True, exist_ok=True)
        mask.save(place)
    return photos.parent / "masks"


# What it says.


def test_the_original_is_the_image_of_the_file(photos):
    explained = sequence_of(photos, MOVES).explain(4, 9)

    assert explained.path == str(photos / "dog" / "001.png")
    assert explained.label == "dog"
    with Image.open(photos / "dog" / "001.png") as image:
        np.testing.assert_array_equal(explained.original, np.asarray(image))


def test_before_a_crop_the_original_is_what_is_cut_from(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    crop = RandomResizedCrop((0.2, 0.8), source_size=60)
    sequence = imggen.from_files(
        [str(tmp_path / "a.png")], ["a"], image_size=(16, 16), augment=crop, seed=1
    )
    explained = sequence.explain(0, 0)

    np.testing.assert_array_equal(explained.original, pixels)
    assert explained.image.shape == (16, 16, 3)


STEPS = [
    RandomFlip("horizontal_and_vertical", p=1.0),
    RandomRotation((-40, 40), fill_mode="constant", cval=90),
    RandomTranslation(),
    RandomShear(y=(-10, 10)),
    RandomZoom(stretch=(0.8, 1.2)),
    RandomPerspective(),
    RandomBrightness((0.5, 1.5)),
    RandomContrast((0.5, 1.5)),
    RandomSaturation((0.5, 1.5)),
    RandomHue((-40, 40)),
    RandomGamma((0.5, 2)),
    RandomPosterization((2, 4)),
    RandomErasing(),
    RandomGaussianNoise(),
    RandomJPEG((10, 40)),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_what_was_drawn_applied_anew_gives_the_image(photos, step):
    sequence = sequence_of(photos, step)
    for epoch, row in ((0, 0), (1, 5), (4, 12)):
        explained = sequence.explain(epoch, row)
        (told,) = explained.steps
        again = apply_operations([Operation(step, told.parameters)], Sample(explained.original))
        assert told.name == step.name
        np.testing.assert_array_equal(again.image, explained.image)
        assert not np.array_equal(explained.image, explained.original)


def test_what_several_steps_drew_applied_anew_in_order_gives_the_image(photos):
    steps = [CROP, RandomRotation((-40, 40)), RandomBrightness((0.5, 1.5)), RandomHue((-40, 40))]
    explained = sequence_of(photos, steps).explain(2, 7)
    operations = [
        Operation(step, told.parameters) for step, told in zip(steps, explained.steps, strict=True)
    ]
    again = apply_operations(operations, Sample(explained.original), SIZE)

    np.testing.assert_array_equal(again.image, explained.image)


def test_steps_that_chance_left_out_say_so(photos):
    explained = sequence_of(photos, [RandomFlip(p=0.0), RandomHue(p=0.0)]).explain(0, 1)

    assert [step.parameters for step in explained.steps] == [None, None]
    np.testing.assert_array_equal(explained.image, explained.original)


def test_an_image_that_is_not_blended_says_so_and_has_its_own_label(photos):
    explained = sequence_of(photos, CutMix(p=0.0)).explain(0, 1)

    assert [tuple(step) for step in explained.steps] == [("CutMix", None)]
    assert explained.target == {"cat": 1.0}


@pytest.mark.parametrize("mixer", [MixUp(1.0), CutMix()], ids=["MixUp", "CutMix"])
def test_the_target_is_the_one_that_was_served(photos, mixer):
    sequence = sequence_of(photos, mixer)
    y = np.concatenate([y for _, y in sequence])

    for row, shares in zip(sequence.served(0).tolist(), y, strict=True):
        target = sequence.explain(0, row).target
        told = [target.get(name, 0.0) for name in sequence.class_names]
        np.testing.assert_allclose(told, shares, rtol=0, atol=1e-6)


def test_without_a_mixer_there_are_no_shares_of_labels(photos):
    assert sequence_of(photos, MOVES).explain(0, 1).target is None


def test_samples_without_classes_have_neither_label_nor_target(photos):
    explained = sequence_of(photos, MixUp(), labels=None).explain(0, 1)

    assert (explained.label, explained.target) == (None, None)


def test_as_text_it_has_a_line_for_the_file_the_label_and_each_step(photos):
    turn = RandomRotation((30, 30))
    text = str(sequence_of(photos, [RandomFlip(p=1.0), turn, RandomHue(p=0.0)]).explain(2, 3))

    assert text.splitlines() == [
        f"{photos}/cat/003.png · epoch 2, index 3",
        "label: cat",
        "1. RandomFlip: horizontal yes, vertical no",
        "2. RandomRotation: degrees 30",
        "3. RandomHue: left out",
    ]


def test_as_text_a_blend_has_the_shares_of_its_labels(photos):
    sequence = sequence_of(photos, CutMix())
    explained = next(
        explained
        for explained in (sequence.explain(0, row) for row in range(16))
        if len(explained.target) == 2
    )
    (own, other), (share, rest) = zip(*explained.target.items(), strict=True)
    _, label, step = str(explained).splitlines()

    assert label == f"label: {own} {share:.2f}, {other} {rest:.2f}"
    box = explained.steps[0].parameters["box"]
    assert step == (
        f"1. CutMix: kind CutMix, with {explained.steps[0].parameters['with']}, share {share:.3g}, "
        f"box top {box['top']}, left {box['left']}, height {box['height']}, width {box['width']}"
    )


def test_as_text_samples_without_classes_have_no_label(photos):
    assert "label" not in str(sequence_of(photos, MOVES, labels=None).explain(0, 1))


# How much of the original is still there.


def visible(folder, augment, **options) -> float | None:
    return sequence_of(folder, augment, image_size=(60, 60), **options).explain(0, 0).visible


@pytest.mark.parametrize("fill_mode", ["constant", "nearest"])
def test_of_an_image_that_is_shifted_by_half_half_is_visible(photos, fill_mode):
    shift = RandomTranslation(height=(0, 0), width=(0.5, 0.5), fill_mode=fill_mode)

    assert visible(photos, shift) == pytest.approx(0.5, abs=0.05)


def test_of_an_image_that_is_shifted_beyond_both_edges_a_quarter_is_visible(photos):
    shift = RandomTranslation((0.5, 0.5), (-0.5, -0.5), fill_mode="constant")

    assert visible(photos, shift) == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        (None, 1),
        (RandomFlip(p=1.0), 1),
        (RandomHue(), 1),
        (RandomRotation((180, 180)), 1),
        (RandomTranslation((0, 0), (0.5, 0.5), fill_mode="wrap"), 1),
        (RandomTranslation((1, 1), fill_mode="constant"), 0),
        (RandomZoom((3, 3)), 1 / 9),
        (RandomResizedCrop((0.25, 0.25), (1, 1)), 0.25),
        ([RandomZoom((3, 3)), still, RandomZoom((1 / 3, 1 / 3), fill_mode="constant")], 1 / 9),
    ],
    ids=["none", "flip", "hue", "half a turn", "wrap", "all", "zoom", "crop", "zoomed and back"],
)
def test_what_is_visible_is_what_is_not_beyond_the_edge(photos, augment, expected):
    assert visible(photos, augment) == pytest.approx(expected, abs=0.06)


def test_functions_of_the_image_alone_cannot_say_what_is_visible(photos):
    assert visible(photos, np.fliplr) is None
    assert visible(photos, [RandomFlip(), add_noise]) is None


def test_functions_that_move_a_mask_can_say_what_is_visible(photos):
    assert visible(photos, move) == 1


def test_of_albumentations_too_it_is_known_what_is_visible(photos):
    shift = albumentations.Affine(translate_percent={"x": (0.5, 0.5), "y": (0, 0)}, p=1)

    assert visible(photos, shift) == pytest.approx(0.5, abs=0.06)


def test_of_an_image_that_is_shrunk_as_a_whole_all_is_visible(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    whole = RandomResizedCrop((1, 1), (1, 1))
    sequence = imggen.from_files(
        [str(tmp_path / "a.png")], ["a"], image_size=(8, 8), augment=whole, seed=1
    )

    assert sequence.explain(0, 0).visible == 1


# What it leaves alone, and what is refused.


def test_explaining_changes_nothing(photos):
    sequence, untouched = (sequence_of(photos, [*MOVES, MixUp(1.0)]) for _ in range(2))
    before = sequence.explain(0, 3)
    sequence.explain(5, 9)

    assert sequence.epoch == 0
    for (x, y), (other_x, other_y) in zip(sequence, untouched, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)
    np.testing.assert_array_equal(sequence.explain(0, 3).image, before.image)


def test_its_arrays_may_be_written_to(photos):
    sequence = sequence_of(photos, cache="ram")
    before = sequence.explain(0, 3)
    copies = before.image.copy(), before.original.copy()
    before.image[:] = 0
    np.testing.assert_array_equal(before.original, copies[1])
    before.original[:] = 0
    after = sequence.explain(0, 3)

    np.testing.assert_array_equal(after.image, copies[0])
    np.testing.assert_array_equal(after.original, copies[1])


@pytest.mark.parametrize("index", [-1, 16, 100, 1.0, True, None, "1"])
def test_an_index_out_of_range_is_refused_with_the_range(photos, index):
    with pytest.raises(OptionError, match=r"index=.* must be a whole number from 0 to 15\."):
        sequence_of(photos).explain(0, index)


@pytest.mark.parametrize("epoch", [-1, 1.0, True, None])
def test_an_epoch_out_of_range_is_refused(photos, epoch):
    with pytest.raises(OptionError, match=r"epoch=.* must be a whole number of 0 or more\."):
        sequence_of(photos).explain(epoch, 0)


def test_with_repeats_the_range_is_that_of_all_repeats(photos):
    sequence = sequence_of(photos, repeats=2)

    assert sequence.explain(0, 31).path == str(photos / "dog" / "007.png")
    with pytest.raises(OptionError, match="from 0 to 31"):
        sequence.explain(0, 32)


@pytest.mark.parametrize("mixers", [[], [MixUp()]], ids=["alone", "mixed"])
def test_a_file_that_was_left_out_is_named_with_the_reason(photos, mixers):
    (photos / "cat" / "003.png").write_bytes(b"")
    sequence = sequence_of(photos, mixers, on_error="skip")

    with pytest.raises(OptionError, match=r"index=3 was skipped: .*cat/003\.png.*file is empty"):
        sequence.explain(0, 3)


def test_a_file_that_cannot_be_read_raises_if_training_would(photos):
    (photos / "cat" / "003.png").write_bytes(b"")

    with pytest.raises(ImageError, match=r"cat/003\.png': the file is empty"):
        sequence_of(photos).explain(0, 3)


def test_a_sample_that_drop_remainder_left_out_is_not_explained_as_blended(photos):
    sequence = imggen.ImageSequence(
        imggen.scan(photos),
        image_size=(8, 8),
        batch_size=5,
        drop_remainder=True,
        augment=imggen.augment.MixUp(),
        seed=3,
    )
    (left_out,) = set(range(16)) - set(sequence.served(0).tolist())
    with pytest.raises(OptionError, match=f"index={left_out} was left out of epoch 0"):
        sequence.explain(0, left_out)
