"""find_duplicates and its result."""

import csv
import hashlib
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import imggen
from imggen import find_duplicates, split
from imggen.errors import ExportError, OptionError
from tests.helpers.pictures import (
    WAYS,
    compressed,
    cropped,
    data_of,
    listing,
    photo,
    smaller,
    write_photos,
)


def groups_by_path(found) -> list[set[str]]:
    return [{found.manifest.paths[row] for row in group} for group in found.groups]


def kept_first(found) -> list[str]:
    """The path of the file to keep of each group."""
    return [found.manifest.paths[group[0]] for group in found.groups]


@pytest.fixture
def album(tmp_path):
    """Six images: two files of the same bytes, a small and a cropped copy, two others."""
    first = data_of(photo(1), "PNG")
    return write_photos(
        tmp_path / "album",
        {
            "cat/0.png": 0,
            "cat/1.png": first,
            "cat/small.png": smaller(photo(0)),
            "dog/1 again.png": first,
            "dog/2.png": 2,
            "dog/cut.jpg": cropped(photo(0), left=0.05),
        },
    )


# Groups.


@pytest.mark.parametrize("way", WAYS)
def test_only_the_altered_copy_is_found_among_other_images(tmp_path, way):
    pictures = {f"{seed}.png": seed for seed in range(8)}
    write_photos(tmp_path, {**pictures, "copy.png": WAYS[way](photo(3))})

    assert groups_by_path(find_duplicates(listing(tmp_path))) == [{"3.png", "copy.png"}]


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".tif", ".gif"])
def test_a_copy_in_another_format_is_found(tmp_path, suffix):
    write_photos(tmp_path, {"0.png": 0, "1.png": 1, f"copy{suffix}": photo(1)})

    assert groups_by_path(find_duplicates(listing(tmp_path))) == [{"1.png", f"copy{suffix}"}]


@pytest.mark.parametrize(
    "alter",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.rotate(90),
        lambda image: cropped(image, 0.25, 0.25, 0.25, 0.25),
        lambda image: photo(99),
    ],
    ids=["mirrored", "rotated", "a small part", "another picture"],
)
def test_mirrored_rotated_and_other_documented_exceptions_are_not_found(tmp_path, alter):
    write_photos(tmp_path, {"a.png": 0, "b.png": alter(photo(0))})
    found = find_duplicates(listing(tmp_path))

    assert found.groups == ()
    assert found.pairs.first.tolist() == []
    assert found.drop == ()


def test_a_photograph_with_an_exif_orientation_is_a_duplicate_of_the_upright_one(tmp_path):
    tag = Image.Exif()
    tag[0x0112] = 6
    turned = data_of(photo(0).rotate(90), "JPEG", exif=tag, quality=95)
    write_photos(tmp_path, {"upright.png": 0, "turned.jpg": turned})

    assert len(find_duplicates(listing(tmp_path)).groups) == 1


def test_groups_are_in_the_order_of_the_manifest(album):
    found = find_duplicates(imggen.scan(album))

    assert groups_by_path(found) == [
        {"cat/0.png", "cat/small.png", "dog/cut.jpg"},
        {"cat/1.png", "dog/1 again.png"},
    ]


def test_groups_are_the_connected_components_of_pairs(tmp_path):
    once = cropped(photo(0, 320), left=0.08)
    twice = cropped(once, left=0.08)
    write_photos(tmp_path, {"a.png": photo(0, 320), "b.png": once, "c.png": twice})
    found = find_duplicates(listing(tmp_path))
    ends = find_duplicates(listing(tmp_path, "a.png", "c.png"))

    assert groups_by_path(found) == [{"a.png", "b.png", "c.png"}]
    assert ends.groups == ()


def test_equal_files_are_paired_with_the_first_of_them(tmp_path):
    data = data_of(photo(0), "PNG")
    write_photos(tmp_path, {"a.png": 1, "b.png": data, "c.png": data, "d.png": data})
    found = find_duplicates(listing(tmp_path))

    assert found.exact.tolist() == [0, 1, 1, 1]
    assert (found.pairs.first.tolist(), found.pairs.second.tolist()) == ([1, 1], [2, 3])
    assert found.pairs.similarity.tolist() == [1, 1]
    assert found.groups == ((1, 2, 3),)


def test_the_similarity_of_a_copy_is_that_to_the_most_similar_file(album):
    found = find_duplicates(imggen.scan(album))
    similarity = dict(zip(found.manifest.paths, found.similarity.tolist(), strict=True))

    assert similarity["dog/2.png"] == 0
    assert similarity["cat/1.png"] == similarity["dog/1 again.png"] == 1
    assert 0.95 <= similarity["dog/cut.jpg"] < 1
    assert similarity["cat/0.png"] == max(
        similarity[name] for name in ("cat/small.png", "dog/cut.jpg")
    )


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contents=st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_files_with_the_same_bytes_have_the_same_hash(tmp_path, contents):
    names = [f"{number}.bin" for number in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(bytes([content]))
    found = find_duplicates(listing(tmp_path, *names), near=False)
    by_hash: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        by_hash.setdefault(digest, []).append(row)

    assert found.groups == tuple(tuple(rows) for rows in by_hash.values() if len(rows) > 1)
    assert found.exact.tolist() == [contents.index(content) for content in contents]
    assert found.unreadable == ()


def test_near_false_finds_no_altered_copies(album):
    assert groups_by_path(find_duplicates(imggen.scan(album), near=False)) == [
        {"cat/1.png", "dog/1 again.png"}
    ]


def test_the_groups_do_not_depend_on_the_order_of_files(album):
    manifest = imggen.scan(album)
    order = np.random.default_rng(0).permutation(len(manifest))
    shuffled = find_duplicates(manifest.take(order))

    assert {frozenset(group) for group in groups_by_path(shuffled)} == {
        frozenset(group) for group in groups_by_path(find_duplicates(manifest))
    }


@pytest.mark.parametrize("workers", [0, 1, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(album, workers):
    found = find_duplicates(imggen.scan(album), workers=workers)

    assert found.groups == find_duplicates(imggen.scan(album)).groups


def test_progress_ends_with_all_files(album):
    told = []
    find_duplicates(imggen.scan(album), progress=lambda *step: told.append(step))

    assert told[-1] == ("comparing", 6, 6)


def test_no_files_have_no_duplicates(tmp_path):
    found = find_duplicates(imggen.Manifest(str(tmp_path), imggen.core.StringColumn.of([])))

    assert found.groups == found.drop == found.unreadable == ()
    assert len(found.to_frame()) == 0


# Unreadable files and links.


def test_files_that_cannot_be_read_are_named(album):
    (album / "cat" / "broken.png").write_bytes(b"no image")
    (album / "dog" / "empty.png").write_bytes(b"")
    found = find_duplicates(imggen.scan(album))

    assert found.unreadable == ("cat/broken.png", "dog/empty.png")
    assert len(found.groups) == 2


def test_broken_files_with_the_same_bytes_are_duplicates(tmp_path):
    write_photos(tmp_path, {"a.png": b"no image", "b.png": b"no image", "c.png": b"neither"})
    found = find_duplicates(listing(tmp_path))

    assert found.groups == ((0, 1),)
    assert found.unreadable == ("a.png", "b.png", "c.png")


def test_a_missing_file_is_named_and_similar_to_none(album):
    manifest = imggen.scan(album)
    (album / "cat" / "1.png").unlink()
    (album / "cat" / "0.png").unlink()
    found = find_duplicates(manifest)

    assert found.unreadable == ("cat/0.png", "cat/1.png")
    assert groups_by_path(found) == [{"cat/small.png", "dog/cut.jpg"}]


def test_near_false_names_only_unreadable_files(tmp_path):
    write_photos(tmp_path, {"broken.png": b"no image"})
    found = find_duplicates(listing(tmp_path, "broken.png", "gone.png"), near=False)

    assert found.unreadable == ("gone.png",)


def test_a_file_without_read_permission_is_named(tmp_path):
    write_photos(tmp_path, {"a.png": 0, "b.png": 1})
    (tmp_path / "a.png").chmod(0)
    if os.access(tmp_path / "a.png", os.R_OK):
        pytest.skip("this user may read everything")

    assert find_duplicates(listing(tmp_path)).unreadable == ("a.png",)


@pytest.mark.parametrize("again", ["a.png", "./a.png", "x/../a.png"])
def test_a_file_listed_twice_is_not_a_duplicate_of_itself(tmp_path, again):
    write_photos(tmp_path, {"a.png": 0, "b.png": 1, "x/c.png": 2})
    found = find_duplicates(listing(tmp_path, "a.png", "b.png", again))

    assert found.groups == ()
    assert len(found.deduplicate()) == 3


def test_all_rows_of_a_file_to_drop_are_dropped(tmp_path):
    data = data_of(photo(0), "PNG")
    write_photos(tmp_path, {"a.png": data, "b.png": data})
    found = find_duplicates(listing(tmp_path, "a.png", "b.png", "b.png"))

    assert list(found.deduplicate().paths) == ["a.png"]


def test_a_link_to_a_file_is_a_duplicate_of_it(tmp_path):
    write_photos(tmp_path, {"a.png": 0, "b.png": 1})
    (tmp_path / "link.png").symlink_to("a.png")

    assert groups_by_path(find_duplicates(listing(tmp_path), near=False)) == [{"a.png", "link.png"}]


# The file to keep.


def test_the_file_with_the_most_pixels_is_kept(tmp_path):
    large, small = photo(0), smaller(photo(0))
    write_photos(
        tmp_path,
        {"a.png": small, "b.jpg": data_of(large, "JPEG", quality=40), "c.png": small},
    )
    found = find_duplicates(listing(tmp_path))

    assert (tmp_path / "b.jpg").stat().st_size < (tmp_path / "a.png").stat().st_size
    assert found.groups == ((1, 0, 2),)


def test_the_largest_file_of_equally_many_pixels_is_kept(tmp_path):
    write_photos(
        tmp_path,
        {
            "a.jpg": data_of(photo(0), "JPEG", quality=70),
            "b.jpg": data_of(photo(0), "JPEG", quality=95),
            "c.jpg": data_of(photo(0), "JPEG", quality=80),
        },
    )

    assert find_duplicates(listing(tmp_path)).groups == ((1, 0, 2),)


def test_the_first_of_equal_files_is_kept(tmp_path):
    data = data_of(photo(0), "PNG")
    write_photos(tmp_path, {"a.png": data, "b.png": data, "c.png": data})

    assert find_duplicates(listing(tmp_path)).groups == ((0, 1, 2),)
    assert kept_first(find_duplicates(listing(tmp_path, "c.png", "a.png"))) == ["c.png"]


def test_all_files_of_a_group_but_the_kept_one_are_to_drop(album):
    found = find_duplicates(imggen.scan(album))

    assert sorted(found.manifest.paths[row] for row in found.drop) == [
        "cat/small.png",
        "dog/1 again.png",
        "dog/cut.jpg",
    ]
    assert list(found.drop) == sorted(found.drop)


def test_deduplicate_keeps_the_other_rows_in_order(album):
    manifest = imggen.scan(album)
    kept = find_duplicates(manifest).deduplicate()

    assert list(kept.paths) == ["cat/0.png", "cat/1.png", "dog/2.png"]
    assert kept.class_counts == {"cat": 2, "dog": 1}
    assert len(manifest) == 6


def test_a_deduplicated_manifest_has_no_duplicates(album):
    kept = find_duplicates(imggen.scan(album)).deduplicate()

    assert find_duplicates(kept).groups == ()


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
    found = find_duplicates(imggen.scan(album))
    frame = found.to_frame()

    assert list(frame.columns) == (
        "group path keep is_exact similarity label width height num_bytes".split()
    )
    assert frame.path.tolist() == [
        found.manifest.paths[row] for group in found.groups for row in group
    ]
    assert frame.group.tolist() == [0, 0, 0, 1, 1]
    assert frame.keep.tolist() == [True, False, False, True, False]
    assert frame.is_exact.tolist() == [False, False, False, True, True]
    assert frame.label.tolist() == ["cat", "cat", "dog", "cat", "dog"]
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
    assert saved == {
        "root": str(album),
        "num_files": 7,
        "threshold": 0.9,
        "unreadable": ["cat/broken.png"],
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
