"""find_duplicates: groups of files, and the file to keep."""

import hashlib
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import imggen
from imggen import find_duplicates
from tests.helpers.pictures import (
    WAYS,
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
    found = find_duplicates(listing(album))

    assert sorted(found.manifest.paths[row] for row in found.drop) == [
        "cat/small.png",
        "dog/1 again.png",
        "dog/cut.jpg",
    ]
    assert list(found.drop) == sorted(found.drop)


def test_deduplicate_keeps_the_other_rows_in_order(album):
    manifest = listing(album)
    kept = find_duplicates(manifest).deduplicate()

    assert list(kept.paths) == ["cat/0.png", "cat/1.png", "dog/2.png"]
    assert len(manifest) == 6


def test_a_deduplicated_manifest_has_no_duplicates(album):
    kept = find_duplicates(listing(album)).deduplicate()

    assert find_duplicates(kept).groups == ()
