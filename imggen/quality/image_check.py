"""The check of one image file: every witness is asked what is broken or unusual in it."""

from __future__ import annotations

import functools
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from imggen.decode import (
    PLAIN_MODES,
    concerns_file,
    find_format,
    format_by_extension,
    identify_kind,
)
from imggen.errors import WorkerError
from imggen.quality.findings import Evidence, Finding, Problem
from imggen.quality.witnesses import (
    HelperDiedError,
    HelperPool,
    decode_with_pillow,
    examine_avif,
    examine_bmp,
    examine_error,
    examine_gif,
    examine_image_visibility,
    examine_jpeg_2000,
    examine_png,
    examine_tiff,
    examine_webp,
    name_kind,
)
from imggen.stores import local_copy

if TYPE_CHECKING:
    from PIL import Image

_STRUCTURES: dict[str, Callable[[bytes], Iterable[Evidence]]] = {
    "AVIF": examine_avif,
    "BMP": examine_bmp,
    "GIF": examine_gif,
    "JPEG2000": examine_jpeg_2000,
    "PNG": examine_png,
    "TIFF": examine_tiff,
    "WEBP": examine_webp,
}
# Of kinds of many variants, some of which decoders get wrong.
_COMPARED = {"JPEG2000", "TIFF"}
# OpenCV ignores the largest value that these files state, and does not read all that are text.
_LOADED = {"PPM"}
# Of color spaces that decoders convert to RGB in different ways.
_CONVERTED = {"CMYK", "LAB", "YCbCr"}
# In the name of a kind: the header is damaged.
_IMPOSSIBLE = re.compile(r"\b0-bit|\b0 channels")
_AVIF_TYPES = (b"ftypavif", b"ftypavis")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def read_facts(root: str, path: str) -> ImageFacts | None:
    """Reads the header of one file; returns None if it cannot be opened.

    Args:
        root: The folder that ``path`` is relative to.
        path: The file.
    """
    from PIL import Image

    full_path = os.path.join(root, path)
    try:
        with local_copy(full_path) as file, Image.open(file) as image:
            return _facts(image, os.path.getsize(file))
    except Exception as err:
        if not concerns_file(err):
            raise
        return None


def read_all_facts(root: str, paths: Sequence[str]) -> list[ImageFacts | None]:
    """Reads the headers of several files; see ``read_facts``."""
    return [read_facts(root, path) for path in paths]


def check_images(
    root: str, helpers: HelperPool | None, paths: Sequence[str]
) -> list[tuple[Finding, ...]]:
    """Checks several files; see ``check_image``.

    Args:
        root: The folder that paths are relative to.
        helpers: Processes that decode files. None: those of this process, which is a worker.
        paths: The files.

    Raises:
        WorkerError: This process cannot start helpers, without which some damage is not found.
    """
    pool = helpers or _own_helpers()
    findings = [check_image(root, path, pool) for path in paths]
    if helpers is None and pool.start_error:
        raise WorkerError(
            f"A worker cannot start a process that decodes files: {pool.start_error}. Use "
            "engine='local'."
        )
    return findings


@functools.cache
def _own_helpers() -> HelperPool:
    """Returns helpers that end with this process."""
    return HelperPool()


def check_image(root: str, path: str, helpers: HelperPool) -> tuple[Finding, ...]:
    """Checks one file; whatever is wrong with it is a finding, and at most one of them a fault.

    Args:
        root: The folder that ``path`` is relative to.
        path: The file.
        helpers: Processes that decode files.

    Returns:
        The remarks, and then the fault that most directly says what is wrong.
    """
    full_path = os.path.join(root, path)
    try:
        with local_copy(full_path) as file:
            evidence = list(_examine(file, path, helpers))
    except HelperDiedError as err:
        evidence = [Evidence(Problem.BROKEN, str(err), "OpenCV")]
    except Exception as err:  # noqa: BLE001 - raised again unless it is about the file
        evidence = [examine_error(err)]
    faults = [found for found in evidence if found.problem.is_fault]
    remarks = [found for found in evidence if not found.problem.is_fault]
    return tuple(
        Finding(path, found.problem, found.detail, found.witness) for found in remarks + faults[:1]
    )


@contextmanager
def silence_pillow() -> Iterator[None]:
    """Suppresses Pillow's warnings about the content of files, which are findings here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _examine(full_path: str, path: str, helpers: HelperPool) -> Iterator[Evidence]:
    from PIL import Image

    if os.path.getsize(full_path) == 0:
        yield Evidence(Problem.EMPTY, "the file has 0 bytes", "operating system")
        return
    try:
        image = Image.open(full_path)
    except Exception as err:  # noqa: BLE001 - raised again unless it is about the file
        yield from _examine_unopened(full_path, examine_error(err), helpers)
        return
    with image:
        image_format = find_format(image.format)
        if image_format.family == "JPEG":
            decoded = helpers.ask("jpeg", full_path)
            evidence = list(decoded.evidence)
            error = None if decoded.is_decoded else decode_with_pillow(image)
        else:
            error = decode_with_pillow(image)
            evidence = _examine_structure(image.format or "", full_path)
            if error is None and image.format not in _COMPARED | _LOADED:
                evidence += examine_image_visibility(image)
        # Last, since counting frames reads all of them.
        facts = _facts(image, os.path.getsize(full_path))
    yield from _find_remarks(path, facts)
    if error is not None:
        yield from _judge_error(full_path, error, evidence, helpers)
        return
    yield from evidence
    is_broken = any(found.problem.is_fault for found in evidence)
    if is_broken:
        return
    if facts.mode in _CONVERTED or facts.format in _LOADED:
        yield from helpers.ask("load", full_path)
    elif facts.format in _COMPARED or facts.mode not in PLAIN_MODES:
        yield from helpers.ask("compare", full_path)


def _examine_structure(image_format: str, full_path: str) -> list[Evidence]:
    if image_format not in _STRUCTURES:
        return []
    with open(full_path, "rb") as file:
        return list(_STRUCTURES[image_format](file.read()))


def _examine_unopened(full_path: str, error: Evidence, helpers: HelperPool) -> Iterator[Evidence]:
    """Yields what is wrong with a file that Pillow does not open."""
    if error.problem in (Problem.TOO_LARGE, Problem.UNREADABLE):
        yield error
        return
    with open(full_path, "rb") as file:
        data = file.read()
    evidence: list[Evidence] = []
    if data.startswith(_PNG_SIGNATURE):
        evidence = examine_png(data)
    elif data[4:12] in _AVIF_TYPES:
        evidence = list(examine_avif(data))
        error = evidence[0] if evidence else error
    yield from _judge_error(full_path, error, evidence, helpers, data)


def _judge_error(
    full_path: str,
    error: Evidence,
    evidence: list[Evidence],
    helpers: HelperPool,
    data: bytes = b"",
) -> Iterator[Evidence]:
    """Yields why Pillow does not decode a file: it is broken, or of a kind it does not read."""
    yield from (found for found in evidence if not found.problem.is_fault)
    if any(found.problem.is_fault for found in evidence):
        yield error
        return
    kind = identify_kind(full_path)
    name = name_kind(data)
    if kind.name and not kind.is_supported and not _IMPOSSIBLE.search(kind.name):
        name = kind.name
    if name is not None:
        yield Evidence(Problem.UNSUPPORTED, f"{name} is not supported", "signature")
    elif helpers.ask("is loaded", full_path):  # by another reader of imggen
        return
    elif helpers.ask("opencv", full_path):
        detail = f"OpenCV decodes it, and imggen does not: {error.detail}"
        yield Evidence(Problem.UNSUPPORTED, detail, error.witness)
    else:
        yield error


def _facts(image: Image.Image, num_bytes: int) -> ImageFacts:
    return ImageFacts(
        *image.size,
        image.mode,
        image.format or "",
        _num_frames(image),
        num_bytes,
    )


def _num_frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as err:  # damage behind the first frame, which is not used
        if not concerns_file(err):
            raise
        return 1


def _find_remarks(path: str, facts: ImageFacts) -> Iterator[Evidence]:
    extension = os.path.splitext(path)[1].lower()
    expected, found = format_by_extension(extension), find_format(facts.format)
    if expected is not None and find_format(expected).family != found.family:
        detail = f"{facts.format} in a {extension} file"
        yield Evidence(Problem.WRONG_EXTENSION, detail, "signature")
    if facts.num_frames > 1 and not found.has_previews:
        detail = f"{facts.num_frames} frames, of which only the first is used"
        yield Evidence(Problem.ANIMATED, detail, "Pillow")
    if facts.mode not in PLAIN_MODES:
        yield Evidence(Problem.UNUSUAL_MODE, facts.mode, "Pillow")
