"""HTML pages parsed into elements and text."""

import re
from html.parser import HTMLParser

# Elements without an end tag.
_VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """The elements and the text of a page; ``open`` is empty if all tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> at {self.getpos()} ends nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [
            found
            for kind, found in self.elements
            if kind == tag
            and all(found.get(name.rstrip("_")) == value for name, value in attributes.items())
        ]


def captions(page: str) -> list[str]:
    return re.findall(r"<figcaption>(.*?)</figcaption>", page)


def tile(text: str, label: str) -> str:
    """The number above a label."""
    return re.search(rf"(\S+) {label}", text).group(1)
