"""The check of a file by decoding its first frame with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imggen.decode import PLAIN_MODES, concerns_file
from imggen.quality.findings import Evidence, Problem

if TYPE_CHECKING:
    from PIL import Image

WITNESS = "Pillow"
PIXELS = "pixels"


def examine_error(err: Exception) -> Evidence:
    """Returns what an error of Pillow or of the operating system says about a file.

    Raises:
        Exception: The error, if it is not about the file.
    """
    from PIL import Image, UnidentifiedImageError

    if not concerns_file(err):
        raise err
    if isinstance(err, Image.DecompressionBombError):
        return Evidence(Problem.TOO_LARGE, str(err), WITNESS)
    if isinstance(err, UnidentifiedImageError):
        detail = "not a format that Pillow knows, or a broken header"
        return Evidence(Problem.NOT_IMAGE, detail, WITNESS)
    if isinstance(err, OSError) and err.errno is not None:
        detail = (err.strerror or str(err)).lower()
        return Evidence(Problem.UNREADABLE, detail, "operating system")
    detail = str(err) or type(err).__name__
    problem = Problem.TRUNCATED if "truncated" in detail.lower() else Problem.BROKEN
    return Evidence(problem, detail, WITNESS)


def decode_with_pillow(image: Image.Image) -> Evidence | None:
    """Decodes the first frame; returns why that fails, or None."""
    try:
        image.load()
    except Exception as err:  # noqa: BLE001 - raised again unless it is about the file
        return examine_error(err)
    return None


def examine_image_visibility(image: Image.Image) -> Iterator[Evidence]:
    """Yields a remark if a decoded image shows nothing on the white background it is served on.

    Images of other than plain modes are examined as ``load_image`` serves them.
    """
    if image.mode not in PLAIN_MODES:
        return
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    extrema = image.getextrema()
    # One pair for one channel, and a pair per channel for several.
    ranges = [extrema] if isinstance(extrema[0], int | float) else list(extrema)
    if image.mode in ("RGBA", "LA", "PA"):
        if ranges[-1] == (0, 0):
            yield Evidence(Problem.NOTHING_VISIBLE, "all pixels are transparent", PIXELS)
            return
        if image.mode != "PA" and all(pair == (255, 255) for pair in ranges[:-1]):
            detail = "all pixels are white or transparent, and the background is white"
            yield Evidence(Problem.NOTHING_VISIBLE, detail, PIXELS)
            return
    if all(low == high for low, high in ranges):
        color = image.convert("RGB").getpixel((0, 0))
        yield Evidence(Problem.NOTHING_VISIBLE, f"all pixels have the color {color}", PIXELS)
