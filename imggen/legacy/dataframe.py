"""DataFrameIterator: batches of the files that a DataFrame names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from imggen.cache import CacheLike
from imggen.core import explain_arguments, shorten, warn_user
from imggen.errors import OptionError, OptionTypeError
from imggen.legacy.argument_errors import check_truth_value, name_wrong_argument
from imggen.legacy.files import BatchFromFilesMixin
from imggen.legacy.iterator import Iterator
from imggen.legacy.table_traps import warn_of_table_traps
from imggen.sequences import print_message

if TYPE_CHECKING:
    import pandas as pd

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


@explain_arguments
class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Serves images listed in a DataFrame; see ``ImageDataGenerator.flow_from_dataframe``.

    Args:
        dataframe: One row per sample; not modified.
        directory: The folder that the paths in ``x_col`` are relative to. None: the working
            directory.
        image_data_generator: Transforms the images. None: no transformation.
        x_col: The column of paths.
        y_col: The column of labels, or several for "multi_output" and "raw".
        weight_col: The column of sample weights, or None.
        target_size: The (height, width) in pixels that images are resized to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: The classes to use, in the order of their indices; rows of other classes are
            skipped. None: all classes, sorted.
        class_mode: The kind of y: "categorical" (one-hot; a label may be a list of classes),
            "sparse" or "binary" (the class index), "raw" (the column unchanged), "multi_output" (a
            list of columns), "input" (x itself), or None (no y).
        batch_size: The number of samples per batch.
        shuffle: Serve each epoch in a new random order.
        seed: See ``Iterator``.
        data_format: "channels_last" or "channels_first".
        save_to_dir: A folder to save every served image to, or None.
        save_prefix: The prefix of their file names.
        save_format: Their file extension.
        subset: "training", "validation" or "test", as defined by the generator's
            ``validation_split``. None: all samples.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: Crop images to the aspect ratio of ``target_size`` first.
        dtype: The dtype of x and y.
        validate_filenames: Skip rows whose file does not exist or has an extension that is not in
            ``white_list_formats``, with a warning that counts them.
        workers: See ``Iterator``.
        use_multiprocessing: See ``Iterator``.
        cache: See ``DirectoryIterator``.
        on_error: See ``DirectoryIterator``.

    Attributes:
        class_indices: Class name to class index, if ``class_mode`` has classes.
        classes: The class index, or list of indices, of each sample, if ``class_mode`` has classes.
        filenames: The values in ``x_col``.
        filepaths: The path of each sample. Row i of all served samples, and so of predictions, is
            ``filepaths[served_indices[i]]``.

    Raises:
        ValueError: An argument is not legal.
        TypeError: A column has values that ``class_mode`` does not accept.
        KeyError: A column does not exist.

    Example:
        >>> import pandas as pd
        >>> from imggen import ImageDataGenerator
        >>> frame = pd.DataFrame({"filename": ["cat/000.png", "dog/000.png"], "age": [3.5, 4.0]})
        >>> batches = DataFrameIterator(
        ...     frame, photos, ImageDataGenerator(), y_col="age", class_mode="raw", shuffle=False
        ... )
        Found 2 validated image filenames.
        >>> batches[0][1].tolist()
        [3.5, 4.0]
    """

    allowed_class_modes: Any = {  # noqa: RUF012
        "binary",
        "categorical",
        "input",
        "multi_output",
        "raw",
        "sparse",
        None,
    }
    _read_once = frozenset(
        {
            *("filenames", "directory", "samples", "class_indices", "subset", "split"),
            *("df", "dataframe", "x_col", "y_col", "weight_col"),
        }
    )

    def __init__(
        self,
        dataframe: pd.DataFrame,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str = "channels_last",
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        cache: CacheLike = None,
        on_error: str = "raise",
    ) -> None:
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
            on_error=on_error,
        )
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype
        if class_mode not in self.allowed_class_modes:
            raise OptionError.unknown("class_mode", class_mode, self.allowed_class_modes)
        check_truth_value("classes", classes)
        check_truth_value("weight_col", weight_col)
        _check_columns(dataframe, class_mode, x_col, y_col, weight_col, classes)
        frame = dataframe
        if validate_filenames:
            frame = self._rows_with_files(frame, x_col)
        if class_mode not in _WITHOUT_CLASSES:
            frame, names = _rows_of_classes(frame, y_col, classes)
            self.class_indices = {name: index for index, name in enumerate(names)}
        usable, start, stop = frame, 0, len(frame)
        if self.split:
            start, stop = (int(bound * len(frame)) for bound in self.split)
            frame = frame.iloc[start:stop]
        self.filenames: list[str] = frame[x_col].tolist()
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(self.directory, file) for file in self.filenames]
        self._sample_weight = frame[weight_col].values if weight_col else None
        found = f"Found {self.samples} {'' if validate_filenames else 'non-'}validated"
        if class_mode in _WITHOUT_CLASSES:
            print_message(f"{found} image filenames.")
            if class_mode == "multi_output":
                self._targets_from_columns: Any = [np.array(frame[name].tolist()) for name in y_col]
            elif class_mode == "raw":
                self._targets_from_columns = frame[y_col].values
        else:
            print_message(f"{found} image filenames belonging to {len(names)} classes.")
            self.classes = [self._find_indices(label) for label in frame[y_col]]
        columns = (x_col, y_col, weight_col)
        warn_of_table_traps(self, dataframe, usable, (start, stop), columns)
        self._open_cache(cache)
        super().__init__(
            self.samples,
            batch_size,
            shuffle,
            seed,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    @property
    def filepaths(self) -> list[str]:
        """The path of each sample."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """The columns for "raw" and "multi_output", otherwise the classes."""
        return (
            self._targets_from_columns
            if self.class_mode in {"multi_output", "raw"}
            else self.classes
        )

    @property
    def sample_weight(self) -> Any:
        """The weights of all samples, or None."""
        return self._sample_weight

    def _rows_with_files(self, frame: pd.DataFrame, x_col: str) -> pd.DataFrame:
        valid = np.array(
            [
                validate_filename(os.path.join(self.directory, file), self.white_list_formats)
                for file in frame[x_col]
            ],
            dtype=bool,
        )
        if not valid.all():
            warn_user(
                f'Found {(~valid).sum()} invalid image filename(s) in x_col="{x_col}". These '
                "filename(s) will be ignored.",
                UserWarning,
            )
        return frame[valid]

    def _find_indices(self, label: Any) -> int | list[int]:
        if isinstance(label, list | tuple):
            return [self.class_indices[name] for name in label]
        return self.class_indices[label]


@name_wrong_argument(filename="", white_list_formats=("png",))
def validate_filename(filename: str, white_list_formats: Any) -> bool:
    """Returns whether a file exists and has one of the extensions ``white_list_formats``.

    Example:
        >>> validate_filename("nowhere.png", ("png", "jpg"))
        False
    """
    return filename.lower().endswith(white_list_formats) and os.path.isfile(filename)


@final
class MissingColumnError(OptionError, KeyError):
    """A table does not have a column that is named."""

    def __str__(self) -> str:  # KeyError shows a repr
        return Exception.__str__(self)


def _check_columns(
    frame: pd.DataFrame,
    class_mode: str | None,
    x_col: str,
    y_col: Any,
    weight_col: str | None,
    classes: Sequence[str] | None,
) -> None:
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f'y_col={shorten(y_col)} must be a list of columns for class_mode="multi_output".'
        )
    _check_names(frame, class_mode, x_col, y_col, weight_col)
    _require(frame, "x_col", x_col, (str,), "must be strings, the paths of images")
    if class_mode in {"binary", "sparse"}:
        _require(frame, "y_col", y_col, (str,), f'must be strings for class_mode="{class_mode}"')
    if class_mode == "categorical":
        what = 'must be strings, or lists of them, for class_mode="categorical"'
        _require(frame, "y_col", y_col, (str, list, tuple), what)
    if class_mode == "binary":
        number = len(set(classes)) if classes else frame[y_col].nunique()
        if number != 2:
            raise ValueError(
                f'class_mode="binary" needs 2 classes, found {number}. Use "sparse" or '
                '"categorical" for more.'
            )
    if classes and class_mode in _WITHOUT_CLASSES:
        warn_user(f'`classes` will be ignored given the class_mode="{class_mode}"', UserWarning)
    if weight_col and not issubclass(frame[weight_col].dtype.type, np.number):
        raise TypeError(
            f"weight_col={shorten(weight_col)} holds {frame[weight_col].dtype}; weights must be "
            "numbers."
        )


def _check_names(
    frame: pd.DataFrame, class_mode: str | None, x_col: str, y_col: Any, weight_col: str | None
) -> None:
    """Raises the KeyError of a missing column, with the columns of the table."""
    names = {"x_col": [x_col], "weight_col": [weight_col] if weight_col else []}
    if class_mode not in {"input", None}:
        names["y_col"] = y_col if isinstance(y_col, list) else [y_col]
    columns = frame.columns.tolist()
    for option, wanted in names.items():
        for name in wanted:
            if name not in columns:
                raise MissingColumnError(
                    f"{option}={shorten(name)} must name a column of dataframe; it has "
                    f"{shorten(columns)}."
                )


def _require(
    frame: pd.DataFrame, option: str, column: Any, types: tuple[type, ...], what: str
) -> None:
    values = frame[column]
    if values.ndim != 1:
        raise OptionTypeError(f"{option}={shorten(column)} names several columns; expected one.")
    for row, value in enumerate(values):
        if not isinstance(value, types):
            raise TypeError(
                f"The values in column {shorten(column)} {what}; row {row} holds {shorten(value)}."
            )


def _rows_of_classes(
    frame: pd.DataFrame, y_col: Any, classes: Sequence[str] | None
) -> tuple[pd.DataFrame, list[str]]:
    """Returns the rows that have a class, and all classes in the order of their indices."""
    import pandas as pd

    if not classes:
        found: set[str] = set()
        for label in frame[y_col]:
            found.update(label if isinstance(label, list | tuple) else [label])
        return frame, sorted(found)
    wanted = list(dict.fromkeys(classes))
    labels = [
        [name for name in label if name in wanted] or None
        if isinstance(label, list | tuple)
        else (label if label in wanted else None)
        for label in frame[y_col]
    ]
    frame = frame.copy()
    frame[y_col] = pd.Series(labels, index=frame.index, dtype=object)
    return frame[[label is not None for label in labels]] if labels else frame, wanted
