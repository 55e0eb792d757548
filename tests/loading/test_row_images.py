"""Images in the rows of a dataset, by the names of rows."""

import io

import numpy as np
import pytest
from PIL import Image

from imggen.decode import ImageSpec
from imggen.errors import ImageError
from imggen.loading import RowImages, name_row


def test_rows_are_found_by_their_names(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    file, buffer = tmp_path / "1.png", io.BytesIO()
    Image.fromarray(pixels[1]).save(file)
    Image.fromarray(pixels[2]).save(buffer, "PNG")
    stored = [pixels[0], str(file), buffer.getvalue(), None, pixels[0] / 255]
    images = RowImages({"a": stored[::-1].__getitem__, "a[1] b.*": stored.__getitem__})
    for row in range(3):
        for path in (None, "x[7].png", "a[0]"):
            name = name_row("a[1] b.*", row, path)
            np.testing.assert_array_equal(images(name), pixels[row])
            resized = images.read(name, ImageSpec((2, 2)))
            assert resized.shape == (2, 2, 3)
            (size, matrix) = images.locate(name, ImageSpec((10, 8)))
            assert (size, matrix[0, 0]) == ((5, 4), 0.5)
    np.testing.assert_array_equal(images("a[2]"), pixels[2])
    with pytest.raises(ImageError, match=r"'a\[1\]': the row has no image\. Fix"):
        images("a[1]")
    with pytest.raises(ImageError, match=r"'a\[0\]': array is float64 .*rescale=1 / 255\. Fix"):
        images("a[0]")
