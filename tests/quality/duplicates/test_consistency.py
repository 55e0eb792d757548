"""Whether two images are duplicates depends on these two only."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

import imggen
from imggen import find_duplicates
from imggen.quality.duplicates.fingerprints import Fingerprints, compute_fingerprint
from imggen.quality.duplicates.similarity import similar_pairs
from tests.helpers.pictures import (
    compressed,
    cropped,
    data_of,
    listing,
    photo,
    scenes,
    smaller,
    write_photos,
)


def fingerprints(images) -> Fingerprints:
    prints = [compute_fingerprint(data_of(image, "PNG"), (255, 255, 255)) for image in images]
    return Fingerprints(*map(np.stack, zip(*prints, strict=True)))


def pairs_by_identity(prints, order, threshold=0.95) -> dict[frozenset[int], float]:
    """The similarity of pairs of images in another order, by their numbers."""
    pairs = similar_pairs(prints.take(order), threshold)
    return {
        frozenset((int(order[first]), int(order[second]))): similarity
        for first, second, similarity in zip(*(column.tolist() for column in pairs), strict=True)
    }


def components(pairs, numbers) -> set[frozenset[int]]:
    group = {number: frozenset([number]) for number in numbers}
    for first, second in map(tuple, pairs):
        joined = group[first] | group[second]
        group.update(dict.fromkeys(joined, joined))
    return set(group.values())


def variants(seed: int) -> list[Image.Image]:
    """A chain: each is a copy of the one before, and the last is another crop than the first."""
    chain = [photo(seed, 200)]
    for left, top in ((0.04, 0.0), (0.05, 0.03), (0.06, 0.05), (0.0, 0.08)):
        chain.append(smaller(cropped(chain[-1], left=left, top=top), 0.95))
    return chain


def ellipses(seed: int) -> Image.Image:
    """A picture like those whose similarity differed by direction: few shapes, wide."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (128, 64), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, r = rng.integers(0, 128), rng.integers(0, 64), rng.integers(4, 24)
        box = (int(x - r), int(y - r), int(x + r), int(y + r))
        draw.ellipse(box, fill=tuple(rng.integers(0, 255, 3).tolist()))
    return image


@pytest.fixture(scope="module")
def mixed() -> Fingerprints:
    """Chains, copies, squeezed pictures, frames of one scene and unrelated images."""
    images = [image for seed in range(4) for image in variants(seed)]
    images += map(ellipses, range(10))
    images += [ellipses(seed).resize((128, 32)) for seed in range(10)]
    images += [compressed(photo(seed, 200), 15) for seed in range(4)]
    noise = np.random.default_rng(0).integers(-30, 31, (12, 64, 64))
    images += map(Image.fromarray, np.clip(scenes(1, seed=9) + noise, 0, 255).astype(np.uint8))
    images += [photo(0, 200), Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "red")]
    return fingerprints(images)


@pytest.mark.parametrize("threshold", [0.8, 0.95])
def test_similarities_are_the_same_bits_in_any_order(mixed, threshold):
    number = len(mixed.gray)
    # Equal fingerprints are paired with the first of them, whichever that is.
    distinct = np.unique(mixed.gray.reshape(number, -1), axis=0, return_index=True)[1]
    expected = pairs_by_identity(mixed, distinct, threshold)

    assert len(expected) > 30
    assert len({value for value in expected.values() if threshold <= value < 1}) > 20
    assert pairs_by_identity(mixed, distinct[::-1], threshold) == expected
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(distinct)
        assert pairs_by_identity(mixed, order, threshold) == expected


def test_similarities_are_the_same_bits_without_the_other_images(mixed):
    number = len(mixed.gray)
    distinct = np.unique(mixed.gray.reshape(number, -1), axis=0, return_index=True)[1]
    expected = pairs_by_identity(mixed, distinct)

    for pair, similarity in expected.items():
        assert pairs_by_identity(mixed, np.array(sorted(pair))) == {pair: similarity}
    for seed in range(4):
        some = np.random.default_rng(seed).permutation(distinct)[: number // 2]
        inside = {pair: value for pair, value in expected.items() if pair <= set(some.tolist())}
        assert pairs_by_identity(mixed, some) == inside


def test_groups_are_the_same_in_any_order_even_in_crowded_sets(monkeypatch):
    # Small limits stand for large sets.
    limits = {"_MAX_EQUAL_HASHES": 4, "_MAX_COMPLETE": 3, "_BATCH_SIZE": 16}
    for name, limit in limits.items():
        monkeypatch.setattr(f"imggen.quality.duplicates.similarity.{name}", limit)
    noise = np.random.default_rng(0).integers(-16, 17, (40, 64, 64))
    frames = np.clip(scenes(1) + noise, 0, 255).astype(np.uint8)
    prints = fingerprints([*map(Image.fromarray, frames), *(photo(seed) for seed in range(5))])
    numbers = np.arange(45)

    # About half of the pairs of frames are similar at the threshold.
    threshold = 0.925

    def groups(order):
        pairs = pairs_by_identity(prints, order, threshold)
        similar = [pair for pair, similarity in pairs.items() if similarity >= threshold]
        return components(similar, range(45))

    assert max(map(len, groups(numbers))) > 5
    for seed in range(3):
        assert groups(np.random.default_rng(seed).permutation(45)) == groups(numbers)


def test_only_the_nearest_candidates_are_compared_in_any_order(monkeypatch):
    monkeypatch.setattr("imggen.quality.duplicates.similarity._MAX_CANDIDATES", 2)
    noise = np.random.default_rng(0).integers(-10, 11, (12, 64, 64))
    prints = fingerprints(map(Image.fromarray, np.clip(scenes(1) + noise, 0, 255).astype(np.uint8)))
    expected = pairs_by_identity(prints, np.arange(12))

    assert 6 <= len(expected) <= 24
    assert pairs_by_identity(prints, np.arange(12)[::-1]) == expected


def test_a_split_without_near_duplicates_across_has_no_leaks(tmp_path):
    chains = [variants(seed) for seed in range(4)]
    write_photos(
        tmp_path / "in",
        {
            f"{name}/{number}{place}.png": image
            for number, chain in enumerate(chains)
            for place, (image, name) in enumerate(
                zip(chain, itertools.cycle(["cat", "dog"]), strict=False)
            )
        },
    )
    manifest = imggen.scan(tmp_path / "in")
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(manifest))
        grouped = find_duplicates(manifest.take(order), workers=seed).grouped()
        splits = imggen.split(grouped, (0.5, 0.25, 0.25), seed=seed)

        assert imggen.find_leaks(splits.as_dict()).leaks == ()
    apart = imggen.split(manifest, (0.5, 0.25, 0.25), seed=0)
    assert imggen.find_leaks(apart.as_dict()).leaks != ()


def test_folders_split_without_near_duplicates_across_have_no_leaks(tmp_path):
    images = {
        f"{place}{seed}.png": image
        for seed in range(4)
        for place, image in enumerate(variants(seed))
    }
    write_photos(tmp_path / "in" / "cat", images)
    imggen.split_directory(tmp_path / "in", tmp_path / "out", (0.5, 0.5), near_duplicates=True)
    train, val = (imggen.scan(tmp_path / "out" / name) for name in ("train", "val"))

    assert imggen.find_leaks({"val": val, "train": train}).leaks == ()


def test_the_file_names_do_not_matter(tmp_path):
    chain = variants(0)
    write_photos(
        tmp_path, {f"{name}.png": image for name, image in zip("abcde", chain, strict=True)}
    )
    expected = find_duplicates(listing(tmp_path))
    write_photos(
        tmp_path / "again", {f"{name}.png": i for name, i in zip("ebdca", chain, strict=True)}
    )
    found = find_duplicates(listing(tmp_path / "again"))

    assert sorted(found.pairs.similarity) == sorted(expected.pairs.similarity)
    assert len(found.groups) == len(expected.groups) == 1
