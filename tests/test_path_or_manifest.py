"""Functions that read images take a manifest, a folder or a table of them, with the same result."""

import dataclasses

import numpy as np
import pytest

import imggen
from imggen.errors import ManifestError, OptionError, ScanError

READERS = {
    "survey": lambda source: imggen.survey(source).facts,
    "verify": lambda source: imggen.verify(source).num_files,
    "find_duplicates": lambda source: imggen.find_duplicates(source).manifest.class_counts,
    "hash_files": lambda source: list(imggen.hash_files(source).hashes),
    "split": lambda source: [list(one.paths) for one in imggen.split(source)],
    "kfold": lambda source: [list(fold.val.paths) for fold in imggen.kfold(source, 2)],
    "group_by": lambda source: list(imggen.group_by(source, "stem").groups),
    "oversample": lambda source: imggen.oversample(source).class_counts,
    "ImageSequence": lambda source: imggen.ImageSequence(source, image_size=8).class_indices,
    "kfold_sequences": lambda source: [
        fold.val.filepaths for fold in imggen.kfold_sequences(source, 2, image_size=8)
    ],
    "statistics": lambda source: imggen.statistics(source, image_size=8).mean,
    "contact_sheet": lambda source: imggen.contact_sheet(
        source, variants=1, image_size=8, augment="light"
    ).tobytes(),
}


@pytest.fixture
def sources(photos, tmp_path):
    manifest = imggen.scan(photos)
    manifest.save(tmp_path / "saved.csv")
    rows = [f"photos/{path},{path[:3]}" for path in manifest.paths]
    (tmp_path / "plain.csv").write_text("\n".join(["path,label", *rows]))
    return {
        "manifest": manifest,
        "folder": photos,
        "text": str(photos),
        "saved": tmp_path / "saved.csv",
        "plain": str(tmp_path / "plain.csv"),
    }


def test_a_folder_and_a_table_give_what_their_manifest_gives(sources):
    for name, read in READERS.items():
        expected = read(sources["manifest"])
        for kind, source in sources.items():
            found = read(source)
            if kind == "plain":  # whose paths begin at its own folder
                found, wanted = str(found).replace("photos/", ""), str(expected)
                assert name in ("split", "kfold", "group_by", "kfold_sequences") or found == wanted
            else:
                assert found == expected, (name, kind)


def test_splits_are_read_from_a_folder_a_table_and_a_mapping(sources, tmp_path):
    splits = imggen.split(sources["manifest"], (0.5, 0.5), seed=3)
    imggen.split_directory(sources["plain"], tmp_path / "out", (0.5, 0.5), seed=3)
    imggen.Manifest.concatenate(splits).save(tmp_path / "splits.csv")
    train = dataclasses.replace(splits.train, splits=None)
    train.save(tmp_path / "train.csv")
    for given in (
        splits,
        tmp_path / "out",
        tmp_path / "splits.csv",
        {"train": tmp_path / "out" / "train", "val": str(tmp_path / "out" / "val")},
        {"train": tmp_path / "train.csv", "val": splits.val},
    ):
        found = imggen.find_leaks(given)
        assert (found.names, len(found.manifest), found.leaks) == (("train", "val"), 16, ())
        assert found.manifest.class_names == ("cat", "dog")
    leaked = imggen.find_leaks({"a": sources["folder"], "b": tmp_path / "splits.csv"})
    assert len(leaked.leaks) == 16
    for given in (tmp_path / "out", tmp_path / "splits.csv"):
        followed = imggen.split(given, None)
        assert [len(one) for one in followed] == [8, 8]


@pytest.mark.parametrize("name", sorted(READERS))
def test_anything_else_is_refused_with_what_is_expected(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    read = READERS[name]
    for source, error, message in (
        ("nowhere", ScanError, r"'nowhere' does not exist; expected a folder of images, or a tab"),
        ("notes.txt", ScanError, r"'notes\.txt' is a file; expected a folder of images, or a ta"),
        ("nowhere.csv", ManifestError, r"The table 'nowhere\.csv' does not exist"),
        (3, OptionError, r"(manifest|source|sequence)=3 is of type int"),
        (["a.png"], OptionError, r"is of type list; expected .*a path .* imggen\.Manifest"),
    ):
        with pytest.raises(error, match=message):
            read(source)


def test_one_number_as_the_size_is_a_square(photos, tmp_path):
    assert imggen.ImageSpec(12) == imggen.ImageSpec((12, 12))
    assert imggen.ImageSpec(np.int64(12)).image_size == (12, 12)
    sequence = imggen.from_directory(photos, image_size=12)
    assert sequence[0][0].shape[1:] == (12, 12, 3)
    sequence.preprocessing.save(tmp_path / "saved.json")
    assert imggen.Preprocessing.load(tmp_path / "saved.json").image_size == (12, 12)
    arrays = imggen.from_arrays(np.zeros((2, 4, 6, 3), np.uint8), [0, 1], image_size=12)
    assert arrays[0][0].shape[1:] == (12, 12, 3)
    with pytest.raises(OptionError, match="image_size=0 must be a whole number"):
        imggen.from_arrays(np.zeros((2, 4, 6, 3), np.uint8), [0, 1], image_size=0)
    made = imggen.augment_directory(photos, tmp_path / "out", "light", copies=0, image_size=12)
    assert imggen.survey(made.manifest).sizes.tolist() == [[12, 12]] * 16


def test_a_sequence_has_a_size_of_its_own(photos):
    sequence = imggen.ImageSequence(photos, image_size=8)
    for draw in (imggen.contact_sheet, imggen.statistics):
        with pytest.raises(OptionError, match="a sequence has its own"):
            draw(sequence, image_size=8)
    assert imggen.statistics(photos, image_size=8).mean == imggen.statistics(sequence).mean
