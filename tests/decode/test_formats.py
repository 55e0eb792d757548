"""The table of formats agrees with Pillow."""

import os

from PIL import Image

from imggen.decode import find_format, format_by_extension, image_extensions, load_image
from imggen.decode.formats import FORMATS
from tests.decode.test_load import encoded, noise


def test_every_format_of_the_table_is_one_that_pillow_knows():
    known = set(Image.registered_extensions().values()) | set(Image.OPEN)
    for name, row in FORMATS.items():
        assert name == row.name
        assert name in known
        for extension in row.extensions:
            assert format_by_extension(extension) == name, extension


def test_formats_that_can_be_decoded_are_listed_by_their_extensions(tmp_path):
    extensions = image_extensions()
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM"):
        for extension in FORMATS[name].extensions:
            assert extension in extensions
            path = os.fspath(tmp_path / f"image{extension}")
            Image.fromarray(noise(8, 8)).convert("L").save(path, name)
            assert load_image(path).shape == (256, 256, 3)


def test_formats_that_pillow_cannot_decode_by_itself_are_not_listed():
    assert not image_extensions() & {".eps", ".ps", ".wmf", ".emf", ".h5", ".hdf", ".grib", ".mpg"}


def test_an_unknown_extension_has_no_format():
    for extension in (".txt", "", "jpg", ".jpg.json"):
        assert format_by_extension(extension) is None
    assert format_by_extension(".JPeG") == "JPEG"


def test_every_jpeg_begins_with_the_signature_and_no_other_format_does():
    signature = FORMATS["JPEG"].signature
    for kind in ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM"):
        begins = encoded(noise(8, 8), kind).startswith(signature)
        assert begins == (find_format(kind).family == "JPEG"), kind


def test_a_format_without_a_row_is_a_plain_one():
    row = find_format("QOI")

    assert (row.name, row.family, row.decoder) == ("QOI", "QOI", "pillow")
    assert find_format(None).family == ""
