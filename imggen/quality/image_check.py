"""What one file is: size, mode and format, and all that is wrong or unusual about it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, final

from imggen.decode import load_image
from imggen.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

# What Pillow and OpenCV turn into RGB without a decision that somebody might want to take.
_USUAL_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
# Formats that are stored in files of another format's name.
_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}


@final
class Problem(Enum):
    """What can be found about a file; those up to BROKEN keep it from being trained on."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NO_IMAGE = "no image"
    TRUNCATED = "truncated"
    TOO_LARGE = "too large"
    UNUSABLE = "unusable pixels"
    BROKEN = "broken"
    WRONG_EXTENSION = "wrong extension"
    ANIMATED = "animated"
    UNUSUAL_MODE = "unusual mode"

    @property
    def is_fault(self) -> bool:
        """Whether such a file cannot be trained on."""
        return self not in (Problem.WRONG_EXTENSION, Problem.ANIMATED, Problem.UNUSUAL_MODE)


class ImageFacts(NamedTuple):
    """What the beginning of a file says.

    Attributes:
        width: In pixels, as stored.
        height: In pixels, as stored.
        mode: Pillow's name for the kind of its pixels.
        format: Pillow's name for the format.
        num_frames: More than 1 for animations and the like.
        num_bytes: The size of the file.
    """

    width: int
    height: int
    mode: str
    format: str
    num_frames: int
    num_bytes: int


class Finding(NamedTuple):
    """Something to know about a file.

    Attributes:
        path: Relative to the folder or manifest that was looked at.
        problem: Which of the kinds.
        detail: What was met, in words.
    """

    path: str
    problem: Problem
    detail: str


class Examined(NamedTuple):
    """What is known of a file after a look at it.

    Attributes:
        facts: None if it could not be opened.
        findings: None for most files.
    """

    facts: ImageFacts | None
    findings: tuple[Finding, ...]


def examine(root: str, path: str, *, decode: bool = True) -> Examined:
    """Looks at one file; raises nothing.

    Args:
        root: The folder that ``path`` is relative to.
        path: The file.
        decode: Decode all of it, which finds what is broken behind its beginning.
    """
    from PIL import Image, UnidentifiedImageError

    place = os.path.join(root, path)
    facts = None
    findings: list[Finding] = []
    try:
        if os.path.getsize(place) == 0:
            return Examined(None, (Finding(path, Problem.EMPTY, "the file has 0 bytes"),))
        with Image.open(place) as image:
            trouble = _trouble_decoding(image) if decode else None
            # Only now, since to count frames goes through all of them.
            facts = _facts(image, os.path.getsize(place))
            findings += _remarks(path, facts)
            if trouble is not None:
                raise trouble
        if decode and facts.mode not in _USUAL_MODES:
            load_image(place)
    except ImageError as err:
        findings.append(Finding(path, Problem.UNUSABLE, err.reason))
    except Image.DecompressionBombError as err:
        findings.append(Finding(path, Problem.TOO_LARGE, str(err)))
    except UnidentifiedImageError:
        findings.append(
            Finding(path, Problem.NO_IMAGE, "no format that Pillow knows, or a broken start")
        )
    except Exception as err:  # noqa: BLE001 - Pillow's readers raise whatever their parsing meets
        findings.append(Finding(path, _kind(err), _detail(err)))
    return Examined(facts, tuple(findings))


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's own warnings of what is in files, which are findings here."""
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


def _trouble_decoding(image: Image.Image) -> Exception | None:
    try:
        image.load()
    except Exception as err:  # noqa: BLE001 - as above
        return err
    return None


def _num_frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - broken behind the first frame, which is the one that counts
        return 1


def _remarks(path: str, facts: ImageFacts) -> Iterator[Finding]:
    from PIL import Image

    extension = os.path.splitext(path)[1].lower()
    expected = Image.registered_extensions().get(extension)
    if expected is not None and _family(expected) != _family(facts.format):
        yield Finding(path, Problem.WRONG_EXTENSION, f"{facts.format} in a {extension} file")
    if facts.num_frames > 1 and facts.format != "MPO":  # whose others are previews
        detail = f"{facts.num_frames} frames, of which the first is used"
        yield Finding(path, Problem.ANIMATED, detail)
    if facts.mode not in _USUAL_MODES:
        yield Finding(path, Problem.UNUSUAL_MODE, facts.mode)


def _family(image_format: str) -> str:
    return _SAME_FORMAT.get(image_format, image_format)


def _kind(err: Exception) -> Problem:
    if isinstance(err, OSError) and err.errno is not None:
        return Problem.UNREADABLE
    return Problem.TRUNCATED if "truncated" in str(err).lower() else Problem.BROKEN


def _detail(err: Exception) -> str:
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()
    return str(err) or type(err).__name__
