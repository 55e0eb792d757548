"""Prints the figures of remote stores: python -m tests.helpers.store_figures FOLDER_OF_PHOTOS.

Bytes by 32 threads from S3 and from a web server that fails at times; images per second from local
files and from a server that takes 20 ms per request; and the requests of a second, cached epoch.

Where the cores are busy, the images per second depend on them. The processor time per image says
what reading adds: with all cores in use, the ratio is that of the processor times.
"""

import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from statistics import median

import pytest

from tests.helpers.delayed_server import DelayedServer
from tests.helpers.stores import serving_files, serving_s3

_DELAY = 0.02


def serve(folder, names, started, stop, options):
    """Serves files in a process of its own, which does not take the reader's Python time."""
    files = {name: open(os.path.join(folder, name), "rb").read() for name in names}  # noqa: SIM115
    with serving_files(files, **options) as server:
        started.put(server.url)
        stop.get()
        started.put(len(server.requests))


class Served:
    """A server of the files of a folder, in a process of its own."""

    def __init__(self, folder, names, **options):
        context = get_context("spawn")
        self._started, self._stop = context.Queue(), context.Queue()
        arguments = (folder, names, self._started, self._stop, options)
        self._process = context.Process(target=serve, args=arguments)
        self._process.start()
        self.url = self._started.get()

    def close(self):
        """Returns the number of requests."""
        self._stop.put(None)
        count = self._started.get()
        self._process.join()
        return count


def compare_bytes(label, addresses, contents):
    from imggen import stores

    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(stores.read, addresses))
    equal = sum(a == b for a, b in zip(found, contents, strict=True))
    print(f"{label}: {equal} of {len(contents)} files equal, read by 32 threads")


def measure(sequence):
    """Returns the images per second of an epoch, and the ms of processor time per image."""
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    count = sum(len(batch[0]) for batch in sequence)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return count / seconds, 1000 * spent / count


def compare_speed(manifest, folder, size):
    """Prints the speed of local and remote files, measured in turns."""
    import imggen

    names = list(manifest.paths)
    server = DelayedServer(folder, names, _DELAY)
    labels = [manifest.class_names[label] for label in manifest.labels]
    remote = imggen.Manifest.from_files(names, labels, root=server.url)
    found = {"local": [], "remote": []}
    of_server = server.usage()[0]
    # A new sequence per turn, since one goes on to prefetch when its epoch is complete.
    options = {"image_size": (size, size), "seed": 0, "repeats": 4}
    for turn in range(6):
        for name in ("local", "remote") if turn % 2 else ("remote", "local"):
            source = manifest if name == "local" else remote
            found[name].append(measure(imggen.ImageSequence(source, **options)))
    of_server = 1000 * (server.usage()[0] - of_server) / (6 * 4 * len(names))
    server.close()
    turns = list(zip(found["local"][1:], found["remote"][1:], strict=True))
    ratio = median(far[0] / near[0] for near, far in turns)
    (near, of_near), (far, of_far) = (
        map(median, zip(*found[name][1:], strict=True)) for name in found
    )
    print(
        f"20 ms per request, {size}x{size}: {far:.0f} images/s, local {near:.0f}, median ratio "
        f"{ratio:.2f}; processor {of_far:.2f} ms per image (and {of_server:.2f} of the server), "
        f"local {of_near:.2f}: ratio {of_near / (of_far + of_server):.2f}"
    )


def main(folder):
    import imggen

    manifest = imggen.scan(folder)
    manifest = manifest.take(range(0, len(manifest), max(1, len(manifest) // 700)))
    names = list(manifest.paths)
    contents = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            contents.append(file.read())
    with pytest.MonkeyPatch.context() as patch, serving_s3(patch) as client:
        client.create_bucket(Bucket="photos")
        for name, content in zip(names[:300], contents, strict=False):
            client.put_object(Bucket="photos", Key=name, Body=content)
        compare_bytes("S3 (moto)", [f"s3://photos/{name}" for name in names[:300]], contents[:300])
    flaky = Served(folder, names, delay=_DELAY, failing=50)
    compare_bytes("HTTP, 1 of 50 answered 503", [f"{flaky.url}/{name}" for name in names], contents)
    print(f"  {flaky.close()} requests")

    for size in (224, 96):
        compare_speed(manifest, folder, size)

    labels = [manifest.class_names[label] for label in manifest.labels]
    with tempfile.TemporaryDirectory() as cache:
        slow = Served(folder, names, delay=_DELAY)
        remote = imggen.Manifest.from_files(names, labels, root=slow.url)
        sequence = imggen.ImageSequence(remote, image_size=(64, 64), cache=cache, seed=0)
        measure(sequence)
        del sequence
        first = slow.close()
        print(f"an epoch that fills a cache: {first} requests for {len(names)} files")
        with serving_files(dict(zip(names, contents, strict=True))) as server:
            remote = imggen.Manifest.from_files(names, labels, root=server.url)
            sequence = imggen.ImageSequence(remote, image_size=(64, 64), cache="ram", seed=0)
            measure(sequence)
            server.requests.clear()
            measure(sequence)
            print(f"the second epoch from a cache: {len(server.requests)} requests")


if __name__ == "__main__":
    main(sys.argv[1])
