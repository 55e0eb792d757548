"""The checks that helper processes make, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imggen.quality.witnesses.jpeg_pixels import JpegCheck, examine_jpeg
from imggen.quality.witnesses.second_decoder import (
    Messages,
    compare_decoders,
    decodes_with_opencv,
    examine_loading,
    is_loaded,
)


def check_jpeg(path: str, read_messages: Messages) -> JpegCheck:
    """Decodes a JPEG."""
    with open(path, "rb") as file:
        return examine_jpeg(file.read(), read_messages)


CHECKS: dict[str, Callable[[str, Messages], Any]] = {
    "jpeg": check_jpeg,
    "compare": compare_decoders,
    "is loaded": is_loaded,
    "load": examine_loading,
    "opencv": decodes_with_opencv,
}
