"""Runs the blocks of pages one after another in one process, so that Keras is imported once.

Each line of stdin is a page, ``{"name": NAME, "folder": PATH, "blocks": [...]}``; each is answered
by a line on stdout: one ``{"output": TEXT, "error": TEXT or null, "seconds": N}`` per block. The
blocks of a page share their variables and the folder, in which they find the images of
``sample_images``.
"""

import contextlib
import io
import json
import linecache
import os
import re
import runpy
import shlex
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from blocks import Block
from sample_images import write_sample_images


def run_python(code: str, name: str, line: int, namespace: dict[str, Any]) -> None:
    """Runs a block; tracebacks name the line of the page."""
    source = "\n" * (line - 1) + code
    # Keras and TensorFlow read the source of functions.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), namespace)


def run_command(line: str) -> int:
    """Runs a line of a shell block, imggen and Python scripts in this process."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["imggen"]:
        import imggen.cli

        try:
            imggen.cli.main(words[1:], prog_name="imggen")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return 0
    if words[:1] == ["python"] and words[1].endswith(".py"):
        sys.argv = words[1:]
        runpy.run_path(words[1], run_name="__main__")
        return 0
    done = subprocess.run(line, shell=True, text=True, capture_output=True)
    print(done.stdout + done.stderr, end="")
    return done.returncode


def parse_command(line: str) -> None:
    """Parses the arguments of a line without running it."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["imggen"]:
        import imggen.cli

        group = imggen.cli.main
        with group.make_context("imggen", words[1:]) as context:
            name, command, rest = group.resolve_command(context, words[1:])
            if command is None:
                raise ValueError(f"{name!r} is not a command of imggen.")
            command.make_context(name, rest, parent=context)


def run_block(block: Block, name: str, namespace: dict[str, Any]) -> str:
    """Runs a block and returns what it printed."""
    lines = [line for line in block.code.replace("\\\n", " ").splitlines() if line.strip()]
    if block.file:
        Path(block.file).parent.mkdir(parents=True, exist_ok=True)
        Path(block.file).write_text(block.code)
        if block.file.endswith(".py"):
            compile(block.code, name, "exec")
    elif block.parsed_only and block.language == "python":
        compile(block.code, name, "exec")
    elif block.parsed_only and block.language == "sh":
        for line in lines:
            parse_command(line)
    elif block.language == "yaml":
        import imggen

        Path("policy.yaml").write_text(block.code)
        imggen.load_policy("policy.yaml")
    elif block.is_run:
        out = io.StringIO()
        err = out if block.language == "sh" else sys.stderr
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            if block.language == "python":
                run_python(block.code, name, block.line, namespace)
            for line in lines if block.language == "sh" else ():
                if len(lines) > 1:
                    print(f"$ {line}")
                status = run_command(line)
                if status != block.status:
                    raise RuntimeError(f"{line}: exit status {status}\n{out.getvalue()}")
        return clean(out.getvalue())
    return ""


def clean(text: str) -> str:
    """Removes this machine's folders, progress bars and spaces at the ends of lines."""
    text = text.replace(os.getcwd() + os.sep, "").replace(os.getcwd(), ".")
    text = re.sub(r"[^\n]*[\r\b]+(?!\n)", "", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def run_page(name: str, folder: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs the blocks of a page until one fails."""
    os.chdir(folder)
    write_sample_images(Path(folder))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    results = []
    for made in blocks:
        block, error, output = Block(**made), None, ""
        started = time.process_time()
        try:
            output = run_block(block, name, namespace)
        except BaseException:  # noqa: BLE001 - also what ends a script
            error = f"{name}:{block.line}\n{traceback.format_exc()}"
        seconds = round(time.process_time() - started, 2)
        results.append({"output": output, "error": error, "seconds": seconds})
        if error:
            break
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()
    return results


def main() -> None:
    """Answers one page after another."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries must not mix with the answers
    # The one of torch's CUDA builds ends the process if it is imported after TensorFlow.
    with contextlib.suppress(ImportError):
        import triton  # noqa: F401
    import keras  # noqa: F401 - whatever it warns of is not the pages' own

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "CUDA initialization")  # a CUDA build of torch without a GPU
    for category in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
    for line in sys.stdin:
        print(json.dumps(run_page(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
