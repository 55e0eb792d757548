"""Kinds of images that Pillow does not read, by the first bytes of a file."""

from __future__ import annotations

_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"avif": "AVIF",
    b"avis": "AVIF",
}
_STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"II\xbc": "JPEG XR",
    b"FLIF": "FLIF",
    b"BPG\xfb": "BPG",
    b"SIMPLE  =": "FITS",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"FUJIFILMCCD-RAW": "Fujifilm raw",
    b"IIRO": "Olympus raw",
    b"IIU\0": "Panasonic raw",
    b"gimp xcf": "GIMP XCF",
}


def name_kind(data: bytes) -> str | None:
    """Returns the name of the kind of image that a file is by its first bytes; None for others.

    Example:
        >>> name_kind(bytes(3) + b" ftypheic" + bytes(8))
        'HEIC'
    """
    if data[4:8] == b"ftyp":
        name = _BRANDS.get(data[8:12])
        return None if name == "AVIF" and _reads_avif() else name
    for start, name in _STARTS.items():
        if data.startswith(start):
            return name
    if data.lstrip()[:5].lower() == b"<?xml" and b"<svg" in data[:1000].lower():
        return "SVG"
    return "SVG" if data.lstrip()[:4].lower() == b"<svg" else None


def _reads_avif() -> bool:
    """Whether Pillow reads AVIF, so that one that it does not open is broken."""
    from PIL import Image

    Image.init()
    return "AVIF" in Image.OPEN
