"""Copies per thread of objects that contain their random state."""

from __future__ import annotations

import copy
import threading
from typing import Any, final


@final
class ThreadCopies:
    """Copies of an object, one per thread; pickles only the original."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self._copies = threading.local()

    def get(self) -> Any:
        """Returns the copy of the current thread."""
        current = getattr(self._copies, "current", None)
        if current is None:
            current = self._copies.current = copy.deepcopy(self._original)
        return current

    def __getstate__(self) -> dict[str, Any]:
        return {"_original": self._original}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._copies = threading.local()
