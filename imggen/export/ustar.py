"""Tar archives in the USTAR format whose bytes are the same in every run and on every machine.

Other writers store the time, the owner and the permissions of each file.
"""

from __future__ import annotations

import tarfile

BLOCK = 512  # bytes; headers and contents are padded to it
END = bytes(2 * BLOCK)
MAX_MEMBER = 8**11 - 1  # bytes; eleven octal digits


def build_header(name: str, length: int) -> bytes:
    r"""Returns the header of a regular file: mode 644, time 0, owner 0 without a name.

    Args:
        name: An ASCII name of at most 100 characters.
        length: The number of bytes, up to ``MAX_MEMBER``.

    Example:
        >>> header = build_header("00000042.jpg", 3)
        >>> len(header), header[257:263]
        (512, b'ustar\x00')
    """
    info = tarfile.TarInfo(name)
    info.size = length
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def pad(length: int) -> bytes:
    """Returns the zeros behind a content of ``length`` bytes."""
    return bytes(-length % BLOCK)


def member_length(length: int) -> int:
    """Returns the number of bytes that a content of ``length`` bytes takes, with its header."""
    return BLOCK + length + -length % BLOCK
