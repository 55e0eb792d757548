"""Measure how fast imggen and its peers make batches of your own images, in turns.

python examples/benchmark_peers.py DIR [--works plain affine ...] [--output assets]

DIR contains one folder of JPEGs per class. Each contender runs in its own process for all rounds.
They take turns: while one makes its images, all others are stopped. Ratios are taken within a
round, so that a slower machine slows down all of them. Packages that are not installed are reported
as missing. For peers in another environment, pass its interpreter: --python ffcv=other/bin/python.

Writes OUTPUT/benchmark.md, .png and .json. With --compare FILE, such a .json of an earlier run, the
exit status is 1 if a ratio of imggen to its peer has fallen by more than 5 %.
"""

import argparse
import dataclasses
import datetime as dt
import glob
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from peers.contenders import Job
from peers.projects import write_project_images
from peers.report import chart, figures, find_slower, list_changes, machine, report
from peers.turns import measure, serve
from peers.works import works

LARGE, SMALL = (4000, 3000), (100, 100)
SMALL_SIZE = 128  # what the small ones are resized to
PEERS = ("imggen", "keras", "tf.data", "torch", "grain", "dali", "ffcv")
PEERS += ("albumentations", "torchvision")


def link_images(directory: str, folder: str, limit: int | None, copies: int = 1) -> list[str]:
    """Links JPEGs into ``folder/<class>``, so that all contenders find the same ones."""
    found = [
        (class_name, path)
        for class_name in sorted(os.listdir(directory))
        for path in sorted(
            glob.glob(os.path.join(glob.escape(directory), class_name, "**", "*"), recursive=True)
        )
        if path.lower().endswith((".jpg", ".jpeg"))
    ]
    if not found:
        raise SystemExit(
            f"{directory} contains no JPEGs in class folders; expected {directory}/<class>/*.jpg"
        )
    step = len(found) / min(limit or len(found), len(found))
    links = []
    for index in range(round(len(found) / step)):
        class_name, path = found[int(index * step)]
        os.makedirs(os.path.join(folder, class_name), exist_ok=True)
        for copy in range(copies):
            links.append(os.path.join(folder, class_name, f"{index:07d}-{copy}.jpg"))
            os.symlink(os.path.abspath(path), links[-1])
    return links


def make_resized(
    files: list[str], folder: str, count: int, cores: int, size: tuple[int, int]
) -> None:
    """Writes ``count`` JPEGs of (width, height) ``size``, resized from ``files``."""
    from PIL import Image

    def write(index: int) -> None:
        path = files[index * len(files) // count % len(files)]
        class_folder = os.path.join(folder, os.path.basename(os.path.dirname(path)))
        os.makedirs(class_folder, exist_ok=True)
        with Image.open(path) as image:
            resized = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        resized.save(os.path.join(class_folder, f"{index}.jpg"), quality=90)

    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(write, range(count)))


def parse_python_option(value: str) -> tuple[str, str]:
    """Parses ``ffcv=other/bin/python`` into a pair."""
    peer, _, path = value.partition("=")
    if peer not in PEERS or not path:
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=PATH, NAME of {', '.join(PEERS)}")
    if shutil.which(path) is None:
        raise argparse.ArgumentTypeError(f"{path!r} is not an executable")
    return peer, path


def main() -> None:
    """Runs the benchmark and writes the report."""
    if sys.argv[1:2] == ["--contender"]:
        serve(sys.argv[2], sys.argv[3], Job(**json.loads(sys.argv[4])))
        return
    from PIL import Image

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    names = list(works(cores))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--images", type=int, help="images per epoch (default: all)")
    parser.add_argument(
        "--seconds", type=float, default=1, help="minimum duration of a turn, in whole epochs"
    )
    parser.add_argument(
        "--timeout", type=float, default=900, help="maximum duration of a turn in seconds"
    )
    parser.add_argument("--python", type=parse_python_option, action="append", default=[])
    parser.add_argument("--output", default="assets")
    parser.add_argument("--compare", metavar="FILE", help="benchmark.json of an earlier run")
    args = parser.parse_args()
    if not os.path.isdir(args.directory):
        parser.error(f"{args.directory!r} is not a folder")
    before = None
    if args.compare:
        with open(args.compare, encoding="utf-8") as file:
            before = json.load(file)

    used: dict[str, set[str]] = {}
    tables = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        files = link_images(args.directory, os.path.join(scratch, "photos"), args.images)
        sizes = []
        for file in files:
            with Image.open(file) as image:
                sizes.append(image.size)
        for name in args.works:
            job = Job(
                os.path.join(scratch, "photos"),
                args.image_size,
                args.batch_size,
                cores,
                os.path.join(scratch, name),
                args.seconds,
            )
            os.makedirs(job.scratch)
            if name == "large":
                # Enough batches for threads that make one each, and for threads that share one.
                batch_size = min(args.batch_size, max(2, cores))
                folder = os.path.join(scratch, "large-photos")
                make_resized(files, folder, batch_size * max(12, 2 * cores), cores, LARGE)
                job = dataclasses.replace(job, directory=folder, batch_size=batch_size)
            if name in ("small", "fit-small"):
                folder = os.path.join(scratch, "small-photos")
                if not os.path.exists(folder):
                    make_resized(files, folder, 4 * len(files), cores, SMALL)
                job = dataclasses.replace(job, directory=folder, image_size=SMALL_SIZE)
            if name == "projects":
                folder = os.path.join(scratch, "project-images")
                write_project_images(files, folder, cores)
                job = dataclasses.replace(job, directory=folder)
            if name == "fit":
                # Longer epochs, so that Keras's overhead per epoch has a realistic weight.
                folder = os.path.join(scratch, "photos-again")
                link_images(args.directory, folder, args.images, copies=8)
                job = dataclasses.replace(job, directory=folder)
            tables.append(measure(name, job, args, used))

    width, height = (statistics.median(sides) for sides in zip(*sizes, strict=True))
    command = shlex.join(["python", "examples/benchmark_peers.py", *sys.argv[1:]])
    command = command.replace(os.path.expanduser("~"), "~")
    facts = {
        "images": f"{len(files)} JPEGs, median size {width:g} × {height:g}, resized to "
        f"{args.image_size} × {args.image_size}, {args.batch_size} per batch",
        "machine": machine(cores),
        "versions": ", ".join(
            f"{name} {' and '.join(sorted(found))}" for name, found in used.items()
        ),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "command": f"`{command}`",
        "method": f"medians of {args.rounds} rounds taken in turns; ratios within a round; "
        f"{-(-len(files) // args.batch_size)} batches per epoch; most peers restart their workers "
        "for each epoch",
    }
    os.makedirs(args.output, exist_ok=True)
    text = report(facts, tables)
    with open(os.path.join(args.output, "benchmark.md"), "w", encoding="utf-8") as file:
        file.write(text)
    shown = {name: facts[name] for name in ("images", "machine", "versions", "date")}
    chart(shown, tables, os.path.join(args.output, "benchmark.png"))
    print(text)
    measured = figures(facts, tables)
    with open(os.path.join(args.output, "benchmark.json"), "w", encoding="utf-8") as file:
        json.dump(measured, file, indent=1)
        file.write("\n")
    if before is not None:
        slower, changes = find_slower(measured, before), list_changes(measured, before)
        if changes:
            print(f"{len(changes)} ratios, at {statistics.median(changes):.3f} of before (median).")
        print("\n".join(slower) or "Nothing fell by more than 5 %.")
        raise SystemExit(bool(slower))


if __name__ == "__main__":
    main()
