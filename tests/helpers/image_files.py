"""Image files of many modes, in class folders."""

from pathlib import Path

import numpy as np
from PIL import Image

MODES = ("RGB", "RGBA", "L", "P", "I;16", "EXIF", "CMYK", "1")


def write_modes(root: Path) -> Path:
    """Writes one small image of each mode, of different sizes, in turns to two classes."""
    rng = np.random.default_rng(3)
    for index, mode in enumerate(MODES):
        folder = root / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (7, 9 + index, 4), dtype=np.uint8)
        rgb = Image.fromarray(pixels[:, :, :3].copy())
        if mode == "EXIF":
            exif = Image.Exif()
            exif[0x0112] = 6
            rgb.save(folder / f"{index}.jpg", exif=exif)
        elif mode == "CMYK":
            rgb.convert("CMYK").save(folder / f"{index}.jpg")
        else:
            wide = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
            image = {"RGBA": Image.fromarray(pixels), "I;16": wide, "P": rgb.quantize(16)}
            (image.get(mode) or rgb.convert(mode)).save(folder / f"{index}.png")
    return root
