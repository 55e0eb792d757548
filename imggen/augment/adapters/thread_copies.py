"""A copy for each thread of what keeps its random state in itself."""

from __future__ import annotations

import copy
import threading
from typing import Any, final


@final
class ThreadCopies:
    """Copies of an object, one a thread; it pickles as the object."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self._copies = threading.local()

    def own(self) -> Any:
        """This thread's copy."""
        own = getattr(self._copies, "own", None)
        if own is None:
            own = self._copies.own = copy.deepcopy(self._original)
        return own

    def __getstate__(self) -> dict[str, Any]:
        return {"_original": self._original}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._copies = threading.local()
