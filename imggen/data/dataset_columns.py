"""Columns of Hugging Face datasets: images row by row, and targets as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import import_library, shorten
from imggen.errors import ManifestError, OptionError

# Older versions do not work with NumPy 2.
_OLDEST = "3.0"


def import_datasets(purpose: str) -> Any:
    """Imports the package ``datasets``.

    Args:
        purpose: The function that needs it, for the message.

    Raises:
        MissingExtraError: It is not installed, or too old.
    """
    return import_library("datasets", _OLDEST, purpose, extra="huggingface")


@final
class ImageColumn:
    """A column of images of a dataset: a function from row to what the dataset stores; picklable.

    Rows are read from the Arrow table itself, so that formats and transforms that are set have no
    effect and images are not decoded. Memory-mapped tables are pickled as their paths.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset = dataset.with_format(None).select_columns([name])
        self._name = name
        self._open()

    def _open(self) -> None:
        self._column = self._dataset.data.column(self._name)
        indices = self._dataset._indices
        # Where rows were selected, sorted or shuffled.
        self._rows = None if indices is None else indices.column(0).to_numpy()

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def has_arrays(self) -> bool:
        """Whether the rows are arrays, not files."""
        return not _is_plain(self._column.type)

    def __call__(self, row: int) -> bytes | str | npt.NDArray[Any] | None:
        """Returns the bytes of an image file, its path, an array, or None for no image.

        Raises:
            OptionError: An array whose rows differ, or a remote file that cannot be read.
        """
        scalar = self._column[row if self._rows is None else int(self._rows[row])]
        if not scalar.is_valid:
            return None
        value = scalar.as_py() if _is_plain(scalar.type) else _to_array(scalar)
        if isinstance(value, dict):
            value = value.get("path") if value.get("bytes") is None else value["bytes"]
        if isinstance(value, str) and "://" in value:
            return _read_remote(value)
        return value

    def describe_rows(self) -> tuple[list[str | None], npt.NDArray[np.bool_]]:
        """Returns the path of each row, and whether it has the bytes of a file or an array."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column, kind = self._column, self._column.type
        none = pa.nulls(len(column), pa.string())
        paths: Any = none
        content: Any = column
        if pa.types.is_struct(kind):
            fields = [kind.field(index).name for index in range(kind.num_fields)]
            paths = pc.struct_field(column, "path") if "path" in fields else none
            content = pc.struct_field(column, "bytes") if "bytes" in fields else none
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            paths, content = column, none
        has_content = np.asarray(pc.is_valid(content))
        if self._rows is not None:
            paths, has_content = paths.take(pa.array(self._rows)), has_content[self._rows]
        return paths.to_pylist(), has_content

    def __getstate__(self) -> dict[str, Any]:
        return {"_dataset": self._dataset, "_name": self._name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()


def is_image_feature(feature: Any) -> bool:
    """Whether a column may hold images: files, their bytes or paths, or arrays."""
    if isinstance(feature, dict):
        return set(feature) <= {"bytes", "path"}
    kind = type(feature).__name__
    if kind == "Value":
        return feature.dtype in ("string", "large_string", "binary", "large_binary")
    inner = getattr(feature, "feature", None)
    return kind in ("Image", "Array2D", "Array3D") or getattr(inner, "feature", None) is not None


def column_names(dataset: Any) -> list[str]:
    """Returns the names of all columns, such as "label", and "objects.bbox" inside of "objects"."""
    return list(dataset.flatten().column_names)


def read_values(dataset: Any, name: str) -> tuple[list[Any], tuple[str, ...] | None]:
    """Reads a column of labels, numbers, or lists of these.

    Args:
        dataset: The dataset.
        name: One of ``column_names``.

    Returns:
        The values of all rows, with class names in place of class indices; and the class names, if
        the dataset has them.

    Raises:
        ManifestError: A class index without a class.
        OptionError: The column holds images.
    """
    dataset = dataset if name in dataset.column_names else dataset.flatten()
    feature = dataset.features[name]
    if type(feature).__name__ in ("Image", "Audio", "Video"):
        raise OptionError(
            f"The column {name!r} holds {type(feature).__name__.lower()} files; expected labels "
            "or numbers. Pass another column; for the masks of images, mask_col=."
        )
    values = dataset.with_format(None).select_columns([name])[:][name]
    while (inner := getattr(feature, "feature", None)) is not None:
        feature = inner
    if type(feature).__name__ != "ClassLabel":
        return list(values), None
    names = tuple(map(str, feature.names))
    found = [
        replace_class_indices(value, names, f"column {name!r}", row)
        for row, value in enumerate(values)
    ]
    return found, names


def replace_class_indices(value: Any, names: Sequence[str], column: str, row: int) -> Any:
    """Returns class names in place of class indices; None stays None.

    Args:
        value: A class index, or a list of these.
        names: The class names; position is class index.
        column: The column in words, for the message.
        row: The row, for the message.

    Raises:
        ManifestError: An index without a class.
    """
    if isinstance(value, list):
        return [replace_class_indices(one, names, column, row) for one in value]
    if value is None or 0 <= value < len(names):
        return None if value is None else names[value]
    hint = (
        "The dataset has no label there, as is common for test sets. Pass label=None, or drop "
        "those rows"
        if value == -1
        else "Fix or drop that row"
    )
    raise ManifestError(
        f"The {column} is {value} in row {row}; expected the index of one of "
        f"{len(names)} classes. {hint}."
    )


def _is_plain(kind: Any) -> bool:
    import pyarrow as pa

    return not (
        isinstance(kind, pa.BaseExtensionType)
        or pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
    )


def _to_array(scalar: Any) -> npt.NDArray[Any]:
    """Converts nested lists of numbers to an array, without an object for each number.

    Raises:
        OptionError: Lists of different lengths, or none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = (scalar.value if isinstance(scalar.type, pa.BaseExtensionType) else scalar).values
    shape = [len(values)]
    while not _is_plain(values.type):
        lengths = pc.unique(pc.list_value_length(values)).to_pylist()
        if not lengths:
            raise OptionError("it is empty; expected an array of at least one pixel")
        if len(lengths) != 1 or lengths[0] is None:
            raise OptionError(
                f"its rows have different lengths: {shorten(lengths)}; expected an array"
            )
        shape.append(lengths[0])
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(shape)


def _read_remote(path: str) -> bytes:
    """Reads a file inside an archive or on a server, as ``datasets`` does."""
    from datasets.utils.file_utils import xopen

    try:
        with xopen(path, "rb") as file:
            content: bytes = file.read()
    except Exception as err:  # depends on the library that reads this kind of path
        raise OptionError(f"{type(err).__name__}: {err}") from err
    return content
