"""The exceptions and the warning that imggen raises.

    ImggenError
    ├── OptionError        (ValueError)    an argument outside its legal set
    ├── ScanError          (ValueError)    a folder that does not hold what was expected
    ├── ManifestError      (ValueError)    a table of samples that contradicts itself
    ├── SplitError         (ValueError)    parts that cannot be made from a manifest
    ├── ImageError         (OSError)       one file that cannot be turned into an array
    ├── SampleError        (ValueError)    a loaded array that does not fit its batch
    ├── AugmentationError  (ValueError)    an augmentation that broke its contract
    ├── PolicyError        (ValueError)    a policy file that cannot be used
    ├── TableError         (ValueError)    a table file without the columns it needs
    ├── CacheError         (OSError)       a cache folder that cannot be used
    ├── ExportError        (OSError)       files that could not be copied out
    ├── ScriptError        (ValueError)    a script or notebook that cannot be read or written
    ├── WorkerError        (RuntimeError)  worker processes that could not be used
    └── MissingExtraError  (ImportError)   an optional package that is not installed

    ImggenWarning          (UserWarning)   something was done that deserves a look

Every error also derives from the builtin in brackets, so code that already catches the builtin
keeps working.
"""

import difflib
from collections.abc import Iterable

# Behind more choices than this the closest one would be lost, so it stands in front of them.
_MANY = 40


class ImggenError(Exception):
    """The base of every error that imggen raises on purpose."""


class OptionError(ImggenError, ValueError):
    """An argument is outside its legal set."""

    @classmethod
    def unknown(cls, option: str, value: object, choices: Iterable[object]) -> "OptionError":
        """Builds the error for a value that is none of ``choices``, with the closest one named."""
        known = list(choices)
        names = {str(choice).lower(): choice for choice in known if choice is not None}
        close = difflib.get_close_matches(str(value).lower(), names, n=1)
        hint = f" Did you mean {names[close[0]]!r}?" if close else ""
        listed = ", ".join(repr(choice) for choice in known)
        if len(known) > _MANY:
            return cls(f"{option}={value!r} is not known.{hint} There are {listed}.")
        return cls(f"{option}={value!r} is not one of {listed}.{hint}")


class ScanError(ImggenError, ValueError):
    """A folder does not hold the classes or images that were expected."""


class ManifestError(ImggenError, ValueError):
    """A manifest contradicts itself, or cannot be read or written."""


class SplitError(ImggenError, ValueError):
    """The asked-for parts cannot be made from this manifest."""


class ImageError(ImggenError, OSError):
    """A file cannot be turned into an array.

    Attributes:
        path: The file.
        reason: What went wrong, without the path.
    """

    path: str
    reason: str

    @classmethod
    def of(cls, path: str, reason: str) -> "ImageError":
        """Builds the error for one file."""
        error = cls(
            f"Cannot read {path!r}: {reason}. Mend or remove the file, or pass "
            'on_error="skip" or on_error="substitute" to train without it.'
        )
        error.path = path
        error.reason = reason
        return error


class SampleError(ImggenError, ValueError):
    """A loaded array does not fit into its batch."""


class AugmentationError(ImggenError, ValueError):
    """An augmentation raised, or returned something other than an image like its input."""


class PolicyError(ImggenError, ValueError):
    """A file of augmentations cannot be read or written, or says something that is not known.

    Attributes:
        file: The file.
        line: The line that is meant, from 1; None where it is the file as a whole.
    """

    file: str
    line: int | None

    @classmethod
    def of(cls, file: str, line: int | None, problem: str) -> "PolicyError":
        """Builds the error for a place in a file."""
        where = repr(file) if line is None else f"{file!r}, line {line}"
        error = cls(f"{where}: {problem}")
        error.file = file
        error.line = line
        return error


class TableError(ImggenError, ValueError):
    """A table file lacks a column or holds values that are not numbers."""


class CacheError(ImggenError, OSError):
    """A cache folder cannot be used, or the disk has no room for it."""


class ExportError(ImggenError, OSError):
    """Files could not be copied to where they were asked for."""


class ScriptError(ImggenError, ValueError):
    """A script or notebook cannot be read or written."""


class WorkerError(ImggenError, RuntimeError):
    """Worker processes could not be started or fed."""


class MissingExtraError(ImggenError, ImportError):
    """An optional package is needed and not installed."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> "MissingExtraError":
        """Builds the error that names the pip command."""
        return cls(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'imggen[{extra}]'"
        )


class ImggenWarning(UserWarning):
    """Something was done that deserves a look."""
