"""Verbs that are killed at random moments lose nothing, and end with the same result."""

import subprocess
import sys

from tests.helpers.kill_storm import VERBS


def test_killed_verbs_lose_nothing_and_end_with_the_same_result():
    verbs = ["split --copy", "split --move", "split --undo", "augment", "scan -o", "pack"]
    assert set(verbs) <= set(VERBS)
    command = [sys.executable, "-m", "tests.helpers.kill_storm", "--kills", "2", *verbs]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
    assert result.stdout.count(" 0 faults") == len(verbs)
