"""Pickling of a function for other processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from imggen.errors import WorkerError
from imggen.workers.shared_pickle import SharedPickle


def pickle_function(make: Callable[..., Any], sender: str, alternative: str) -> SharedPickle:
    """Pickles the function that makes batches, for processes that are being started.

    Args:
        make: The function.
        sender: The option that needs other processes, for the error message.
        alternative: The option that does not.

    Raises:
        WorkerError: It cannot be pickled.
    """
    try:
        return SharedPickle.dump(make)
    except (pickle.PicklingError, AttributeError, TypeError) as err:
        raise WorkerError(
            f"{sender} sends the loader and the augmentations to other processes, and one of them "
            f"cannot be pickled: {err}. Use functions defined at the top level of a module instead "
            f"of lambdas, or {alternative}."
        ) from err
