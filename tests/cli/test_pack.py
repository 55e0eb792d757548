"""``imggen pack`` and ``imggen unpack``: options, messages and exit statuses."""

import json

import imggen
from tests.helpers.command_line import invoke


def test_a_folder_is_packed_and_unpacked(photos, tmp_path):
    out = tmp_path / "out"
    line = ("pack", photos, out, "--split", 0.5, 0.25, 0.25, "--shard-size", "14kB", "--seed", 2)
    result = invoke(*line)
    assert result.exit_code == 0, result.stderr
    assert "train: 8\nval: 4\ntest: 4\nWrote 16 images in " in result.stdout
    assert str(out) in result.stdout

    train, val, test = imggen.from_packed(out, image_size=8)
    expected = imggen.split(photos, (0.5, 0.25, 0.25), seed=2)
    packed = json.loads(invoke(*line, "--json").stdout)
    assert packed["counts"] == {"train": 8, "val": 4, "test": 4}
    assert len(packed["shards"]) == len(list(out.glob("*.tar")))
    assert (train.samples, val.samples, test.samples) == tuple(map(len, expected))
    result = invoke("unpack", out, tmp_path / "back")
    assert "cat: 8\ndog: 8\nWrote 16 images to " in result.stdout
    for path in imggen.scan(photos).paths:
        assert (tmp_path / "back" / path).read_bytes() == (photos / path).read_bytes()


def test_unreadable_images_are_listed(photos, tmp_path):
    (photos / "cat/003.png").write_bytes(b"broken")
    result = invoke("pack", photos, tmp_path / "out", "--image-size", 8)
    assert result.exit_code == 1
    assert "003.png" in result.stderr
    assert "Wrote 15 images in 1 shard" in result.stdout
    result = invoke("pack", photos, tmp_path / "other", "--on-error", "raise")
    assert result.exit_code == 1
    assert "Error: Cannot read" in result.stderr


def test_messages_name_options(photos, tmp_path):
    out = tmp_path / "out"
    for options, message in (
        (("--shard-size", "0"), "--shard-size 0 must be a number of bytes"),
        (("--shard-size", "many"), "'many' is not a size"),
        (("--split", 0.5, 0.6), "--split 0.5 0.6 sum to 1.1"),
        (("--split", 0, 0), "--split: 0 leaves out a split, and all are 0"),
        (("--image-size", 0), "--image-size 0 must be"),
        (("--on-error", "blank"), "'blank' is not one of"),
    ):
        result = invoke("pack", photos, out, *options)
        assert result.exit_code, options
        assert message in result.stderr
    assert not out.exists()
    invoke("pack", photos, out)
    assert (
        "--shard-size 256000000 (now 1000)"
        in invoke("pack", photos, out, "--shard-size", "1kB").stderr
    )
    assert "has no manifest.parquet" in invoke("unpack", photos, tmp_path / "back").stderr
