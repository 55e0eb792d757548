"""The search for near hashes, against comparing all pairs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen.quality.duplicates.hash_index import HashIndex
from tests.helpers.cases import case

# Hashes near to few centers, since chance alone hardly ever brings two together.
CENTRES = st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF])
BITS = st.lists(st.integers(0, 63), max_size=14)


@st.composite
def near_some_center(draw) -> int:
    value = draw(CENTRES)
    for bit in draw(BITS):
        value ^= 1 << bit
    return value


HASHES = st.lists(near_some_center(), max_size=40).map(lambda some: np.array(some, np.uint64))


def all_near(index, queries):
    found = list(index.search(queries))
    if not found:
        return [], []
    query, row, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    return list(zip(query.tolist(), row.tolist(), strict=True)), distance.tolist()


def compared_one_by_one(hashes, queries, radius):
    distances = np.bitwise_count(queries[:, None] ^ hashes)
    query, row = np.nonzero(distances <= radius)
    return list(zip(query.tolist(), row.tolist(), strict=True)), distances[query, row].tolist()


@settings(deadline=None, max_examples=40)
@given(HASHES, HASHES, st.integers(0, 10))
def test_the_search_agrees_with_comparing_all_pairs(hashes, queries, radius):
    found = all_near(HashIndex.build(hashes, radius), queries)

    assert found == compared_one_by_one(hashes, queries, radius)


def test_hashes_that_differ_in_exactly_the_radius_are_found_for_any_bits():
    for radius in range(11):
        with case(radius):
            rng = np.random.default_rng(radius)
            bits = np.argsort(rng.random((300, 64)), axis=1)[:, :radius].astype(np.uint64)
            hashes = np.bitwise_or.reduce(np.uint64(1) << bits, axis=1)
            pairs, distances = all_near(HashIndex.build(hashes, radius), np.zeros(1, np.uint64))

            assert pairs == [(0, row) for row in range(300)]
            assert distances == [radius] * 300


def test_a_large_bucket_is_searched_in_batches(monkeypatch):
    monkeypatch.setattr("imggen.quality.duplicates.hash_index._COMPARISON_BATCH_SIZE", 100)
    monkeypatch.setattr("imggen.quality.duplicates.hash_index._QUERY_BATCH_SIZE", 7)
    hashes = np.zeros(60, np.uint64)
    index = HashIndex.build(hashes, 3)

    assert len(list(index.search(hashes))) > 20
    assert all_near(index, hashes) == compared_one_by_one(hashes, hashes, 3)


def test_all_matches_of_a_query_are_in_one_batch(monkeypatch):
    monkeypatch.setattr("imggen.quality.duplicates.hash_index._COMPARISON_BATCH_SIZE", 50)
    hashes = np.random.default_rng(0).integers(0, 8, 200).astype(np.uint64)
    queries = [set(found.query.tolist()) for found in HashIndex.build(hashes, 2).search(hashes)]

    assert len(queries) > 1
    assert sum(map(len, queries)) == len(set().union(*queries)) == 200
