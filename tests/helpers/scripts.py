"""Scripts that run as programs in a process that has TensorFlow imported already."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 240  # seconds per script


class ScriptServer:
    """Starts ``script_server`` for the first script, and again if a script has ended it."""

    def __init__(self):
        self._process = None
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115

    def run(self, script, *arguments, folder, env=None):
        """Returns the (status, stdout, stderr) of a script that runs in a folder.

        Its environment has the variables of ``env``, too.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        job = {
            "script": str(script),
            "arguments": [*map(str, arguments)],
            "folder": str(folder),
            "env": env or {},
        }
        late = threading.Timer(LIMIT, self._process.kill)
        late.start()
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            self._log.seek(0)
            status = self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            raise AssertionError(
                f"{script} ended its process: {status}\n{self._log.read()[-3000:]}"
            )
        answer = json.loads(line)
        return answer["status"], answer["stdout"], answer["stderr"]

    def close(self):
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(60)
            self._process.stdout.close()
        self._log.close()

    def _start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.script_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"},
        )
