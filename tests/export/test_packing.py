"""Packed sets: shards, their manifest, and what is refused."""

import errno
import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import Boxes, Keypoints, Manifest, pack
from imggen.data import read_packed
from imggen.errors import ExportError, ImageError, ManifestError, OptionError, ScanError
from tests.helpers.images import write_images

SMALL = "14kB"  # three images of 24 x 20 per shard


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each visible file."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    }


def members(folder: Path) -> dict[str, bytes]:
    """All members of all shards."""
    found = {}
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                assert (member.mtime, member.uname, member.uid, member.mode) == (0, "", 0, 0o644)
                found[member.name] = archive.extractfile(member).read()
    return found


def test_every_row_says_where_its_bytes_are(photos, tmp_path):
    packed = pack(photos, tmp_path / "out", shard_size=SMALL)
    frame = pd.read_parquet(tmp_path / "out/manifest.parquet")
    manifest = imggen.scan(photos)

    assert len(frame) == 16
    assert len(packed.shards) > 3
    assert list(frame["original:path"]) == list(manifest.paths)
    assert list(frame["label"]) == ["cat"] * 8 + ["dog"] * 8
    for row, original in zip(frame.itertuples(), manifest.filepaths, strict=True):
        with (tmp_path / "out" / row.shard).open("rb") as shard:
            shard.seek(row.offset)
            data = shard.read(row.length)
        assert data == Path(original).read_bytes()
        assert row.hash == hashlib.sha256(data).hexdigest()
        assert row.path == f"{row.shard}/{row.Index:08d}.png#{row.offset}+{row.length}"
    for shard in packed.shards:
        place = tmp_path / "out" / shard.name
        assert shard.num_bytes == place.stat().st_size <= 14000
        assert shard.sha256 == hashes(tmp_path / "out")[shard.name]
    loaded = Manifest.load(tmp_path / "out/manifest.parquet")
    assert loaded.class_counts == manifest.class_counts
    assert list(imggen.data.as_manifest(tmp_path / "out").paths) == list(loaded.paths)


def test_two_runs_give_the_same_bytes_wherever_and_with_any_number_of_threads(photos, tmp_path):
    for number, workers in enumerate((0, 3)):
        source = photos.rename(tmp_path / f"photos{number}")
        pack(source, tmp_path / f"out{number}", split=(0.5, 0.5), shard_size=SMALL, workers=workers)
        for path in source.rglob("*.png"):
            os.utime(path, (number, number))
        photos = source

    assert hashes(tmp_path / "out0") == hashes(tmp_path / "out1")
    assert len(hashes(tmp_path / "out0")) > 5


def test_splits_have_shards_of_their_own(photos, tmp_path):
    pack(photos, tmp_path / "out", split=(0.5, 0.25, 0.25), split_seed=3)
    train, val, test = imggen.split(photos, (0.5, 0.25, 0.25), seed=3)
    frame = pd.read_parquet(tmp_path / "out/manifest.parquet")

    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == [
        "test-000000.tar",
        "train-000000.tar",
        "val-000000.tar",
    ]
    for name, part in (("train", train), ("val", val), ("test", test)):
        rows = frame[frame["split"] == name]
        assert list(rows["original:path"]) == list(part.paths)
        assert set(rows["shard"]) == {f"{name}-000000.tar"}


def test_the_splits_of_the_source_are_kept(photos, tmp_path):
    imggen.split_directory(photos, tmp_path / "split", (0.5, 0.5))
    table = Manifest.concatenate(imggen.split(photos, {"holdout/é": 0.5, "train": 0.5}))
    table.save(tmp_path / "table.csv")
    folders = pack(tmp_path / "split", tmp_path / "a")
    listed = pack(tmp_path / "table.csv", tmp_path / "b")

    assert folders.counts == {"train": 8, "val": 8}
    assert [shard.name for shard in listed.shards] == ["train-000000.tar", "holdout_-000000.tar"]
    assert set(listed.manifest.splits) == {"holdout/é", "train"}


def test_all_that_is_known_about_a_sample_is_packed(tmp_path, monkeypatch):
    monkeypatch.chdir(write_images(tmp_path / "in", {"x": 3}))
    for number in range(3):
        Image.fromarray(np.full((24, 20), number, np.uint8)).save(f"{number}.mask.png")
    frame = pd.DataFrame(
        {
            "path": [f"x/{number:03d}.png" for number in range(3)],
            "label": ["cat", "dog", "cat"],
            "group": ["a", "a", "b"],
            "weight": [0.1, 1, 2],
            "mask": [f"{number}.mask.png" for number in range(3)],
            "input:Left Eye": [f"x/{number:03d}.png" for number in (1, 2, 0)],
            "target:age": [1.5, 2, 3],
            "caption": ["ein Bär", "", "NA"],
            "views": [3, 4, 5],
            "count": pd.array([1, None, 2], dtype="Int64"),
        }
    )
    frame.to_parquet("table.parquet")
    pack("table.parquet", "out")
    found = members(tmp_path / "in/out")

    assert list(found)[:5] == [
        f"00000000.{name}" for name in ("png", "mask.png", "left_eye.png", "cls", "json")
    ]
    assert [found[f"0000000{number}.cls"] for number in range(3)] == [b"0", b"1", b"0"]
    assert found["00000001.mask.png"] == Path("1.mask.png").read_bytes()
    assert found["00000001.left_eye.png"] == Path("x/002.png").read_bytes()
    assert json.loads(found["00000000.json"]) == frame.iloc[0].to_dict()
    assert json.loads(found["00000001.json"])["count"] is None
    stored = pd.read_parquet("out/manifest.parquet")
    assert list(stored["caption"]) == list(frame["caption"])
    assert list(stored["views"]) == [3, 4, 5]
    # A packed set is a source, too, and loses nothing.
    again = pack("out", "again", shard_size=1)
    assert members(tmp_path / "in/again") == found
    assert len(again.shards) == 3


def test_annotations_follow_images_that_are_resized(tmp_path, monkeypatch):
    monkeypatch.chdir(write_images(tmp_path / "in", {"x": 2}))  # 24 x 20
    palette = Image.fromarray(np.arange(480, dtype=np.uint8).reshape(24, 20) % 4).convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save("0.mask.png")
    Image.fromarray(np.arange(480, dtype=np.uint16).reshape(24, 20)).save("1.mask.png")
    Image.open("x/001.png").save("x/001.bmp")
    frame = pd.DataFrame(
        {
            "path": ["x/000.png", "x/001.bmp"],
            "mask": ["0.mask.png", "1.mask.png"],
            "box": [[[2, 4, 10, 8]], []],
            "point": [[[3.5, 5.5], [np.nan, 1]], [[19.5, 23.5]]],
        }
    )
    manifest = Manifest.from_frame(
        frame,
        root=".",
        y_col=None,
        mask_col="mask",
        boxes=Boxes("box", "pascal_voc"),
        keypoints=Keypoints("point", "xy"),
    )
    made = pack(manifest, "out", image_size=(12, 10))
    packed, spec = made.manifest, imggen.ImageSpec((12, 10))
    found = members(tmp_path / "in/out")

    assert packed.boxes.rows.values.tolist() == [[1, 2, 5, 4, 0]]
    np.testing.assert_allclose(
        packed.keypoints.rows.values, [[1.5, 2.5], [np.nan, np.nan], [9.5, 11.5]]
    )
    assert json.loads(found["00000000.json"])["keypoints"] == [[1.5, 2.5], [None, None]]
    for row in range(2):
        image, mask = found[f"{row:08d}.png"], found[f"{row:08d}.mask.png"]
        assert image.startswith(b"\x89PNG")
        np.testing.assert_array_equal(
            imggen.load_image(image, imggen.ImageSpec(None)),
            imggen.load_image(manifest.filepath(row), spec),
        )
        expected = imggen.decode.load_mask(f"{row}.mask.png", manifest.filepath(row), spec)
        same = imggen.decode.load_mask(mask, image, imggen.ImageSpec(None))
        np.testing.assert_array_equal(same, expected)
        assert same.dtype == expected.dtype
    assert read_packed("out").settings["image_size"] == [12, 10]


@pytest.mark.parametrize(
    "names", ["A.JPG", "b.jpeg", "ü/日本.png", "x.tar.gz.png", "no", "n" * 251]
)
def test_members_have_names_that_every_reader_accepts(tmp_path, names):
    path = tmp_path / "in" / (names if names != "n" * 251 else names + ".png")
    path.parent.mkdir(parents=True)
    is_jpeg = names in ("A.JPG", "b.jpeg")
    Image.new("RGB", (8, 8)).save(path, "JPEG" if is_jpeg else "PNG")
    name = path.relative_to(tmp_path / "in").as_posix()
    pack(Manifest.from_files([name], root=tmp_path / "in"), tmp_path / "out")
    found = members(tmp_path / "out")

    assert list(found) == [f"00000000.{'jpg' if is_jpeg else 'png'}", "00000000.json"]
    assert json.loads(found["00000000.json"]) == {"path": name}


def test_unreadable_images_are_left_out_and_counted_or_refused(photos, tmp_path):
    (photos / "cat/003.png").write_bytes(b"broken")
    (photos / "dog/004.png").write_bytes(b"")
    manifest = Manifest.from_files(
        [*imggen.scan(photos).paths, "vanished.png"], ["a"] * 17, root=photos
    )
    packed = pack(manifest, tmp_path / "out", shard_size=SMALL)

    assert len(packed.manifest) == 14
    assert [Path(failure.path).name for failure in packed.unread] == [
        "003.png",
        "004.png",
        "vanished.png",
    ]
    assert "00000004.png" in members(tmp_path / "out")  # numbers are those of the source
    assert "00000003.png" not in members(tmp_path / "out")
    with pytest.raises(ImageError, match=r"003\.png"):
        pack(manifest, tmp_path / "other", on_error="raise")
    for path in photos.rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(ExportError, match="None of 16 images can be read"):
        pack(photos, tmp_path / "none")


# What is refused.


def test_options_and_places_are_checked_before_anything_is_written(photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    for size in (0, -1, 1.5, "", "many", "0MB", "-3kB", True):
        with pytest.raises(OptionError, match="shard_size"):
            pack(photos, out, shard_size=size)
    with pytest.raises(OptionError, match="on_error"):
        pack(photos, out, on_error="blank")
    for inside in (photos / "cat/out", photos, tmp_path):
        with pytest.raises(ExportError, match="contains the other"):
            pack(photos, inside)
    with pytest.raises(ExportError, match=r"'s3://bucket/set': it is a URI"):
        pack(photos, "s3://bucket/set")
    with pytest.raises(ScanError):
        pack(tmp_path / "nothing", out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScanError, match="Found 0 images"):
        pack(tmp_path / "empty", out)
    with pytest.raises(ExportError, match="^The manifest is empty; expected at least one sample"):
        pack(imggen.scan(photos).take([]), out)
    odd = photos / os.fsdecode(b"cat/\xff.png")
    shutil.copy(photos / "cat/000.png", odd)
    with pytest.raises(ManifestError, match=r"udcff.png. is not valid UTF-8"):
        pack(photos, out)
    odd.unlink()
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    with pytest.raises(ExportError, match="is not empty"):
        pack(photos, tmp_path / "full")


def test_other_settings_and_other_images_are_refused(photos, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pack(photos, out, shard_size=SMALL, progress=interrupt_after(6))
    assert 0 < len(list(out.glob("*.tar"))) < 5
    assert not (out / "manifest.parquet").exists()
    with pytest.raises(ManifestError, match="make the same call"):
        imggen.from_packed(out)
    with pytest.raises(ExportError, match=r"shard_size=14000 \(now 7000\)"):
        pack(photos, out, shard_size=7000)
    with pytest.raises(ExportError, match="split"):
        pack(photos, out, split=(0.5, 0.5), shard_size=SMALL)
    os.utime(photos / "dog/001.png", (1, 1))
    with pytest.raises(ExportError, match="was begun with other images"):
        pack(photos, out, shard_size=SMALL)


def interrupt_after(number: int):
    def progress(_: str, done: int, __: int) -> None:
        if done >= number:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_call_is_resumed_and_a_complete_one_changes_nothing(photos, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    pack(photos, whole, shard_size=SMALL)
    with pytest.raises(KeyboardInterrupt):
        pack(photos, out, shard_size=SMALL, progress=interrupt_after(6))
    first = min(out.glob("*.tar"))
    written = first.stat().st_mtime_ns
    pack(photos, out, shard_size=SMALL)
    assert hashes(out) == hashes(whole)
    assert first.stat().st_mtime_ns == written
    assert os.listdir(out / ".imggen-pack") == os.listdir(whole / ".imggen-pack")
    report = pack(photos, out, shard_size=SMALL)
    assert len(report.manifest) == 16
    assert first.stat().st_mtime_ns == written
    first.write_bytes(first.read_bytes()[:-512])
    with pytest.raises(ExportError, match=f"{first.name}.* bytes instead of"):
        pack(photos, out, shard_size=SMALL)


def test_an_index_that_was_changed_is_refused(photos, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pack(photos, out, shard_size=SMALL, workers=0, progress=interrupt_after(3))
    (index,) = (out / ".imggen-pack").glob("*.index")
    whole = index.read_text()
    for text in (
        "",
        "{}",
        whole[:-30],
        whole.replace("00000001.png", "../evil.png"),
        whole.replace("shard-000000", "shard-000001"),
        "\n".join(whole.split("\n")[:-2]),
    ):
        index.write_text(text)
        with pytest.raises(ExportError, match=f"{index.name}.* cannot be read"):
            pack(photos, out, shard_size=SMALL)
    index.unlink()
    assert len(pack(photos, out, shard_size=SMALL).manifest) == 16


def test_a_file_that_changes_in_the_meantime_is_named(photos, tmp_path):
    def change(_: str, done: int, __: int) -> None:
        if done == 3:
            (photos / "dog/005.png").write_bytes(b"changed")

    with pytest.raises(ExportError, match=r"005\.png' has changed since the set was planned"):
        pack(photos, tmp_path / "out", shard_size=SMALL, progress=change)


def test_a_full_disk_loses_nothing(photos, small_disk, tmp_path):
    filler = small_disk / ".filler"
    filler.write_bytes(bytes(250 * 1024))
    out = small_disk / "out"
    with pytest.raises(ExportError, match="The disk is full"):
        pack(photos, out, shard_size=SMALL)
    assert not list(out.glob("manifest*"))
    filler.unlink()
    pack(photos, out, shard_size=SMALL)
    pack(photos, tmp_path / "out", shard_size=SMALL)
    assert hashes(out) == hashes(tmp_path / "out")


def test_a_limit_on_the_size_of_files_is_reported(photos, tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ExportError, match=os.strerror(errno.EFBIG)):
            pack(photos, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "out").glob("*.tar"))
    assert len(pack(photos, tmp_path / "out").manifest) == 16


def test_without_pyarrow_nothing_is_written(photos, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'imggen\[parquet\]'"):
        pack(photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_copies_of_a_packed_set_have_class_folders_and_a_split_refuses_it(photos, tmp_path):
    pack(photos, tmp_path / "set")
    made = imggen.augment_directory(tmp_path / "set", tmp_path / "copies", "light", copies=1)

    assert list(made.manifest.paths)[:2] == ["cat/00000000.png", "cat/00000000-png-aug0.png"]
    copied = (tmp_path / "copies/dog/00000015.png").read_bytes()
    assert copied == (photos / "dog/007.png").read_bytes()
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", photos)
    for source, advice in (
        (tmp_path / "set", "unpack them with imggen unpack"),
        (archive, "extract the archive"),
        ("s3://bucket/photos", "download them"),
        (imggen.scan(archive), "extract the archive"),
    ):
        with pytest.raises(ExportError, match=f"{advice} first, and split the folder"):
            imggen.split_directory(source, tmp_path / "split")
    assert imggen.split(tmp_path / "set", (0.5, 0.5)).train.class_counts == {"cat": 4, "dog": 4}
