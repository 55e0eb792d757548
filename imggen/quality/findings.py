"""Findings about image files: the kind of problem, the fact, and the witness that states it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, final


@final
class Problem(Enum):
    """The kinds of findings: faults, kinds that imggen does not read, and remarks."""

    # Faults: the file is broken, and quarantined.
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NOT_IMAGE = "not an image"
    TRUNCATED = "truncated"
    BROKEN = "broken"
    DAMAGED = "damaged pixels"
    CHANGED = "changed"  # since it was packed
    # The file may be whole, but imggen does not load it.
    TOO_LARGE = "too large"
    UNSUPPORTED = "kind not supported"
    # Remarks: the file is loaded.
    DAMAGED_METADATA = "damaged metadata"
    EXTRA_BYTES = "extra bytes"
    DECODER_WARNING = "decoder warning"
    DISAGREEMENT = "decoders disagree"
    NOTHING_VISIBLE = "nothing visible"
    WRONG_EXTENSION = "wrong extension"
    ANIMATED = "animated"
    UNUSUAL_MODE = "unusual mode"

    @property
    def is_fault(self) -> bool:
        """Whether a file with this problem is broken."""
        return self in _FAULTS

    @property
    def is_unsupported(self) -> bool:
        """Whether a file with this problem may be whole, but is not loaded."""
        return self in (Problem.TOO_LARGE, Problem.UNSUPPORTED)

    @property
    def rank(self) -> int:
        """0 for a fault, 1 for a kind that is not supported, and 2 for a remark."""
        if self.is_fault:
            return 0
        return 1 if self.is_unsupported else 2


_FAULTS = frozenset(
    {
        Problem.EMPTY,
        Problem.UNREADABLE,
        Problem.NOT_IMAGE,
        Problem.TRUNCATED,
        Problem.BROKEN,
        Problem.DAMAGED,
        Problem.CHANGED,
    }
)


class Evidence(NamedTuple):
    """A fact about one file.

    Attributes:
        problem: The kind of finding that it leads to.
        detail: The fact in words.
        witness: The decoder or check that found it.
    """

    problem: Problem
    detail: str
    witness: str


class Finding(NamedTuple):
    """A fault or remark about a file.

    Attributes:
        path: Relative to the folder or the root of the manifest that was checked.
        problem: The kind of finding.
        detail: The fault or remark in words.
        witness: The decoder or check that found it, such as "libjpeg" or "PNG checksums".
    """

    path: str
    problem: Problem
    detail: str
    witness: str
