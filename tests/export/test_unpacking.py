"""Unpacked sets: the original files in their folders, and shards that are refused."""

import filecmp
import hashlib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest

import imggen
from imggen import Manifest, pack, unpack
from imggen.errors import ExportError, ManifestError
from tests.helpers.images import write_images

SMALL = "14kB"


@pytest.fixture
def packed(photos, tmp_path) -> Path:
    pack(photos, tmp_path / "packed", shard_size=SMALL)
    return tmp_path / "packed"


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_the_original_ones(photos, packed, tmp_path):
    before = imggen.scan(photos)
    manifest = unpack(packed, tmp_path / "out")

    assert files_below(tmp_path / "out") == files_below(photos)
    assert filecmp.cmpfiles(photos, tmp_path / "out", before.paths, shallow=False)[1:] == ([], [])
    assert manifest.filepaths == [str(tmp_path / "out" / path) for path in before.paths]
    assert imggen.scan(tmp_path / "out").class_counts == before.class_counts
    with pytest.raises(ExportError, match="is not empty"):
        unpack(packed, tmp_path / "out")


def test_what_folders_cannot_tell_is_in_a_manifest(photos, tmp_path):
    manifest = imggen.group_by(imggen.scan(photos), "stem")
    pack(manifest, tmp_path / "packed", split=(0.5, 0.5))
    unpack(tmp_path / "packed", tmp_path / "out")
    loaded = Manifest.load(tmp_path / "out/manifest.csv")

    assert sorted(zip(loaded.paths, loaded.groups, strict=True)) == sorted(
        zip(manifest.paths, manifest.groups, strict=True)
    )
    assert set(loaded.splits) == {"train", "val"}
    assert imggen.hash_files(loaded).hashes == loaded.hashes


def test_further_columns_of_a_table_are_kept(photos, tmp_path):
    frame = imggen.scan(photos).to_frame().assign(caption=[f"no. {row}, é" for row in range(16)])
    # Names that the manifest of a packed set has for its own columns, too.
    for name in ("shard", "offset", "length", "original:path", "original:note", "extra:length"):
        frame[name] = [f"{name} {row}" for row in range(16)]
    frame.to_csv(photos / "table.csv", index=False)
    pack(photos / "table.csv", tmp_path / "once")
    pack(tmp_path / "once", tmp_path / "packed")
    unpack(tmp_path / "packed", tmp_path / "out")
    kept = pd.read_csv(tmp_path / "out/manifest.csv")
    for name in frame:
        assert list(kept[name]) == list(frame[name]), name
    assert list(Manifest.load(tmp_path / "out/manifest.csv").paths) == list(frame["path"])


def test_names_that_folders_cannot_hold_twice_are_numbered(tmp_path):
    root = write_images(tmp_path / "in", {"a": 2, "b": 2})
    files = [str(path) for path in sorted(root.rglob("*.png"))]
    pack(Manifest.from_files([*files, files[0]], list("xxyyx"), root="/"), tmp_path / "packed")
    manifest = unpack(tmp_path / "packed", tmp_path / "out")

    assert files_below(tmp_path / "out") == [
        "manifest.csv",
        "manifest.csv.json",
        *(os.path.join("x", file.lstrip("/")) for file in files[:2]),
        *(os.path.join("y", file.lstrip("/")) for file in files[2:]),
    ]
    assert manifest.paths[0] == manifest.paths[4]
    for row, file in enumerate([*files, files[0]]):
        assert Path(manifest.filepath(row)).read_bytes() == Path(file).read_bytes()


def test_resized_images_have_the_extension_of_their_format(photos, tmp_path):
    for path in photos.rglob("*.png"):
        path.rename(path.with_suffix(".bmp"))
    pack(photos, tmp_path / "packed", image_size=8)
    manifest = unpack(tmp_path / "packed", tmp_path / "out")
    assert set(map(os.path.splitext, manifest.paths)) == {
        (f"{name}/{number:03d}", ".png") for name in ("cat", "dog") for number in range(8)
    }


def test_an_interrupted_call_is_resumed(packed, tmp_path, photos):
    def interrupt(task: str, _: int, __: int) -> None:
        if task == "unpacking":
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        unpack(packed, out, workers=0, progress=interrupt)
    assert files_below(out)
    shutil.copytree(packed, tmp_path / "other")
    with pytest.raises(ExportError, match="source="):
        unpack(tmp_path / "other", out)
    unpack(packed, out)
    assert files_below(out) == files_below(photos)


def replace_shard(packed: Path, change) -> str:
    """Writes the first shard again with other members, and its new hash into the manifest."""
    shard = min(packed.glob("*.tar"))
    with tarfile.open(shard) as archive:
        found = [(member, archive.extractfile(member).read()) for member in archive]
    with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as out:
        for member, data in found:
            out.addfile(member, io.BytesIO(data))
        change(out)
    file = packed / "manifest.parquet.json"
    metadata = json.loads(file.read_text())
    digest = hashlib.sha256(shard.read_bytes()).hexdigest()
    metadata["packed"]["shards"][0][1:3] = [shard.stat().st_size, digest]
    file.write_text(json.dumps(metadata))
    return shard.name


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


HOSTILE = {
    "../evil.png": member("../evil.png"),
    "/etc/evil.png": member("/etc/evil.png"),
    "00000000.png": member("00000000.png"),
    "soft.png": member("soft.png", tarfile.SYMTYPE, "/etc/passwd"),
    "hard.png": member("hard.png", tarfile.LNKTYPE, "00000000.png"),
    "pipe.png": member("pipe.png", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_shards_with_hostile_members_are_refused_and_named(packed, tmp_path, name):
    shard = replace_shard(packed, lambda out: out.addfile(HOSTILE[name]))
    with pytest.raises(ExportError, match=rf"'{shard}' .* is broken.*{name}"):
        unpack(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_are_not_as_they_were_packed_are_refused(packed, tmp_path):
    shard = min(packed.glob("*.tar"))
    whole = shard.read_bytes()
    for data, problem in (
        (whole[:-512], "truncated"),
        (whole[:1000], "truncated"),
        (b"", "truncated"),
        (whole + bytes(512), "changed"),
        (whole[:600] + bytes([whole[600] ^ 1]) + whole[601:], "changed"),
        (bytes(len(whole)), "changed"),
        (None, "unreadable"),
    ):
        shard.unlink() if data is None else shard.write_bytes(data)
        with pytest.raises(ExportError, match=rf"'{shard.name}' .* is {problem}"):
            unpack(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("shard", "../evil.tar", "is not listed"),
        ("offset", -1, "not its place"),
        ("length", 10**9, "not its place"),
        ("path", "../../etc/passwd", "not its place"),
        ("path", "shard-000000.tar/../../x#512+9", "not its place"),
        ("hash", "0" * 64, "is not the image that was packed"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(packed, tmp_path, column, value, message):
    frame = pd.read_parquet(packed / "manifest.parquet")
    frame.loc[1, column] = value
    frame.to_parquet(packed / "manifest.parquet")
    with pytest.raises((ManifestError, ExportError), match=message):
        unpack(packed, tmp_path / "out")


@pytest.mark.parametrize(
    "original",
    ["../../evil.png", "/evil.png", "cat/../../evil.png", "C:/x.png", f"{'a' * 300}.png"],
    ids=["up", "absolute", "detour", "drive", "long"],
)
def test_original_names_stay_inside_the_destination(packed, tmp_path, original):
    frame = pd.read_parquet(packed / "manifest.parquet")
    frame.loc[1, "original:path"] = original
    frame.to_parquet(packed / "manifest.parquet")
    unpack(packed, tmp_path / "deep/er/out")
    found = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("evil.png")}
    assert found <= {"deep"}
    assert len(files_below(tmp_path / "deep/er/out")) == 16
    assert len(list(tmp_path.rglob("*.png"))) == 32


def test_places_and_sources_are_checked(photos, packed, tmp_path):
    for source, message in (
        (photos, "has no manifest.parquet"),
        (tmp_path / "nothing", "does not exist"),
        (packed / "shard-000000.tar", "is a file"),
    ):
        with pytest.raises(ManifestError, match=message):
            unpack(source, tmp_path / "out")
    for inside in (packed, packed / "out", tmp_path):
        with pytest.raises(ExportError, match="contains the other"):
            unpack(packed, inside)
