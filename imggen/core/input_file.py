"""Files that imggen reads back: of bounded size, and with one kind of error for all damage.

A parser raises whatever it meets in a damaged or crafted file: UnicodeDecodeError, RecursionError,
OverflowError, KeyError, and so on. Every such file is read through an ``InputFile``, which turns
all of them into the error of its caller.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, final

from imggen.core.text import format_bytes
from imggen.errors import ImggenError

# Files of imggen hold a few levels of lists and objects; recursive code must not overflow.
_MAX_DEPTH = 100
_MAX_BYTES = 2**28
_MAX_REASON = 300  # characters of an error message of a parser
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@final
@dataclass(frozen=True)
class InputFile:
    """A file to read, with the error that says what is wrong with it.

    Attributes:
        path: The file.
        error: Builds the error from its message.
        what: A noun phrase for the file, for the message. Empty: only the path.
        advice: Sentences at the end of the message: what the user can do.

    Example:
        >>> import tempfile
        >>> from imggen.errors import ManifestError
        >>> file = os.path.join(tempfile.mkdtemp(), "names.json")
        >>> with open(file, "wb") as out:
        ...     _ = out.write(b"[1, 2")
        >>> InputFile("names.json", ManifestError, advice="Save it again.").message("it is empty")
        "'names.json' cannot be read: it is empty. Save it again."
        >>> try:
        ...     InputFile(file, ManifestError).read_json()
        ... except ManifestError as err:
        ...     print(str(err).partition("cannot be read: ")[2])
        it is not valid JSON (Expecting ',' delimiter in line 1, column 6).
    """

    path: str | os.PathLike[str]
    error: Callable[[str], ImggenError]
    what: str = ""
    advice: str = ""

    def message(self, reason: str) -> str:
        """Returns the error message for a reason, which is a clause without a period."""
        what = f", {self.what}," if self.what else ""
        advice = f" {self.advice}" if self.advice else ""
        return f"{os.fspath(self.path)!r}{what} cannot be read: {reason}.{advice}"

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turns any exception of the block into ``error``, except errors of imggen.

        The block reads or parses the file, or converts its content.
        """
        try:
            yield
        except ImggenError:
            raise
        except Exception as err:
            raise self.error(self.message(_describe(err))) from err

    def read_bytes(self, max_bytes: int = _MAX_BYTES) -> bytes:
        """Returns the content.

        Args:
            max_bytes: The largest size that is read.

        Raises:
            ImggenError: ``error``: the file is missing, is not a regular file, cannot be read, or
                is larger.
        """
        with self.translate_errors(), self._open() as file:
            content = file.read(max_bytes + 1)
            if len(content) > max_bytes:
                raise ValueError(f"it is larger than {format_bytes(max_bytes)}")
            return content

    def read_text(self, max_bytes: int = _MAX_BYTES) -> str:
        """Returns the content, which must be UTF-8; a byte order mark at its start is dropped.

        Raises:
            ImggenError: ``error``: same as in ``read_bytes``, or the file is not UTF-8.
        """
        content = self.read_bytes(max_bytes)
        with self.translate_errors():
            return content.decode("utf-8-sig")

    def read_json(self, max_bytes: int = _MAX_BYTES) -> Any:
        """Returns the value of a JSON file.

        Raises:
            ImggenError: ``error``: same as in ``read_text``, or see ``parse_json``.
        """
        text = self.read_text(max_bytes)
        with self.translate_errors():
            return parse_json(text)

    def read_json_object(self, max_bytes: int = _MAX_BYTES) -> dict[str, Any]:
        """Returns the members of a JSON file that holds an object.

        Raises:
            ImggenError: ``error``: same as in ``read_json``, or the file holds another value.
        """
        value = self.read_json(max_bytes)
        with self.translate_errors():
            if not isinstance(value, dict):
                raise TypeError(f"it holds a {type(value).__name__}; expected a JSON object")
            return value

    def read_lines(self, max_bytes: int = _MAX_BYTES) -> Iterator[str]:
        """Yields the lines of a UTF-8 file of any size, without their line breaks.

        Args:
            max_bytes: The largest size of a line.

        Raises:
            ImggenError: ``error``: same as in ``read_text``, for each line.
        """
        with self.translate_errors(), self._open() as file:
            while line := file.readline(max_bytes + 1):
                if len(line) > max_bytes:
                    raise ValueError(f"a line is larger than {format_bytes(max_bytes)}")
                yield line.decode().rstrip("\r\n")

    def _open(self) -> BinaryIO:
        # Before it is opened: opening a pipe waits for its writer.
        if not stat.S_ISREG(os.stat(self.path).st_mode):
            raise ValueError("it is not a regular file")
        return open(self.path, "rb")


def parse_json(text: str) -> Any:
    """Parses JSON, and refuses what no file of imggen contains.

    Raises:
        ValueError: The text is not JSON, an object has a key twice, lists and objects are nested
            more than 100 levels deep, or a string is not text.
    """
    try:
        value = json.loads(text, object_pairs_hook=_build_object)
    except json.JSONDecodeError as err:
        where = f"in line {err.lineno}, column {err.colno}"
        raise ValueError(f"it is not valid JSON ({err.msg} {where})") from err
    except RecursionError:
        value = None
        is_too_deep = True
    else:
        is_too_deep = _is_deeper(value, _MAX_DEPTH)
    if is_too_deep:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    if _SURROGATE.search(text):
        _check_characters(value)
    return value


def _check_characters(value: Any) -> None:
    """Refuses halves of characters, except those that stand for bytes of file names."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as err:
        raise ValueError(f"a text contains {err.object[err.start]!a}, half a character") from err


def _build_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(members)
    if len(built) < len(members):
        keys = [key for key, _ in members]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} occurs twice in an object")
    return built


def _is_deeper(value: Any, max_depth: int) -> bool:
    level = [value]
    for _ in range(max_depth):
        level = [
            child
            for parent in level
            if isinstance(parent, list | dict)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return any(isinstance(value, list | dict) for value in level)


def _describe(err: Exception) -> str:
    """Returns the reason of an error as a clause."""
    if isinstance(err, RecursionError):
        return "it is nested too deeply"
    if isinstance(err, MemoryError):
        return "it needs more memory than is available"
    if isinstance(err, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {err.start})"
    if isinstance(err, OSError) and err.strerror:
        return err.strerror
    if isinstance(err, KeyError):
        return f"{str(err)[:80]} is missing"
    text = " ".join(str(err).split()).rstrip(".") or "it is damaged"
    text = text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}..."
    return text if isinstance(err, ValueError | TypeError) else f"{type(err).__name__}: {text}"
