"""Images with structure, and copies of them altered in known ways."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter

import imggen


def scenes(number: int, side=64, seed=0, smooth=3) -> np.ndarray:
    """Gray images with roughly the spectrum of photographs."""
    noise = np.random.default_rng(seed).standard_normal((number, side, side))
    smoothed = gaussian_filter(noise, (0, smooth, smooth), mode="nearest")
    smoothed -= smoothed.mean((1, 2), keepdims=True)
    smoothed /= np.abs(smoothed).max((1, 2), keepdims=True)
    return np.rint(128 + 110 * smoothed).astype(np.uint8)


def photo(seed: int, side=160) -> Image.Image:
    """A color image, a different one for each seed."""
    light, *colors = scenes(4, side, seed, smooth=side / 24).astype(np.float32)
    planes = [light * 0.7 + color * 0.3 for color in colors]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


def cropped(image: Image.Image, left=0.0, top=0.0, right=0.0, bottom=0.0) -> Image.Image:
    """The image without this fraction of each side."""
    width, height = image.size
    edges = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(map(round, edges)))


def brighter(image: Image.Image, factor=1.15) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(factor)


def smaller(image: Image.Image, factor=0.5) -> Image.Image:
    return image.resize([round(side * factor) for side in image.size])


def compressed(image: Image.Image, quality=30) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


# A small image without structure, as files and as frames of an animation.
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)


def data_of(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    # Copies, since Pillow notes a JPEG's settings on its image, and other formats trip on them.
    if "append_images" in options:
        options["append_images"] = [frame.copy() for frame in options["append_images"]]
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()


JPEG, PNG = data_of(PICTURE, "JPEG"), data_of(PICTURE, "PNG")
FRAMES = {"save_all": True, "append_images": [PICTURE.rotate(90), PICTURE.rotate(180)]}


def png_of_zeros(side: int) -> bytes:
    """A square of black pixels, one bit each; a small file, however large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)))
    parts = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# Usual changes of copies, which remain the same image.
WAYS = {
    "smaller": smaller,
    "larger": lambda image: smaller(image, 1.7),
    "stretched": lambda image: image.resize((200, 120)),
    "compressed": compressed,
    "gray": lambda image: image.convert("L"),
    "brighter": brighter,
    "darker": lambda image: brighter(image, 0.8),
    "cropped": lambda image: cropped(image, 0.08, 0.08, 0.08, 0.08),
    "cropped on one side": lambda image: cropped(image, left=0.07),
    "cropped at a corner": lambda image: cropped(image, right=0.06, bottom=0.03),
    "cropped and small": lambda image: smaller(cropped(image, 0.02, 0.05, 0.04, 0.01)),
    "all of it": lambda image: compressed(
        brighter(smaller(cropped(image, 0.03, 0.04, 0.05, 0.06), 0.7))
    ),
}


def write_photos(folder: Path, pictures: dict[str, Image.Image | int | bytes]) -> Path:
    """Writes files by name: an image, the image of a seed, or bytes."""
    for name, picture in pictures.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            place.write_bytes(picture)
        else:
            (photo(picture) if isinstance(picture, int) else picture).save(place)
    return folder


def write_album(folder: Path) -> Path:
    """Writes images 0 (with a small and a cropped copy), 1 (with an equal file) and 2."""
    data = data_of(photo(1), "PNG")
    return write_photos(
        folder,
        {
            "cat/0.png": 0,
            "cat/1.png": data,
            "cat/small.png": smaller(photo(0)),
            "dog/1 again.png": data,
            "dog/2.png": 2,
            "dog/cut.jpg": cropped(photo(0), left=0.05),
        },
    )


def listing(folder: Path, *paths: str, **columns) -> imggen.Manifest:
    """The manifest of these paths, in this order; of all images, if none is named."""
    if not paths:
        return imggen.scan(folder, labels=None)
    return imggen.Manifest(str(folder), imggen.core.StringColumn.of(paths), **columns)
