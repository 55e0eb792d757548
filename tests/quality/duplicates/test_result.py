"""The result of find_duplicates: grouping, threshold and tables."""

import csv
import json
import os

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen import find_duplicates, split
from imggen.errors import ExportError, OptionError
from tests.helpers.pictures import (
    compressed,
    data_of,
    listing,
    photo,
    write_photos,
)

# Groups for splitting.


def test_grouped_puts_duplicates_into_groups_and_others_into_their_own(album):
    groups = list(find_duplicates(imggen.scan(album)).grouped().groups)

    assert groups[0] == groups[2] == groups[5]
    assert groups[1] == groups[3]
    assert len(set(groups)) == 3


def test_groups_of_the_manifest_are_merged_with_those_of_duplicates(album):
    patients = imggen.group_by(imggen.scan(album), ["x", "y", "x", "z", "y", "w"])
    groups = list(find_duplicates(patients).grouped().groups)

    # "1.png" is grouped with "1 again.png", and "2.png" with it, since they are of one patient.
    assert groups[1] == groups[3] == groups[4]
    assert groups[0] == groups[2] == groups[5]
    assert len(set(groups)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_duplicates_and_groups_together(tmp_path, seed):
    pictures = {f"{number:02}.png": number for number in range(12)}
    copies = {f"{number:02} copy.jpg": photo(number) for number in range(0, 12, 2)}
    write_photos(tmp_path, {**pictures, **copies})
    manifest = imggen.group_by(listing(tmp_path), lambda path: str(int(path[:2]) // 4))
    parts = split(find_duplicates(manifest).grouped(), (2 / 3, 1 / 3), seed=seed)
    found = [{int(path[:2]) for path in part.paths} for part in parts]

    assert found[0].isdisjoint(found[1])
    assert {number // 4 for number in found[0]}.isdisjoint(number // 4 for number in found[1])


def test_grouping_changes_nothing_else_of_the_manifest(album):
    manifest = imggen.scan(album)
    grouped = find_duplicates(manifest).grouped()

    assert list(grouped.paths) == list(manifest.paths)
    assert grouped.labels.tolist() == manifest.labels.tolist()
    assert manifest.groups is None


# The threshold.


@pytest.mark.parametrize("threshold", [0, -0.1, 1.001, 95, float("nan")])
def test_a_threshold_out_of_its_range_is_refused(photos, threshold):
    with pytest.raises(OptionError, match="must be a number above 0 and at most 1"):
        find_duplicates(imggen.scan(photos), threshold=threshold)


@pytest.mark.parametrize("threshold", [1e-9, 0.5, 1, np.float64(0.9)])
def test_a_threshold_within_its_range_is_accepted(album, threshold):
    found = find_duplicates(imggen.scan(album), threshold=threshold)

    assert found.threshold == threshold
    assert (found.pairs.similarity >= threshold).all()


def test_a_pair_a_little_below_the_threshold_is_a_near_miss(tmp_path):
    write_photos(tmp_path, {"a.png": 0, "b.png": 1, "c.png": compressed(photo(0), 40)})
    manifest = listing(tmp_path)
    (similarity,) = find_duplicates(manifest).pairs.similarity.tolist()
    assert similarity < 0.995
    missed = find_duplicates(manifest, threshold=similarity + 0.004)

    assert missed.groups == ()
    assert (missed.near_misses.first.tolist(), missed.near_misses.second.tolist()) == ([0], [2])
    assert missed.near_misses.similarity.tolist() == pytest.approx([similarity], abs=0.001)


def test_pairs_above_the_threshold_are_not_near_misses(album):
    found = find_duplicates(imggen.scan(album))

    assert (found.pairs.similarity >= found.threshold).all()
    assert (found.near_misses.similarity < found.threshold).all()


# The table.


def test_the_table_has_a_row_for_each_file_in_a_group(album):
    found = find_duplicates(listing(album))
    frame = found.to_frame()

    assert list(frame.columns) == (
        "group conflict path keep is_exact similarity label width height num_bytes".split()
    )
    assert frame.path.tolist() == [
        found.manifest.paths[row] for group in found.groups for row in group
    ]
    assert frame.group.tolist() == [0, 0, 0, 1, 1]
    assert frame.keep.tolist() == [True, False, False, True, False]
    assert frame.is_exact.tolist() == [False, False, False, True, True]
    assert frame.conflict.tolist() == [""] * 5
    assert frame.width.tolist() == [160, 80, 152, 160, 160]
    assert frame.height.tolist() == [160, 80, 160, 160, 160]
    assert frame.num_bytes.tolist() == [os.path.getsize(album / path) for path in frame.path]


def test_the_table_has_no_classes_or_sizes_if_unknown(tmp_path):
    write_photos(tmp_path, {"a.png": b"no image", "b.png": b"no image"})
    frame = find_duplicates(listing(tmp_path)).to_frame()

    assert frame.path.tolist() == ["a.png", "b.png"]
    assert frame[["label", "width", "height", "num_bytes"]].isna().all(axis=None)


def test_a_saved_csv_has_the_rows_of_the_table(album, tmp_path):
    found = find_duplicates(imggen.scan(album))
    found.save(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))

    assert rows[0] == list(found.to_frame().columns)
    assert rows[1:] == [
        [str(value) for value in row] for row in found.to_frame().itertuples(index=False)
    ]


def test_a_saved_json_has_the_rows_and_the_metadata(album, tmp_path):
    (album / "cat" / "broken.png").write_bytes(b"no image")
    found = find_duplicates(imggen.scan(album), threshold=0.9)
    found.save(tmp_path / "found.json")
    saved = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))

    assert saved.pop("rows") == found.to_frame().to_dict("records")
    assert next(iter(saved)) == "conflicts"
    assert [conflict["differs"] for conflict in saved.pop("conflicts")] == [["label"], ["label"]]
    assert saved == {
        "root": str(album),
        "num_files": 7,
        "threshold": 0.9,
        "background": [255, 255, 255],
        "unreadable": ["cat/broken.png"],
        "invisible": [],
    }


@pytest.mark.parametrize("name", ["found.csv", "found.json"])
def test_names_that_are_not_utf_8_are_saved_unchanged(tmp_path, name):
    data = data_of(photo(0), "PNG")
    names = [os.fsdecode(b"caf\xe9 \xff.png"), 'line\nbreak, "quoted".png']
    write_photos(tmp_path / "in", dict.fromkeys(names, data))
    find_duplicates(listing(tmp_path / "in")).save(tmp_path / name)
    if name.endswith(".csv"):
        with (tmp_path / name).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            saved = [row["path"] for row in csv.DictReader(file)]
    else:
        saved = [row["path"] for row in json.loads((tmp_path / name).read_text())["rows"]]

    assert sorted(saved) == sorted(names)


def test_another_extension_is_refused(photos, tmp_path):
    found = find_duplicates(imggen.scan(photos))

    with pytest.raises(OptionError, match=r"found\.txt' must end in \.csv or \.json"):
        found.save(tmp_path / "found.txt")


def test_a_file_that_cannot_be_written_is_named(photos, tmp_path):
    found = find_duplicates(imggen.scan(photos))

    with pytest.raises(ExportError, match=r"Cannot write .*nowhere/found\.csv"):
        found.save(tmp_path / "nowhere" / "found.csv")


def test_a_file_that_is_listed_with_two_labels_has_its_own_facts(tmp_path):
    folder = write_photos(tmp_path, {"0.png": photo(0, 48), "1.png": 1})
    frame = pd.DataFrame({"path": ["0.png", "0.png", "1.png"], "label": ["cat", "dog", "dog"]})
    found = find_duplicates(imggen.Manifest.from_frame(frame, root=folder)).to_frame()

    assert found.path.tolist() == ["0.png", "0.png"]
    assert found.similarity.tolist() == [1, 1]
    assert found[["width", "height"]].to_numpy().tolist() == [[48, 48]] * 2
    assert found.num_bytes.tolist() == [(folder / "0.png").stat().st_size] * 2
