"""The checks that helper processes make, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imggen.quality.witnesses.jpeg_pixels import JpegCheck, examine_jpeg
from imggen.quality.witnesses.second_decoder import compare_decoders, is_decoded_by_opencv

Messages = Callable[[], list[str]]


def check_jpeg(path: str, read_messages: Messages) -> JpegCheck:
    """Decodes a JPEG."""
    with open(path, "rb") as file:
        return examine_jpeg(file.read(), read_messages)


CHECKS: dict[str, Callable[[str, Messages], Any]] = {
    "jpeg": check_jpeg,
    "compare": compare_decoders,
    "opencv": is_decoded_by_opencv,
}
