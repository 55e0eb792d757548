"""Files that the verbs write: looked at before the work, rather than after it."""

from __future__ import annotations

from pathlib import Path


def check_picture(output: Path) -> None:
    """Refuses a file that no picture can be written to.

    Raises:
        OptionError: Pillow writes no such files, or the folder is not there.
    """
    from PIL import Image

    from imggen.errors import OptionError

    check_folder(output)
    Image.init()
    if output.suffix.lower() not in Image.EXTENSION:
        raise OptionError(f"{str(output)!r} must end in .png, or what else Pillow writes.")


def check_folder(output: Path) -> None:
    """Refuses a file in a folder that is not there.

    Raises:
        OptionError: So it is.
    """
    from imggen.errors import OptionError

    if not output.parent.is_dir():
        raise OptionError(f"{str(output)!r} cannot be written: there is no such folder.")
