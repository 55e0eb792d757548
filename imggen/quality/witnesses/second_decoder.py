"""The comparison of the pixels that imggen serves with those of OpenCV's decoders."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imggen.decode import ImageSpec, load_image
from imggen.errors import ImageError
from imggen.quality.findings import Evidence, Problem
from imggen.quality.witnesses.opencv_decoder import decode_with_opencv
from imggen.quality.witnesses.visibility import examine_visibility

WITNESS = "OpenCV"

# Decoders round differently, and enlarge color components differently; a wrong one is far off.
_LARGEST_DIFFERENCE = 8.0
# Messages about the pixels, unlike those about unknown tags, texts and profiles.
_ABOUT_PIXELS = re.compile(r"corrupt|truncated|premature|not enough|ERROR:|TIFF_Error")

# Messages of OpenCV about whole files of kinds that it does not read.
_ABOUT_OPENCV = re.compile(r"can't read header|Invalid tile byte count|unsupported conversion")
# What OpenCV puts before its messages: the level, the thread, the time, and its own line of code.
_LOG_PREFIX = re.compile(r"^\[\w+:\d+@[\d.]+\] global (?:\S+:\d+ )?")

_NOT_SUPPORTED = re.compile(r"not supported|no defined range")
_SPEC = ImageSpec(None, color_mode="rgba", exif_orientation=False)
_UPRIGHT = ImageSpec(None, color_mode="rgba", exif_orientation=True)
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

Messages = Callable[[], list[str]]


def decodes_with_opencv(path: str, read_messages: Messages) -> bool:
    """Whether OpenCV decodes a file without a complaint about its pixels."""
    read_messages()
    if decode_with_opencv(Path(path).read_bytes()) is None:
        return False
    return not any(map(_ABOUT_PIXELS.search, read_messages()))


def is_loaded(path: str, read_messages: Messages) -> bool:
    """Whether ``load_image`` reads a file, without a complaint of a decoder about its pixels."""
    read_messages()
    try:
        load_image(path, _SPEC)
    except ImageError:
        return False
    return not any(map(_ABOUT_PIXELS.search, read_messages()))


def examine_loading(path: str, _: Messages) -> list[Evidence]:
    """Loads a file; returns why ``load_image`` does not read it, or whether it shows nothing."""
    try:
        return list(examine_visibility(load_image(path, _SPEC)))
    except ImageError as err:
        return [_judge_refusal(err)]


def compare_decoders(path: str, read_messages: Messages) -> list[Evidence]:
    """Same as ``examine_loading``, and compares the opaque pixels with those that OpenCV decodes.

    Args:
        path: A file that Pillow opens.
        read_messages: Returns the lines that were written to stderr since the last call.
    """
    read_messages()
    try:
        served = load_image(path, _UPRIGHT if _is_tiff(path) else _SPEC)
    except ImageError as err:
        return [_judge_refusal(err)]
    return [*examine_visibility(served), *_compare(served, path, read_messages)]


def _compare(served: npt.NDArray[np.uint8], path: str, read_messages: Messages) -> list[Evidence]:
    other = decode_with_opencv(Path(path).read_bytes())
    messages = read_messages()
    if any(map(_ABOUT_OPENCV.search, messages)):  # only those of other libraries count
        messages = [message for message in messages if not _LOG_PREFIX.match(message)]
    evidence = [
        Evidence(Problem.DECODER_WARNING, _LOG_PREFIX.sub("", message), WITNESS)
        for message in messages
        if _ABOUT_PIXELS.search(message)
    ][:1]
    if other is None:
        return evidence
    if other.shape[:2] != served.shape[:2]:
        sizes = ["{1} × {0}".format(*pixels.shape) for pixels in (other, served)]
        detail = f"OpenCV decodes {sizes[0]} pixels; imggen, {sizes[1]}"
        return [*evidence, Evidence(Problem.DISAGREEMENT, detail, WITNESS)]
    opaque = served[..., 3] == 255
    if not opaque.any():
        return evidence
    differences = np.abs(served[..., :3].astype(np.int16) - other)[opaque]
    if differences.mean() > _LARGEST_DIFFERENCE:
        detail = (
            f"the pixels that OpenCV decodes differ by {differences.mean():.0f} levels on average "
            f"and {differences.max()} at most"
        )
        evidence.append(Evidence(Problem.DISAGREEMENT, detail, WITNESS))
    return evidence


def _is_tiff(path: str) -> bool:
    """Whether OpenCV turns a file upright, whatever its flags are: it does so with TIFFs."""
    with open(path, "rb") as file:
        return file.read(4) in _TIFF_SIGNATURES


def _judge_refusal(err: ImageError) -> Evidence:
    is_other_kind = _NOT_SUPPORTED.search(err.reason) is not None
    problem = Problem.UNSUPPORTED if is_other_kind else Problem.BROKEN
    return Evidence(problem, err.reason, "imggen")
