"""The helper processes that decode files."""

import subprocess
import sys
import threading

import pytest

from imggen.errors import ImggenWarning
from imggen.quality import verification
from imggen.quality.findings import Problem
from imggen.quality.image_check import check_image
from imggen.quality.witnesses import HelperDiedError, HelperPool, helper_pool
from tests.helpers.pictures import JPEG, write_photos


@pytest.fixture
def processes(monkeypatch) -> list[subprocess.Popen]:
    """The processes that are started."""
    started = []
    popen = subprocess.Popen

    def start(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(helper_pool.subprocess, "Popen", start)
    return started


def test_processes_are_started_on_demand_and_ended(tmp_path, processes):
    write_photos(tmp_path, {"a.jpg": JPEG})
    with HelperPool() as pool:
        assert processes == []
        for _ in range(3):
            assert pool.ask("jpeg", str(tmp_path / "a.jpg")).is_decoded
        assert len(processes) == 1
        processes[0].kill()
        assert pool.ask("jpeg", str(tmp_path / "a.jpg")).is_decoded

    assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


def test_a_process_that_is_at_work_when_the_pool_is_closed_ends_afterwards(tmp_path, processes):
    write_photos(tmp_path, {"a.jpg": JPEG})
    pool = HelperPool()
    pool.close()

    assert pool.ask("jpeg", str(tmp_path / "a.jpg")).is_decoded
    assert [process.poll() is not None for process in processes] == [True]


def test_errors_of_a_check_are_raised(helpers, tmp_path):
    with pytest.raises(FileNotFoundError):
        helpers.ask("jpeg", str(tmp_path / "gone.jpg"))


def test_a_file_that_ends_its_process_is_broken(helpers, tmp_path, monkeypatch):
    write_photos(tmp_path, {"a.jpg": JPEG})

    def die(*_):
        raise HelperDiedError("the process that decoded it ended with status -11")

    monkeypatch.setattr(HelperPool, "ask", die)
    (finding,) = check_image(str(tmp_path), "a.jpg", helpers)

    assert finding.problem is Problem.BROKEN
    assert finding.detail == "the process that decoded it ended with status -11"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("frozen", True, "not run by a Python interpreter"),
        ("executable", "", "not run by a Python interpreter"),
        ("executable", "/nowhere/python", "No such file"),
        ("executable", "/bin/sh", "'/bin/sh' does not run Python code"),  # as where C embeds Python
    ],
)
def test_without_a_process_files_are_decoded_in_this_one(
    tmp_path, monkeypatch, name, value, reason
):
    write_photos(tmp_path, {"a.jpg": JPEG, "half.jpg": JPEG[: len(JPEG) // 2]})
    monkeypatch.setattr(verification, "HelperPool", HelperPool)
    monkeypatch.setattr(sys, name, value, raising=False)

    with pytest.warns(ImggenWarning, match=reason) as warned:
        report = verification.verify(tmp_path)

    assert [(f.path, f.problem) for f in report.findings] == [("half.jpg", Problem.TRUNCATED)]
    assert len(warned) == 1


def test_threads_share_the_pool_and_get_their_own_answers(helpers, tmp_path):
    cut = JPEG[: len(JPEG) // 2] + b"\xff\xd9"
    write_photos(tmp_path, {"whole.jpg": JPEG, "cut.jpg": cut})
    wrong = []

    def ask(name: str, expected: bool) -> None:
        for _ in range(20):
            answer = helpers.ask("jpeg", str(tmp_path / name))
            if any(found.witness == "libjpeg" for found in answer.evidence) != expected:
                wrong.append(name)

    threads = [
        threading.Thread(target=ask, args=given)
        for given in (("whole.jpg", False), ("cut.jpg", True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
