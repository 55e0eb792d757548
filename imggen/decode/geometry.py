"""Where the pixels of a file end up in its array, and where positions in the array come from."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from imggen.decode.kinds import Source, describe_source, reopen
from imggen.decode.orientation import TURNED, oriented_size
from imggen.decode.placement import compute_placement
from imggen.decode.rasters import Raster
from imggen.decode.read_errors import build_image_error, concerns_file
from imggen.decode.readers import read_plain_file, read_plain_size
from imggen.decode.spec import ImageSpec


def upright_size(source: Source, spec: ImageSpec) -> tuple[int, int]:
    """Returns the (width, height) of an image as ``spec`` turns it upright.

    Reads pixels only of PNGs that are not plain, in which Pillow looks for an orientation at the
    end, and of files that Pillow cannot open.
    """
    is_opened, data = False, None
    try:
        match source:  # which takes less time than isinstance
            case bytes():
                data = source
            case _:
                data = read_plain_file(source)
        size = None if data is None else read_plain_size(data, spec)
        if size is not None:
            return size
        from PIL import Image

        with Image.open(source if data is None else io.BytesIO(data)) as image:
            is_opened = True
            return oriented_size(image, upright=spec.exif_orientation)
    except Exception as err:
        if not concerns_file(err):
            raise
        opened = reopen(source if data is None else data, err, is_opened=is_opened)
        if isinstance(opened, Raster):
            height, width = opened.values.shape[:2]
            is_turned = spec.exif_orientation and opened.orientation in TURNED
            return (height, width) if is_turned else (width, height)
        return oriented_size(opened, upright=spec.exif_orientation)


def source_geometry(
    source: Source, spec: ImageSpec
) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    """Computes where in a file the pixels of its array come from.

    Args:
        source: The path of a file, or its bytes.
        spec: How it becomes an array.

    Returns:
        (height, width) of the upright image in the file, in pixels; and the matrix that maps a
        position in the array, (x, y) in pixels from the center of the first pixel, to a position
        in the file, float64 of shape (3, 3).

    Raises:
        ImageError: The file cannot be read.
    """
    try:
        width, height = upright_size(source, spec)
    except Exception as err:
        if not concerns_file(err):
            raise
        raise build_image_error(describe_source(source), err) from err
    (left, top, right, bottom), (across, down), (at_left, at_top) = compute_placement(
        width, height, spec
    )
    scale_x, scale_y = (right - left) / across, (bottom - top) / down
    matrix = np.array(
        [
            [scale_x, 0.0, left + (0.5 - at_left) * scale_x - 0.5],
            [0.0, scale_y, top + (0.5 - at_top) * scale_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    return (height, width), matrix
