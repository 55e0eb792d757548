"""The finished pages: markup for screen readers, pages that commands wrote, dead links."""

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from page_results import MADE

_PARAMETERS = re.compile(r"<dl>\s*<dd><em class=\"sig-param\".*?</dl>", re.DOTALL)
_PICTURE = re.compile(r'<p>(<img [^>]*src="([^"]+)"[^>]*>)</p>')
_LONG_WORD = re.compile(r"(<span class=\"pre\">)((?:[^<&]|&\w+;){17,})(</span>)")
_INDEX = re.compile(r"(?<=>)(imggen[\w-]*) command line option(?=</a>)")
_REPLACEMENTS = (
    ('role="heading">', 'role="heading" aria-level="2">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="Pages">'),
    ('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="Sections">'),
    ('<p class="rubric">Arguments</p>\n', ""),  # the arguments are described in the text
    ('<p class="rubric">Options</p>\n<section', "<section"),  # a group has none
    (
        '</noscript>\n\n<div id="search-results"',
        '</noscript>\n<h1>Search</h1>\n<div id="search-results"',
    ),
)


def finish_pages(folder: Path) -> None:
    """Completes the markup of all pages, and copies the pages that commands wrote."""
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        if (finished := complete_markup(text)) != text:
            path.write_text(finished, encoding="utf-8")
    for path in sorted(MADE.rglob("*.html")):
        target = folder / "made" / path.relative_to(MADE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def complete_markup(text: str) -> str:
    """Adds attributes that Sphinx and Furo leave out; finished pages stay as they are."""
    for old, new in _REPLACEMENTS:
        text = text.replace(old, new)
    text = _PICTURE.sub(r'<p><a href="\2">\1</a></p>', text)  # in full size, for small screens
    text = _LONG_WORD.sub(_allow_breaks, text)
    text = _INDEX.sub(lambda found: found[1].replace("-", " "), text)
    return _PARAMETERS.sub(_make_list, text)


def _allow_breaks(match: re.Match[str]) -> str:
    """Lets a long word of code break behind its separators."""
    return match[1] + re.sub(r"(?<=[\w)])([_.,/(=]+)(?=[\w\"'(&])", r"\1<wbr>", match[2]) + match[3]


def _make_list(match: re.Match[str]) -> str:
    """Parameters of a signature are definitions without terms: a list in truth."""
    text = match[0].replace("<dl>", '<ul class="sig-params">').replace("</dl>", "</ul>")
    return text.replace("<dd>", "<li>").replace("</dd>", "</li>")


def find_dead_links(folder: Path) -> Iterator[str]:
    """Describes links and images whose file or anchor does not exist in the site."""
    pages = {path: _Links(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(folder)}: {link!r}"
            if not target.is_file():
                yield f"{where} is a dead link."
                continue
            anchors = pages[target].anchors if target in pages else set()
            if parts.fragment and unquote(parts.fragment) not in anchors:
                yield f"{where} is a link to an anchor that does not exist."


class _Links(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name == "id":
                self.anchors.add(value)
            elif value and name in ("href", "src") and tag != "use" and value != "#":
                self.links.add(value)
