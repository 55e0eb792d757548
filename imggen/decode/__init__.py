"""Image files decoded to uint8 arrays of the wanted size.

In: a path or the bytes of a file, and an ``ImageSpec``. Out: an array of shape (height, width,
channels), and where its pixels come from in the file. Pillow reads most kinds of files; ``kinds``
knows which ones it reads wrongly, and reads or refuses them. Decoders, formats and resizing may be
changed here without looking elsewhere, as long as the pixels stay the same.
"""

from imggen.decode.formats import (
    COMMON_EXTENSIONS,
    PLAIN_MODES,
    find_format,
    format_by_extension,
    image_extensions,
)
from imggen.decode.geometry import source_geometry
from imggen.decode.jpeg import decode_jpeg
from imggen.decode.kinds import FileKind, identify_kind
from imggen.decode.load import convert_pixels, keeps_pixels, load_image, read_image
from imggen.decode.mask import load_mask, resize_mask
from imggen.decode.mask_files import resize_mask_file
from imggen.decode.mask_inspection import MaskContent, inspect_mask
from imggen.decode.mask_values import MaskValues, MaskValuesLike, list_values
from imggen.decode.placement import compute_placement
from imggen.decode.read_errors import concerns_file
from imggen.decode.readers import read_nearest
from imggen.decode.spec import (
    NUM_CHANNELS,
    BackgroundLike,
    ColorMode,
    Fit,
    ImageSize,
    ImageSpec,
    Interpolation,
    parse_image_size,
)
from imggen.decode.thumbnail import encode_picture, make_thumbnail
from imggen.decode.tiff_header import read_tiff_tags

__all__ = [
    "COMMON_EXTENSIONS",
    "NUM_CHANNELS",
    "PLAIN_MODES",
    "BackgroundLike",
    "ColorMode",
    "FileKind",
    "Fit",
    "ImageSize",
    "ImageSpec",
    "Interpolation",
    "MaskContent",
    "MaskValues",
    "MaskValuesLike",
    "compute_placement",
    "concerns_file",
    "convert_pixels",
    "decode_jpeg",
    "encode_picture",
    "find_format",
    "format_by_extension",
    "identify_kind",
    "image_extensions",
    "inspect_mask",
    "keeps_pixels",
    "list_values",
    "load_image",
    "load_mask",
    "make_thumbnail",
    "parse_image_size",
    "read_image",
    "read_nearest",
    "read_tiff_tags",
    "resize_mask",
    "resize_mask_file",
    "source_geometry",
]
