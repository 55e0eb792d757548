"""The code blocks of a page: where they are, and which of them run."""

import re
import textwrap
from dataclasses import dataclass, field

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!-- (?P<name>file|parsed only|exit status): (?P<value>.*?) -->\s*\Z")
_LANGUAGES = ("python", "sh", "yaml", "text", "csv", "json", "html", "toml")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    The comment in front of a block says what it is: ``<!-- file: NAME -->`` for a file that is
    written and not run, ``<!-- parsed only: REASON -->`` for code that cannot run here, and
    ``<!-- exit status: N -->`` for commands that report findings.
    """

    language: str
    code: str
    line: int
    end: int = field(compare=False)  # the offset behind the block in its page
    indent: str = ""
    file: str | None = None
    parsed_only: str | None = None
    status: int = 0

    @property
    def is_run(self) -> bool:
        """Whether running the block may print something."""
        return self.language in ("python", "sh") and not (self.file or self.parsed_only)


def find_blocks(text: str) -> list[Block]:
    """Finds the blocks of code of a page; skips directives such as ``{toctree}``."""
    blocks = []
    for match in _FENCE.finditer(text):
        info = match["info"].strip()
        if info.startswith("{"):
            continue
        line = text.count("\n", 0, match.start()) + 2
        if info not in _LANGUAGES:
            raise ValueError(f"Line {line - 1}: the language {info!r} is not one of {_LANGUAGES}.")
        comment = _COMMENT.search(text, 0, match.start())
        note = {comment["name"]: comment["value"]} if comment else {}
        blocks.append(
            Block(
                language=info,
                code=textwrap.dedent(match["code"]),
                indent=match["indent"],
                line=line,
                end=match.end(),
                file=note.get("file"),
                parsed_only=note.get("parsed only"),
                status=int(note.get("exit status", 0)),
            )
        )
    return blocks
