"""Whole image files of many kinds, among which ``verify`` must find nothing broken.

    python -m tests.helpers.whole_files PHOTOS [--limit N]

verifies PHOTOS as it is, and then 46 new files for each of N photographs (40 unless stated): saved
by Pillow and OpenCV at several qualities, progressive, optimized, with other subsampling, restart
markers and gray, in other formats, with borders and bars, upscaled, and drawings without texture.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageOps

import imggen


def saved(image: Image.Image, kind="JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)
    return file.getvalue()


def saved_by_opencv(image: Image.Image, suffix=".jpg", *flags: int) -> bytes:
    pixels = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, pixels, list(flags))[1].tobytes()


def screenshot(rng: np.random.Generator, size=(640, 480), grid=1) -> Image.Image:
    """Flat rectangles, lines and text on a flat background, at multiples of ``grid``."""
    image = Image.new("RGB", size, tuple(rng.integers(180, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        left, top = (int(rng.integers(0, side) // grid * grid) for side in size)
        right, bottom = (place + int(rng.integers(1, 20)) * grid for place in (left, top))
        color = tuple(rng.integers(0, 256, 3).tolist())
        draw.rectangle((left, top, right - 1, bottom - 1), fill=color)
        draw.text((left, top), "The quick brown fox", fill=tuple(rng.integers(0, 99, 3).tolist()))
    return image


def stairs(rng: np.random.Generator, image: Image.Image | None = None) -> Image.Image:
    """Two areas that meet at a stair along the blocks of a JPEG, as damage has it."""
    width, height = (320, 240) if image is None else image.size
    pixels = np.full((height, width, 3), 200) if image is None else np.asarray(image).astype(int)
    row, column = 16 * int(rng.integers(2, 8)), 16 * int(rng.integers(3, 12))
    pixels[row:, column:] //= 2
    pixels[row + 16 :, :column] //= 2
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def letterboxed(image: Image.Image, bar: int) -> Image.Image:
    return ImageOps.expand(image, (0, bar, 0, bar), "black")


def collage(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (448, 448), "white")
    for number in range(9):
        tile = image.resize((144, 144)).rotate(90 * number)
        canvas.paste(tile, (16 + 144 * (number % 3), 16 + 144 * (number // 3)))
    return canvas


def whole_files(photo: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yields the (name, data) of files made of one photograph."""
    rng = np.random.default_rng(seed)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB")
    image.thumbnail((500, 500))
    for quality in (5, 20, 60, 85, 100):
        yield f"quality-{quality}.jpg", saved(image, quality=quality)
    yield "progressive.jpg", saved(image, progressive=True)
    yield "optimized.jpg", saved(image, optimize=True, quality=80)
    yield "444.jpg", saved(image, subsampling=0, quality=90)
    yield "422-progressive.jpg", saved(image, subsampling=1, progressive=True, quality=35)
    yield "gray.jpg", saved(image.convert("L"))
    yield "gray-progressive.jpg", saved(image.convert("L"), progressive=True, quality=30)
    yield "cmyk.jpg", saved(image.convert("CMYK"))
    yield "restarts.jpg", saved(image, restart_marker_rows=1)
    yield "restarts-2.jpg", saved(image, restart_marker_blocks=3, quality=60)
    yield "opencv.jpg", saved_by_opencv(image)
    flags = cv2.IMWRITE_JPEG_QUALITY, 40, cv2.IMWRITE_JPEG_OPTIMIZE, 1
    yield "opencv-40.jpg", saved_by_opencv(image, ".jpg", *flags)
    yield "letterboxed.jpg", saved(letterboxed(image, 16 * (1 + seed % 5)), quality=75)
    yield "border.jpg", saved(ImageOps.expand(image, 16 + seed % 9, "white"), quality=50)
    yield "collage.jpg", saved(collage(image), quality=90)
    yield "twice.jpg", saved(Image.open(io.BytesIO(saved(image, quality=15))), quality=95)
    small = image.resize((40, 30))
    yield "upscaled.jpg", saved(small.resize((640, 480), Image.Resampling.NEAREST), optimize=True)
    yield "tiny.jpg", saved(image.resize((28, 28)), quality=50)
    yield "screenshot.jpg", saved(screenshot(rng), quality=75)
    yield "screenshot-grid.jpg", saved(screenshot(rng, grid=16), quality=90, optimize=True)
    yield "stairs.jpg", saved(stairs(rng), quality=90)
    drawing = image.convert("L").point(lambda level: 255 * (level > 128)).convert("RGB")
    yield "drawing.jpg", saved(ImageOps.expand(drawing, 40, "white"), optimize=True)
    for name, level in (("black", 0), ("white", 255)):
        flat = Image.new("RGB", image.size, (level,) * 3)
        yield f"{name}.jpg", saved(flat, optimize=bool(seed % 2))
    night = Image.fromarray((np.asarray(image) // 32).astype(np.uint8))
    yield "night.jpg", saved(night, quality=70, optimize=True)
    yield "sensor.jpg", saved(Image.fromarray(rng.integers(0, 256, (99, 99, 3), np.uint8)))
    yield "image.png", saved(image, "PNG")
    yield "palette.png", saved(image.convert("P"), "PNG")
    yield "bits.png", saved(image.convert("1"), "PNG")
    yield "opencv.png", saved_by_opencv(image, ".png")
    yield "image.webp", saved(image, "WEBP")
    yield "lossless.webp", saved(image, "WEBP", lossless=True)
    yield "image.bmp", saved(image, "BMP")
    yield "palette.bmp", saved(image.convert("P"), "BMP")
    yield "image.gif", saved(image, "GIF")
    yield "image.jp2", saved(image, "JPEG2000")
    yield "image.ppm", saved(image, "PPM")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"{compression}.tif", saved(image, "TIFF", compression=compression)


def report_faults(folder: Path) -> int:
    report = imggen.verify(folder)
    for finding in report.findings:
        if finding.problem.is_fault or finding.problem.is_unsupported:
            sys.stdout.write(f"false alarm: {finding}\n")
    sys.stdout.write(f"{report.num_files} files of {folder}: {report.counts}\n")
    return len(report.faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder of whole JPEGs, at any depth")
    parser.add_argument("--limit", type=int, default=40, help="photographs to make files of")
    options = parser.parse_args()
    faults = report_faults(options.photos)
    paths = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() == ".jpg")
    paths = paths[:: max(1, len(paths) // options.limit)][: options.limit]
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            for name, data in whole_files(path.read_bytes(), number):
                (Path(folder) / f"{number:03}-{name}").write_bytes(data)
        faults += report_faults(Path(folder))
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
