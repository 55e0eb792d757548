"""Remote files are read ahead of their batches: soon enough, once, and no others."""

import pickle
import threading
import time

import pytest

import imggen
from imggen.stores import Identity
from imggen.stores.read_ahead import Readers
from tests.helpers.stores import serving_files
from tests.stores.test_remote import count_requests, picture


@pytest.fixture
def served():
    """A server of twelve images, and their manifest."""
    names = [f"{number:02}.png" for number in range(12)]
    with serving_files({name: picture(0) for name in names}) as server:
        yield server, imggen.Manifest.from_files(names, root=server.url)


def make_sequence(manifest, **options):
    return imggen.ImageSequence(
        manifest, image_size=(8, 8), label_mode=None, shuffle=False, workers=0, **options
    )


def test_a_small_batch_has_the_files_of_several_further_ones_read(served):
    server, manifest = served
    make_sequence(manifest, batch_size=2)[0]
    deadline = time.monotonic() + 30
    while len(server.requests) < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(path for _, path in server.requests) == [f"/{name}" for name in manifest.paths]


def test_remote_rows_behind_local_ones_are_read_ahead(served, tmp_path):
    server, manifest = served
    (tmp_path / "0.png").write_bytes(picture(0))
    addresses = [f"{server.url}/{name}" for name in manifest.paths]
    mixed = imggen.Manifest.from_files([str(tmp_path / "0.png"), *addresses])
    assert make_sequence(mixed, batch_size=1)[0].shape == (1, 8, 8, 3)
    deadline = time.monotonic() + 30
    while len(server.requests) < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.requests) == 12


def test_a_shard_reads_its_own_files_only(served):
    server, manifest = served
    sequence = make_sequence(manifest, batch_size=4, shard=(1, 2))
    for number in range(len(sequence)):
        sequence[number]
    numbers = sorted(int(path[1:3]) for _, path in server.requests)
    assert numbers == [2, 3, 6, 7, 10, 11]


def test_a_worker_process_reads_no_file_of_a_batch_that_another_one_makes(served):
    server, manifest = served
    make = pickle.loads(pickle.dumps(make_sequence(manifest, batch_size=4)._make))
    make(0, 1)
    time.sleep(0.2)
    assert count_requests(server) == 4


class CountedWakes(threading.Condition):
    """A condition that counts how often a waiting thread is woken."""

    count = 0

    def wait(self, timeout=None):
        is_woken = super().wait(timeout)
        self.count += 1
        return is_woken


def test_taking_a_file_wakes_no_idle_reader():
    readers = Readers(lambda address: (address.encode(), Identity(1, "")), num_threads=4)
    readers._changed = CountedWakes()
    names = [f"{number}" for number in range(40)]
    readers.start(names)
    while readers._num_idle < 4 or readers._waiting:
        time.sleep(0.01)
    before = readers._changed.count
    assert [readers.take(name)[0] for name in names] == [name.encode() for name in names]
    time.sleep(0.05)
    assert readers._changed.count == before


def test_readers_go_on_when_bytes_that_waited_are_taken():
    readers = Readers(lambda address: (b"12345678", Identity(8, "")), num_threads=2, max_bytes=16)
    names = [f"{number}" for number in range(20)]
    readers.start(names)
    time.sleep(0.05)
    assert 2 <= sum(request.done.is_set() for request in readers._requests.values()) < 5
    assert [readers.take(name) for name in names[:3]] != [None] * 3
    deadline = time.monotonic() + 10
    while readers._num_bytes < 16 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert readers._num_bytes >= 16


def test_a_file_of_two_batches_is_read_once_and_kept_for_both():
    read = []
    readers = Readers(lambda address: (read.append(address), (b"12", Identity(2, "")))[1])
    readers.start(["a", "b"], "first")
    readers.start(["a", "b", "c"], "second")
    readers.start(["c"], "third")
    while not all(request.done.is_set() for request in list(readers._requests.values())):
        time.sleep(0.01)
    assert readers.take("a", "first") == readers.take("a", "second") == (b"12", Identity(2, ""))
    readers.cancel(["a", "b"], "first")
    assert readers.take("b", "second") == (b"12", Identity(2, ""))
    assert sorted(read) == ["a", "b", "c"]
    assert list(readers._requests) == ["c"]
    readers.cancel(["c"], "third")
    assert readers._num_bytes == 2  # that of the second batch
    readers.cancel(["c"], "second")
    assert readers._num_bytes == 0
    assert not readers._requests
