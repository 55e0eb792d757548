"""The limit on the memory that the pixels of one file may take."""

from __future__ import annotations


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
