"""Near-duplicates among generated images and photographs."""

import io

import numpy as np
import pytest
from PIL import Image

from imggen.quality.duplicates.alignment import measure_similarity
from imggen.quality.duplicates.fingerprints import Fingerprints, compute_fingerprint, flatten_noise
from imggen.quality.duplicates.similarity import THRESHOLD, similar_pairs
from tests.helpers.pictures import WAYS, scenes

WHOLE = np.array([[0, 1, 0, 1]], np.float32)


def thumb(image, quality=None):
    buffer = io.BytesIO()
    if quality is None:
        Image.fromarray(image).save(buffer, "PNG")
    else:
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return compute_fingerprint(buffer.getvalue(), (255, 255, 255)).gray


def cut(image, left=0.0, right=0.0, top=0.0, bottom=0.0):
    height, width = image.shape
    rows = slice(round(top * height), round((1 - bottom) * height))
    return image[rows, round(left * width) : round((1 - right) * width)]


def without_color(thumbs):
    """The fingerprints of gray, opaque images."""
    prints = Fingerprints.allocate(len(thumbs))
    prints.gray[:] = thumbs
    prints.color[:, 2] = 127
    return prints


def accepted(thumbs, threshold=THRESHOLD):
    """The pairs above the threshold."""
    pairs = similar_pairs(without_color(thumbs), threshold)
    return pairs.where(pairs.similarity >= threshold)


def found(pairs):
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def groups(pairs, number):
    """The connected images, as sets of two or more."""
    group = {picture: {picture} for picture in range(number)}
    for first, second in found(pairs):
        joined = group[first] | group[second]
        group.update(dict.fromkeys(joined, joined))
    return {frozenset(some) for some in group.values() if len(some) > 1}


def larger(number, seed=0):
    return scenes(number, side=320, seed=seed, smooth=12)


@pytest.mark.parametrize(
    "shares",
    [
        {"left": 0.08},
        {"right": 0.08},
        {"top": 0.08},
        {"bottom": 0.08},
        {"left": 0.08, "right": 0.08, "top": 0.08, "bottom": 0.08},
        {"left": 0.02, "right": 0.06, "top": 0.02, "bottom": 0.06},
        {"left": 0.06, "right": 0.01, "top": 0.03, "bottom": 0.07},
    ],
    ids=str,
)
@pytest.mark.parametrize("copy_first", [False, True], ids=["copy last", "copy first"])
def test_a_cropped_copy_is_paired_with_its_original_only(shares, copy_first):
    images = larger(12)
    copy, originals = thumb(cut(images[7], **shares)), [thumb(image) for image in images]
    thumbs = [copy, *originals] if copy_first else [*originals, copy]
    pairs = accepted(np.stack(thumbs))

    assert found(pairs) == ([(0, 8)] if copy_first else [(7, 12)])
    assert pairs.similarity[0] > 0.98


@pytest.mark.parametrize("quality", [20, 40, 60])
def test_a_compressed_copy_is_found(quality):
    images = larger(5)
    thumbs = np.stack([*(thumb(image) for image in images), thumb(images[2], quality)])

    assert found(accepted(thumbs)) == [(2, 5)]


def test_a_brighter_copy_is_found():
    images = larger(5) // 2
    thumbs = np.stack([*(thumb(image) for image in images), thumb(images[2] // 4 * 5 + 20)])

    assert found(accepted(thumbs)) == [(2, 5)]


def test_a_mirrored_copy_and_a_negative_are_not_duplicates():
    images = larger(1)
    others = (images[0], images[0][:, ::-1], 255 - images[0])

    assert found(accepted(np.stack([thumb(image) for image in others]))) == []


def test_different_images_are_not_duplicates():
    assert found(accepted(scenes(400))) == []


def test_equal_thumbnails_are_paired_with_the_first_of_them():
    pairs = accepted(scenes(3)[[0, 1, 0, 2, 0]])

    assert found(pairs) == [(0, 2), (0, 4)]
    assert pairs.similarity.tolist() == [1, 1]


def test_flat_images_are_duplicates_if_their_level_is_the_same():
    noise = np.random.default_rng(0).integers(0, 3, (6, 64, 64))
    levels = np.array([0, 0, 0, 9, 9, 200])[:, None, None]
    thumbs = flatten_noise((noise + levels).astype(np.uint8))

    assert groups(accepted(thumbs), 6) == {frozenset({0, 1, 2}), frozenset({3, 4})}


def test_flat_images_connect_no_other_images():
    levels = np.arange(256, dtype=np.uint8)[:, None, None]
    flat = np.broadcast_to(levels, (256, 64, 64))

    assert found(accepted(np.concatenate([flat, scenes(50)]))) == []


def test_ten_thousand_black_images_give_only_9999_pairs():
    thumbs = np.concatenate([scenes(20), np.zeros((10_000, 64, 64), np.uint8)])
    pairs = accepted(thumbs)

    assert np.array_equal(pairs.first, np.full(9_999, 20))
    assert np.array_equal(pairs.second, np.arange(21, 10_020))


def test_many_frames_of_one_scene_are_one_group_of_few_pairs():
    noise = np.random.default_rng(0).integers(-4, 5, (300, 64, 64))
    frames = np.clip(scenes(1) + noise, 0, 255).astype(np.uint8)
    pairs = accepted(np.concatenate([frames, scenes(20, seed=1)]))

    assert groups(pairs, 320) == {frozenset(range(300))}
    assert len(pairs.first) < 3_000


@pytest.mark.parametrize("seed", range(3))
def test_pairs_do_not_depend_on_the_order_of_images(seed):
    images = larger(12)
    crops = [thumb(cut(image, left=0.05, top=0.03)) for image in images[:6]]
    poor = [thumb(image, 30) for image in images[3:9]]
    thumbs = np.stack([*(thumb(image) for image in images), *crops, *poor])
    order = np.random.default_rng(seed).permutation(len(thumbs))
    shuffled = {
        frozenset(order[list(some)].tolist())
        for some in groups(accepted(thumbs[order]), len(thumbs))
    }

    assert shuffled == groups(accepted(thumbs), len(thumbs))
    assert len(shuffled) == 9


def test_searching_twice_gives_the_same_bits():
    images = larger(10)
    thumbs = np.stack([thumb(image) for image in images] + [thumb(cut(i, 0.04)) for i in images])
    once, again = similar_pairs(without_color(thumbs)), similar_pairs(without_color(thumbs))

    assert all(np.array_equal(left, right) for left, right in zip(once, again, strict=True))


@pytest.mark.parametrize("threshold", [0.5, 0.8, THRESHOLD, 1])
def test_pairs_are_sorted_unique_and_in_range(threshold):
    images = larger(10)
    thumbs = np.stack([thumb(image, quality) for image in images for quality in (20, 60, 95)])
    pairs = similar_pairs(without_color(thumbs), threshold)

    assert len(pairs.first) >= 20
    assert found(pairs) == sorted(set(found(pairs)))
    assert (pairs.first < pairs.second).all()
    assert (pairs.similarity >= np.float32(threshold - 0.05)).all()
    assert (pairs.similarity <= 1).all()


def test_a_pair_slightly_below_the_threshold_is_returned():
    images = larger(5)
    thumbs = np.stack([*(thumb(image) for image in images), thumb(images[2], 15)])
    (similarity,) = accepted(thumbs).similarity.tolist()
    assert similarity < 0.995
    missed = similar_pairs(without_color(thumbs), similarity + 0.005)

    assert found(missed) == [(2, 5)]
    assert missed.similarity.tolist() == pytest.approx([similarity], abs=0.001)
    assert found(accepted(thumbs, similarity + 0.005)) == []


def test_a_pair_far_below_the_threshold_is_not_returned():
    images = larger(2)
    noise = np.random.default_rng(0).integers(-30, 31, images[0].shape)
    noisy = np.clip(images[0] + noise, 0, 255).astype(np.uint8)
    thumbs = np.stack([*(thumb(image) for image in images), thumb(noisy)])
    (similarity,) = accepted(thumbs, 0.5).similarity.tolist()
    assert 0.6 < similarity < 0.94

    assert found(similar_pairs(without_color(thumbs), similarity + 0.04)) == [(0, 2)]
    assert found(similar_pairs(without_color(thumbs), similarity + 0.06)) == []


def test_a_higher_threshold_keeps_the_most_similar():
    images = larger(20)
    thumbs = np.stack([thumb(image, quality) for image in images for quality in (15, 95)])
    every = accepted(thumbs, 0.8)
    in_order = np.sort(every.similarity)
    widest = 5 + np.diff(in_order[5:15]).argmax()
    threshold = float(in_order[widest : widest + 2].mean())
    most = every.where(every.similarity >= threshold)

    assert 5 < len(most.first) < len(every.first)
    assert found(accepted(thumbs, threshold)) == found(most)


@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_images_have_no_pairs(number):
    assert found(similar_pairs(without_color(scenes(2)[:number]))) == []


def test_an_image_has_similarity_1_to_itself():
    thumbs = scenes(20)

    assert measure_similarity(thumbs, thumbs, WHOLE.repeat(20, axis=0))[0].min() > 0.9999


def test_a_flat_image_is_similar_to_none():
    flat = np.full((2, 64, 64), 90, np.uint8)

    assert measure_similarity(flat, scenes(2), WHOLE.repeat(2, axis=0))[0].tolist() == [0, 0]
    assert measure_similarity(flat, flat, WHOLE.repeat(2, axis=0))[0].tolist() == [0, 0]


def test_skies_that_differ_much_in_brightness_or_contrast_are_not_similar():
    ramp = np.tile(np.linspace(0, 60, 64)[:, None], (1, 64))
    skies = np.stack([ramp + 20, ramp + 100, ramp * 3 + 20]).astype(np.uint8)
    near = WHOLE.repeat(2, axis=0)

    assert measure_similarity(skies[[0, 0]], skies[[1, 2]], near)[0].tolist() == [0, 0]


def photographs() -> list[Image.Image]:
    """Crops of the two photographs that come with scikit-learn; no two overlap."""
    from sklearn.datasets import load_sample_images

    return [
        Image.fromarray(image[top : top + 142, left : left + 160])
        for image in load_sample_images().images
        for top in range(0, 426, 142)
        for left in range(0, 640, 160)
    ]


@pytest.mark.parametrize("shift", [0, 7])
def test_only_altered_copies_are_found_among_photographs(shift):
    photos = photographs()
    of = [(shift + 2 * number) % len(photos) for number in range(len(WAYS))]
    copies = [way(photos[original]) for way, original in zip(WAYS.values(), of, strict=True)]
    thumbs = np.stack([thumb(np.array(image.convert("RGB"))) for image in [*photos, *copies]])
    wanted = {(original, len(photos) + number) for number, original in enumerate(of)}

    assert set(found(accepted(thumbs))) == wanted
