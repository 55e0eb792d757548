"""Plants small faults in a copy of the package and reports which ones the tests catch.

python -m tests.helpers.mutants [ID ...]

The table ``mutants.jsonl`` has a line per fault: the file, the text to replace, which occurs once,
its replacement, and the tests that should catch it. Change the table when the code changes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("mutants.jsonl")
LIMIT = 300  # seconds for the tests of a mutant


def plant(file, old, new):
    """Writes the fault; returns the text before it."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise SystemExit(f"{old!r} occurs {text.count(old)} times in {file}; expected once.")
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text


def is_caught(folder, tests):
    """Whether a test fails; a run that takes too long counts as a failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        raise SystemExit(f"The tests {tests} cannot run:\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="mutants to plant (default: all)")
    ids = parser.parse_args().ids
    mutants = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    survivors = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "imggen")
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        for mutant in mutants:
            if ids and mutant["id"] not in ids:
                continue
            file = folder / mutant["file"]
            before = plant(file, mutant["old"], mutant["new"])
            caught = is_caught(folder, mutant["tests"])
            file.write_text(before, encoding="utf-8")
            print(mutant["id"], "caught  " if caught else "SURVIVES", mutant["fault"], flush=True)
            survivors += [] if caught else [mutant["id"]]
    raise SystemExit(f"survivors: {' '.join(survivors)}" if survivors else 0)


if __name__ == "__main__":
    main()
