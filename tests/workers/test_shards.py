"""Work in shards on this machine: in the calling thread, and in processes."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from imggen.errors import OptionError, OptionTypeError, WorkerError
from imggen.workers import run_shards
from imggen.workers.shard_calls import call_packed, read_answer
from tests.helpers.shard_functions import (
    end_process,
    fail_from_three,
    process_id,
    square,
    unusual,
)


def test_results_come_in_order_from_as_many_processes_as_are_asked_for():
    steps, done = [], {}
    results = run_shards(
        square,
        range(7),
        workers=2,
        task="squaring",
        progress=lambda *step: steps.append(step),
        on_result=done.__setitem__,
    )
    assert results == [0, 1, 4, 9, 16, 25, 36] == [done[number] for number in range(7)]
    assert steps == [("squaring", number, 7) for number in range(1, 8)]
    assert run_shards(square, [], workers=2) == []
    found = set(run_shards(process_id, range(8), workers=2))
    assert len(found) == 2
    assert os.getpid() not in found
    assert set(run_shards(process_id, range(3), workers=1)) == {os.getpid()}


def test_a_shard_whose_process_is_killed_is_made_again_three_times(tmp_path):
    shards = [(number, str(tmp_path)) for number in range(3)]
    assert run_shards(end_process, shards, workers=2) == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [tmp_path / "killed"]
    with pytest.raises(WorkerError, match=r"ended 4 times \(killed by signal 9\).* 2 of 3: \(1,"):
        run_shards(end_process, [(number, "") for number in range(3)], workers=2)


def test_a_process_that_ends_before_it_has_work_is_replaced_as_well(monkeypatch):
    code = "import os; os.close(0); os.write(1, b'imggen\\n'); os._exit(3)"
    monkeypatch.setattr("imggen.workers.shard_processes._CODE", code)
    with pytest.raises(WorkerError, match=r"ended 4 times \(exit status 3\)"):
        run_shards(len, ["a", "b"], workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_is_that_of_the_first_shard_that_fails(workers):
    with pytest.raises(ValueError, match="^3 is too large") as caught:
        run_shards(fail_from_three, [0, 1, 3, 4, 5], workers=workers)
    notes = "\n".join(caught.value.__notes__)
    assert "Shard 3 of 5: 3" in notes
    assert ("raise ValueError" in notes) == (workers == 2)  # where it was raised


def test_what_cannot_be_sent_between_processes_is_named(capfd):
    with pytest.raises(WorkerError, match=r"^The function is sent .*cannot be pickled.*top level"):
        run_shards(lambda shard: shard, [1, 2], workers=2)
    with pytest.raises(WorkerError, match=r"^Shard 2 is sent .*cannot be pickled"):
        run_shards(square, [1, lambda: None], workers=2)
    with pytest.raises(WorkerError, match=r"returned 'lock', which cannot .*Shard 2 of 2: 'lock'"):
        run_shards(unusual, ["print", "lock"], workers=2)
    assert capfd.readouterr().err == "printed\n"  # and not between the answers
    for kind, raised in (("exit", "SystemExit: 3"), ("error", "UnusualError: 1 and 2")):
        answer = call_packed(pickle.dumps(unusual), pickle.dumps(kind), pickle.dumps)
        with pytest.raises(WorkerError, match=rf"The function raised {raised}\."):
            read_answer(answer)
    answer = call_packed(b"cnowhere\nfn\n.", pickle.dumps(1), pickle.dumps)
    with pytest.raises(WorkerError, match="A worker cannot load .* No module named 'nowhere'"):
        read_answer(answer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "rya"}, r"engine='rya' is not one of 'local', 'ray'\. Did you mean 'ray'\?"),
        ({"address": "auto"}, "address='auto' is the address of a Ray cluster, and engine='local'"),
        ({"engine": "ray", "workers": 0}, "workers=0 works in the calling thread"),
        ({"workers": -1}, "workers=-1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        run_shards(square, [1, 2], **options)
    with pytest.raises(OptionTypeError, match=r"fn=\[1\] is of type list; expected a function"):
        run_shards([1], [1])


def test_functions_of_a_script_need_a_main_guard_and_those_of_modules_do_not(tmp_path):
    script = tmp_path / "script.py"
    begin = (
        "from imggen.workers import run_shards\nfrom tests.helpers.shard_functions import square\n"
    )
    own = "def double(number):\n    return 2 * number\n"
    guard = "if __name__ == '__main__':\n    "
    call = "print(run_shards({}, [1, 2, 3], workers=2))\n"

    def run(text):
        script.write_text(begin + text)
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run([sys.executable, script], capture_output=True, text=True, env=env)

    assert run(own + guard + call.format("double")).stdout == "[2, 4, 6]\n"
    failed = run(own + call.format("square") + call.format("double"))
    assert failed.stdout == "[1, 4, 9]\n"
    assert "Put code that starts work under: if __name__" in failed.stderr
