"""Splits of millions of rows: the same results as row by row, without a Python step per row."""

import bisect
import hashlib
import os
import posixpath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import Manifest, group_by, kfold, oversample, split
from imggen.core import StringColumn
from imggen.splitting import path_columns
from imggen.splitting.path_columns import normalize_paths, parent_folders, without_extensions
from imggen.splitting.stable import assign_stable
from tests.helpers.call_counts import count_calls

PATHS = st.lists(st.text(alphabet="./aü\udce9", max_size=7) | st.text(max_size=4), max_size=12)


def manifest_of(num_rows, **columns):
    """Returns a manifest with two classes; a function from row to text makes each column."""
    texts = {name: StringColumn.of(map(text, range(num_rows))) for name, text in columns.items()}
    paths = StringColumn.of(f"p{row // 4}/{row}.jpg" for row in range(num_rows))
    return Manifest(".", paths, np.arange(num_rows) // 8 % 2, ("cat", "dog"), **texts)


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        (normalize_paths, os.path.normpath),
        (parent_folders, posixpath.dirname),
        (without_extensions, lambda path: posixpath.splitext(path)[0]),
    ],
    ids=["normpath", "dirname", "splitext"],
)
@settings(deadline=None)
@given(PATHS)
def test_paths_are_converted_as_by_the_standard_library(convert, expected, paths):
    paths = [path.encode("utf-8", "replace").decode() for path in paths] + ["a/b.jpg"]
    paths = [path for path in paths if "\0" not in path]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path_columns, "_ROWS_PER_CHUNK", 3)
        assert list(convert(StringColumn.of(paths))) == list(map(expected, paths))


@pytest.mark.parametrize("convert", [normalize_paths, parent_folders, without_extensions])
def test_usual_paths_are_converted_without_calls_per_row(convert):
    def cost(num_rows):
        paths = StringColumn.of(f"/root/.cache/..a/{row}.b.jpg" for row in range(num_rows))
        return count_calls(lambda: convert(paths))

    assert cost(2000) == cost(200)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "a", "b\0", "日本", "caf\udce9", "x" * 200]), min_size=1),
    st.integers(0, 5),
    st.sampled_from([(1.0,), (0.5, 0.5), (0.2, 0.3, 0.5), (1.0, 1e-17)]),
)
def test_stable_splits_hash_each_key_as_before(keys, seed, ratios):
    salt = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
    edges = [int(edge * 2**64) for edge in np.cumsum(ratios)[:-1].tolist()]
    digests = [
        hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8, salt=salt).digest()
        for key in keys
    ]
    expected = [bisect.bisect_right(edges, int.from_bytes(digest, "big")) for digest in digests]
    assert assign_stable(StringColumn.of(keys), np.array(ratios), seed).tolist() == expected


WAYS = {
    "split": (lambda rows: manifest_of(rows), split),
    "folds": (lambda rows: manifest_of(rows), lambda manifest: kfold(manifest, 3)),
    "stable": (
        lambda rows: manifest_of(rows, groups=lambda row: f"g{row % 40}"),
        lambda manifest: split(manifest, (0.5, 0.5), stable=True),
    ),
    "units": (
        lambda rows: manifest_of(rows, groups=lambda row: f"g{row % 40}"),
        lambda manifest: split(manifest, (0.5, 0.5)),
    ),
    "follow": (
        lambda rows: manifest_of(rows, splits=lambda row: "train" if row % 4 else "Validation"),
        lambda manifest: split(manifest, None),
    ),
    "parent": (lambda rows: manifest_of(rows), lambda manifest: group_by(manifest, "parent")),
    "column": (
        lambda rows: manifest_of(rows),
        lambda manifest: group_by(manifest, ["a", "b"] * (len(manifest) // 2)),
    ),
    "oversample": (lambda rows: manifest_of(rows), oversample),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore:(A stable split is random|Groups are kept whole)")
def test_splitting_takes_no_calls_per_row(way):
    make, run = WAYS[way]

    def cost(num_rows):
        manifest = make(num_rows)
        return count_calls(lambda: run(manifest))

    cost(80)  # imports
    assert cost(2000) - cost(400) < 100
