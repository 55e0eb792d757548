"""Temporary file systems for tests."""

import subprocess
from pathlib import Path


def remount(folder: Path, options: str) -> None:
    """Changes a mounted file system: "ro", "size=4m" ..."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
