"""Files of rare formats that Pillow reads wrongly: TGA, Sun raster and FITS.

Source: Truevision TGA File Format Specification 2.0; Sun's rasterfile(5); FITS Standard 4.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from imggen.decode.rasters import Raster

if TYPE_CHECKING:
    from PIL import Image

_PSD_MODES = {0: "bitmap", 1: "grayscale", 2: "palette", 3: "RGB", 4: "CMYK", 9: "Lab"}


def find_old_kind(image: Image.Image, file: BinaryIO) -> str:
    """Returns the name of a kind that is not supported though Pillow opens it; or ""."""
    if image.format == "FITS" and image.mode == "I;16":
        return "16-bit FITS"  # of values with a scale and an offset, and without a range
    if image.format == "SUN":
        depth = int.from_bytes(file.read(16)[12:])
        # Pillow takes the byte before each color for the one after it.
        return "32-bit Sun raster" if depth == 32 else ""
    return ""


def read_tga(image: Image.Image, file: BinaryIO) -> Raster | None:
    """Reads a TGA without the opacity that its header does not declare; None if Pillow decides.

    In colors of 16 bits the highest one is ignored, since programs differ in what it says.
    """
    header = file.read(18)
    map_depth, depth, num_opacity_bits = header[7], header[16], header[17] & 15
    if image.mode == "P" and map_depth == 16:
        colors = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return Raster(np.asarray(image)[:, :, np.newaxis], 255, "P", colors)
    if image.mode == "RGBA" and (depth == 16 or num_opacity_bits == 0):
        return Raster(np.asarray(image.convert("RGB")), 255, "RGB")
    return None


def identify_psd(file: BinaryIO) -> tuple[str, bool] | None:
    """Returns the kind of a Photoshop file, and whether Pillow reads it; None for other files."""
    header = file.read(26)
    if len(header) < 26 or not header.startswith(b"8BPS"):
        return None
    depth, mode = int.from_bytes(header[22:24]), int.from_bytes(header[24:26])
    return f"{depth}-bit {_PSD_MODES.get(mode, f'mode {mode}')} PSD", depth in (1, 8)
