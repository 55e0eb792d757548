"""The check of one image file: its size, mode and format, and what is broken or unusual."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, final

from imggen.decode import PLAIN_MODES, concerns_file, find_format, format_by_extension, load_image
from imggen.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image


@final
class Problem(Enum):
    """The kinds of findings; those up to BROKEN are faults that rule a file out for training."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NOT_IMAGE = "not an image"
    TRUNCATED = "truncated"
    TOO_LARGE = "too large"
    UNUSABLE = "unusable pixels"
    BROKEN = "broken"
    WRONG_EXTENSION = "wrong extension"
    ANIMATED = "animated"
    UNUSUAL_MODE = "unusual mode"

    @property
    def is_fault(self) -> bool:
        """Whether a file with this problem cannot be used for training."""
        return self not in (Problem.WRONG_EXTENSION, Problem.ANIMATED, Problem.UNUSUAL_MODE)


class ImageFacts(NamedTuple):
    """Facts that the header of a file states.

    Attributes:
        width: In pixels, as stored.
        height: In pixels, as stored.
        mode: Pillow's name for the type of the pixels.
        format: Pillow's name for the format.
        num_frames: The number of frames, more than 1 for animations and multi-page files.
        num_bytes: The size of the file.
    """

    width: int
    height: int
    mode: str
    format: str
    num_frames: int
    num_bytes: int


class Finding(NamedTuple):
    """A fault or remark about a file.

    Attributes:
        path: Relative to the folder or the root of the manifest that was checked.
        problem: The kind of finding.
        detail: The fault or remark in words.
    """

    path: str
    problem: Problem
    detail: str


class ImageCheck(NamedTuple):
    """The result of checking a file.

    Attributes:
        facts: The facts of its header; None if it could not be opened.
        findings: Its faults and remarks; empty for most files.
    """

    facts: ImageFacts | None
    findings: tuple[Finding, ...]


def check_image(root: str, path: str, *, decode: bool = True) -> ImageCheck:
    """Checks one file; whatever is wrong with it is a finding.

    Args:
        root: The folder that ``path`` is relative to.
        path: The file.
        decode: Decode all of the first frame, which finds damage behind the header.
    """
    from PIL import Image, UnidentifiedImageError

    full_path = os.path.join(root, path)
    facts = None
    findings: list[Finding] = []
    try:
        if os.path.getsize(full_path) == 0:
            return ImageCheck(None, (Finding(path, Problem.EMPTY, "the file has 0 bytes"),))
        with Image.open(full_path) as image:
            error = _try_decoding(image) if decode else None
            # Last, since counting frames reads all of them.
            facts = _facts(image, os.path.getsize(full_path))
            findings += _find_remarks(path, facts)
            if error is not None:
                raise error
        if decode and facts.mode not in PLAIN_MODES:
            load_image(full_path)
    except ImageError as err:
        findings.append(Finding(path, Problem.UNUSABLE, err.reason))
    except Image.DecompressionBombError as err:
        findings.append(Finding(path, Problem.TOO_LARGE, str(err)))
    except UnidentifiedImageError:
        findings.append(
            Finding(path, Problem.NOT_IMAGE, "not a format that Pillow knows, or a broken header")
        )
    except Exception as err:
        if not concerns_file(err):
            raise
        findings.append(Finding(path, _classify(err), _describe(err)))
    return ImageCheck(facts, tuple(findings))


@contextmanager
def silence_pillow() -> Iterator[None]:
    """Suppresses Pillow's warnings about the content of files, which are findings here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _facts(image: Image.Image, num_bytes: int) -> ImageFacts:
    return ImageFacts(
        *image.size,
        image.mode,
        image.format or "",
        _num_frames(image),
        num_bytes,
    )


def _try_decoding(image: Image.Image) -> Exception | None:
    try:
        image.load()
    except Exception as err:  # noqa: BLE001 - as above
        return err
    return None


def _num_frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as err:  # damage behind the first frame, which is not used
        if not concerns_file(err):
            raise
        return 1


def _find_remarks(path: str, facts: ImageFacts) -> Iterator[Finding]:
    extension = os.path.splitext(path)[1].lower()
    expected, found = format_by_extension(extension), find_format(facts.format)
    if expected is not None and find_format(expected).family != found.family:
        yield Finding(path, Problem.WRONG_EXTENSION, f"{facts.format} in a {extension} file")
    if facts.num_frames > 1 and not found.has_previews:
        detail = f"{facts.num_frames} frames, of which only the first is used"
        yield Finding(path, Problem.ANIMATED, detail)
    if facts.mode not in PLAIN_MODES:
        yield Finding(path, Problem.UNUSUAL_MODE, facts.mode)


def _classify(err: Exception) -> Problem:
    if isinstance(err, OSError) and err.errno is not None:
        return Problem.UNREADABLE
    return Problem.TRUNCATED if "truncated" in str(err).lower() else Problem.BROKEN


def _describe(err: Exception) -> str:
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()
    return str(err) or type(err).__name__
