"""An image file to a uint8 array at the target size."""

from imggen.decode.jpeg import jpeg_pixels, read_if_jpeg
from imggen.decode.load import load_image, load_in_stages
from imggen.decode.mask import load_mask
from imggen.decode.place import place_of
from imggen.decode.spec import NUM_CHANNELS, ColorMode, Fit, ImageSpec, Interpolation, placement

__all__ = [
    "NUM_CHANNELS",
    "ColorMode",
    "Fit",
    "ImageSpec",
    "Interpolation",
    "jpeg_pixels",
    "load_image",
    "load_in_stages",
    "load_mask",
    "place_of",
    "placement",
    "read_if_jpeg",
]
