"""Columns of pandas whose index names the samples are aligned with them, never read by position."""

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.core import StringColumn
from imggen.errors import ManifestError, SplitError

FILES = [f"{folder}/{number}.png" for folder in "ab" for number in range(4)]
LABELS = dict(zip(FILES, "xxyyzzww", strict=True))
ORDER = np.random.default_rng(3).permutation(8)


def shuffled(index=None, values=None):
    series = pd.Series(values or LABELS.values(), index=FILES if index is None else index)
    return series.iloc[ORDER]


def labels_of(files, labels, **options):
    manifest = imggen.Manifest.from_files(files, labels, **options)
    return [manifest.class_names[label] for label in manifest.labels]


def test_a_series_with_paths_or_names_as_its_index_is_aligned():
    for spell in (str, lambda path: f"./{path}", lambda path: path.encode()):
        assert labels_of(FILES, shuffled(map(spell, FILES))) == list("xxyyzzww")
    names = [f"{number}.png" for number in range(8)]
    for spell in (str, lambda name: name[:-4]):
        labels = shuffled(map(spell, names))
        assert labels_of([f"a/{name}" for name in names], labels) == list("xxyyzzww")


def test_rows_of_one_table_in_one_order_are_taken_as_they_are():
    table = pd.DataFrame({"path": FILES, "label": LABELS.values()})
    mixed = table.iloc[ORDER]
    wanted = [LABELS[path] for path in mixed.path]
    assert labels_of(mixed.path, mixed.label) == wanted
    again = mixed.label.iloc[ORDER]
    assert labels_of(mixed.path, again) == wanted  # by the index of both
    with pytest.raises(ManifestError, match="labels and the paths have the same row numbers"):
        labels_of(mixed.path, table.label)
    assert labels_of(mixed.path.tolist(), mixed.label.to_numpy()) == wanted
    kept = mixed[mixed.index > 2]
    assert labels_of(kept.path.tolist(), kept.label) == [LABELS[path] for path in kept.path]
    patients = mixed.label.set_axis([f"patient {row}" for row in range(8)])
    assert labels_of(mixed.path.tolist(), patients) == wanted


def test_an_index_that_may_mean_either_is_refused():
    numbers = shuffled(range(8))
    with pytest.raises(ManifestError, match=r"labels has the row numbers 0 to 7.*sort_index"):
        labels_of(FILES, numbers)
    assert labels_of(FILES, numbers.sort_index()) == list("xxyyzzww")
    for index in ([*FILES[:-1], FILES[0]], [*FILES[:-1], "other.png"]):
        with pytest.raises(ManifestError, match="not each path once, such as '.*png'"):
            labels_of(FILES, shuffled(index))
    # A file in several rows, in the order of the files.
    assert labels_of(FILES[:2] * 2, pd.Series(list("xyxy"), index=FILES[:2] * 2)) == list("xyxy")


def test_every_column_of_a_manifest_is_aligned():
    names = [f"{number}" for number in range(8)]
    columns = {name: shuffled(values=names) for name in ("groups", "splits", "hashes", "masks")}
    manifest = imggen.Manifest(
        ".",
        FILES,
        shuffled(values=range(8)),
        tuple("abcdefgh"),
        weights=shuffled(values=range(8)),
        inputs={"depth": shuffled(values=names)},
        **columns,
    )
    assert manifest.labels.tolist() == manifest.weights.tolist() == list(range(8))
    assert [list(getattr(manifest, name)) for name in columns] == [names] * 4
    assert list(manifest.inputs["depth"]) == names
    with pytest.raises(ManifestError, match="weights has the row numbers"):
        imggen.Manifest(".", FILES, weights=shuffled(range(8), [1.0] * 8))


def test_strata_and_groups_are_aligned():
    manifest = imggen.Manifest(".", StringColumn.of(FILES))
    groups = shuffled(values=list("ppqqrrss"))
    assert list(imggen.group_by(manifest, groups).groups) == list("ppqqrrss")
    strata = pd.Series([0, 1] * 4, index=FILES)
    for column in (strata, strata.iloc[ORDER], pd.get_dummies(strata).iloc[ORDER]):
        train, val = imggen.split(manifest, (0.5, 0.5), stratify=column)
        assert sorted(strata[list(train.paths)]) == sorted(strata[list(val.paths)]) == [0, 0, 1, 1]
    for call in (
        lambda: imggen.group_by(manifest, groups.set_axis(ORDER)),
        lambda: imggen.split(manifest, (0.5, 0.5), stratify=groups.set_axis(ORDER)),
    ):
        with pytest.raises(SplitError, match="has the row numbers 0 to 7"):
            call()
