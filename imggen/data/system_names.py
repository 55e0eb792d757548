"""Names that systems and programs give to files and folders of their own."""

from __future__ import annotations

import os
import re

# Names of their own only: a class may be named "cache", "tmp" or "recycled". Hidden names are not
# listed, since hidden files and folders are skipped anyway.
_NAMES = {
    name.lower(): name.replace("\r", r"\r")
    for name in (
        # Network drives: Synology, QNAP, NetApp, AFP
        "@eaDir",
        "@Recently-Snapshot",
        "@Recycle",
        "@sharebin",
        "@SynoEAStream",
        "@SynoResource",
        "@__thumb",
        "@tmp",
        "@Transcode",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "Network Trash Folder",
        "Temporary Items",
        "TheFindByContentFolder",
        "TheVolumeSettingsFolder",
        # Windows
        "$RECYCLE.BIN",
        "$WINDOWS.~BT",
        "$WinREAgent",
        "Config.Msi",
        "msdownld.tmp",
        "_vti_cnf",
        "System Volume Information",
        "desktop.ini",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "Thumbs.db",
        "OneDriveTemp",
        # macOS
        "__MACOSX",
        "Icon\r",
        # Linux and programs
        "lost+found",
        "__pycache__",
        "Picasa.ini",
        "ZbThumbnail.info",
    )
}
# The recycle bin of Windows XP and older, in capitals only: a class may be "recycler".
_RECYCLER = "RECYCLER"
# Owner files of Office ("~$photos.xlsx"), fragments of chkdsk, parts of a resource fork.
_PATTERNS = (
    (re.compile(r"~\$.+", re.DOTALL), "~$*"),
    (re.compile(r"found\.\d{3}"), "FOUND.000"),
    (re.compile(r".+@syno(eastream|resource)", re.DOTALL), "@SynoEAStream"),
)


def is_cvs_folder(folder: str) -> bool:
    """Returns whether a folder holds the records of CVS, and not images of a class "CVS"."""
    return os.path.basename(folder) == "CVS" and os.path.isfile(os.path.join(folder, "Entries"))


def find_system_name(name: str) -> str | None:
    """Returns the usual spelling of a name that belongs to a system; None for all others."""
    if name == _RECYCLER:
        return name
    lower = name.lower()
    if lower in _NAMES:
        return _NAMES[lower]
    return next((usual for pattern, usual in _PATTERNS if pattern.fullmatch(lower)), None)
