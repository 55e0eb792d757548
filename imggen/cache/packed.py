"""Images kept as JPEGs rather than as pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from imggen.decode import decode_jpeg

_LONGEST_SIDE = 65500  # that JPEGs of libjpeg have


class ImageCache(Protocol):
    """What keeps arrays: in memory or on disk, as they are or packed."""

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, not to be written to, calling ``load`` if it is not kept."""

    @property
    def is_full(self) -> bool:
        """Whether no more samples are kept, for want of room."""

    def flush(self) -> None:
        """Writes what waits to be written."""

    def clear(self) -> None:
        """Lets go of memory."""


@final
class JpegPacked:
    """Keeps images as JPEGs in another cache. Arrays that are no images are kept as they are.

    What is served is always what comes out of the JPEG, kept or not, so that all epochs agree.
    """

    def __init__(self, keeper: ImageCache, quality: int) -> None:
        self._keeper = keeper
        self._quality = quality

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """As the cache that it is kept in."""
        return _unpack(self._keeper.get(index, lambda: pack_as_jpeg(load(), self._quality)))

    @property
    def is_full(self) -> bool:
        """As the cache that it is kept in."""
        return self._keeper.is_full

    def flush(self) -> None:
        """As the cache that it is kept in."""
        self._keeper.flush()

    def clear(self) -> None:
        """As the cache that it is kept in."""
        self._keeper.clear()


def pack_as_jpeg(array: npt.NDArray[Any], quality: int) -> npt.NDArray[Any]:
    """The bytes of a JPEG, uint8 of one axis; what is no image that JPEGs can hold as it is."""
    from PIL import Image

    if (
        array.dtype != np.uint8
        or array.ndim != 3
        or array.shape[2] not in (1, 3)
        or max(array.shape) > _LONGEST_SIDE
    ):
        return array
    # The last value says how many channels there were.
    file = io.BytesIO()
    Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(
        file, "JPEG", quality=quality
    )
    return np.frombuffer(file.getvalue() + bytes([array.shape[2]]), dtype=np.uint8)


def _unpack(packed: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if packed.ndim != 1:
        return packed
    from PIL import Image

    data = packed[:-1].tobytes()
    pixels = decode_jpeg(data)
    if pixels is None:
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    pixels.flags.writeable = False
    return pixels[:, :, : packed[-1]]
