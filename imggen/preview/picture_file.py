"""Pictures to files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imggen.core import check_output, replace_files
from imggen.decode import format_by_extension
from imggen.errors import ExportError, OptionError

if TYPE_CHECKING:
    from PIL import Image

_SOFTWARE = 0x0131  # a tag of EXIF
_NAME = "imggen"


def check_picture(
    file: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> None:
    """Checks that a picture can be written.

    Args:
        file: The file.
        overwrite: Replace a file that is not a picture of imggen, too.

    Raises:
        OptionError: Pillow cannot write the format.
        ExportError: See ``check_output``.
    """
    from PIL import Image

    if format_by_extension(Path(file).suffix) not in Image.SAVE:
        raise OptionError(
            f"{os.fspath(file)!r} must end in .png, or in another extension of an image format."
        )
    check_output(file, _is_own, overwrite=overwrite)


def save_picture(
    picture: Image.Image, file: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Writes a picture atomically, with "imggen" as its software, by which it is recognized.

    Raises:
        OptionError: See ``check_picture``.
        ExportError: The file cannot be written, or exists and is not a picture of imggen.
    """
    check_picture(file, overwrite=overwrite)
    kind = format_by_extension(Path(file).suffix)
    exif = picture.getexif()
    exif[_SOFTWARE] = _NAME
    try:
        replace_files({Path(file): lambda place: picture.save(place, kind, exif=exif)})
    except (OSError, ValueError, KeyError, SystemError) as err:
        raise ExportError(f"Cannot write {os.fspath(file)!r}: {err}.") from err


def _is_own(path: str) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return bool(image.getexif().get(_SOFTWARE) == _NAME)
    except Exception:  # noqa: BLE001  # readers of Pillow raise errors of many types
        return False
