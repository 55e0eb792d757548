"""PGM and PPM files whose largest value is not 255: Pillow scales their values, which masks need.

Source: the manual pages pgm(5) and ppm(5) of Netpbm.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np

from imggen.decode.rasters import Raster, RasterMode, check_num_bytes

# The first two bytes: mode, number of channels, and whether values are written as text.
_MAGIC: dict[bytes, tuple[RasterMode, int, bool]] = {
    b"P2": ("L", 1, True),
    b"P3": ("RGB", 3, True),
    b"P5": ("L", 1, False),
    b"P6": ("RGB", 3, False),
}
_MAX_HEADER = 1 << 16


class NetpbmHeader(NamedTuple):
    """The header of a PGM or PPM, and where the pixels start."""

    magic: bytes
    width: int
    height: int
    max_value: int
    start: int

    @property
    def kind(self) -> str:
        """The kind of file in words, such as "PGM of values up to 1000"."""
        name = "PGM" if _MAGIC[self.magic][0] == "L" else "PPM"
        return f"{name} of values up to {self.max_value}"

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow keeps the values of such files."""
        return self.max_value == 255

    @property
    def is_readable(self) -> bool:
        """Whether this module reads such files."""
        return True


def read_netpbm_header(file: BinaryIO) -> NetpbmHeader | None:
    """Reads the header of a PGM or PPM; None for other files, and for illegal headers."""
    data = file.read(_MAX_HEADER)
    if data[:2] not in _MAGIC:
        return None
    numbers: list[int] = []
    at = 2
    while len(numbers) < 3:
        while at < len(data) and data[at : at + 1].isspace():
            at += 1
        if data[at : at + 1] == b"#":
            while at < len(data) and data[at] not in b"\r\n":
                at += 1
            continue
        end = at
        while data[end : end + 1].isdigit():
            end += 1
        if not 1 <= end - at <= 9:
            return None
        numbers.append(int(data[at:end]))
        at = end
    width, height, max_value = numbers
    # One white space ends the header.
    if not (width and height and 1 <= max_value <= 65535 and data[at : at + 1].isspace()):
        return None
    return NetpbmHeader(data[:2], width, height, max_value, at + 1)


def read_netpbm(file: BinaryIO, header: NetpbmHeader) -> Raster:
    """Reads the samples of a PGM or PPM.

    Raises:
        ValueError: It is damaged, or too large.
    """
    mode, channels, is_text = _MAGIC[header.magic]
    dtype = np.dtype(np.uint8 if header.max_value < 256 else ">u2")
    count = header.height * header.width * channels
    # Each value of a text takes a Python object.
    check_num_bytes(count * (64 if is_text else dtype.itemsize))
    file.seek(header.start)
    if is_text:
        lines = (line.partition(b"#")[0] for line in file.read().splitlines())
        texts = b" ".join(lines).split(maxsplit=count)[:count]
        if any(len(text) > 5 or not text.isdigit() for text in texts):
            raise ValueError("its pixels are not numbers")
        values = np.array([int(text) for text in texts], np.int32)
    else:
        data = file.read(count * dtype.itemsize)
        values = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    if len(values) < count:
        raise ValueError("the file is truncated")
    if values.max() > header.max_value:
        raise ValueError(f"it has the value {values.max()}, and its header {header.max_value}")
    native = values.astype(np.uint8 if header.max_value < 256 else np.uint16)
    return Raster(native.reshape(header.height, header.width, channels), header.max_value, mode)
