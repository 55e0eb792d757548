"""Damaged copies of image files, and how many of them ``verify`` finds.

    python -m tests.helpers.damage PHOTOS [--seed N] [--list]

takes 40 JPEGs of a folder and damages each in 13 ways, and 40 PNGs made of them in 7 ways. A copy
that is still decoded differs visibly if the mean absolute difference of its pixels is 3 levels or
more, or 1 % of them are off by more than 32; one that is not decoded, or to another size, does.
"""

import argparse
import io
import random
import re
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import imggen

Damage = Callable[[bytes, random.Random, bytes], bytes]

NUM_FILES = 40
MIN_MEAN, MIN_SHARE = 3.0, 0.01
_END = b"\xff\xd9"


def start_of_pixels(data: bytes) -> int:
    """The position after the first scan header of a JPEG, or the first chunk header of a PNG."""
    if data.startswith(b"\x89PNG"):
        return data.index(b"IDAT") + 4
    at = data.index(b"\xff\xda")
    while data[at + 2 : at + 4] not in (b"\0\x0c", b"\0\x08"):  # in a thumbnail, perhaps
        at = data.index(b"\xff\xda", at + 2)
    return at + 2 + int.from_bytes(data[at + 2 : at + 4])


def a_place(data: bytes, rng: random.Random) -> int:
    """A position in the middle of the compressed pixels."""
    start = start_of_pixels(data)
    return start + int((len(data) - start) * rng.uniform(0.1, 0.8))


def a_length(data: bytes) -> int:
    return min(4096, max(64, len(data) // 8))


def lost_block(data, rng, _):
    at = a_place(data, rng)
    return data[:at] + data[at + a_length(data) :]


def zeroed_block(data, rng, _):
    at = a_place(data, rng)
    return data[:at] + bytes(a_length(data)) + data[at + a_length(data) :]


def cut_and_closed(data, rng, _):
    return data[: a_place(data, rng)] + _END


def zeros_and_closed(data, rng, _):
    at = a_place(data, rng)
    return data[:at] + bytes(len(data) - at - 2) + _END


def zeros_to_the_end(data, rng, _):
    at = a_place(data, rng)
    return data[:at] + bytes(len(data) - at)


def flipped_bits(data, rng, _):
    changed, start = bytearray(data), start_of_pixels(data)
    for _ in range(8):
        changed[rng.randrange(start, len(data) - 2)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def swapped_sectors(data, rng, _, size=512):
    first = a_place(data, rng) // size
    second = first + 1 + rng.randrange(3)
    if (second + 1) * size > len(data):
        second = max(first - 1, -(-start_of_pixels(data) // size))
    changed = bytearray(data)
    one, other = slice(first * size, (first + 1) * size), slice(second * size, (second + 1) * size)
    changed[one], changed[other] = data[other], data[one]
    return bytes(changed)


def swapped_pages(data, rng, _):
    return swapped_sectors(data, rng, _, size=4096 if len(data) > 16384 else 512)


def truncated(data, rng, _):
    return data[: a_place(data, rng)]


def inserted_bytes(data, rng, _):
    at = a_place(data, rng)
    return data[:at] + rng.randbytes(64) + data[at:]


def sent_as_text(data, rng, _):
    return data.replace(b"\n", b"\r\n")


def other_file(data, rng, other):
    at, length = a_place(data, rng), a_length(data)
    begin = a_place(other, rng)
    return data[:at] + other[begin : begin + length] + data[at + length :]


def damaged_header(data, rng, _):
    changed, end = bytearray(data), start_of_pixels(data)
    at = rng.randrange(2, end - 16)
    changed[at : at + 8] = rng.randbytes(8)
    return bytes(changed)


JPEG_DAMAGE: dict[str, Damage] = {
    "lost block": lost_block,
    "zeroed block": zeroed_block,
    "cut and closed": cut_and_closed,
    "zeros to the end": zeros_to_the_end,
    "zeros, closed": zeros_and_closed,
    "flipped bits": flipped_bits,
    "swapped sectors (512)": swapped_sectors,
    "swapped sectors (4096)": swapped_pages,
    "truncated": truncated,
    "inserted bytes": inserted_bytes,
    "line ends replaced": sent_as_text,
    "another file's bytes": other_file,
    "damaged header": damaged_header,
}
PNG_DAMAGE: dict[str, Damage] = {
    "lost block": lost_block,
    "zeroed block": zeroed_block,
    "zeros to the end": zeros_to_the_end,
    "flipped bits": flipped_bits,
    "swapped sectors (512)": swapped_sectors,
    "truncated": truncated,
    "another file's bytes": other_file,
}


def decode(data: bytes) -> np.ndarray | None:
    try:
        return imggen.load_image(data, imggen.ImageSpec(None, exif_orientation=False))
    except imggen.errors.ImageError:
        return None


def differs_visibly(data: bytes, whole: np.ndarray) -> bool:
    pixels = decode(data)
    if pixels is None or pixels.shape != whole.shape:
        return True
    differences = np.abs(pixels.astype(int) - whole)
    return bool(
        differences.mean() >= MIN_MEAN or (differences.max(axis=2) > 32).mean() >= MIN_SHARE
    )


def damaged_copies(
    files: dict[str, bytes], damage: dict[str, Damage], seed: int
) -> Iterator[tuple[str, str, bytes, bool]]:
    """Yields the (kind, name, data, differs visibly) of each copy that damage has changed."""
    names = sorted(files)
    for number, name in enumerate(names):
        data, other = files[name], files[names[number - 1]]
        whole = decode(data)
        for kind, change in damage.items():
            # A generator of its own: another kind more or less changes no other one.
            rng = random.Random(zlib.crc32(f"{seed} {kind} {name}".encode()))
            changed = change(data, rng, other)
            if changed != data:
                yield kind, name, changed, differs_visibly(changed, whole)


def measure(files: dict[str, bytes], damage: dict[str, Damage], seed: int, listed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copies: dict[str, tuple[str, bool]] = {}
        for kind, name, data, is_visible in damaged_copies(files, damage, seed):
            path = f"{re.sub('[^a-z0-9]+', '-', kind)}/{name}"
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_bytes(data)
            copies[path] = kind, is_visible
        report = imggen.verify(folder)
    faults = {finding.path for finding in report.faults}
    total, visible, found, invisible = Counter(), Counter(), Counter(), Counter()
    for path, (kind, is_visible) in copies.items():
        total[kind] += 1
        visible[kind] += is_visible
        found[kind] += is_visible and path in faults
        invisible[kind] += not is_visible and path in faults
        if listed and is_visible and path not in faults:
            sys.stdout.write(f"missed: {path}\n")
    sys.stdout.write(f"{'damage':<24}{'copies':>8}{'visible':>9}{'found':>7}{'others found':>14}\n")
    for kind in damage:
        row = f"{total[kind]:>8}{visible[kind]:>9}{found[kind]:>7}{invisible[kind]:>14}"
        sys.stdout.write(f"{kind:<24}{row}\n")
    share = found.total() / visible.total()
    sys.stdout.write(f"found {found.total()} of {visible.total()} ({share:.1%})\n\n")


def as_png(data: bytes) -> bytes:
    file = io.BytesIO()
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.thumbnail((320, 320))
    image.save(file, "PNG")
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder of JPEGs, at any depth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="list copies that were not found")
    options = parser.parse_args()
    paths = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() == ".jpg")
    paths = paths[:: max(1, len(paths) // NUM_FILES)][:NUM_FILES]
    photos = {path.name: path.read_bytes() for path in paths}
    measure(photos, JPEG_DAMAGE, options.seed, options.list)
    pictures = {f"{Path(name).stem}.png": as_png(data) for name, data in photos.items()}
    measure(pictures, PNG_DAMAGE, options.seed, options.list)


if __name__ == "__main__":
    main()
