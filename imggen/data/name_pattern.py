"""``mask_pattern``: how the name of a mask follows from the name of its image."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from dataclasses import dataclass
from typing import final

from imggen.core import shorten
from imggen.decode import image_extensions
from imggen.errors import OptionError

MaskPattern = str | tuple[str, str] | None

_STEM = "{stem}"


@final
@dataclass(frozen=True)
class NamePattern:
    """A rule from the path of an image to the path of its mask, relative to the same folder.

    Attributes:
        image: The pattern of the names of images, without an extension.
        partner: The pattern of the names of masks; it may begin with folders, relative to the
            folder of the image.
        extension: The extension of masks, in lower case with the dot; empty for any.
    """

    image: str = _STEM
    partner: str = _STEM
    extension: str = ""

    @classmethod
    def parse(cls, mask_pattern: MaskPattern) -> NamePattern:
        """Checks ``mask_pattern=``; None is the same name.

        Args:
            mask_pattern: The name of a mask, with "{stem}" for the name of its image without the
                extension; or two names, of images and of masks.

        Raises:
            OptionError: It is not such a pattern.

        Example:
            >>> NamePattern.parse("{stem}_mask").find("cat/1.jpg")
            'cat/1_mask'
        """
        if mask_pattern is None:
            return cls()
        pair = (_STEM, mask_pattern) if isinstance(mask_pattern, str) else mask_pattern
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(_is_pattern, pair)):
            raise _error(mask_pattern)
        image, partner = pair
        if "/" in image:
            raise _error(mask_pattern)
        base, extension = os.path.splitext(partner)
        if extension.lower() not in image_extensions():
            base, extension = partner, ""
        return cls(image, base, extension.lower())

    @property
    def name(self) -> str:
        """The pattern of the names of masks, for messages."""
        return self.partner + self.extension

    def find(self, image_path: str) -> str | None:
        """Returns the path of the mask of an image without its extension; None for other files."""
        path = os.path.splitext(image_path)[0]
        if self.image == self.partner == _STEM:
            return path
        folder, name = posixpath.split(path)
        match = _regex(self.image).fullmatch(name)
        if match is None:
            return None
        made = self.partner.replace(_STEM, match["stem"])
        return posixpath.normpath(posixpath.join(folder, made))

    def accepts(self, path: str) -> bool:
        """Whether a file has the extension of masks."""
        return not self.extension or os.path.splitext(path)[1].lower() == self.extension

    def matches(self, path: str) -> bool:
        """Whether a file has the name of a mask."""
        folders, _, last = self.partner.rpartition("/")
        folder, name = posixpath.split(os.path.splitext(path)[0])
        if _regex(last).fullmatch(name) is None or not self.accepts(path):
            return False
        tail = [name for name in folders.split("/") if name not in ("", ".", "..")]
        return not tail or folder.split("/")[-len(tail) :] == tail


def _is_pattern(pattern: object) -> bool:
    if not isinstance(pattern, str) or pattern.count(_STEM) != 1 or posixpath.isabs(pattern):
        return False
    before, after = pattern.split(_STEM)
    return not set("{}") & set(before + after) and "/" not in after


@functools.lru_cache
def _regex(pattern: str) -> re.Pattern[str]:
    before, after = pattern.split(_STEM)
    return re.compile(f"{re.escape(before)}(?P<stem>.+){re.escape(after)}", re.DOTALL)


def _error(mask_pattern: object) -> OptionError:
    return OptionError(
        f"mask_pattern={shorten(mask_pattern)} is not a name with '{{stem}}' in place of the name "
        "of the image; expected a pattern such as '{stem}_mask', 'mask_{stem}', '{stem}.png' or "
        "'../masks/{stem}', or one for images and one for masks: ('{stem}_image', '{stem}_mask')."
    )
