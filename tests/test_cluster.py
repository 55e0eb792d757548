"""Work on a Ray cluster, with the results of one machine. One cluster serves the whole module."""

import os
import threading
import warnings

import numpy as np
import pytest

import imggen
from imggen.errors import ManifestError, OptionError, WorkerError
from imggen.quality import survey
from imggen.workers import run_shards
from imggen.workers.ray_connection import connect_ray
from tests.helpers.command_line import invoke
from tests.helpers.images import write_images
from tests.helpers.shard_functions import end_process, fail_from_three, square, unusual

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("ray")
RAY = {"engine": "ray"}


@pytest.fixture(scope="module", autouse=True)
def ray():
    with connect_ray(None, 2) as module:
        yield module
    assert not module.is_initialized()


def test_a_cluster_of_this_machine_accepts_no_connections_of_others(ray):
    address = ray.get_runtime_context().gcs_address
    assert address.startswith("127.0.0.1:")
    assert run_shards(square, [3], address=address, **RAY) == [9]
    with pytest.raises(OptionError, match=r"another Ray cluster than '127\.0\.0\.1:\d+', which"):
        run_shards(square, [3], address="127.0.0.1:1", **RAY)
    assert ray.is_initialized()


def test_results_are_the_same_after_a_killed_worker(tmp_path):
    steps = []
    shards = [(number, str(tmp_path)) for number in range(12)]
    results = run_shards(
        end_process, shards, task="work", progress=lambda *step: steps.append(step), **RAY
    )
    assert results == list(range(12))
    assert list(tmp_path.iterdir()) == [tmp_path / "killed"]
    assert steps == [("work", number, 12) for number in range(1, 13)]


def test_errors_of_the_function_are_raised_here():
    with pytest.raises(ValueError, match="^3 is too large") as caught:
        run_shards(fail_from_three, [0, 1, 3, 4, 5], **RAY)
    assert "Shard 3 of 5: 3" in caught.value.__notes__
    with pytest.raises(WorkerError, match=r"returned 'lock', which cannot .*Shard 2 of 2: 'lock'"):
        run_shards(unusual, ["print", "lock"], **RAY)
    assert run_shards(lambda number: number + 1, [1, 2], **RAY) == [2, 3]
    with pytest.raises(WorkerError, match="The function is sent .* cannot be pickled"):
        run_shards(threading.Lock().acquire, [1], **RAY)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """150 images, which are two shards; some of them equal, and one broken."""
    root = tmp_path_factory.mktemp("pictures")
    write_images(root, {"cat": 80, "dog": 69})
    (root / "dog" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    first = min((root / "cat").iterdir())
    (root / "dog" / "same.png").write_bytes(first.read_bytes())
    return root


def test_verbs_find_the_same_as_on_one_machine(pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    source = pictures.name  # relative: workers start in the folder of this process
    steps = []
    assert imggen.verify(source, progress=lambda *step: steps.append(step), **RAY) == (
        imggen.verify(source)
    )
    assert steps == [("shards of decoding", 1, 2), ("shards of decoding", 2, 2)]
    hashes = imggen.hash_files(source, **RAY).hashes
    assert list(hashes) == list(imggen.hash_files(source).hashes)
    assert survey(source, **RAY).facts == survey(source).facts
    found, expected = (imggen.find_duplicates(source, **options) for options in (RAY, {}))
    assert found.groups == expected.groups != ()
    assert found.unreadable == expected.unreadable != ()
    for name in ("first", "second", "similarity"):
        np.testing.assert_array_equal(getattr(found.pairs, name), getattr(expected.pairs, name))
    splits = {"train": f"{source}/cat", "val": f"{source}/dog"}
    assert imggen.find_leaks(splits, **RAY).leaks == imggen.find_leaks(splits).leaks != ()
    manifest = imggen.scan(source)
    os.rename(pictures / "dog" / "same.png", pictures / "same")
    with pytest.raises(ManifestError, match=r"Cannot read 'pictures\d+/dog/same\.png'"):
        imggen.hash_files(manifest, **RAY)
    os.rename(pictures / "same", pictures / "dog" / "same.png")


def test_augmented_copies_are_the_same_and_resume(pictures, tmp_path):
    def read(folder):
        # The journal's lines are in the order in which copies were made.
        files = sorted(file for file in folder.rglob("*.*") if file.suffix in (".png", ".csv"))
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    options = {"copies": 1, "seed": 3}
    here, there = tmp_path / "here", tmp_path / "there"
    made = imggen.augment_directory(pictures, here, "light", **options)
    assert (
        imggen.augment_directory(pictures, there, "light", **options, **RAY).unread == made.unread
    )
    expected = read(here)
    assert read(there) == expected
    first, *others = [there / path for path in made.manifest.paths]
    first.unlink()
    others = others[1:]  # without its copy
    times = [path.stat().st_mtime_ns for path in others]
    imggen.augment_directory(pictures, there, "light", **options, **RAY)
    assert read(there) == expected
    assert [path.stat().st_mtime_ns for path in others] == times


def test_packed_sets_are_the_same(pictures, tmp_path):
    made = [
        imggen.pack(pictures, tmp_path / name, shard_size=50_000, **options)
        for name, options in (("here", {}), ("there", RAY))
    ]
    assert made[0].shards == made[1].shards
    assert len(made[0].shards) > 2


def test_the_command_line_takes_an_engine(pictures):
    local, there = (
        invoke("duplicates", pictures, "--exact", "--json", *more)
        for more in ((), ("--engine", "ray"))
    )
    assert there.exit_code == 1
    assert there.stdout == local.stdout
