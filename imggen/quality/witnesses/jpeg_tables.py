"""The Huffman and quantization tables that most JPEGs have.

Source: ITU-T T.81, annex K; scaled by quality as in the Independent JPEG Group's ``jcparam.c``.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

# The number of codes of each length 1 to 16, followed by the symbols.
LUMINANCE_AC = bytes.fromhex(
    "0002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c1"
    "1552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a53545556575859"
    "5a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2"
    "b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8"
    "f9fa"
)
CHROMINANCE_AC = bytes.fromhex(
    "00020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109"
    "233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758"
    "595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9"
    "aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8"
    "f9fa"
)

# In zigzag order.
_LUMINANCE = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738"
    "506d51575f626768673e4d71797064785c656763"
)
_CHROMINANCE = bytes.fromhex(
    "1112121815182f1a1a2f63423842636363636363636363636363636363636363636363636363636363636363"
    "6363636363636363636363636363636363636363"
)
# Above, most steps are 1 or 2, and a table of another encoder may be close.
_HIGHEST_QUALITY = 96
# Encoders round the tables in several ways.
_ROUNDING = 2
# A table that differs from a standard one in few entries is damaged; other tables differ in most.
_MAX_CHANGES = 16


def count_huffman_changes(table: bytes) -> int:
    """Returns the number of bytes that damage has changed in a standard table of AC codes."""
    for standard in (LUMINANCE_AC, CHROMINANCE_AC):
        if len(table) == len(standard) and table != standard:
            changed = sum(map(int.__ne__, table, standard))
            if changed <= _MAX_CHANGES:
                return changed
    return 0


@functools.lru_cache(maxsize=256)
def count_quantization_changes(steps: tuple[int, ...]) -> int:
    """Returns the number of entries that damage has changed in a standard quantization table."""
    differences = np.abs(_standard_steps() - np.array(steps))
    changes: npt.NDArray[np.int64] = (differences > _ROUNDING).sum(axis=1)
    if changes.min() == 0:
        return 0
    is_damaged = (changes <= _MAX_CHANGES) & ((differences > 0).sum(axis=1) == changes)
    return int(changes[is_damaged].min(initial=len(steps))) if is_damaged.any() else 0


@functools.cache
def _standard_steps() -> npt.NDArray[np.int64]:
    """The tables of each quality; shape (tables, 64)."""
    base = np.frombuffer(_LUMINANCE + _CHROMINANCE, np.uint8).reshape(2, 64).astype(np.int64)
    quality = np.arange(1, _HIGHEST_QUALITY + 1)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = (base[:, np.newaxis] * scale[:, np.newaxis] + 50) // 100
    return np.clip(tables, 1, 255).reshape(-1, 64)
