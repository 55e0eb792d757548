"""Clusters that cannot be used: each is one clear error, soon. No cluster is started."""

import os
import socket
import sys
import warnings

import pytest

from imggen.errors import MissingExtraError, OptionError, WorkerError
from imggen.workers import SharedFolder, ray_connection, run_shards
from imggen.workers.ray_tasks import _define_task, _describe_failure
from tests.helpers.shard_functions import square

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ray = pytest.importorskip("ray")


def run(address):
    return run_shards(square, [1, 2], engine="ray", address=address)


def test_without_ray_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        MissingExtraError, match=r"^engine='ray' needs .*pip install 'imggen\[ray\]"
    ):
        run(None)


def test_an_address_that_is_none_is_refused():
    for address in ("", "somewhere", "host:", "host:99999", "http://host:1", "host:1:2", "a b:1"):
        with pytest.raises(OptionError, match=r"is not the address of a Ray cluster\. Pass"):
            run(address)


def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for way in (address, f"ray://{address}"):
            with pytest.raises(WorkerError, match=rf"Ray at '{way}': .*refused\. Start a cluster"):
                run(way)
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(WorkerError, match=rf"Cannot connect to Ray at '{address}'"):
            run(None)
        monkeypatch.delenv("RAY_ADDRESS")
    assert not ray.is_initialized()


def test_tokens_are_explained():
    error = ray_connection._not_reached("host:1", RuntimeError("RPC error: InvalidAuthToken: no"))
    assert "host:1': it asks for a token. Set RAY_AUTH_MODE=token" in str(error)


def test_a_worker_without_imggen_or_with_another_version_says_so(monkeypatch):
    problem, _ = _define_task()("0.0.9", b"", b"")
    assert "and this program has 0.0.9. Install it on all nodes of the cluster: pip" in problem
    monkeypatch.setitem(sys.modules, "imggen.workers.shard_calls", None)
    problem, _ = _define_task()("0.0.9", b"", b"")
    assert "cannot import imggen 0.0.9: import of imggen.workers.shard_calls halted" in problem


def test_a_worker_that_was_killed_again_and_again_is_explained():
    message = _describe_failure(ray.exceptions.WorkerCrashedError())
    assert message.startswith("The Ray worker of this shard has ended 4 times (WorkerCrashedError")
    assert _describe_failure(ray.exceptions.RaySystemError("x")).startswith("Ray has given up")


def test_a_folder_that_a_node_does_not_have_is_named(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos.zip").touch()
    monkeypatch.chdir(tmp_path)
    shared = SharedFolder.bind("photos", square)
    inside = SharedFolder.bind("photos.zip/cat", os.path.exists)
    monkeypatch.chdir("/")  # as on another machine
    assert inside("photos.zip")
    monkeypatch.chdir("/")
    assert shared(3) == 9
    (tmp_path / "photos").rmdir()
    with pytest.raises(
        WorkerError, match=r"/photos' does not exist on .* mounted at the same path"
    ):
        shared(3)
    assert SharedFolder.bind("s3://bucket", square)(2) == 4
