"""The exit guard: exiting waits for batches in other threads, and refuses new ones."""

import threading

import pytest

from imggen.errors import WorkerError
from imggen.workers.exit_guard import ExitGuard


def start(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_exiting_waits_for_a_batch_and_refuses_the_next_one():
    guard, is_inside, may_leave, ended = ExitGuard(), threading.Event(), threading.Event(), []

    def serve():
        with guard.hold():
            is_inside.set()
            may_leave.wait(10)
            with pytest.raises(WorkerError, match="is exiting"):
                guard.check()
            ended.append("first")
        with pytest.raises(WorkerError, match="is exiting"), guard.hold():
            ended.append("second")

    thread = start(serve)
    assert is_inside.wait(10)
    exiting = start(guard.wait)
    exiting.join(0.2)
    assert exiting.is_alive()
    may_leave.set()
    exiting.join(10)
    thread.join(10)
    assert not exiting.is_alive()
    assert not thread.is_alive()
    assert ended == ["first"]


def test_the_main_thread_is_never_refused_and_costs_no_wait(monkeypatch):
    monkeypatch.setattr(ExitGuard, "check", None)
    guard = ExitGuard()
    with guard.hold():
        pass
    guard.wait()
    with guard.hold():
        pass


def test_a_function_that_never_returns_delays_the_exit_for_a_limited_time(monkeypatch):
    monkeypatch.setattr("imggen.workers.exit_guard._MAX_WAIT", 0.1)
    guard, is_inside, may_leave = ExitGuard(), threading.Event(), threading.Event()

    def serve():
        with guard.hold():
            is_inside.set()
            may_leave.wait(10)

    thread = start(serve)
    assert is_inside.wait(10)
    guard.wait()
    assert thread.is_alive()
    may_leave.set()
    thread.join(10)


def test_an_error_in_a_batch_ends_its_hold():
    guard, errors = ExitGuard(), []

    def serve():
        try:
            with guard.hold():
                raise KeyError("mine")
        except KeyError as err:
            errors.append(err)

    start(serve).join(10)
    guard.wait()
    assert len(errors) == 1
