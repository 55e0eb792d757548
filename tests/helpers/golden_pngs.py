"""PNG files of every color type, depth, transparency and interlacing."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

import numpy as np

from tests.helpers import png_files
from tests.helpers.golden_files import RNG, Golden, palette_of, rgba, samples


def png_cases() -> Iterator[Golden]:
    gamma = png_files.chunk(b"gAMA", struct.pack(">I", 100000))
    for bits, interlaced in itertools.product((1, 2, 4, 8, 16), (False, True)):
        top = (1 << bits) - 1
        name = f"PNG {bits} {'interlaced ' * interlaced}"
        write = {"interlaced": interlaced, "before": gamma if interlaced else b""}
        gray = samples(bits, 1)
        data = png_files.png(gray, bits, png_files.GRAY, **write)
        yield Golden(name + "gray", data, rgba(gray, top), gray[:, :, 0])
        clear = gray[2, 3]
        data = png_files.png(
            gray, bits, png_files.GRAY, transparent=struct.pack(">H", *clear), **write
        )
        yield Golden(name + "gray tRNS", data, rgba(gray, top, (gray[:, :, 0] != clear) * top))
        if bits <= 8:
            colors = palette_of(bits)
            pixels = colors[gray[:, :, 0]]
            data = png_files.png(gray, bits, png_files.PALETTE, palette=colors, **write)
            yield Golden(name + "palette", data, rgba(pixels, 255), gray[:, :, 0])
            opacity = RNG.integers(0, 256, len(colors) // 2, dtype=np.uint8)
            data = png_files.png(
                gray,
                bits,
                png_files.PALETTE,
                palette=colors,
                transparent=opacity.tobytes(),
                **write,
            )
            alpha = np.append(opacity, np.full(len(colors) - len(opacity), 255))[gray[:, :, 0]]
            yield Golden(name + "palette tRNS", data, rgba(pixels, 255, alpha), gray[:, :, 0])
        if bits >= 8:
            for kind, channels in ((png_files.GRAY_ALPHA, 2), (png_files.RGBA, 4)):
                mixed = samples(bits, channels)
                data = png_files.png(mixed, bits, kind, **write)
                yield Golden(
                    f"{name}alpha {channels}",
                    data,
                    rgba(mixed[:, :, : channels - 1], top, mixed[:, :, -1]),
                )
            color = samples(bits, 3)
            data = png_files.png(color, bits, png_files.RGB, **write)
            yield Golden(name + "RGB", data, rgba(color, top))
            clear = color[2, 3]
            data = png_files.png(
                color, bits, png_files.RGB, transparent=struct.pack(">3H", *clear), **write
            )
            alpha = (color != clear).any(axis=2) * top
            yield Golden(name + "RGB tRNS", data, rgba(color, top, alpha))
    for bits, kind in ((3, png_files.GRAY), (4, png_files.RGB), (16, png_files.PALETTE)):
        data = png_files.png(samples(bits, 1), bits, kind)
        yield Golden(f"PNG illegal {bits} {kind}", data, None, refusal=f"{bits}-bit .*PNG")
