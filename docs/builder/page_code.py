"""Sphinx extension: the code of the pages runs, and its output follows it."""

import re
from pathlib import Path
from typing import Any

from benchmark_figures import insert_benchmarks
from page_html import find_dead_links, finish_pages
from page_results import PageRunner, Result, insert_outputs, list_pages
from sphinx.application import Sphinx
from sphinx.util import logging

_results: dict[str, list[Result]] = {}


def _run(app: Sphinx) -> None:  # noqa: ARG001 - the arguments of the event
    with PageRunner() as runner:
        _results.update({name: runner.run(name) for name in list_pages()})
    for results in _results.values():
        for result in results:
            if result["error"]:
                logging.getLogger(__name__).warning("%s", result["error"])


def _insert(app: Sphinx, docname: str, source: list[str]) -> None:  # noqa: ARG001
    results = _results.get(docname, [])
    if not any(result["error"] for result in results):
        source[0] = insert_benchmarks(insert_outputs(source[0], results))


def _close_brackets(app: Sphinx, context: Any, lines: list[str]) -> None:
    """Completes the names of optional words, of which sphinx-click drops the last bracket."""
    lines[:] = [re.sub(r"(^\.\. option:: .*\[[^\]>]*)>", r"\1]>", line) for line in lines]
    _mark_options(app, context, lines)


def _mark_options(app: Sphinx, context: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Marks options in texts as code, or "--" would become a dash."""
    lines[:] = [
        line if ".. option::" in line else re.sub(r"(?<![\w`-])(--[a-z][\w-]*)", r"``\1``", line)
        for line in lines
    ]


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        finish_pages(Path(app.outdir))
        for message in find_dead_links(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s", message)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects the events."""
    app.connect("builder-inited", _run)
    app.connect("source-read", _insert)
    app.connect("sphinx-click-process-description", _mark_options)
    app.connect("sphinx-click-process-options", _close_brackets)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
