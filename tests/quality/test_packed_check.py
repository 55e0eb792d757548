"""Packed sets that are no longer as they were packed."""

import json
import shutil

import pandas as pd
import pytest

import imggen
from imggen import pack, verify
from imggen.errors import ExportError, ManifestError, ScanError
from tests.helpers.command_line import invoke


@pytest.fixture
def packed(photos, tmp_path):
    pack(photos, tmp_path / "packed", shard_size="14kB")
    return tmp_path / "packed"


def test_a_whole_set_has_no_findings(packed):
    report = verify(packed)
    assert (report.num_files, report.findings) == (16, ())
    assert invoke("verify", packed).exit_code == 0


def test_a_changed_image_is_found_with_its_shard(packed):
    row = pd.read_parquet(packed / "manifest.parquet").iloc[5]
    shard = packed / row["shard"]
    data = bytearray(shard.read_bytes())
    data[row["offset"] + 100] ^= 1
    shard.write_bytes(data)
    report = verify(packed)

    assert [(finding.path, finding.problem.value) for finding in report.findings] == [
        (row["shard"], "changed"),
        (row["path"], "changed"),
    ]
    assert report.num_files == 16
    result = invoke("verify", packed, "--json")
    assert result.exit_code == 1
    assert [one["path"] for one in json.loads(result.stdout)["rows"]] == [row["shard"], row["path"]]
    with pytest.raises(ExportError, match="is a packed set"):
        report.quarantine(packed.parent / "quarantine")


def test_labels_and_headers_are_part_of_the_hash(packed):
    shard = min(packed.glob("*.tar"))
    whole = shard.read_bytes()
    for place in (whole.index(b"00000001.cls") + 512, whole.index(b"00000001.json") + 2):
        shard.write_bytes(whole[:place] + b"7" + whole[place + 1 :])
        (finding,) = verify(packed).findings
        assert finding.path == shard.name
        assert finding.problem.is_fault


def test_truncated_and_missing_shards_are_found(packed):
    first, second, *_ = sorted(packed.glob("*.tar"))
    first.write_bytes(first.read_bytes()[:3000])
    second.unlink()
    report = verify(packed)
    frame = pd.read_parquet(packed / "manifest.parquet")
    found = {finding.path: finding.problem.value for finding in report.findings}

    assert found[first.name] == "truncated"
    assert found[second.name] == "unreadable"
    lost = frame[(frame["shard"] == first.name) & (frame["offset"] + frame["length"] > 3000)]
    gone = frame[frame["shard"] == second.name]
    assert set(found) == {first.name, second.name, *lost["path"], *gone["path"]}
    assert len(lost) == 2


def test_files_of_a_split_table_are_checked_one_by_one(packed, tmp_path):
    imggen.split(packed, (0.5, 0.5)).train.save(tmp_path / "train.csv")
    report = verify(tmp_path / "train.csv")
    assert (report.num_files, report.findings) == (8, ())


def test_a_set_without_its_manifest_is_named_and_no_folder_of_images(packed):
    for options in ({}, {"labels": None}):
        with pytest.raises(ScanError, match=r"is a packed set; .*imggen\.from_packed"):
            imggen.scan(packed, **options)
    with pytest.raises(ScanError, match="is a packed set"):
        imggen.from_directory(packed, split="folders", image_size=8)
    metadata = packed / "manifest.parquet.json"
    text = metadata.read_text()
    metadata.write_text(text[:9])
    with pytest.raises(ManifestError, match="is not valid JSON"):
        imggen.verify(packed)
    metadata.write_text(text)
    (packed / "manifest.parquet").unlink()
    with pytest.raises(ManifestError, match="make the same call of imggen.pack again"):
        imggen.verify(packed)
    shutil.rmtree(packed / ".imggen-pack")
    with pytest.raises(ManifestError, match=r"has no manifest\.parquet"):
        imggen.verify(packed)
