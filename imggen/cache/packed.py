"""A cache of images that are stored as JPEGs."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, final

import numpy as np
import numpy.typing as npt

from imggen.decode import concerns_file, decode_jpeg

_MAX_SIDE = 65500  # the limit of libjpeg


class StackedRows(NamedTuple):
    """Samples as rows of an array, which ``stack[rows]`` copies.

    Attributes:
        stack: Read-only, shape (any number, *shape of a sample).
        rows: The row of each sample.
    """

    stack: npt.NDArray[Any]
    rows: npt.NDArray[np.int64]


class ImageCache(Protocol):
    """A cache of arrays: in memory or on disk, as pixels or as JPEGs."""

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Returns sample ``index``, read-only; calls ``load`` if it is not stored."""

    def find_rows(self, indices: npt.NDArray[np.int64]) -> StackedRows | None:
        """Returns samples as rows of one array, without a copy; None if not all are in one."""

    def holds(self, index: int) -> bool:
        """Whether sample ``index`` is probably stored, so that its file need not be read ahead."""

    @property
    def is_full(self) -> bool:
        """Whether no more samples are stored, since there is no space."""

    def flush(self) -> None:
        """Writes arrays that wait to be written."""

    def clear(self) -> None:
        """Releases memory."""


@final
class JpegCache:
    """Stores images as JPEGs in another cache. Arrays that are not images are stored as they are.

    It always returns the decoded JPEG, stored or not, so that all epochs agree.
    """

    def __init__(
        self, packed: ImageCache, quality: int, shape: tuple[int, ...] | None = None
    ) -> None:
        self._packed = packed
        self._quality = quality
        self._shape = shape

    def get(self, index: int, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Same as in the inner cache."""
        packed = self._packed.get(index, lambda: pack_as_jpeg(load(), self._quality))
        pixels = _unpack(packed)
        if pixels is None or (self._shape is not None and pixels.shape != self._shape):
            # An intact record of something that imggen did not write.
            loaded = load()
            pixels = _unpack(pack_as_jpeg(loaded, self._quality))
            return loaded if pixels is None else pixels
        return pixels

    def find_rows(self, indices: npt.NDArray[np.int64]) -> None:
        """Returns None: JPEGs have different lengths."""

    def holds(self, index: int) -> bool:
        """Same as in the inner cache."""
        return self._packed.holds(index)

    @property
    def is_full(self) -> bool:
        """Same as in the inner cache."""
        return self._packed.is_full

    def flush(self) -> None:
        """Same as in the inner cache."""
        self._packed.flush()

    def clear(self) -> None:
        """Same as in the inner cache."""
        self._packed.clear()


def pack_as_jpeg(array: npt.NDArray[Any], quality: int) -> npt.NDArray[Any]:
    """Encodes an image as JPEG, uint8 of one axis; returns other arrays unchanged."""
    from PIL import Image

    if (
        array.dtype != np.uint8
        or array.ndim != 3
        or array.shape[2] not in (1, 3)
        or max(array.shape) > _MAX_SIDE
    ):
        return array
    # The last value is the number of channels.
    file = io.BytesIO()
    Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0]).save(
        file, "JPEG", quality=quality
    )
    return np.frombuffer(file.getvalue() + bytes([array.shape[2]]), dtype=np.uint8)


def _unpack(packed: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    if packed.ndim != 1 or packed.dtype != np.uint8:
        return packed
    from PIL import Image

    data = packed[:-1].tobytes()
    pixels = decode_jpeg(data)
    if pixels is None:
        try:
            pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        except Exception as err:
            if not concerns_file(err):
                raise
            return None
    pixels.flags.writeable = False
    return pixels[:, :, : packed[-1]]
