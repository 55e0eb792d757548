"""Samples as a file stores them, the 8-bit images they become, and the limit of their memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.decode.orientation import UPRIGHT, turn_pixels

if TYPE_CHECKING:
    from PIL import Image

RasterMode = Literal["L", "LA", "RGB", "RGBA", "CMYK", "P"]
CHANNELS: dict[str, int] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "P": 1}


@final
class Raster(NamedTuple):
    """The samples of a file whose pixels Pillow cannot hold, or reads wrongly.

    Attributes:
        values: The samples, uint8 or uint16, shape (height, width, channels), as stored; gray is 0
            for black.
        max_value: The value of white, and of opaque.
        mode: Pillow's name for the meaning of the channels.
        palette: The colors of mode "P", uint8, shape (n, 3); else None.
        orientation: The EXIF orientation, 1 to 8, of ``values``.
        transparent: The color that is transparent, one value per channel; or None.
    """

    values: npt.NDArray[Any]
    max_value: int
    mode: RasterMode
    palette: npt.NDArray[np.uint8] | None = None
    orientation: int = UPRIGHT
    transparent: tuple[int, ...] | None = None

    def turn_upright(self) -> Raster:
        """Returns the raster turned upright."""
        if self.orientation == UPRIGHT:
            return self
        return self._replace(values=turn_pixels(self.values, self.orientation), orientation=UPRIGHT)


def raster_to_image(raster: Raster) -> Image.Image:
    """Converts samples to an image of 8 bits, in the orientation of the file.

    Values are scaled by 255 / ``max_value`` and rounded.
    """
    from PIL import Image

    pixels = raster.values
    if raster.mode != "P" and raster.max_value != 255:
        pixels = scale_to_8_bits(pixels, raster.max_value)
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    image = Image.frombytes(raster.mode, flat.shape[1::-1], np.ascontiguousarray(flat).data)
    if raster.palette is not None:
        image.putpalette(raster.palette.tobytes(), "RGB")
    if raster.transparent is not None:
        opaque = (raster.values != np.array(raster.transparent)).any(axis=2)
        image.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return image


def scale_to_8_bits(values: npt.NDArray[Any], max_value: int) -> npt.NDArray[np.uint8]:
    """Scales whole numbers from 0 to ``max_value``, at most 65535, to 0 to 255, rounded."""
    table = (np.arange(max_value + 1, dtype=np.uint32) * 255 + max_value // 2) // max_value
    scaled: npt.NDArray[np.uint8] = table.astype(np.uint8)[values]
    return scaled


def check_num_bytes(num_bytes: int) -> None:
    """Checks the size of the decoded samples of a file before they are allocated.

    The limit is that of an RGB image of the largest size that Pillow does not refuse: twice
    ``PIL.Image.MAX_IMAGE_PIXELS`` pixels of 3 bytes. There is none if that is None.

    Raises:
        DecompressionBombError: It is larger than the limit.
    """
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and num_bytes > 6 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(
            f"decoded it takes {num_bytes} bytes, over the limit of {6 * Image.MAX_IMAGE_PIXELS}"
        )
