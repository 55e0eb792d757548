"""Image files to arrays: modes, formats, orientation, sizes and what cannot be read."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imggen.decode import ImageSpec, load_image
from imggen.errors import ImageError, OptionError
from tests.helpers.cases import case
from tests.helpers.resizers import assert_within_a_level, without_cykooz

SIDES = st.integers(1, 24)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(height).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def load(data: bytes, image_size=None, color_mode="rgb", **options) -> np.ndarray:
    return load_image(data, ImageSpec(image_size, color_mode, **options))


def one_pixel(mode: str, value, kind: str, **options) -> bytes:
    image = Image.new(mode, (3, 2), value)
    if mode in ("P", "PA"):
        image.putpalette([200, 100, 50, 0, 0, 0])
    return encoded(image, kind, **options)


def png16(*values: int, transparent: int | None = None) -> bytes:
    """A 16-bit grayscale PNG of one row, written by hand: Pillow cannot write its tRNS."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", len(values), 1, 16, 0, 0, 0, 0)
    row = b"\0" + struct.pack(f">{len(values)}H", *values)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (b"" if transparent is None else chunk(b"tRNS", struct.pack(">H", transparent)))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )


# Gray is 0.299 red + 0.587 green + 0.114 blue; an alpha of 51 is one fifth.
ORANGE, ORANGE_GRAY = (200, 100, 50), 124
MODES = {
    "1": (("1", 1, "PNG"), (255, 255, 255), 255, 255),
    "L": (("L", 100, "PNG"), (100, 100, 100), 255, 100),
    "L transparent": (("L", 100, "PNG", {"transparency": 100}), (100, 100, 100), 0, 100),
    "LA solid": (("LA", (100, 255), "PNG"), (100, 100, 100), 255, 100),
    "LA clear": (("LA", (100, 0), "PNG"), (100, 100, 100), 0, 100),
    "LA faint": (("LA", (100, 51), "PNG"), (100, 100, 100), 51, 100),
    "P": (("P", 0, "PNG"), ORANGE, 255, ORANGE_GRAY),
    "P transparent": (("P", 0, "PNG", {"transparency": 0}), ORANGE, 0, ORANGE_GRAY),
    "P faint": (("P", 0, "PNG", {"transparency": b"\x33"}), ORANGE, 51, ORANGE_GRAY),
    "PA clear": (("PA", (0, 0), "TIFF"), ORANGE, 0, ORANGE_GRAY),
    "RGB": (("RGB", ORANGE, "PNG"), ORANGE, 255, ORANGE_GRAY),
    "RGB transparent": (("RGB", ORANGE, "PNG", {"transparency": ORANGE}), ORANGE, 0, ORANGE_GRAY),
    "RGBA solid": (("RGBA", (*ORANGE, 255), "PNG"), ORANGE, 255, ORANGE_GRAY),
    "RGBA faint": (("RGBA", (*ORANGE, 51), "PNG"), ORANGE, 51, ORANGE_GRAY),
    "RGBA clear": (("RGBA", (*ORANGE, 0), "PNG"), ORANGE, 0, ORANGE_GRAY),
    "CMYK": (("CMYK", (0, 255, 255, 0), "TIFF"), (255, 0, 0), 255, 76),
    "CMYK black": (("CMYK", (9, 9, 9, 255), "TIFF"), (0, 0, 0), 255, 0),
    "CMYK JPEG": (("CMYK", (0, 0, 0, 0), "JPEG"), (255, 255, 255), 255, 255),
    "YCbCr JPEG": (("RGB", (100, 100, 100), "JPEG", {"quality": 100}), (100,) * 3, 255, 100),
    "I;16": (("I;16", 25700, "PNG"), (100, 100, 100), 255, 100),
    "I;16 TIFF": (("I;16", 25700, "TIFF"), (100, 100, 100), 255, 100),
    "I": (("I", 25700, "PPM"), (100, 100, 100), 255, 100),
}


def test_every_mode_becomes_every_color_mode_with_transparency_composited_onto_white():
    for name, color_mode in itertools.product(MODES, ["rgb", "rgba", "grayscale"]):
        with case(name, color_mode):
            (mode, value, kind, *options), color, alpha, gray = MODES[name]
            data = one_pixel(mode, value, kind, **(options[0] if options else {}))

            got = load(data, color_mode=color_mode)

            wanted = {"rgb": color, "rgba": color, "grayscale": (gray,)}[color_mode]
            if color_mode == "rgba":
                wanted = (*color, alpha)
            else:
                wanted = [round((value * alpha + 255 * (255 - alpha)) / 255) for value in wanted]
            assert got.shape == (2, 3, len(wanted))
            assert np.abs(got.astype(int) - wanted).max() <= (color_mode == "grayscale")


def test_a_lab_tiff_becomes_grayscale_by_way_of_rgb():
    data = one_pixel("LAB", (120, 140, 90), "TIFF")
    red, green, blue = load(data)[0, 0].tolist()

    gray = 0.299 * red + 0.587 * green + 0.114 * blue
    assert load(data, color_mode="grayscale")[0, 0, 0] == pytest.approx(gray, abs=1)


def test_sixteen_bits_are_scaled_and_rounded_to_eight():
    for (mode, kind), (value, wanted) in itertools.product(
        [("I;16", "PNG"), ("I;16", "TIFF"), ("I", "PPM")],
        [
            (0, 0),
            (128, 0),
            (129, 1),
            (257, 1),
            (32767, 127),
            (32768, 128),
            (65406, 254),
            (65535, 255),
        ],
    ):
        with case(mode, kind, value, wanted):
            data = one_pixel(mode, value, kind)

            assert load(data, color_mode="grayscale")[0, 0].tolist() == [wanted]
            assert load(data)[0, 0].tolist() == [wanted] * 3


def test_transparency_of_sixteen_bit_grayscale_is_composited_onto_white_too():
    assert load(png16(0, 25700, 65535, transparent=0)).tolist() == [
        [[255] * 3, [100] * 3, [255] * 3]
    ]


def test_values_without_a_defined_range_are_refused_with_the_range(tmp_path):
    for mode, value, reason in [
        ("F", 0.5, r"mode F\) run from 0.5 to 0.5"),
        ("I", 200, "from 200 to 200"),
        ("I", -1, "from -1 to"),
    ]:
        with case(mode, value, reason):
            path = tmp_path / "depth.tif"
            path.write_bytes(one_pixel(mode, value, "TIFF"))

            with pytest.raises(ImageError, match=reason) as caught:
                load_image(path)
            assert caught.value.path == str(path)
            assert "loader=" in caught.value.reason


def test_floating_point_values_of_a_pfm_file_are_refused_too():
    data = one_pixel("F", 0.5, "PPM")

    with pytest.raises(ImageError, match="mode F"):
        load(data)


def test_every_format_holds_the_pixels_that_pillow_reads(tmp_path):
    for color_mode, suffix in itertools.product(
        ["rgb", "grayscale"], ["jpg", "png", "bmp", "gif", "webp", "tif", "ppm", "jp2", "ico"]
    ):
        with case(color_mode, suffix):
            path = tmp_path / f"image.{suffix}"
            Image.fromarray(noise(21, 30)).save(path)
            with Image.open(path) as image:
                flat = image.convert("RGB")

            wanted = flat if color_mode == "rgb" else flat.convert("L")
            got = load_image(path, ImageSpec(None, color_mode))
            np.testing.assert_array_equal(got.squeeze(), np.asarray(wanted))


def test_of_several_frames_the_first_is_taken():
    for kind, options in [("GIF", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("PNG", {})]:
        with case(kind, options):
            frames = [Image.new("RGB", (4, 4), color) for color in ("red", "lime", "blue")]
            data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)

            assert (load(data) == (255, 0, 0)).all()


# What a viewer does to the stored pixels, by the EXIF tag.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}


def stored_and_tagged(kind: str, orientation: int) -> tuple[np.ndarray, bytes]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(noise(5, 8), kind))) as image:
        stored = np.asarray(image)
    return stored, encoded(noise(5, 8), kind, exif=exif)


def test_a_photograph_is_turned_upright_as_its_exif_tag_says():
    for kind, orientation in itertools.product(["JPEG", "PNG", "WEBP", "TIFF"], UPRIGHT):
        with case(kind, orientation):
            stored, data = stored_and_tagged(kind, orientation)

            np.testing.assert_array_equal(load(data), UPRIGHT[orientation](stored))


def test_without_exif_orientation_pixels_are_as_stored():
    for kind, orientation in itertools.product(
        ["JPEG", "PNG", "WEBP", "TIFF"], [2, 3, 4, 5, 6, 7, 8]
    ):
        with case(kind, orientation):
            stored, data = stored_and_tagged(kind, orientation)

            np.testing.assert_array_equal(load(data, exif_orientation=False), stored)


def test_resizing_is_pillows_or_a_level_away():
    for (color_mode, mode), (interpolation, same_as), size in itertools.product(
        [("rgb", "RGB"), ("rgba", "RGBA"), ("grayscale", "L")],
        [
            ("nearest", Image.Resampling.NEAREST),
            ("bilinear", Image.Resampling.BILINEAR),
            ("bicubic", Image.Resampling.BICUBIC),
            ("area", Image.Resampling.BOX),
            ("box", Image.Resampling.BOX),
            ("hamming", Image.Resampling.HAMMING),
            ("lanczos3", Image.Resampling.LANCZOS),
            ("lanczos", Image.Resampling.LANCZOS),
        ],
        [(7, 5), (40, 50), (40, 5), (20, 30)],
    ):
        with case(color_mode, mode, interpolation, same_as, size):
            image = Image.fromarray(noise(20, 30, 4)).convert(mode)
            wanted = np.asarray(image.resize(size[::-1], same_as)).reshape(*size, -1)
            got = load(encoded(image), size, color_mode, interpolation=interpolation)
            with without_cykooz():
                by_pillow = load(encoded(image), size, color_mode, interpolation=interpolation)

            np.testing.assert_array_equal(by_pillow, wanted)
            if interpolation == "bilinear" and color_mode != "rgba":
                assert_within_a_level(got, wanted)
            else:
                np.testing.assert_array_equal(got, wanted)


def test_crop_keeps_the_center():
    pixels = noise(5, 9)

    np.testing.assert_array_equal(load(encoded(pixels), (5, 5), fit="crop"), pixels[:, 2:7])


def seen(pixels: np.ndarray) -> tuple[set, set]:
    return set(pixels[..., 0].ravel().tolist()), set(pixels[..., 1].ravel().tolist())


@given(SIDES, SIDES, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_crop_takes_the_window_of_keras_smart_resize(height, width, rows, columns):
    import keras

    places = np.zeros((height, width, 3), np.uint8)
    places[..., 0], places[..., 1] = np.indices((height, width))
    # So much enlarged that every pixel of the window can be seen.
    size = (rows * 30, columns * 30)

    got = load(encoded(places), size, interpolation="nearest", fit="crop")
    tensor = keras.ops.convert_to_tensor(places)
    wanted = keras.preprocessing.image.smart_resize(tensor, size, interpolation="nearest")
    assert seen(got) == seen(np.asarray(wanted))


def test_nothing_outside_the_window_shows_in_a_crop():
    for interpolation in ["bilinear", "bicubic", "lanczos3"]:
        with case(interpolation):
            pixels = np.full((8, 24, 3), (255, 0, 0), np.uint8)
            pixels[:, 8:16] = (0, 255, 0)

            got = load(encoded(pixels), (4, 4), fit="crop", interpolation=interpolation)
            assert (got == (0, 255, 0)).all()


def test_pad_is_centered_and_black_or_transparent():
    for (color_mode, mode), (stored, size, top, left, inner) in itertools.product(
        [("rgb", "RGB"), ("rgba", "RGBA"), ("grayscale", "L")],
        [
            ((2, 4), (4, 4), 1, 0, (2, 4)),
            ((4, 2), (4, 4), 0, 1, (4, 2)),
            ((2, 4), (8, 8), 2, 0, (4, 8)),
            ((10, 20), (6, 4), 2, 0, (2, 4)),
            ((2, 2), (2, 7), 0, 2, (2, 2)),
            ((1, 40), (8, 8), 3, 0, (1, 8)),
        ],
    ):
        with case(color_mode, mode, stored, size, top, left, inner):
            image = Image.fromarray(noise(*stored)).convert(mode)
            wanted = np.zeros((*size, len(mode)), np.uint8)
            small = np.asarray(image.resize(inner[::-1], Image.Resampling.BILINEAR))
            wanted[top : top + inner[0], left : left + inner[1]] = small.reshape(*inner, -1)

            assert_within_a_level(load(encoded(image), size, color_mode, fit="pad"), wanted)


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["stretch", "crop", "pad"]))
@settings(deadline=None)
def test_every_size_becomes_the_size_asked_for(height, width, rows, columns, fit):
    spec = ImageSpec((rows, columns), "grayscale", fit=fit)

    assert load_image(encoded(noise(height, width)), spec).shape == spec.shape == (rows, columns, 1)


def test_without_a_size_files_keep_their_own():
    np.testing.assert_array_equal(load(encoded(noise(6, 11)), None), noise(6, 11))


def test_what_is_loaded_may_be_written_to():
    for kind, mode in itertools.product(["PNG", "JPEG", "BMP"], ["rgb", "rgba", "grayscale"]):
        # Of the last one no pixel is changed, whoever decodes it.
        for spec in (
            ImageSpec((4, 5), mode),
            ImageSpec(None, mode),
            ImageSpec(None, mode, shorter_side=9),
        ):
            with case(kind, spec):
                pixels = load_image(encoded(noise(6, 11), kind), spec)
                pixels[:] = 7

                assert (pixels == 7).all()


def test_a_path_a_string_and_bytes_give_the_same(tmp_path):
    path = tmp_path / "a b ü.png"
    path.write_bytes(encoded(noise(6, 11)))

    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(load_image(source, ImageSpec(None)), noise(6, 11))


def test_an_option_outside_its_legal_set_is_refused():
    for options, message in [
        ({"color_mode": "gray"}, "color_mode='gray' is .*'rgb', .*Did you mean 'grayscale'"),
        ({"color_mode": "rgbx"}, "color_mode='rgbx' is .*Did you mean 'rgb"),
        ({"interpolation": "linear"}, "interpolation='linear' is .*Did you mean 'bilinear'"),
        ({"interpolation": "lanczos5"}, "interpolation='lanczos5' is .*Did you mean 'lanczos"),
        ({"interpolation": 3}, "interpolation=3 is not one of 'nearest', "),
        ({"fit": "croped"}, "fit='croped' is .*Did you mean 'crop'"),
        (
            {"image_size": 0},
            r"image_size=0 must be a whole number of 1 or more, or two of them, \(height, width\)",
        ),
        ({"image_size": "64"}, r"image_size='64' must be a whole number"),
        ({"image_size": 64.0}, r"image_size=64\.0 must be a whole number"),
        ({"image_size": True}, r"image_size=True must be a whole number"),
        ({"image_size": 2**15}, r"image_size=\(32768, 32768\) is too large"),
        ({"image_size": (64,)}, r"image_size=\(64,\)"),
        ({"image_size": (64, 64, 3)}, r"image_size=\(64, 64, 3\)"),
        ({"image_size": (0, 64)}, r"image_size=\(0, 64\)"),
        ({"image_size": (64.0, 64)}, r"image_size=\(64.0, 64\)"),
        ({"image_size": "64"}, "image_size='64'"),
    ]:
        with case(options, message), pytest.raises(OptionError, match=message):
            ImageSpec(**options)


def test_a_size_may_be_a_list_or_numpy_integers():
    for size in [[3, 4], (np.int64(3), np.int32(4))]:
        with case(size):
            assert ImageSpec(size) == ImageSpec((3, 4))
            assert [type(side) for side in ImageSpec(size).image_size] == [int, int]
