"""TIFF files of every depth, color model, layout and compression."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tests.helpers import tiff_files
from tests.helpers.golden_files import HEIGHT, RNG, WIDTH, Golden, palette_of, rgba, samples, turn


def tiff_cases() -> Iterator[Golden]:
    """Depths × color models × layouts × compressions, each order of bytes."""
    layouts = (
        {"rows_per_strip": 3},
        {"rows_per_strip": 3, "planar": True},
        {"tile": (16, 16)},
        {"tile": (16, 32), "planar": True},
        {},
    )
    for bits in (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32):
        top = (1 << bits) - 1
        for number, (layout, compression) in enumerate(
            itertools.product(layouts, ("none", "lzw", "deflate", "packbits"))
        ):
            order, big = "<>"[number % 2], number % 3 == 0
            predictors = (1, 2) if bits in (8, 16) else (1,)
            for photometric, channels in ((0, 1), (1, 1), (2, 3), (2, 4), (5, 4)):
                # Without tag 338 a fourth channel would be opacity.
                tags = {338: (0,)} if (photometric, channels) == (2, 4) else {}
                if bits > 16 and number > 1:
                    continue
                for predictor in predictors:
                    if predictor == 2 and compression in ("none", "packbits"):
                        continue
                    values = samples(bits, channels)
                    data = tiff_files.tiff(
                        values,
                        bits,
                        photometric,
                        **layout,
                        order=order,
                        big=big,
                        compression=compression,
                        predictor=predictor,
                        tags=tags,
                    )
                    name = f"TIFF {bits} {photometric} {channels} {layout} {compression} {order}"
                    name += f" predictor {predictor}" + " big" * big
                    if bits > 16:
                        yield Golden(
                            name, data, None, refusal=f"{bits}-bit .*TIFF is not|no defined range"
                        )
                        continue
                    seen = values if photometric else top - values
                    if photometric == tiff_files.CMYK:
                        yield Golden(
                            name, data, rgba(_from_cmyk(values / top * 255), 255), None, 1.6
                        )
                    else:
                        stored = seen[:, :, 0] if channels == 1 else None
                        yield Golden(name, data, rgba(seen, top), stored)


def more_tiff_cases() -> Iterator[Golden]:
    """Opacity, palettes, orientations, pages, and what has no defined range."""
    for bits, planar, order in itertools.product((8, 12, 16), (False, True), "<>"):
        top = (1 << bits) - 1
        for photometric, channels in ((1, 2), (2, 4)):
            values = samples(bits, channels)
            name = f"TIFF {bits} alpha {channels} {order}" + " planar" * planar
            data = tiff_files.tiff(
                values, bits, photometric, planar=planar, order=order, tags={338: (2,)}
            )
            yield Golden(name, data, rgba(values[:, :, :-1], top, values[:, :, -1]))
            alpha = np.where(values[:, :, -1:] > top // 2, values[:, :, -1:], top)
            multiplied = np.round(values[:, :, :-1] * (alpha / top)).astype(values.dtype)
            data = tiff_files.tiff(
                np.dstack([multiplied, alpha]).astype(values.dtype),
                bits,
                photometric,
                planar=planar,
                order=order,
                tags={338: (1,)},
            )
            divided = np.minimum(multiplied.astype(float) * top / alpha, top)
            yield Golden(f"{name} associated", data, rgba(divided, top, alpha[:, :, 0]), None, 1.01)
        values = samples(bits, 4)
        data = tiff_files.tiff(values, bits, 2, planar=planar, order=order)
        yield Golden(
            f"TIFF {bits} RGBA untold {order} {planar}",
            data,
            rgba(values[:, :, :3], top, values[:, :, 3]),
        )
    for bits, compression in itertools.product(range(1, 9), ("none", "lzw")):
        index, colors = samples(bits, 1), palette_of(bits)
        color_map = tuple((colors.T.ravel().astype(int) * 257).tolist())
        data = tiff_files.tiff(index, bits, 3, tags={320: color_map}, compression=compression)
        yield Golden(
            f"TIFF palette {bits} {compression}",
            data,
            rgba(colors[index[:, :, 0]], 255),
            index[:, :, 0],
        )
    index, colors = samples(8, 1), palette_of(8)
    data = tiff_files.tiff(index, 8, 3, tags={320: tuple(colors.T.ravel().tolist())})
    yield Golden("TIFF palette of 8-bit colors", data, rgba(colors[index[:, :, 0]], 255))
    # Pillow maps gray and RGBA into memory, and reads RGB.
    for bits, channels, orientation in itertools.product((8, 12, 16), (1, 3, 4), range(1, 9)):
        values = samples(bits, channels)
        data = tiff_files.tiff(values, bits, 1 if channels == 1 else 2, tags={274: (orientation,)})
        upright = turn(values, orientation)
        alpha = upright[:, :, 3] if channels == 4 else None
        expected = rgba(upright[:, :, :3], (1 << bits) - 1, alpha)
        yield Golden(f"TIFF {bits} {channels} orientation {orientation}", data, expected)
    for bits in (1, 4, 8, 12, 16):  # bits of every byte reversed
        values = samples(bits, 1)
        plain = tiff_files.tiff(values, bits, 1, order="<", tags={266: (2,)})
        size = HEIGHT * -(-WIDTH * bits // 8)
        tail = np.unpackbits(np.frombuffer(plain[-size:], np.uint8), bitorder="little")
        data = plain[:-size] + np.packbits(tail).tobytes()
        yield Golden(f"TIFF {bits} fill order 2", data, rgba(values, (1 << bits) - 1))
    for dtype, bits in (("f4", 32), ("f8", 64), ("f2", 16), ("i1", 8), ("i2", 16), ("i4", 32)):
        for photometric, channels, planar in ((1, 1, False), (2, 3, False), (2, 3, True)):
            values = (RNG.random((HEIGHT, WIDTH, channels)) * 100).astype(dtype)
            data = tiff_files.tiff(values, bits, photometric, planar=planar)
            yield Golden(
                f"TIFF {dtype} {photometric} {planar}",
                data,
                None,
                refusal=f"{bits}-bit .*TIFF is not|no defined range",
            )
    values = samples(8, 3)
    for photometric in (9, 10, 32803, 77):
        data = tiff_files.tiff(values, 8, photometric)
        yield Golden(f"TIFF photometric {photometric}", data, None, refusal="8-bit .*TIFF is not")
    data = tiff_files.tiff(values, 16, 8)
    yield Golden("TIFF Lab 16", data, None, refusal="16-bit Lab TIFF is not")
    values = samples(8, 3)
    data = tiff_files.tiff(values, 8, 6, tags={530: (2, 2)})
    yield Golden("TIFF YCbCr 2x2 uncompressed", data, None, refusal=".")


def _from_cmyk(cmyk: np.ndarray) -> np.ndarray:
    return (255 - cmyk[:, :, :3]) * (255 - cmyk[:, :, 3:]) / 255
