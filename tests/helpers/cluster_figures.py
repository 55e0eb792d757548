"""Figures of work in shards: the hash of its results, made in six ways, and the overhead of Ray.

    python -m tests.helpers.cluster_figures hashes [FOLDER]
    python -m tests.helpers.cluster_figures overhead [NUM_FILES ...]

FOLDER holds images; without it, and for the overhead, tiny images are written.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

import imggen
from imggen.core import replace_files
from imggen.decode import ImageSpec, read_image
from imggen.errors import ImageError
from imggen.quality import survey
from imggen.quality.duplicates.fingerprints import compute_fingerprint
from imggen.quality.file_hashes import _hash_slice
from imggen.quality.image_check import check_images, read_all_facts
from imggen.workers import run_shards
from imggen.workers.ray_connection import connect_ray

FILES_PER_SHARD = 25
LOCAL, RAY = {"engine": "local", "workers": 2}, {"engine": "ray", "workers": 2}


def write_tiny_images(folder: Path, count: int) -> Path:
    """Writes different JPEGs of 32 x 32 pixels, in ten folders."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class_{number % 10}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 256, (4, 4, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(small, (32, 32), interpolation=cv2.INTER_CUBIC))
    return folder


def prepare(out: str, kills: bool, shard: tuple[int, str, list[str]]) -> str:
    """Examines, hashes, fingerprints and resizes the images of a shard, and writes a file of it.

    Returns:
        The hash of the file. A file that is there already is kept.
    """
    number, root, names = shard
    path, mark = Path(out, f"shard-{number:04}.json"), Path(out, "killed")
    if kills and number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if not path.exists():
        paths = [os.path.join(root, name) for name in names]
        findings = check_images(root, None, names)
        hashes, facts = _hash_slice("", paths), read_all_facts(root, names)
        text = json.dumps([findings, hashes, facts, list(map(reduce_image, paths))])
        replace_files({path: lambda place: place.write_text(text)})
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reduce_image(path: str) -> list[str]:
    """Returns hashes of the fingerprint and of a small image."""
    try:
        parts = [*(compute_fingerprint(Path(path).read_bytes(), "white") or ())]
        parts.append(read_image(path, ImageSpec(96)))
    except ImageError as err:
        return [err.reason]
    return [hashlib.sha256(part.tobytes()).hexdigest() for part in parts]


def run(folder: str, out: str, options: dict, *, kills: bool = False) -> str:
    """Prepares all images of a folder; returns the hash of all results."""
    names = list(imggen.scan(folder).paths)
    starts = range(0, len(names), FILES_PER_SHARD)
    shards = [
        (number, folder, names[start : start + FILES_PER_SHARD])
        for number, start in enumerate(starts)
    ]
    return hashlib.sha256(
        "".join(run_shards(partial(prepare, out, kills), shards, **options)).encode()
    ).hexdigest()


def run_after_killed_driver(folder: str, out: str, options: dict) -> str:
    """Kills the process that runs the work in the middle of it, and then runs it here."""
    line = [sys.executable, "-m", __spec__.name, "run", folder, out, json.dumps(options)]
    driver = subprocess.Popen(line, start_new_session=True)
    while len(list(Path(out).glob("shard-*.json"))) < 4 and driver.poll() is None:
        time.sleep(0.01)
    driver.kill()
    status, done = driver.wait(), len(list(Path(out).glob("shard-*.json")))
    result = run(folder, out, options)
    print(f"  (driver ended with status {status} after {done} shards)")
    return result


def print_hashes(folder: str, scratch: Path) -> None:
    ways = {
        "serial": partial(run, options={"workers": 0}),
        "processes": partial(run, options=LOCAL),
        "processes, one killed": partial(run, options=LOCAL, kills=True),
        "Ray": partial(run, options=RAY),
        "Ray, a worker killed": partial(run, options=RAY, kills=True),
        "driver killed, again with processes": partial(run_after_killed_driver, options=LOCAL),
        "driver killed, again with Ray": partial(run_after_killed_driver, options=RAY),
    }
    found = set()
    for number, (name, way) in enumerate(ways.items()):
        out = scratch / f"out{number}"
        out.mkdir()
        begin = time.perf_counter()
        result = way(folder, str(out))
        found.add(result)
        print(f"{result[:16]}  {time.perf_counter() - begin:6.1f} s  {name}", flush=True)
    print("all equal" if len(found) == 1 else "DIFFERENT")


def print_overhead(counts: list[int], scratch: Path) -> None:
    """Times verbs on threads and on Ray, in turns, with the start of Ray apart."""
    begin = time.perf_counter()
    with connect_ray(None, 2):
        run_shards(abs, [1, 2], engine="ray")
        print(f"start of Ray: {time.perf_counter() - begin:.1f} s")
        for count in counts:
            folder = str(write_tiny_images(scratch / str(count), count))
            verbs = {
                "verify": lambda folder=folder, **more: imggen.verify(folder, **more).findings,
                "hash_files": lambda folder=folder, **more: list(
                    imggen.hash_files(folder, **more).hashes
                ),
                "survey": lambda folder=folder, **more: survey(folder, **more).facts,
                "find_duplicates --exact": lambda folder=folder, **more: (
                    imggen.find_duplicates(folder, near=False, **more).groups
                ),
            }
            for name, verb in verbs.items():
                times, results = {"local": [], "ray": []}, set()
                for _ in range(2):
                    for options in (LOCAL, RAY):
                        begin = time.perf_counter()
                        results.add(hashlib.sha256(repr(verb(**options)).encode()).hexdigest())
                        times[options["engine"]].append(time.perf_counter() - begin)
                local, ray = min(times["local"]), min(times["ray"])
                same = "same" if len(results) == 1 else "DIFFERENT"
                print(
                    f"{count:6} files  {name:24} threads {local:6.2f} s  Ray {ray:6.2f} s  "
                    f"overhead {ray - local:+.2f} s  {same}",
                    flush=True,
                )


def main() -> None:
    """Runs the command line."""
    verb, *words = sys.argv[1:]
    if verb == "run":
        print(run(words[0], words[1], json.loads(words[2])))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if verb == "hashes":
            folder = words[0] if words else str(write_tiny_images(Path(scratch, "images"), 1500))
            print_hashes(folder, Path(scratch))
        else:
            print_overhead([int(word) for word in words] or [1500, 15000], Path(scratch))


if __name__ == "__main__":
    main()
