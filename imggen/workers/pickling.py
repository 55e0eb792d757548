"""Pickling of a function for other processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from imggen.errors import WorkerError


def pickle_function(make: Callable[..., Any], sender: str, alternative: str) -> bytes:
    """Pickles the function that makes batches.

    Args:
        make: The function.
        sender: The option that needs other processes, for the error message.
        alternative: The option that does not.

    Raises:
        WorkerError: It cannot be pickled.
    """
    try:
        return pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as err:
        raise WorkerError(
            f"{sender} sends the loader and the augmentations to other processes, and one of them "
            f"cannot be pickled: {err}. Use functions defined at the top level of a module instead "
            f"of lambdas, or {alternative}."
        ) from err
