"""The exceptions and the warnings that imggen raises.

    ImggenError
    ├── OptionError        (ValueError)    an invalid argument
    │   └── OptionTypeError  (TypeError)   an argument of the wrong type
    ├── ScanError          (ValueError)    a folder without the expected classes or images
    ├── ManifestError      (ValueError)    an inconsistent or unreadable table of samples
    ├── SplitError         (ValueError)    a split that is not possible for a manifest
    ├── ImageError         (OSError)       a file that cannot be decoded
    ├── StoreError         (OSError)       an archive or a remote store that cannot be read
    ├── SampleError        (ValueError)    a loaded array that does not fit into its batch
    ├── AugmentationError  (ValueError)    an augmentation that failed or returned a wrong result
    ├── PolicyError        (ValueError)    an invalid policy file
    ├── PreprocessingError (ValueError)    settings that cannot be saved, loaded or exported
    ├── TableError         (ValueError)    a table file with missing columns or wrong values
    ├── ResumeError        (ValueError)    a state or a save that is not of this training
    ├── CacheError         (OSError)       an unusable cache folder
    ├── ExportError        (OSError)       files that could not be written
    ├── ScriptError        (ValueError)    a script or notebook that cannot be read or written
    ├── WorkerError        (RuntimeError)  worker processes that failed
    └── MissingExtraError  (ImportError)   a package that is not installed, or too old

    ImggenWarning          (UserWarning)   something unexpected that did not stop the call
    ├── BorderWarning                      objects that a border repeats, without boxes
    ├── MaskValueWarning                   values of masks that are probably not classes
    └── KerasTrapWarning                   a use of the drop-in whose result is rarely meant

Every error also derives from the builtin in parentheses, so code may catch that instead.
"""

import dataclasses
import difflib
import errno
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from types import MappingProxyType
from typing import Any

# With more choices than this, the closest one would be overlooked after them, so it comes first.
_MAX_CHOICES_BEFORE_HINT = 40
# Comparing longer texts with the choices takes too long.
_MAX_COMPARED = 100
# The longest text of a value in a message. Strings may be longer, as they may be paths.
_MAX_VALUE = 400
_MAX_STRING = 1000
_MAX_INT_BITS = 1000
_MAX_ARRAY_LENGTH = 1000
_FILE_ADVICE = "Fix or remove the file"
# Containers at this depth are shown as "...".
_MAX_DEPTH = 20
_USER = re.compile(r"(://)[^/@]*@")
# Keys of buckets may have question marks, which begin no query.
_QUERY = re.compile(r"(https?://[^?]*|://[^?]*(?=\?[^?]*=))\?.*", re.DOTALL)

# The opening and closing brackets of the repr of each container.
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
    MappingProxyType: ("mappingproxy({", "})"),
    type({}.keys()): ("dict_keys([", "])"),
    type({}.values()): ("dict_values([", "])"),
    type({}.items()): ("dict_items([", "])"),
}


def shorten(value: object) -> str:
    """Returns the repr of any value for a message, cut off if it is long.

    Takes little time and memory whatever the value is: containers are read only as far as they are
    shown, so that their size, their depth and repeated references do not matter.

    Example:
        >>> shorten("photos"), shorten((1, None)), shorten([0] * 10**6)[-12:]
        ("'photos'", '(1, None)', '0, 0, 0, ...')
    """
    limit = 2 * _MAX_STRING if isinstance(value, str | bytes) else _MAX_VALUE
    text = ""
    try:
        for piece in _pieces(value, 0):
            text += piece
            if len(text) > limit:
                return f"{text[:limit]}..."
    except Exception:  # noqa: BLE001 - the repr of a caller's object may raise anything
        return f"<{type(value).__name__}>"
    return text


def hide_credentials(address: str) -> str:
    """Returns an address without the user, the password and the query of a URI in it."""
    return _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", address))


def _pieces(value: Any, depth: int) -> Iterator[str]:
    """Yields the repr of a value in pieces of bounded length."""
    kind: type = type(value)
    if isinstance(value, str | bytes | bytearray):
        if len(value) > _MAX_STRING:
            # A path needs both of its ends.
            dots: Any = "..." if isinstance(value, str) else b"..."
            value = value[: _MAX_STRING // 2] + dots + value[-_MAX_STRING // 2 :]
        yield repr(value)
    elif isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        yield f"<{kind.__name__} of {value.bit_length()} bits>"
    elif isinstance(value, tuple(_BRACKETS)) or _has_fields(value):
        yield from _container_pieces(value, depth) if depth < _MAX_DEPTH else ["..."]
    else:
        # The repr of a large array takes seconds, and that of an array of objects any time.
        is_large = getattr(value, "ndim", 0) > 0 and (
            (isinstance(value, Sized) and len(value) > _MAX_ARRAY_LENGTH)
            or getattr(getattr(value, "dtype", None), "hasobject", False)
        )
        text = "\n" if is_large else repr(value)
        yield f"<{kind.__name__}>" if "\n" in text else text


def _has_fields(value: Any) -> bool:
    """Whether a value is a dataclass object with the repr that ``dataclass`` writes."""
    is_dataclass = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_dataclass and hasattr(type(value).__repr__, "__wrapped__")


def _container_pieces(value: Any, depth: int) -> Iterator[str]:
    kind: type = type(value)
    base = next((base for base in _BRACKETS if isinstance(value, base)), None)
    items: Iterable[tuple[Any, str, Any]]  # key, separator, item
    if base is None:
        opening, closing = f"{kind.__qualname__}(", ")"
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        items = (("", f"{name}=", getattr(value, name)) for name in names)
    elif hasattr(value, "_fields"):
        opening, closing = f"{kind.__name__}(", ")"
        items = (("", f"{name}=", item) for name, item in zip(value._fields, value, strict=True))
    else:
        opening, closing = _BRACKETS[base]
        if kind.__repr__ is not base.__repr__:
            opening, closing = f"{kind.__name__}({opening}", f"{closing})"
        elif kind in {set, frozenset} and not value:
            opening, closing = f"{kind.__name__}(", ")"
        elif kind is tuple and len(value) == 1:
            closing = ",)"
        is_mapping = isinstance(value, dict | MappingProxyType)
        items = (
            ((key, ": ", item) for key, item in value.items())
            if is_mapping
            else (("", "", item) for item in value)
        )
    yield opening
    for number, (key, separator, item) in enumerate(items):
        yield ", " if number else ""
        if separator == ": ":
            yield from _pieces(key, depth + 1)
        yield separator
        yield from _pieces(item, depth + 1)
    yield closing


class ImggenError(Exception):
    """The base class of all errors that imggen raises."""


class OptionError(ImggenError, ValueError):
    """An argument is invalid."""

    @classmethod
    def unknown(cls, option: str, value: object, choices: Iterable[object]) -> "OptionError":
        """Builds the error for a value that is not one of ``choices``; names the closest one."""
        known = list(choices)
        names = {str(choice).lower(): choice for choice in known if choice is not None}
        text = value if isinstance(value, str) else shorten(value)
        close = difflib.get_close_matches(text[:_MAX_COMPARED].lower(), names, n=1)
        hint = f" Did you mean {shorten(names[close[0]])}?" if close else ""
        listed = ", ".join(map(shorten, known))
        if len(known) > _MAX_CHOICES_BEFORE_HINT:
            return cls(f"{option}={shorten(value)} is not known.{hint} The choices are {listed}.")
        return cls(f"{option}={shorten(value)} is not one of {listed}.{hint}")


class OptionTypeError(OptionError, TypeError):
    """An argument is of the wrong type."""


class ScanError(ImggenError, ValueError):
    """A folder does not have the expected classes or images."""


class ManifestError(ImggenError, ValueError):
    """A manifest is inconsistent, or cannot be read or written."""


class SplitError(ImggenError, ValueError):
    """The requested split is not possible for this manifest."""


class ImageError(ImggenError, OSError):
    """A file cannot be decoded to an array.

    Attributes:
        path: The file.
        reason: The reason, without the path.
        is_outage: Whether the server failed and not the file, so that no file is skipped.
    """

    path: str
    reason: str
    advice = _FILE_ADVICE
    is_outage = False

    @classmethod
    def of_file(cls, path: str, reason: str, cause: Exception | None = None) -> "ImageError":
        """Builds the error for a file that is read by itself, not for a batch."""
        return cls._build(path, reason, getattr(cause, "advice", _FILE_ADVICE), cause)

    @classmethod
    def of(cls, path: str, reason: str, cause: Exception | None = None) -> "ImageError":
        """Builds the error for one file of a batch."""
        advice = getattr(cause, "advice", _FILE_ADVICE)
        if not getattr(cause, "is_outage", False):
            advice += ', or pass on_error="skip" or on_error="substitute" to train without it'
        return cls._build(path, reason, advice, cause)

    @classmethod
    def of_loader(cls, path: str, err: Exception) -> "ImageError":
        """Builds the error for a file for which a custom loader failed."""
        advice = (
            "If this is a fault of the loader, fix loader=; if the file is broken, fix or remove "
            'it, or pass on_error="skip" or on_error="substitute" to train without it'
        )
        return cls._build(path, f"the loader raised {type(err).__name__}: {err}", advice, None)

    @classmethod
    def _build(cls, path: str, reason: str, advice: str, cause: object) -> "ImageError":
        path, reason = hide_credentials(path), reason.removesuffix(".")
        error = cls(f"Cannot read {shorten(path)}: {reason}. {advice}.")
        error.path, error.reason, error.is_outage = path, reason, getattr(cause, "is_outage", False)
        error.advice = getattr(cause, "advice", _FILE_ADVICE)
        return error


class StoreError(ImggenError, OSError):
    """An archive or a remote store cannot be read or listed.

    Attributes:
        address: The path or URI, without credentials.
        reason: The reason, without the address.
        is_outage: Whether the server failed, and not the file.
    """

    address: str
    reason: str
    advice = _FILE_ADVICE
    is_outage = False

    @classmethod
    def of(cls, address: str, reason: str, advice: str = _FILE_ADVICE) -> "StoreError":
        """Builds the error for one address."""
        error = cls(f"Cannot read {shorten(address := hide_credentials(address))}: {reason}.")
        error.address, error.errno, error.advice = address, errno.EIO, advice
        error.reason = error.strerror = reason
        return error

    def __str__(self) -> str:
        return str(self.args[0])  # OSError would compose another text


class SampleError(ImggenError, ValueError):
    """A loaded array does not fit into its batch."""


class AugmentationError(ImggenError, ValueError):
    """An augmentation raised an error, or returned something else than an image like its input."""


class PolicyError(ImggenError, ValueError):
    """A policy file cannot be read or written, or has unknown or invalid content.

    Attributes:
        file: The file.
        line: The line, from 1; None if the error concerns the file as a whole.
    """

    file: str
    line: int | None

    @classmethod
    def of(cls, file: str, line: int | None, problem: str) -> "PolicyError":
        """Builds the error for a line of a file, or the whole file."""
        where = shorten(file) if line is None else f"{shorten(file)}, line {line}"
        error = cls(f"{where}: {problem}")
        error.file, error.line = file, line
        return error


class PreprocessingError(ImggenError, ValueError):
    """Preprocessing settings cannot be saved, loaded or exported."""


class TableError(ImggenError, ValueError):
    """A table file lacks a column, or has values that are not numbers."""


class ResumeError(ImggenError, ValueError):
    """A state of a sequence, or a save of training, is damaged or belongs to something else."""


class CacheError(ImggenError, OSError):
    """A cache folder cannot be used, or the disk does not have enough space for it."""


class ExportError(ImggenError, OSError):
    """Files could not be written, copied, moved or linked."""


class ScriptError(ImggenError, ValueError):
    """A script or notebook cannot be read or written."""


class WorkerError(ImggenError, RuntimeError):
    """Worker processes could not be started, or failed."""


class MissingExtraError(ImggenError, ImportError):
    """A package is needed that is not installed, or too old."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> "MissingExtraError":
        """Builds the error with the pip command that installs the package."""
        return cls(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'imggen[{extra}]'"
        )


class ImggenWarning(UserWarning):
    """Something unexpected happened that did not stop the call."""


class BorderWarning(ImggenWarning):
    """An augmentation repeats objects outside the image, and these copies have no boxes.

    To silence it, use ``fill_mode="auto"``, or filter it:
    ``warnings.simplefilter("ignore", imggen.errors.BorderWarning)``.
    """


class MaskValueWarning(ImggenWarning):
    """The values of masks are probably not the classes that a model is trained on.

    To silence it, pass ``mask_values=``, or filter it:
    ``warnings.simplefilter("ignore", imggen.errors.MaskValueWarning)``.
    """


class KerasTrapWarning(ImggenWarning):
    """A valid use of the drop-in for Keras's class whose result is rarely intended.

    Each generator or iterator causes each of them once; Python's default filter shows those of one
    line once. Batches are the same with and without it. Its message starts with its code::

        warnings.filterwarnings("ignore", "sorted-table", imggen.errors.KerasTrapWarning)

    The codes are:

    - "augmented-validation": a validation or test subset is augmented;
    - "binary-classes": ``class_mode="binary"`` with more than two classes;
    - "duplicate-classes": ``classes`` names a class twice;
    - "empty-class": a class has no images, or no folder;
    - "hidden-class": a hidden folder, or one of a system such as "@eaDir", counts as a class;
    - "ignored-assignment": an attribute that is read once was set later;
    - "ignored-keyword": a keyword that ``flow_from_dataframe`` ignores;
    - "integer-dtype": fractions are dropped by an integer ``dtype``;
    - "list-as-string": labels are strings that look like lists;
    - "missing-values": NaN among targets or weights;
    - "no-images": there are no samples;
    - "preprocessing-result": ``preprocessing_function`` returns no image;
    - "saves-into-classes": ``save_to_dir`` is in the folder that images are read from;
    - "scaled-twice": images are rescaled that are scaled already;
    - "sorted-table": a subset is cut from rows that are sorted by their target;
    - "splits-as-classes": the folders of splits count as classes;
    - "subset-without-split": ``subset`` without ``validation_split``;
    - "system-folder": images in a folder of a system, inside of a class, count as samples;
    - "unfitted": a featurewise option or ``zca_whitening`` without ``fit``;
    - "unit-range": options in gray levels for images with values of 0 to 1;
    - "unsplit-weights": ``sample_weight`` is not split with the images;
    - "zoom-range": zoom factors of 0 or less.

    Attributes:
        code: The code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"
