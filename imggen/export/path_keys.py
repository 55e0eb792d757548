"""Keys of paths, equal for paths that some file systems do not distinguish."""

from __future__ import annotations

import re
import unicodedata

_TRAILING = re.compile(r"(?<=[^/. ])[. ]+(?=/|$)")


def path_key(path: str) -> str:
    """Returns a text that is equal for paths that some file systems do not distinguish.

    They ignore the case, the way that accents are encoded, or dots and spaces at the end of names.
    """
    key = path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
    has_trailing = key.endswith((".", " ")) or "./" in key or " /" in key
    return _TRAILING.sub("", key) if has_trailing else key
