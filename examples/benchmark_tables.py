"""Measure the CPU time and the peak memory of operations on tables of millions of rows.

python examples/benchmark_tables.py --rows 1000000 [--operations load_parquet split ...]

Each operation runs in a process of its own, on the same table: paths of about 30 bytes, 1,000
classes, and groups of about ten samples. CPU seconds are those of all threads; the peak is the
memory that the operation takes beyond its input, and includes its result. "worker" is the memory
that one worker process of a sequence takes beyond one for a table of 1,000 rows. The peak and the
worker need Linux.

Tables are written to a temporary folder (--folder) of about 200 bytes per row.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import imggen
from imggen.core import StringColumn
from imggen.loading import EpochSampler

NUM_CLASSES = 1_000
SAMPLES_PER_GROUP = 10
CHUNK = 500_000


def make_table(folder: Path, num_rows: int) -> None:
    """Saves the columns of the table as arrays."""
    labels = np.random.default_rng(0).integers(0, NUM_CLASSES, num_rows).astype(np.int32)
    np.save(folder / "labels.npy", labels)
    names = {
        "paths": lambda row: f"class_{labels[row]:03d}/photo_{row}.jpg",
        "groups": lambda row: f"patient_{row // SAMPLES_PER_GROUP}",
        "hashes": lambda row: f"{row * 2654435761 % 2**64:064x}",
    }
    for column, name in names.items():
        parts = [
            StringColumn.of(map(name, range(start, min(start + CHUNK, num_rows))))
            for start in range(0, num_rows, CHUNK)
        ]
        np.save(folder / f"{column}.data.npy", np.concatenate([part.data for part in parts]))
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        np.save(folder / f"{column}.offsets.npy", np.concatenate([[0], np.cumsum(lengths)]))


def read_column(folder: Path, column: str) -> StringColumn:
    """Reads a column that ``make_table`` saved."""
    data, offsets = (np.load(folder / f"{column}.{part}.npy") for part in ("data", "offsets"))
    return StringColumn(data, offsets)


def read_manifest(folder: Path, *columns: str) -> imggen.Manifest:
    """Builds a manifest with paths, labels and further columns."""
    return imggen.Manifest(
        "photos",
        read_column(folder, "paths"),
        np.load(folder / "labels.npy"),
        tuple(f"class_{label:03d}" for label in range(NUM_CLASSES)),
        **{column: read_column(folder, column) for column in columns},
    )


def load_pixels(path: str) -> np.ndarray:
    """Makes an image, so that no files are needed."""
    return np.full((8, 8, 3), len(path), np.uint8)


def measure_worker(manifest: imggen.Manifest, repeats: int) -> float:
    """Returns the private memory of a worker process that has made batches, in MB."""
    sequence = imggen.ImageSequence(
        manifest,
        loader=load_pixels,
        label_mode="int",
        batch_size=32,
        shuffle=False,
        repeats=repeats,
        workers=1,
        use_multiprocessing=True,
        max_queue_size=2,
    )
    for _, batch in zip(range(20), sequence, strict=False):
        del batch
    (worker,) = multiprocessing.active_children()
    lines = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
    private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    sequence.close()
    return private / 1024


def compare_workers(manifest: imggen.Manifest) -> float:
    """Returns the memory that the manifest takes in a worker, in MB."""
    # The order of an epoch takes memory, too: both sequences have epochs of the same length.
    few = min(1000, len(manifest))
    small = measure_worker(manifest.take(range(few)), repeats=len(manifest) // few)
    return measure_worker(manifest, repeats=1) - small


def prepare(operation: str, folder: Path) -> Callable[[], object]:
    """Reads the input of an operation, and returns the function to measure."""
    columns = {
        "split_groups": ["groups"],
        "split_stable": ["hashes"],
        "split_stable_groups": ["groups"],
        "split_files_and_groups": ["groups"],
        "load_all_columns": ["groups", "hashes"],
    }
    if operation in ("load_parquet", "load_csv", "load_all_columns"):
        file = folder / f"{operation}.{'csv' if operation == 'load_csv' else 'parquet'}"
        if not file.exists():
            read_manifest(folder, *columns.get(operation, [])).save(file)
            sys.exit(3)  # the memory that saving took must not count
        return lambda: imggen.Manifest.load(file)
    if operation == "order":
        num_rows = len(np.load(folder / "labels.npy", mmap_mode="r"))
        return lambda: EpochSampler(num_rows, True, 1, 0).indices(0)
    if operation in ("from_frame", "from_frame_objects", "from_files"):
        import pandas as pd

        manifest = read_manifest(folder)
        names = np.array(manifest.class_names, object)[manifest.labels]
        dtype = object if operation == "from_frame_objects" else None
        paths = list(manifest.paths)
        if operation == "from_files":
            return lambda: imggen.Manifest.from_files(paths, manifest.labels)
        frame = pd.DataFrame({"path": paths, "label": names}, dtype=dtype)
        del paths, names
        return lambda: imggen.Manifest.from_frame(frame)
    manifest = read_manifest(folder, *columns.get(operation, []))
    if operation == "worker":
        return lambda: compare_workers(manifest)
    if operation == "concatenate":
        half = manifest.num_samples // 2
        parts = [manifest.take(np.arange(half)), manifest.take(np.arange(half, len(manifest)))]
        return lambda: imggen.Manifest.concatenate(parts)
    if operation == "split_files_and_groups":
        rows = np.arange(len(manifest))
        rows[1::1000] -= 1  # some files are listed twice
        manifest = manifest.take(rows)
    return {
        "split": lambda: imggen.split(manifest),
        "split_groups": lambda: imggen.split(manifest),
        "split_files_and_groups": lambda: imggen.split(manifest),
        "split_stable": lambda: imggen.split(manifest, stable=True),
        "split_stable_groups": lambda: imggen.split(manifest, stable=True),
        "kfold": lambda: imggen.kfold(manifest, 5),
        "group_by_pattern": lambda: imggen.group_by(manifest, r"photo_(\d*)\d\."),
        "group_by_stem": lambda: imggen.group_by(manifest, "stem"),
        "oversample": lambda: imggen.oversample(manifest),
        "save_parquet": lambda: manifest.save(folder / "saved.parquet"),
        "save_csv": lambda: manifest.save(folder / "saved.csv"),
        "filepaths": lambda: manifest.filepaths,
        "describe": lambda: repr(manifest),
    }[operation]


OPERATIONS = (
    *("from_frame", "from_frame_objects", "from_files"),
    *("load_parquet", "load_all_columns", "load_csv", "save_parquet", "save_csv"),
    *("split", "split_groups", "split_files_and_groups", "split_stable", "split_stable_groups"),
    *("kfold", "group_by_pattern", "group_by_stem", "concatenate", "oversample"),
    *("order", "filepaths", "describe", "worker"),
)


def read_status(key: str) -> float:
    """Returns a figure of this process's memory, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def run(operation: str, folder: Path) -> None:
    """Measures one operation in this process, and prints the figures as JSON."""
    function = prepare(operation, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, start = read_status("VmRSS"), time.process_time()
    result = function()
    seconds = time.process_time() - start
    peak = read_status("VmHWM") - before
    print(json.dumps([seconds, result if operation == "worker" else peak]))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--folder", type=Path, help="where the tables are kept")
    parser.add_argument("--run", choices=OPERATIONS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        run(options.run, options.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / "labels.npy").exists():
            make_table(folder, options.rows)
        print(f"| {options.rows:,} rows | CPU s | peak MB |\n|---|---|---|")
        for operation in options.operations:
            command = [sys.executable, __file__, "--run", operation, "--folder", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603
            if done.returncode == 3:
                done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603
            figures = "failed | |"
            if done.returncode == 0:
                seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
                figures = f"{seconds:.2f} | {megabytes:,.0f} |"
            print(f"| {operation} | {figures}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
