"""The content of a mask file before any of it is trained on: its values, colors and format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.decode.jpeg2000 import read_jpeg2000_header
from imggen.decode.kinds import open_stored
from imggen.decode.mask import stored_values
from imggen.decode.mask_values import Color, MaskValues
from imggen.decode.rasters import Raster, raster_to_image
from imggen.decode.read_errors import concerns_file
from imggen.stores import open_file

if TYPE_CHECKING:
    from PIL import Image

# With more colors than this, colors are not classes.
_MAX_COLORS = 256
_BLOCK = 1 << 20  # pixels
_LOSSY_FORMATS = {"JPEG", "MPO", "AVIF"}
_LOSSY_COMPRESSIONS = {"jpeg", "tiff_jpeg", "webp"}


@final
class MaskContent(NamedTuple):
    """The content of one mask file.

    Attributes:
        path: The file.
        num_pixels: The number of pixels.
        counts: Value to number of pixels; empty if the values cannot be read as numbers.
        colors: The colors of a file in color, the most frequent first; empty for other files, and
            for those of too many colors.
        palette: With a palette, the color of each value in ``counts``; empty if these are grays
            of the same value.
        lossy_format: The name of a format that changes values; empty for others.
        problem: The reason why the file cannot serve as a mask, or empty.
    """

    path: str
    num_pixels: int
    counts: dict[int, int]
    colors: tuple[Color, ...]
    palette: dict[int, Color]
    lossy_format: str
    problem: str


def inspect_mask(path: str, mask_values: MaskValues | None, max_pixels: int) -> MaskContent | None:
    """Reads the content of a mask file.

    Args:
        path: The file.
        mask_values: The class of each value, which ``problem`` is about then; or None.
        max_pixels: The most pixels to decode.

    Returns:
        The content; None if the file cannot be read or is larger.
    """
    try:
        stored = open_stored(path, max_pixels=max_pixels)
        mask = raster_to_image(stored) if isinstance(stored, Raster) else stored
        num_pixels = mask.width * mask.height
        lossy = _lossy_format(mask, path)
        try:
            values = stored_values(stored, mask_values)
        except ValueError as err:
            return MaskContent(path, num_pixels, {}, _colors(mask), {}, lossy, str(err))
        if mask_values is not None:
            problem = _find_problem(values, mask_values)
            return MaskContent(path, num_pixels, {}, (), {}, lossy, problem)
        counts = _count(values)
        return MaskContent(path, num_pixels, counts, (), _palette(mask, counts), lossy, "")
    except Exception as err:
        if not concerns_file(err):
            raise
        return None


def _blocks(values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    rows = max(1, _BLOCK // max(1, values.shape[1]))
    return [values[top : top + rows] for top in range(0, len(values), rows)]


def _find_problem(values: npt.NDArray[Any], mask_values: MaskValues) -> str:
    unknown = [mask_values.find_unknown(block) for block in _blocks(values)]
    missing = np.concatenate([np.zeros(0, np.int64), *unknown])
    return mask_values.describe_unknown(missing) if missing.size else ""


def _count(values: npt.NDArray[Any]) -> dict[int, int]:
    totals = np.zeros(int(values.max(initial=0)) + 1, np.int64)
    for block in _blocks(values):
        totals += np.bincount(block.ravel(), minlength=len(totals))
    return {int(value): int(totals[value]) for value in np.flatnonzero(totals)}


def _colors(mask: Image.Image) -> tuple[Color, ...]:
    if mask.mode not in {"RGB", "RGBA", "LA", "PA"}:
        return ()
    counted: Any = mask.convert("RGB" if mask.mode == "RGB" else "RGBA").getcolors(_MAX_COLORS)
    return tuple(color for _, color in sorted(counted or [], key=lambda pair: (-pair[0], pair[1])))


def _palette(mask: Image.Image, counts: dict[int, int]) -> dict[int, Color]:
    if mask.mode != "P":
        return {}
    entries = mask.getpalette("RGB") or []
    colors: dict[int, Color] = {
        value: tuple(entries[3 * value : 3 * value + 3])
        for value in counts
        if 3 * value + 2 < len(entries)
    }
    is_gray = all(color == (value,) * 3 for value, color in colors.items())
    return {} if is_gray else colors


def _lossy_format(mask: Image.Image, path: str) -> str:
    name = mask.format or ""
    if name in _LOSSY_FORMATS:
        return name
    if name == "TIFF" and mask.info.get("compression") in _LOSSY_COMPRESSIONS:
        return "TIFF with lossy compression"
    if name == "WEBP" and _is_lossy_webp(path):
        return "lossy WEBP"
    if name == "JPEG2000" and _is_lossy_jpeg2000(path):
        return "lossy JPEG 2000"
    return ""


def _is_lossy_jpeg2000(path: str) -> bool:
    """Whether the wavelet transform is rounded; without, a file may still lack its last bits."""
    with open_file(path) as file:
        header = read_jpeg2000_header(file)
    return header is not None and not header.is_reversible


def _is_lossy_webp(path: str) -> bool:
    """Whether the first image of a WebP file is in a "VP8 " chunk rather than "VP8L"."""
    with open_file(path) as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            kind, size = header[:4], int.from_bytes(header[4:], "little")
            if kind in {b"VP8 ", b"VP8L"}:
                return kind == b"VP8 "
            # The chunk of a frame of an animation begins with 16 bytes of its own.
            file.seek(16 if kind == b"ANMF" else size + size % 2, 1)
    return False
