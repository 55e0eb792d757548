"""The call of a function for one shard in another process, and its answer as bytes.

Each shard gets a copy of the function of its own, so that its result does not depend on the shards
that the same process had before, nor on whether it is made twice.
"""

from __future__ import annotations

import contextlib
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from imggen.errors import ImggenError, WorkerError


class SetUpError(Exception):
    """Workers cannot begin, whatever the shard."""


_ADVICE = "Define it at the top level of a module that the workers can import."


def pack_value(value: object, noun: str, dumps: Callable[[Any], bytes]) -> bytes:
    """Pickles a function or a shard for workers.

    Args:
        value: The function or the shard.
        noun: Its name in the error message.
        dumps: Pickles it.

    Raises:
        WorkerError: It cannot be pickled.
    """
    try:
        return dumps(value)
    except Exception as err:
        raise WorkerError(
            f"{noun} is sent to other processes, and cannot be pickled: {_describe(err)}. "
            "Use functions at the top level of a module instead of lambdas, and numbers, strings, "
            "lists and arrays as arguments."
        ) from err


def call_packed(function: bytes, shard: bytes, dumps: Callable[[Any], bytes]) -> bytes:
    """Calls a function for a shard, both pickled; returns the answer for ``read_answer``.

    Raises nothing that is about the function: its errors are part of the answer.
    """
    try:
        fn, argument = pickle.loads(function), pickle.loads(shard)
    except Exception as err:  # noqa: BLE001 - raised where the answer is read
        return pack_failure(
            f"A worker cannot load the function or the shard: {_describe(err)}. {_ADVICE}"
        )
    try:
        result = fn(argument)
    except BaseException as err:  # noqa: BLE001 - raised where the answer is read
        return _pack_error(err)
    try:
        return dumps(("result", result))
    except Exception as err:  # noqa: BLE001 - raised where the answer is read
        return pack_failure(
            f"The function returned {type(result).__name__!r}, which cannot be pickled: "
            f"{_describe(err)}. Return numbers, strings, lists or arrays."
        )


def read_answer(answer: bytes) -> Any:
    """Returns the result of an answer.

    Raises:
        WorkerError: The function or its result cannot be sent to another process.
        Exception: The error of the function.
    """
    try:
        kind, value = pickle.loads(answer)
    except Exception as err:
        raise WorkerError(
            f"The result of the function cannot be read: {_describe(err)}. {_ADVICE}"
        ) from err
    if kind != "result":
        raise value
    return value


def _pack_error(err: BaseException) -> bytes:
    text = "".join(traceback.format_exception(err)).rstrip()
    if isinstance(err, Exception):
        with contextlib.suppress(Exception):  # it is sent as text
            if not isinstance(err, ImggenError):  # whose messages say all
                err.add_note(f"In the worker:\n{text}")
            answer = pickle.dumps(("error", err))
            pickle.loads(answer)  # constructors with other arguments fail only here
            return answer
    return pack_failure(f"The function raised {_describe(err)}.", note=f"In the worker:\n{text}")


def pack_failure(message: str, note: str = "") -> bytes:
    """Returns an answer that raises a ``WorkerError``."""
    error = WorkerError(message)
    if note:
        error.add_note(note)
    return pickle.dumps(("error", error))


def _describe(err: BaseException) -> str:
    return f"{type(err).__name__}: {err}".removesuffix(": ")
