"""Packs a folder of images, and counts the samples that every reader gives back unchanged.

    python -m tests.helpers.packed_figures photos

The readers are a read of the range that the manifest states, ``from_packed`` (compared with
``from_directory`` batch by batch), webdataset, datasets of Hugging Face, and ``unpack``. The folder
is packed twice, and the hashes of the shards are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import imggen


def count_equal(source: Path, scratch: Path, shard_size: str) -> dict[str, str]:
    """Returns a line per reader."""
    packed = scratch / "packed"
    report = imggen.pack(source, packed, shard_size=shard_size)
    again = imggen.pack(source, scratch / "again", shard_size=shard_size, workers=1)
    frame = pd.read_parquet(packed / "manifest.parquet")
    originals = [(source / path).read_bytes() for path in frame["original:path"]]
    total = len(frame)
    pattern = str(packed / "*.tar")
    readers: dict[str, Callable[[], int]] = {
        "range of the shard": lambda: _read_ranges(packed, frame, originals),
        "from_packed": lambda: _read_batches(packed, source),
        "webdataset": lambda: _read_webdataset(sorted(packed.glob("*.tar")), originals),
        "Hugging Face": lambda: _read_hugging_face(pattern, scratch, frame),
        "unpack": lambda: _read_unpacked(packed, source, scratch / "unpacked"),
    }
    lines = {}
    for name, read in readers.items():
        began = time.monotonic()
        lines[name] = f"{read()} of {total} samples, {time.monotonic() - began:.1f} s"
    whole = hashlib.sha256("".join(shard.sha256 for shard in report.shards).encode()).hexdigest()
    same = "same" if report.shards == again.shards else "other"
    lines["two runs"] = f"{same} hashes of {len(report.shards)} shards ({whole[:16]})"
    findings = imggen.verify(packed).faults
    lines["verify"] = f"{len(findings)} faults"
    return lines


def _read_ranges(packed: Path, frame: pd.DataFrame, originals: list[bytes]) -> int:
    count = 0
    for row, original in zip(frame.itertuples(), originals, strict=True):
        with (packed / row.shard).open("rb") as shard:
            data = os.pread(shard.fileno(), row.length, row.offset)
        count += data == original and hashlib.sha256(data).hexdigest() == row.hash
    return count


def _read_batches(packed: Path, source: Path) -> int:
    options = {"image_size": 32, "seed": 1, "augment": "light", "batch_size": 32}
    found, expected = (
        imggen.from_packed(packed, **options),
        imggen.from_directory(source, **options),
    )
    count = 0
    for index in range(len(expected)):
        (images, labels), (others, classes) = found[index], expected[index]
        is_same = np.array_equal(images, others) and np.array_equal(labels, classes)
        count += len(images) * is_same
    return count


def _read_webdataset(shards: list[Path], originals: list[bytes]) -> int:
    import webdataset

    samples = webdataset.WebDataset(list(map(str, shards)), shardshuffle=False)
    pairs = zip(samples, originals, strict=True)
    return sum(original in sample.values() for sample, original in pairs)


def _read_hugging_face(pattern: str, scratch: Path, frame: pd.DataFrame) -> int:
    import datasets

    found = datasets.load_dataset(
        "webdataset", data_files={"train": pattern}, cache_dir=str(scratch / "cache")
    )["train"]
    pairs = zip(found["json"], frame["original:path"], strict=True)
    return sum(description["path"] == path for description, path in pairs)


def _read_unpacked(packed: Path, source: Path, folder: Path) -> int:
    manifest = imggen.unpack(packed, folder)
    return sum(
        (folder / path).read_bytes() == (source / path).read_bytes() for path in manifest.paths
    )


def main() -> None:
    """Prints a line per reader."""
    parser = argparse.ArgumentParser(description="Compare packed samples with their source.")
    parser.add_argument("source", type=Path)
    parser.add_argument("--shard-size", default="10MB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name, line in count_equal(options.source, Path(scratch), options.shard_size).items():
            print(f"{name:20} {line}", flush=True)


if __name__ == "__main__":
    main()
