"""Calls decoders and custom loaders, and turns their errors into ones that name the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from imggen.decode import concerns_file
from imggen.errors import ImageError, SampleError


def read_array(path: str, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Calls ``load`` for the file ``path``.

    Raises:
        ImageError: ``load`` raised an error about the file, or a custom loader any error of its
            own; the message names ``path`` and the reason.
        SampleError: ``load`` returned something other than an array of numbers.
    """
    try:
        array = load()
    except ImageError as err:
        # The path in the manifest, even if a custom loader raises an error for another one.
        raise ImageError.of(path, err.reason, err) from err
    except Exception as err:
        if not concerns_file(err):
            raise
        raise ImageError.of_loader(path, err) from err
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise SampleError(
            f"The loader returned {kind} for {path!r}; expected a NumPy array of numbers."
        )
    return array


def check_same_size(
    path: str, noun: str, array: npt.NDArray[Any], image_path: str, image: npt.NDArray[Any]
) -> None:
    """Checks that an array has the height and width of the image that it belongs to.

    Args:
        path: The file of the array.
        noun: The word for the array, such as "mask".
        array: Shape (height, width, ...).
        image_path: The file of the image.
        image: Shape (height, width, ...).

    Raises:
        ImageError: The sizes differ; with ``path``.
    """
    if array.shape[:2] != image.shape[:2]:
        raise ImageError.of(
            path,
            f"as the {noun} of {image_path!r} it needs the same height and width: got "
            f"{array.shape[:2]}, expected {image.shape[:2]}",
        )
