"""Sphinx extension: the code of the pages runs, and its output follows it."""

import re
from pathlib import Path
from typing import Any

from benchmark_figures import insert_benchmarks
from page_html import find_dead_links, finish_pages
from page_results import PageRunner, Result, insert_outputs, list_pages
from sphinx.application import Sphinx
from sphinx.util import logging

_CODE = re.compile(
    r"(^|[^\w`-])(--[a-z][\w-]*|pip install '[^']*'|eval \"[^\"]*\"|\"#\w+\")|``.*?``|`[^`]+`"
)
_ALIAS = re.compile(r"~?[\w.]*TypeAliasForwardRef\('(\w+)'\)")
_ARRAY = re.compile(r"~?[\w.]*\bndarray\[tuple\[~?[\w.]*Any, \.\.\.\], ~?[\w.]*dtype\[[^\]]*\]\]")
_ARRAY_LIKE = re.compile(r"~?[\w.]*_Buffer \| .*_NestedSequence\[complex \| bytes \| str\]")
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


def _format_options(app: Sphinx, context: Any, lines: list[str]) -> None:
    """Shows defaults as ``--help`` does, and the last bracket of optional words."""
    text = "\n".join(lines)
    text = re.sub(r"(^\.\. option:: .*\[[^\]>\n]*)>", r"\1]>", text, flags=re.MULTILINE)
    text = re.sub(r"\s+:default: ``'?(.*?)'?``(?=\n|$)", r" [default: \1]\n", text)
    lines[:] = text.replace(":options:", ":values:").split("\n")
    _mark_code(app, context, lines)


def _mark_code(app: Sphinx, context: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Marks options and commands in texts as code."""
    lines[:] = [line if ".. option::" in line else _CODE.sub(_mark, line) for line in lines]


def _mark(found: re.Match[str]) -> str:
    return f"{found[1]}``{found[2]}``" if found[2] else found[0]


def _drop_arguments(app: Sphinx, context: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Drops the list of arguments, which are described in the text."""
    lines.clear()


def _edit_docstring(
    app: Sphinx,  # noqa: ARG001
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    thing: Any,  # noqa: ARG001
    options: Any,  # noqa: ARG001
    lines: list[str],
) -> None:
    """Links the pages that docstrings name, and shortens the types of attributes."""
    for number, line in enumerate(lines):
        text = re.sub(r"\bdocs/([\w/-]+)\.md\b", r":doc:`/\1`", line)
        if text.lstrip().startswith(":type"):
            text = _ARRAY.sub("numpy.ndarray", text)
            text = re.sub(r"(?<![\w.~])(imggen|numpy|collections)\.", r"~\1.", text)
        lines[number] = text


def _shorten_signature(
    app: Sphinx,  # noqa: ARG001
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    thing: Any,  # noqa: ARG001
    options: Any,  # noqa: ARG001
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Shows defaults that a factory makes, all of them mappings, and rounds long numbers."""
    text = (signature or "").replace("<factory>", "{}")
    text = re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.4g}", text)
    return text or signature, returned


def _shorten_types(app: Sphinx, domain: str, objtype: str, content: Any) -> None:  # noqa: ARG001
    """Shows arrays as "ndarray" and "ArrayLike", without the types that these stand for."""
    for types in app.env.current_document.autodoc_annotations.values():
        for name, text in types.items():
            text = _ALIAS.sub(r"\1", text)
            types[name] = _ARRAY_LIKE.sub("ArrayLike", _ARRAY.sub("~numpy.ndarray", text))


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        finish_pages(Path(app.outdir))
        for message in find_dead_links(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s", message)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects the events."""
    app.connect("builder-inited", _run)
    app.connect("source-read", _insert)
    app.connect("autodoc-process-signature", _shorten_signature)
    app.connect("autodoc-process-docstring", _edit_docstring)
    app.connect("sphinx-click-process-description", _mark_code)
    app.connect("sphinx-click-process-epilog", _mark_code)
    app.connect("sphinx-click-process-options", _format_options)
    app.connect("sphinx-click-process-arguments", _drop_arguments)
    # Before autodoc puts them into the page.
    app.connect("object-description-transform", _shorten_types, priority=400)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
