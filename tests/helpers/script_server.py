"""Runs scripts one after another in one process, so that TensorFlow is imported only once.

python -m tests.helpers.script_server

Each line of stdin is a job, ``{"script": PATH, "arguments": [...], "folder": PATH, "env": {...}}``;
each is answered by a line on stdout, ``{"status": N, "stdout": TEXT, "stderr": TEXT}``. A script
finds what it finds under ``python SCRIPT ARGUMENTS`` in the folder: its own ``__main__``,
``sys.argv`` and ``sys.path[0]``, and no module of this repository imported yet.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from pathlib import Path

ROOT = str(Path(__file__).parents[2])


def forget_modules():
    """Has the next script import imggen and the modules beside the scripts itself."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name != "__main__" and file.startswith(ROOT + os.sep) and "site-packages" not in file:
            del sys.modules[name]


def run(script, arguments, folder, env):
    """Runs a script as a program; returns its exit status and what it printed."""
    forget_modules()
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    os.chdir(folder)
    environment = os.environ.copy()
    os.environ.update(env)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
            status = 0
        except SystemExit as end:
            status = end.code
        except BaseException:  # noqa: BLE001 - printed, as Python does
            traceback.print_exc()
            status = 1
    sys.path.pop(0)
    os.environ.clear()
    os.environ.update(environment)
    return {"status": status, "stdout": out.getvalue(), "stderr": err.getvalue()}


def main():
    # It comes with torch for CUDA, and crashes where TensorFlow was imported first.
    with contextlib.suppress(ImportError):
        import triton  # noqa: F401
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries must not mix with the answers
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
