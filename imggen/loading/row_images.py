"""Images in the rows of a dataset: the bytes of files, paths, or arrays."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.decode import ImageSpec, MaskValues, load_mask, read_image, source_geometry
from imggen.errors import ImageError, OptionError
from imggen.loading.array_images import parse_image, parse_masks
from imggen.loading.image_store import ImageStore

# The content of one row: the bytes of a file, its path, an array, or None for no image.
Stored = bytes | str | npt.NDArray[Any] | None


@final
class RowImages(ImageStore):
    """Images in columns of datasets; an image is decoded when it is needed.

    Args:
        columns: The function from row to content for each column, by the text that its names begin
            with. Picklable, for worker processes.
    """

    def __init__(self, columns: Mapping[str, Callable[[int], Stored]]) -> None:
        self._columns = dict(columns)
        # The longest first: one may begin with another.
        prefixes = sorted(map(re.escape, columns), key=len, reverse=True)
        self._pattern = re.compile(rf"({'|'.join(prefixes)})\[([0-9]+)\]")

    def __call__(self, name: str) -> npt.NDArray[np.uint8]:
        """See ``ImageStore``."""
        return self.read(name, ImageSpec(image_size=None))

    def read(self, name: str, spec: ImageSpec) -> npt.NDArray[np.uint8]:
        """See ``ImageStore``."""
        return read_image(self.source(name), spec)

    def read_mask(
        self, name: str, image_name: str, spec: ImageSpec, mask_values: MaskValues | None
    ) -> npt.NDArray[Any]:
        """See ``ImageStore``."""
        mask = self.source(name, is_mask=True)
        return load_mask(mask, self.source(image_name), spec, mask_values)

    def locate(self, name: str, spec: ImageSpec) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
        """Finds where in an image its pixels come from; see ``imggen.decode.source_geometry``."""
        return source_geometry(self.source(name), spec)

    def as_cache(self, names: Iterable[str], spec: ImageSpec) -> None:
        """Returns None: the images have to be decoded."""

    def source(self, name: str, *, is_mask: bool = False) -> bytes | str:
        """Returns an image as a file: its bytes or its path.

        Raises:
            ImageError: The row has no image, or an array of another shape or with other values.
        """
        found = self._pattern.match(name)
        assert found is not None  # noqa: S101 - only names of ``name_row`` get here
        try:
            stored = self._columns[found[1]](int(found[2]))
            if stored is None:
                raise ImageError.of(name, "the row has no image")
            if isinstance(stored, bytes | str):
                return stored
            pixels = parse_masks([stored])[0] if is_mask else parse_image(stored, "array")
            return _encode(pixels)
        except OptionError as err:
            raise ImageError.of(name, str(err).rstrip(".")) from err


def name_row(prefix: str, row: int, path: str | None) -> str:
    """Returns the name of the image in one row, as messages and tables show it.

    Args:
        prefix: The column, or the split and the column.
        row: The row.
        path: The file that it was made from, if that is known.

    Example:
        >>> name_row("image", 3, None), name_row("image", 4, "cat.jpg")
        ('image[3]', 'image[4] cat.jpg')
    """
    return f"{prefix}[{row}] {path}" if path else f"{prefix}[{row}]"


def _encode(image: npt.NDArray[Any]) -> bytes:
    """Encodes an array as a PNG file of the same values."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()
