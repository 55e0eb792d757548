"""Settings in a ``.keras`` file, which is a ZIP archive: as a member that Keras does not read."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from imggen.core import InputFile, replace_files, shorten
from imggen.errors import ExportError, PreprocessingError

MEMBER = "imggen_preprocessing.json"
_KERAS_MEMBER = "config.json"
_MAX_BYTES = 2**24


def read_member(source: InputFile) -> str:
    """Returns the text of the settings in a ``.keras`` file.

    Raises:
        PreprocessingError: The file is not an archive, or has no settings.
    """
    with source.translate_errors(), zipfile.ZipFile(source.path) as archive:
        if MEMBER not in archive.namelist():
            raise PreprocessingError(
                f"{shorten(os.fspath(source.path))} has no preprocessing settings: they were not "
                "saved into it, or Keras has saved the model again since. Save them again with "
                "prep.save(FILE.keras)."
            )
        with archive.open(MEMBER) as member:
            content = member.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"its member {MEMBER} is too large")
        return content.decode()


def write_member(file: str | os.PathLike[str], text: str) -> None:
    """Writes settings into an existing ``.keras`` file, in place of earlier ones.

    Raises:
        PreprocessingError: The file is missing, or is not a model in Keras's format.
        ExportError: It cannot be written.
    """
    source = InputFile(
        file, PreprocessingError, advice="Save the model first: model.save(FILE.keras)."
    )
    with source.translate_errors(), zipfile.ZipFile(file) as archive:
        if _KERAS_MEMBER not in archive.namelist():
            raise ValueError("it is not a model in Keras's format")

    def write(place: Path) -> None:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(place, "w") as new:
            for info in old.infolist():
                if info.filename != MEMBER:
                    with old.open(info) as member, new.open(info, "w") as copy:
                        shutil.copyfileobj(member, copy, 2**20)
            new.writestr(MEMBER, text)

    try:
        replace_files({Path(file): write})
    except OSError as err:
        raise ExportError(f"Cannot write {shorten(os.fspath(file))}: {err}.") from err
