"""Runs the code of the pages, and keeps what it prints and draws in ``docs/made``.

A page runs again when its text, imggen or this folder changed, so that a build after the tests, or
after an edit of another page, has its results at once.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from blocks import find_blocks

BUILDER = Path(__file__).parent
DOCS = BUILDER.parent
ROOT = DOCS.parent
MADE = DOCS / "made"

Result = dict[str, Any]


def list_pages() -> list[str]:
    """Lists the pages written in Markdown, by their names without ".md"."""
    paths = [path.relative_to(DOCS) for path in DOCS.rglob("*.md")]
    return sorted(path.with_suffix("").as_posix() for path in paths if path.parts[0] != "made")


def read_page(name: str) -> str:
    """Reads the text of a page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


class PageRunner:
    """Runs the code of pages, one after another in a process that is started for the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._code = hash_code()
        self._may_keep = os.access(DOCS, os.W_OK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait(60)
            self._process.stdout.close()

    def run(self, name: str) -> list[Result]:
        """Returns the results of a page, one per block; runs its code if anything changed."""
        text = read_page(name)
        blocks = find_blocks(text)
        if not any(block.language in ("python", "sh", "yaml") for block in blocks):
            return [{"output": "", "error": None} for _ in blocks]
        key = hashlib.sha256(f"{self._code}\0{text}".encode()).hexdigest()
        kept = MADE / f"{name}.json"
        saved = json.loads(kept.read_text()) if kept.is_file() else {}
        if saved.get("key") == key:
            return saved["results"]
        with tempfile.TemporaryDirectory() as folder:
            job = {"name": f"{name}.md", "folder": folder, "blocks": list(map(asdict, blocks))}
            results = self._answer(job)
            for file in _linked_files(name, text) if self._may_keep else ():
                if (Path(folder) / file).is_file():
                    data = (Path(folder) / file).read_bytes()
                    if file.endswith(".html"):
                        data = data.replace(os.path.join(folder, "").encode(), b"")
                    _replace(MADE / name / file, data)
        if self._may_keep and not any(result["error"] for result in results):
            _replace(kept, json.dumps({"key": key, "results": results}).encode())
        return results

    def _answer(self, job: dict[str, Any]) -> list[Result]:
        if self._process is None:
            self._process = _start()
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            status = self._process.wait()
            self._process = None  # the next page gets a new one
            raise RuntimeError(f"{job['name']} ended its process: {status}")
        return json.loads(answer)


def insert_outputs(text: str, results: list[Result]) -> str:
    """Inserts what each block printed behind it."""
    pieces, start = [], 0
    for block, result in zip(find_blocks(text), results, strict=True):
        pieces.append(text[start : block.end])
        if result["output"]:
            made = f"```{{code-block}} text\n:class: output\n\n{result['output']}\n```"
            pieces.append(f"\n\n{textwrap.indent(made, block.indent)}\n")
        start = block.end
    return "".join([*pieces, text[start:]])


def _linked_files(name: str, text: str) -> set[str]:
    return set(re.findall(rf"made/{re.escape(name)}/([\w./-]+)", text))


def _start() -> subprocess.Popen[str]:
    env = {
        **os.environ,
        "COLUMNS": "80",
        "KERAS_BACKEND": "tensorflow",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.Popen(
        [sys.executable, BUILDER / "run_blocks.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def hash_code(folders: Iterable[Path] = (ROOT / "imggen", BUILDER)) -> str:
    """Hashes the files that results depend on."""
    code = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):  # templates of pages and schemas, too
            if path.is_file() and path.suffix != ".pyc":
                code.update(path.read_bytes())
    return code.hexdigest()
