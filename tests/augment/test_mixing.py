"""MixUp and CutMix: batches and targets against blends by hand of the batches without them."""

import itertools
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

import imggen
from imggen.augment import (
    Blend,
    CutMix,
    MixUp,
    MixUpOrCutMix,
    Pipeline,
    RandomFlip,
    blend_images,
    blend_images_in_place,
)
from imggen.errors import ImggenWarning, OptionError

MIXERS = [MixUp(alpha=1.0), CutMix(), MixUpOrCutMix(mixup_alpha=1.0), MixUp(alpha=1.0, p=0.5)]
KINDS = pytest.mark.parametrize("mixer", MIXERS, ids=["MixUp", "CutMix", "either", "half"])
SIZE = (24, 20)


def sequence_of(folder, mixer=None, **options):
    chosen = {"image_size": SIZE, "batch_size": 5, "seed": 3, "workers": 0, **options}
    return imggen.from_directory(folder, augment=mixer, **chosen)


def batches_of(sequence, epoch):
    """The batches of an epoch, each with the rows that it serves."""
    sequence.epoch = epoch
    rows = sequence.served(epoch)
    size = sequence.batch_size
    return [
        (rows[number * size : (number + 1) * size].tolist(), sequence[number])
        for number in range(len(sequence))
    ]


def told_of(explanation):
    """What the mixer did, as ``explain`` says."""
    return explanation.steps[-1].parameters


def mixed_by_hand(arrays, told, places, *, boxes=False, first=False):
    """Blends rows of an array with the partners that were told; in double precision."""
    result = arrays.astype(np.float64)
    for place, drawn in enumerate(told):
        if drawn is None:
            continue
        partner = places[drawn["with"]]
        if boxes and drawn["kind"] == "CutMix":
            box = drawn["box"]
            part = np.s_[
                box["top"] : box["top"] + box["height"], box["left"] : box["left"] + box["width"]
            ]
            part = (slice(None), *part) if first else part
            result[place][part] = arrays[partner][part]
        else:
            share = drawn["share"]
            result[place] = share * arrays[place] + (1 - share) * arrays[partner].astype(float)
    return result


def check_epochs(plain, mixed, *, within, epochs=2, first=False):
    """Holds every batch of ``mixed`` to a blend by hand of the same batch of ``plain``."""
    blended = 0
    for epoch in range(epochs):
        pairs = zip(batches_of(plain, epoch), batches_of(mixed, epoch), strict=True)
        for (rows, (x, *targets)), (_, (mixed_x, *mixed_targets)) in pairs:
            told = [told_of(mixed.explain(epoch, row)) for row in rows]
            places = {plain.manifest.paths[row]: place for place, row in enumerate(rows)}
            expected = mixed_by_hand(x, told, places, boxes=True, first=first)
            assert mixed_x.dtype == x.dtype
            np.testing.assert_allclose(mixed_x, expected, rtol=0, atol=within)
            for target, mixed_target in zip(targets, mixed_targets, strict=True):
                assert mixed_target.dtype == target.dtype
                expected = mixed_by_hand(target, told, places)
                np.testing.assert_allclose(mixed_target, expected, rtol=0, atol=1e-6)
            blended += not np.allclose(mixed_x, x)
    assert blended


@KINDS
def test_images_and_labels_are_blended_as_explain_says(photos, mixer):
    check_epochs(sequence_of(photos), sequence_of(photos, mixer), within=1e-4)


@KINDS
def test_images_are_blended_after_they_are_augmented(photos, mixer):
    plain, mixed = (sequence_of(photos, [RandomFlip(), *more]) for more in ([], [mixer]))

    check_epochs(plain, mixed, within=1e-4)


@KINDS
def test_with_the_channels_first_the_same_parts_are_blended(photos, mixer):
    options = {"data_format": "channels_first"}
    plain, mixed = sequence_of(photos, **options), sequence_of(photos, mixer, **options)

    check_epochs(plain, mixed, within=1e-4, first=True)


@KINDS
def test_images_are_blended_when_they_are_rescaled(photos, mixer):
    plain, mixed = (sequence_of(photos, one, rescale=1 / 255) for one in (None, mixer))

    check_epochs(plain, mixed, within=1e-6)


@KINDS
def test_blends_of_whole_numbers_are_rounded(photos, mixer):
    plain, mixed = (sequence_of(photos, one, dtype="uint8") for one in (None, mixer))

    check_epochs(plain, mixed, within=0.501)


@pytest.mark.parametrize(("dtype", "within"), [("float64", 1e-4), ("float16", 0.2)])
def test_blends_keep_the_dtype_of_the_batch(photos, dtype, within):
    plain, mixed = (sequence_of(photos, one, dtype=dtype) for one in (None, MixUp(1.0)))

    check_epochs(plain, mixed, within=within, epochs=1)


@KINDS
def test_weights_are_blended_by_the_same_shares(photos, mixer):
    paths = [f"{name}/{number:03d}.png" for name in ("cat", "dog") for number in range(8)]
    table = pd.DataFrame({"path": paths, "label": ["a", "b"] * 8, "weight": np.arange(16.0) / 15})
    plain, mixed = (
        imggen.from_dataframe(
            table, root=photos, weight_col="weight", augment=one, image_size=SIZE, seed=3, workers=0
        )
        for one in (None, mixer)
    )

    assert len(mixed[0]) == 3
    check_epochs(plain, mixed, within=1e-4, epochs=1)


@KINDS
def test_two_classes_as_one_number_are_blended_too(photos, mixer):
    plain, mixed = (sequence_of(photos, one, label_mode="binary") for one in (None, mixer))

    check_epochs(plain, mixed, within=1e-4)


@KINDS
def test_without_targets_images_are_blended_alone(photos, mixer):
    mixed = sequence_of(photos, mixer, label_mode=None)

    for number, (_, (x, _)) in enumerate(batches_of(sequence_of(photos, mixer), 0)):
        np.testing.assert_array_equal(mixed[number], x)


@KINDS
def test_an_autoencoder_is_to_give_back_the_blended_image(photos, mixer):
    for number, (_, (x, _)) in enumerate(batches_of(sequence_of(photos, mixer), 0)):
        mixed_x, target = sequence_of(photos, mixer, label_mode="input")[number]
        np.testing.assert_array_equal(mixed_x, x)
        np.testing.assert_array_equal(target, x)


@KINDS
def test_the_shares_of_all_classes_sum_to_one(photos, mixer):
    y = np.concatenate([y for _, y in sequence_of(photos, mixer)])

    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert y.min() >= 0
    assert ((y > 0.01) & (y < 0.99)).any()


def test_the_share_of_cutmix_is_the_area_that_is_left(photos):
    sequence = sequence_of(photos, CutMix())
    told = [told_of(sequence.explain(0, row)) for row in range(16)]

    for drawn in told:
        box = drawn["box"]
        assert 0 <= box["top"] <= box["top"] + box["height"] <= SIZE[0]
        assert 0 <= box["left"] <= box["left"] + box["width"] <= SIZE[1]
        left = SIZE[0] * SIZE[1] - box["height"] * box["width"]
        assert drawn["share"] == pytest.approx(left / (SIZE[0] * SIZE[1]), abs=1e-12)
    assert len({drawn["share"] for drawn in told}) > 8


def test_partners_are_the_images_of_the_batch_each_once(photos):
    sequence = sequence_of(photos, MixUp())
    for rows, _ in batches_of(sequence, 1):
        partners = [told_of(sequence.explain(1, row))["with"] for row in rows]
        assert sorted(partners) == sorted(sequence.manifest.paths[row] for row in rows)


def test_a_blend_within_a_class_leaves_its_label_whole(photos):
    sequence = sequence_of(photos, MixUp(1.0), labels="inferred", class_names=["dog"])
    y = np.concatenate([y for _, y in sequence])

    np.testing.assert_allclose(y, 1, rtol=0, atol=1e-6)


# What decides.


def epochs_of(folder, mixer, *, epochs=2, **options):
    with sequence_of(folder, [RandomFlip(), mixer], **options) as sequence:
        return [part for _ in range(epochs) for batch in sequence for part in batch]


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 1},
        {"workers": 8, "max_queue_size": 2},
        {"workers": 8, "cache": "ram"},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=["one thread", "eight threads", "cached", "two processes"],
)
def test_blends_do_not_depend_on_who_makes_them(photos, options):
    mixer = MixUpOrCutMix(mixup_alpha=1.0)
    alone, others = epochs_of(photos, mixer), epochs_of(photos, mixer, **options)

    for one, other in zip(alone, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_blends_do_not_depend_on_the_order_of_asking(photos):
    sequence, forwards = (sequence_of(photos, MIXERS[2]) for _ in range(2))
    backwards = [sequence[number] for number in (3, 2, 1, 0)][::-1]

    for (x, y), (other_x, other_y) in zip(backwards, forwards, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)


def shares_of(sequence, epoch):
    return [told_of(sequence.explain(epoch, row))["share"] for row in range(16)]


def test_each_epoch_has_shares_and_partners_of_its_own(photos):
    sequence = sequence_of(photos, MixUp(1.0), shuffle=False)
    partners = [
        [told_of(sequence.explain(epoch, row))["with"] for row in range(16)] for epoch in range(2)
    ]

    assert not set(shares_of(sequence, 0)) & set(shares_of(sequence, 1))
    assert partners[0] != partners[1]


def test_each_seed_has_shares_of_its_own(photos):
    one, other = (sequence_of(photos, MixUp(1.0), seed=seed) for seed in (3, 4))

    assert not set(shares_of(one, 0)) & set(shares_of(other, 0))
    assert len(set(shares_of(one, 0))) == 16


def test_the_share_of_a_sample_does_not_depend_on_how_large_batches_are(photos):
    one, other = (sequence_of(photos, MixUp(1.0), batch_size=size) for size in (4, 16))

    assert shares_of(one, 2) == shares_of(other, 2)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_follow_the_beta_distribution(alpha, seed):
    rng = np.random.default_rng([seed, 7])
    shares = [MixUp(alpha).draw(0, SIZE, rng).share for _ in range(2000)]

    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.001


def test_boxes_of_cutmix_have_the_area_of_the_beta_distribution_before_they_are_cut_off():
    # In the middle of both sides, nothing is cut off of boxes up to half as high and wide.
    rng = np.random.default_rng(5)
    blends = [CutMix(2.0).draw(0, (800, 400), rng) for _ in range(6000)]
    inside = [
        box[2] * box[3] / (800 * 400)
        for _, _, box in blends
        if box[0] > 0 and box[1] > 0 and box[0] + box[2] < 800 and box[1] + box[3] < 400
    ]
    # A box of area a lies inside for (1 - sqrt(a)) ** 2 of all places of its middle.
    areas = np.linspace(0, 1, 20001)
    density = stats.beta(2, 2).pdf(areas) * (1 - np.sqrt(areas)) ** 2
    cumulated = np.cumsum(density) / density.sum()

    assert len(inside) > 400
    assert stats.kstest(inside, lambda area: np.interp(area, areas, cumulated)).pvalue > 0.001


def test_boxes_that_are_not_cut_off_have_the_shape_of_the_image():
    rng = np.random.default_rng(1)
    boxes = [CutMix().draw(0, (800, 400), rng).box for _ in range(500)]
    inside = [
        (height, width)
        for top, left, height, width in boxes
        if top > 0 and left > 0 and top + height < 800 and left + width < 400
    ]

    assert len(inside) > 50
    assert all(abs(height - 2 * width) <= 3 for height, width in inside)


@pytest.mark.parametrize("mixer", [MixUp, CutMix, MixUpOrCutMix])
def test_p_is_the_share_of_images_that_are_blended(mixer):
    rng = np.random.default_rng(2)
    blends = [mixer(p=0.3).draw(0, SIZE, rng) for _ in range(1000)]

    assert 250 < sum(blend is not None for blend in blends) < 350


@pytest.mark.parametrize("mixer", [MixUp, CutMix, MixUpOrCutMix])
def test_with_p_of_0_nothing_is_blended(photos, mixer):
    plain, mixed = sequence_of(photos), sequence_of(photos, mixer(p=0.0))

    for (_, (x, y)), (_, (mixed_x, mixed_y)) in zip(
        batches_of(plain, 0), batches_of(mixed, 0), strict=True
    ):
        np.testing.assert_array_equal(mixed_x, x)
        np.testing.assert_array_equal(mixed_y, y)


def test_either_is_one_of_both_equally_often():
    rng = np.random.default_rng(3)
    names = [MixUpOrCutMix().draw(0, SIZE, rng).name for _ in range(1000)]

    assert 430 < names.count("MixUp") < 570
    assert names.count("MixUp") + names.count("CutMix") == 1000


def test_a_batch_of_one_sample_is_blended_with_itself(photos):
    mixed = sequence_of(photos, MIXERS[2], shuffle=False, dtype="uint8")
    x, y = mixed[3]

    assert x.shape == (1, *SIZE, 3)
    with Image.open(photos / "dog" / "007.png") as image:
        np.testing.assert_array_equal(x[0], np.asarray(image))
    np.testing.assert_allclose(y, [[0, 1]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_files_that_cannot_be_read_are_left_out_before_the_others_are_blended(photos, on_error):
    (photos / "cat" / "003.png").write_bytes(b"broken")
    options = {"on_error": on_error, "shuffle": False, "batch_size": 6}
    with pytest.warns(ImggenWarning, match="1 of 16 images could not be read"):
        (_, (x, y)), *_ = batches_of(sequence_of(photos, **options), 0)
    mixed = sequence_of(photos, MixUp(1.0), **options)
    mixed_x, mixed_y = mixed[0]
    rows = [row for row in range(6) if on_error == "substitute" or row != 3]
    explained = [mixed.explain(0, row) for row in rows]
    places = {
        str(explanation.path).removeprefix(f"{photos}/"): place
        for place, explanation in enumerate(explained)
    }
    told = [told_of(explanation) for explanation in explained]

    assert len(x) == len(mixed_x) == len(rows)
    np.testing.assert_allclose(mixed_x, mixed_by_hand(x, told, places), rtol=0, atol=1e-4)
    np.testing.assert_allclose(mixed_y, mixed_by_hand(y, told, places), rtol=0, atol=1e-6)


def test_an_epoch_with_a_file_left_out_is_served_to_its_end(photos):
    (photos / "cat" / "003.png").write_bytes(b"broken")
    sequence = sequence_of(photos, MIXERS[2], on_error="skip")
    with pytest.warns(ImggenWarning, match="1 of 16 images could not be read"):
        counts = [len(x) for x, _ in sequence]

    assert sum(counts) == 15


# What is refused, and what is left alone.


@pytest.mark.parametrize("mixer", MIXERS[:3], ids=lambda mixer: mixer.name)
def test_labels_as_whole_numbers_are_refused_with_what_to_pass_instead(photos, mixer):
    with pytest.raises(
        OptionError,
        match=rf'^{mixer.name} blends labels, .*Pass label_mode="categorical", .*crossentropy',
    ):
        sequence_of(photos, mixer, label_mode="int")


@pytest.mark.parametrize("mixer", MIXERS[:3], ids=lambda mixer: mixer.name)
def test_masks_are_refused(photos, tmp_path, mixer):
    masks = shutil.copytree(photos, tmp_path / "masks")
    with pytest.raises(
        OptionError,
        match=rf"^{mixer.name} blends .*; targets of label_mode='mask' cannot be blended",
    ):
        sequence_of(photos, mixer, mask_dir=masks)


@pytest.mark.parametrize("mixer", MIXERS[:3], ids=lambda mixer: mixer.name)
def test_further_inputs_are_refused(photos, mixer):
    with pytest.raises(
        OptionError, match=rf"^{mixer.name} blends .*further inputs cannot be blended"
    ):
        sequence_of(photos, mixer, input_dirs={"depth": photos})


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        ([MixUp(), RandomFlip()], "got MixUp among 2 augmentations"),
        ([MixUp(), CutMix()], "got MixUp, CutMix among 2 augmentations"),
        ([RandomFlip(), CutMix(), RandomFlip()], "got CutMix among 3 augmentations"),
        ([MixUpOrCutMix(), MixUpOrCutMix()], "got MixUpOrCutMix, MixUpOrCutMix among 2"),
    ],
)
def test_a_mixer_that_is_not_the_one_at_the_end_is_refused(steps, named):
    with pytest.raises(OptionError, match=f"is possible, as the last augmentation; {named}"):
        Pipeline(steps)


@pytest.mark.parametrize("mixer", [MixUp, CutMix])
@pytest.mark.parametrize("option", [{"alpha": 0}, {"alpha": -1}, {"p": 1.5}, {"alpha": "1"}])
def test_options_out_of_bounds_are_refused_by_name(mixer, option):
    (name,) = option
    with pytest.raises(OptionError, match=name):
        mixer(**option)


def test_only_training_is_mixed(photos):
    parts = imggen.from_directory(
        photos, split=(0.5, 0.25, 0.25), augment=CutMix(), image_size=SIZE, seed=3, workers=0
    )

    assert (parts.train[0][1] % 1).any()
    for part in (parts.val, parts.test):
        x, y = part[0]
        assert np.isin(y, (0, 1)).all()
        for image, path in zip(x, part.filepaths, strict=True):
            with Image.open(path) as stored:
                np.testing.assert_array_equal(image, np.asarray(stored))


def test_predictions_are_made_of_images_that_are_not_mixed(photos):
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((*SIZE, 3)), *layers])
    mixed, plain = (sequence_of(photos, one).predict(model) for one in (MixUp(1.0), None))

    pd.testing.assert_frame_equal(mixed, plain)


def test_arrays_of_one_axis_can_be_blended(tmp_path):
    rows = np.arange(20, dtype=np.float32).reshape(4, 5)
    for number, row in enumerate(rows):
        np.save(tmp_path / f"{number}.npy", row)
    files = [str(tmp_path / f"{number}.npy") for number in range(4)]
    options = {"loader": np.load, "shuffle": False, "workers": 0}
    x, y = imggen.from_files(files, list("abcd"), augment=MixUp(1.0), seed=1, **options)[0]

    # Labels and values are blended by the same shares.
    np.testing.assert_allclose(x, y @ rows, rtol=0, atol=1e-4)
    assert (y % 1).any()


def test_cutmix_of_samples_that_are_no_images_is_refused_by_its_name(tmp_path):
    sequence = imggen.from_files(
        ["1", "2"],
        [0, 1],
        root="",
        loader=lambda name: np.arange(10.0) + int(name),
        augment=imggen.augment.CutMix(),
        workers=0,
    )
    with pytest.raises(imggen.errors.SampleError, match="CutMix needs images"):
        sequence[0]


def test_blending_in_place_gives_the_same_whatever_the_partners_and_those_left_out():
    for dtype in (np.uint8, np.float16, np.float32):
        images = np.random.default_rng(0).integers(0, 256, (4, 3, 3, 1)).astype(dtype)
        for partners in itertools.permutations(range(4)):
            for left_out in itertools.product((False, True), repeat=4):
                blends = [
                    None if out else Blend(partner, 0.3, (1, 0, 2, 2) if partner % 2 else None)
                    for partner, out in zip(partners, left_out, strict=True)
                ]
                changed = images.copy()
                blend_images_in_place(changed, blends)
                assert np.array_equal(changed, blend_images(images, blends)), (dtype, blends)
