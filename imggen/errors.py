"""The exceptions and the warnings that imggen raises.

    ImggenError
    ├── OptionError        (ValueError)    an invalid argument
    │   └── OptionTypeError  (TypeError)   an argument of the wrong type
    ├── ScanError          (ValueError)    a folder without the expected classes or images
    ├── ManifestError      (ValueError)    an inconsistent or unreadable table of samples
    ├── SplitError         (ValueError)    a split that is not possible for a manifest
    ├── ImageError         (OSError)       a file that cannot be decoded
    ├── SampleError        (ValueError)    a loaded array that does not fit into its batch
    ├── AugmentationError  (ValueError)    an augmentation that failed or returned a wrong result
    ├── PolicyError        (ValueError)    an invalid policy file
    ├── TableError         (ValueError)    a table file with missing columns or wrong values
    ├── CacheError         (OSError)       an unusable cache folder
    ├── ExportError        (OSError)       files that could not be written
    ├── ScriptError        (ValueError)    a script or notebook that cannot be read or written
    ├── WorkerError        (RuntimeError)  worker processes that failed
    └── MissingExtraError  (ImportError)   an optional package that is not installed

    ImggenWarning          (UserWarning)   something unexpected that did not stop the call
    ├── MaskValueWarning                   values of masks that are probably not classes
    └── KerasTrapWarning                   a use of the drop-in whose result is rarely meant

Every error also derives from the builtin in parentheses, so code that catches the builtin keeps
working.
"""

import difflib
from collections.abc import Iterable

# With more choices than this, the closest one would be overlooked after them, so it comes first.
_MAX_CHOICES_BEFORE_HINT = 40


class ImggenError(Exception):
    """The base class of all errors that imggen raises."""


class OptionError(ImggenError, ValueError):
    """An argument is invalid."""

    @classmethod
    def unknown(cls, option: str, value: object, choices: Iterable[object]) -> "OptionError":
        """Builds the error for a value that is not one of ``choices``; names the closest one."""
        known = list(choices)
        names = {str(choice).lower(): choice for choice in known if choice is not None}
        close = difflib.get_close_matches(str(value).lower(), names, n=1)
        hint = f" Did you mean {names[close[0]]!r}?" if close else ""
        listed = ", ".join(repr(choice) for choice in known)
        if len(known) > _MAX_CHOICES_BEFORE_HINT:
            return cls(f"{option}={value!r} is not known.{hint} The choices are {listed}.")
        return cls(f"{option}={value!r} is not one of {listed}.{hint}")


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
    """

    path: str
    reason: str

    @classmethod
    def of(cls, path: str, reason: str) -> "ImageError":
        """Builds the error for one file."""
        error = cls(
            f"Cannot read {path!r}: {reason}. Fix or remove the file, or pass "
            'on_error="skip" or on_error="substitute" to train without it.'
        )
        error.path = path
        error.reason = reason
        return error

    @classmethod
    def of_loader(cls, path: str, err: Exception) -> "ImageError":
        """Builds the error for a file for which a custom loader failed."""
        reason = f"the loader raised {type(err).__name__}: {err}"
        error = cls(
            f"Cannot read {path!r}: {reason}. If this is a fault of the loader, fix loader=; if "
            'the file is broken, fix or remove it, or pass on_error="skip" or '
            'on_error="substitute" to train without it.'
        )
        error.path = path
        error.reason = reason
        return error


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
        where = repr(file) if line is None else f"{file!r}, line {line}"
        error = cls(f"{where}: {problem}")
        error.file = file
        error.line = line
        return error


class TableError(ImggenError, ValueError):
    """A table file lacks a column, or has values that are not numbers."""


class CacheError(ImggenError, OSError):
    """A cache folder cannot be used, or the disk does not have enough space for it."""


class ExportError(ImggenError, OSError):
    """Files could not be written, copied, moved or linked."""


class ScriptError(ImggenError, ValueError):
    """A script or notebook cannot be read or written."""


class WorkerError(ImggenError, RuntimeError):
    """Worker processes could not be started, or failed."""


class MissingExtraError(ImggenError, ImportError):
    """An optional package is required but not installed."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> "MissingExtraError":
        """Builds the error with the pip command that installs the package."""
        return cls(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'imggen[{extra}]'"
        )


class ImggenWarning(UserWarning):
    """Something unexpected happened that did not stop the call."""


class MaskValueWarning(ImggenWarning):
    """The values of masks are probably not the classes that a model is trained on.

    To silence it, pass ``mask_values=``, or filter it:
    ``warnings.simplefilter("ignore", imggen.errors.MaskValueWarning)``.
    """


class KerasTrapWarning(ImggenWarning):
    """A legal use of the drop-in for Keras's class whose result is rarely meant.

    Each generator or iterator causes each of them once; Python's default filter shows those of one
    line of a script once. Batches are the same with and without the warning. Its message starts
    with its code, so that one of them can be filtered:

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
