"""A stable split moves no sample when others are added; and the hashes that it may go by."""

import hashlib
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imggen import Manifest, split
from imggen.core import StringColumn
from imggen.errors import ImggenWarning, SplitError
from tests.helpers.manifests import printed, rows_of

RATIOS = st.sampled_from([(0.5, 0.5), (0.7, 0.3), (1 / 3, 1 / 3, 1 / 3)])
SEEDS = st.integers(0, 2**32 - 1)
# File names on POSIX are bytes; Python shows those that are no text as lone surrogates.
NAMES = st.binary(max_size=12).map(lambda name: name.decode("utf-8", "surrogateescape"))

# Frozen: other numbers here mean that every user's test set changes.
GOLDEN = (
    [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 23, 24, 26, 27, 28],
    [12, 13, 16, 17, 25, 29],
    [0, 3, 14, 15, 22],
)


def manifest_of(num_samples, **columns):
    """Samples "0", "1", ..., with columns that are given as iterables of names."""
    paths = StringColumn.of(map(str, range(num_samples)))
    return Manifest(".", paths, **{name: StringColumn.of(of) for name, of in columns.items()})


def split_quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImggenWarning)
        return split(*args, stable=True, **kwargs)


def part_of_each(manifest, ratios=(0.7, 0.15, 0.15), column="hashes", **options):
    """From what a sample goes by to the names of the parts that hold such samples."""
    parts = split_quietly(manifest, ratios, **options)
    return {
        key: {name for name in parts.names if key in set(getattr(parts.as_dict()[name], column))}
        for key in set(getattr(manifest, column))
    }


def with_anchors(names):
    """Sixty more, so that no part is ever empty."""
    return [*names, *(f"anchor {number}" for number in range(60))]


@settings(deadline=None)
@given(st.sets(NAMES), st.sets(NAMES), RATIOS, SEEDS, st.sampled_from(["hashes", "groups"]))
def test_samples_that_are_added_move_none(old, new, ratios, seed, column):
    before, after = with_anchors(sorted(old)), sorted([*with_anchors(old), *(new - old)])
    parts_before, parts_after = (
        part_of_each(manifest_of(len(names), **{column: names}), ratios, column, seed=seed)
        for names in (before, after)
    )
    assert {name: parts_after[name] for name in parts_before} == parts_before


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=1), RATIOS, SEEDS)
def test_parts_share_no_sample_and_no_group_and_hold_them_all(names, ratios, seed):
    names = with_anchors(names)
    parts = split_quietly(manifest_of(len(names), groups=names), ratios, seed=seed)
    assert sorted(row for part in parts for row in rows_of(part)) == list(range(len(names)))
    assert sum(len(set(part.groups)) for part in parts) == len(set(names))


def test_the_order_of_samples_their_names_and_classes_do_not_matter():
    names = [f"{number:064x}" for number in range(90)]
    plain = manifest_of(90, hashes=names)
    other = Manifest(
        "elsewhere",
        StringColumn.of(f"photo {name}.jpg" for name in names[::-1]),
        np.arange(90) % 2,
        ("cat", "dog"),
        hashes=StringColumn.of(names[::-1]),
    )
    assert part_of_each(plain) == part_of_each(other)


def test_samples_that_are_taken_away_move_none():
    manifest = manifest_of(200, hashes=map(str, range(200)))
    whole, half = part_of_each(manifest), part_of_each(manifest.take(range(0, 200, 2)))
    assert half == {name: whole[name] for name in half}


def test_copies_of_a_file_are_in_one_part():
    manifest = manifest_of(120, hashes=(str(row % 60) for row in range(120)))
    assert {len(parts) for parts in part_of_each(manifest).values()} == {1}


def test_groups_go_before_hashes():
    groups = [str(row // 2) for row in range(120)]
    by_groups = part_of_each(manifest_of(120, groups=groups), column="groups")
    with_both = manifest_of(120, groups=groups, hashes=map(str, range(120)))
    assert part_of_each(with_both, column="groups") == by_groups


def test_hashes_go_where_groups_of_the_same_names_go():
    names = list(map(str, range(100)))
    by_hash = split_quietly(manifest_of(100, hashes=names))
    by_group = split_quietly(manifest_of(100, groups=names))
    assert list(map(rows_of, by_hash)) == list(map(rows_of, by_group))


@pytest.mark.parametrize("ratios", [(0.7, 0.15, 0.15), (0.5, 0.5), {"a": 0.1, "b": 0.9}])
def test_the_part_is_where_the_salted_hash_falls(ratios):
    shares = list(ratios.values()) if isinstance(ratios, dict) else list(ratios)
    salt = hashlib.blake2b(b"7", digest_size=16).digest()
    expected = []
    for row in range(200):
        digest = hashlib.blake2b(str(row).encode(), digest_size=8, salt=salt).hexdigest()
        place = int(digest, 16) / 2**64
        expected.append(sum(place >= sum(shares[: end + 1]) for end in range(len(shares) - 1)))
    parts = split_quietly(manifest_of(200, hashes=map(str, range(200))), ratios, seed=7)
    assert list(map(rows_of, parts)) == [
        [row for row in range(200) if expected[row] == part] for part in range(len(shares))
    ]


def test_who_goes_where_never_changes():
    parts = split_quietly(manifest_of(30, hashes=map(str, range(30))), (0.6, 0.2, 0.2), seed=7)
    assert tuple(map(rows_of, parts)) == GOLDEN


def test_another_seed_makes_another_split():
    manifest = manifest_of(100, hashes=map(str, range(100)))
    first, second = (split_quietly(manifest, seed=seed) for seed in (1, 2))
    assert rows_of(first.test) != rows_of(second.test)


@pytest.mark.parametrize("column", ["hashes", "groups"])
def test_another_process_makes_the_same_split(column, tmp_path):
    manifest = manifest_of(120, **{column: (f"{row // 2}\udcff" for row in range(120))})
    (tmp_path / "manifest").write_bytes(pickle.dumps(manifest))
    code = (
        "import pickle, warnings, imggen\n"
        "warnings.simplefilter('ignore')\n"
        "manifest = pickle.load(open('manifest', 'rb'))\n"
        "parts = imggen.split(manifest, seed=5, stable=True)\n"
        "print([list(map(int, part.paths)) for part in parts])"
    )
    assert printed(code, tmp_path) == {str(list(map(rows_of, split_quietly(manifest, seed=5))))}


@pytest.mark.parametrize("seed", range(4))
def test_shares_hold_on_average(seed):
    manifest = manifest_of(20_000, hashes=map(str, range(20_000)))
    parts = split(manifest, seed=seed, stable=True)
    # Four standard deviations: 4 * sqrt(20,000 * 0.7 * 0.3) is 259.
    assert [len(part) for part in parts] == pytest.approx([14_000, 3_000, 3_000], abs=260)


def test_classes_keep_their_shares_on_average():
    labels = np.arange(20_000) % 10 // 9
    manifest = Manifest(
        ".",
        StringColumn.of(map(str, range(20_000))),
        labels,
        ("often", "rare"),
        hashes=StringColumn.of(map(str, range(20_000))),
    )
    # Four standard deviations: 4 * sqrt(2,000 * 0.8 * 0.2) is 72.
    assert split(manifest, (0.8, 0.2), stable=True).val.class_counts["rare"] == pytest.approx(
        400, abs=72
    )


@pytest.mark.parametrize("stratify", [False, ["a", "b"] * 60])
def test_a_stable_split_does_not_go_by_strata(stratify):
    manifest = manifest_of(120, hashes=map(str, range(120)))
    expected = split_quietly(manifest)
    assert list(map(rows_of, split_quietly(manifest, stratify=stratify))) == list(
        map(rows_of, expected)
    )


def test_names_that_are_no_text_differ_by_their_bytes():
    names = [bytes([byte]).decode("utf-8", "surrogateescape") for byte in range(128, 256)]
    parts = part_of_each(manifest_of(128, groups=names), column="groups")
    assert set(map(frozenset, parts.values())) == {
        frozenset({name}) for name in ("train", "val", "test")
    }


def test_shares_that_chance_left_off_are_a_warning():
    manifest = manifest_of(200, hashes=["same"] * 100 + [str(row) for row in range(100)])
    with pytest.warns(
        ImggenWarning,
        match=r"A stable split is random, so the shares deviate: "
        r"train 0\.\d{3} \(wanted 0\.700\), val 0\.\d{3} \(wanted 0\.300\)\.",
    ) as caught:
        split(manifest, (0.7, 0.3), stable=True)
    assert caught[0].filename == __file__


def test_classes_missing_in_a_part_are_a_warning():
    names = list(map(str, range(2000)))
    labels = np.array([1, *[0] * 1999])
    manifest = Manifest(
        ".", StringColumn.of(names), labels, ("cat", "dog"), hashes=StringColumn.of(names)
    )
    with pytest.warns(ImggenWarning, match=r"'dog' \(1 sample\) is (in|missing in) val\."):
        split(manifest, (0.5, 0.5), stable=True)


def test_a_part_that_no_sample_falls_into_is_an_error():
    with (
        pytest.warns(ImggenWarning, match="A stable split is random"),
        pytest.raises(SplitError, match=r"The split '(train|val)' would be empty: 9 samples"),
    ):
        split(manifest_of(9, hashes=["same"] * 9), (0.5, 0.5), stable=True)


def test_a_part_that_no_group_falls_into_is_not_blamed_on_whole_groups():
    with (
        pytest.warns(ImggenWarning, match="A stable split is random"),
        pytest.raises(SplitError, match=r"by the ratios \(0\.5, 0\.5\)\. Give it a larger share"),
    ):
        split(manifest_of(9, groups=["same"] * 9), (0.5, 0.5), stable=True)


def test_without_groups_and_hashes_there_is_nothing_to_go_by():
    with pytest.raises(
        SplitError,
        match="needs groups or content hashes, and the manifest has neither. Add them with "
        "group_by or hash_files",
    ):
        split(manifest_of(20), stable=True)


def test_fixed_counts_are_refused():
    with pytest.raises(
        SplitError, match="A stable split cannot have fixed counts, since counts change as"
    ):
        split(manifest_of(20, hashes=map(str, range(20))), counts=(2,), stable=True)


def test_the_parts_that_a_manifest_names_are_not_made_stable():
    manifest = manifest_of(20, hashes=map(str, range(20)), splits=["train"] * 20)
    with pytest.raises(
        SplitError,
        match=r"^stable=True needs ratios; ratios=None follows the manifest's own splits\. Pass "
        r"ratios, or leave out stable=\.$",
    ):
        split(manifest, None, stable=True)


def listed_twice(*, same_part):
    """Ninety groups of a file each, and one more row for the first file, in another's group."""
    groups = list(map(str, range(90)))
    parts = part_of_each(manifest_of(90, groups=groups), column="groups")
    other = next(name for name in groups[1:] if (parts[name] == parts["0"]) is same_part)
    paths = StringColumn.of([*groups, "./0"])
    return Manifest(".", paths, groups=StringColumn.of([*groups, other]))


def test_a_file_in_groups_of_two_parts_is_an_error():
    with pytest.raises(
        SplitError, match="A file is listed in two groups that a stable split assigns to different"
    ):
        split(listed_twice(same_part=False), stable=True)


def test_a_file_in_two_groups_of_one_part_is_none():
    assert sum(map(len, split_quietly(listed_twice(same_part=True)))) == 91


def test_a_file_with_two_hashes_is_not_put_into_two_parts():
    paths = StringColumn.of(["same.jpg"] * 60)
    manifest = Manifest(".", paths, hashes=StringColumn.of(map(str, range(60))))
    with pytest.raises(SplitError, match="to different splits"):
        split(manifest, stable=True)


# Digits alone, as an exponent, with zeros before them, and nothing that a table takes for a number.
HASHES = ("0" * 63 + "7", "1e" + "5" * 62, "12345678" * 8, "nan", "ab" * 32)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_hashes_come_back_from_a_file(suffix, tmp_path):
    file = tmp_path / f"manifest{suffix}"
    manifest_of(5, hashes=HASHES).save(file)
    assert tuple(Manifest.load(file).hashes) == HASHES


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_manifest_without_hashes_comes_back_without(suffix, tmp_path):
    file = tmp_path / f"manifest{suffix}"
    manifest_of(5).save(file)
    assert Manifest.load(file).hashes is None


def test_a_manifest_from_a_file_is_split_in_the_same_way(tmp_path):
    manifest = manifest_of(
        100, hashes=(hashlib.sha256(b"%d" % row).hexdigest() for row in range(100))
    )
    manifest.save(tmp_path / "manifest.csv")
    back = split_quietly(Manifest.load(tmp_path / "manifest.csv"))
    assert list(map(rows_of, back)) == list(map(rows_of, split_quietly(manifest)))


def test_hashes_go_with_their_samples():
    assert list(manifest_of(5, hashes="abcde").take([3, 0, 3]).hashes) == ["d", "a", "d"]


def test_hashes_are_a_column_of_the_frame():
    frame = manifest_of(3, hashes="abc").to_frame()
    assert frame.to_dict("list") == {"path": ["0", "1", "2"], "hash": ["a", "b", "c"]}


def test_hashes_are_read_from_the_column_that_is_named():
    frame = manifest_of(3, hashes="abc").to_frame().rename(columns={"hash": "digest"})
    manifest = Manifest.from_frame(frame, y_col=None, hash_col="digest")
    assert list(manifest.hashes) == ["a", "b", "c"]


def test_a_frame_without_a_named_column_of_hashes_makes_none():
    assert Manifest.from_frame(manifest_of(3, hashes="abc").to_frame(), y_col=None).hashes is None
