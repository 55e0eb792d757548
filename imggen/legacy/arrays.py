"""NumpyArrayIterator: batches of arrays in memory."""

from __future__ import annotations

import os
from typing import Any, final

import keras
import numpy as np
import numpy.typing as npt

from imggen.cache import StackedRows
from imggen.core import explain_arguments, shorten, warn_user
from imggen.errors import OptionTypeError
from imggen.legacy.argument_errors import build_argument_error, fails
from imggen.legacy.array_traps import warn_of_array_traps
from imggen.legacy.batch import fill_batch, stack_rows
from imggen.legacy.iterator import Iterator
from imggen.legacy.saving import save_batch
from imggen.legacy.validation_split import subset_bounds


@explain_arguments
class NumpyArrayIterator(Iterator):
    """Serves batches of images in memory; returned by ``ImageDataGenerator.flow``.

    Args:
        x: Images, shape (n, height, width, channels) or (n, channels, height, width); or a list of
            them and another array, or list of arrays, that is served unchanged with them.
        y: n targets of any kind, or None.
        image_data_generator: Transforms the images.
        batch_size: The number of samples per batch.
        shuffle: Serve each epoch in a new random order.
        sample_weight: n weights, or None. With ``subset`` "training" or "validation", Keras does
            not split them with the images, and neither does this class: pass those of the subset,
            followed by zeros.
        seed: See ``Iterator``.
        data_format: "channels_last" or "channels_first"; None: Keras's setting.
        save_to_dir: A folder to save every served image to, or None.
        save_prefix: The prefix of their file names.
        save_format: Their file extension.
        subset: "training", "validation" or "test", as defined by the generator's
            ``validation_split``. None: all samples.
        ignore_class_split: Accept subsets in which not all classes occur.
        dtype: The dtype of the images. None: Keras's setting.
        workers: See ``Iterator``.
        use_multiprocessing: See ``Iterator``.

    Raises:
        ValueError: Lengths differ, images do not have four axes, or a subset lacks classes.

    Example:
        >>> from imggen import ImageDataGenerator
        >>> x, y = np.ones((5, 4, 4, 1)), np.arange(5)
        >>> batches = NumpyArrayIterator(x, y, ImageDataGenerator(rescale=2), batch_size=2)
        >>> [len(labels) for _, labels in (batches[0], batches[1], batches[2])]
        [2, 2, 1]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
    ) -> None:
        self.dtype = keras.config.floatx() if dtype is None else dtype
        if data_format is None:
            data_format = keras.config.image_data_format()
        extra: list[npt.NDArray[Any]] = []
        if isinstance(x, tuple | list):
            x, others = x[0], x[1]
            extra = [
                np.asarray(array) for array in (others if isinstance(others, list) else [others])
            ]
        for name, values in {"x": x, "y": y, "sample_weight": sample_weight}.items():
            if (values is not None or name == "x") and not _has_length(values):
                raise OptionTypeError(f"{name}={shorten(values)} must be an array.")
        for array in extra:
            if not array.ndim:
                raise OptionTypeError(f"x={shorten(array)} must be an array, or a list of arrays.")
            if len(array) != len(x):
                raise ValueError(
                    "All of the arrays in `x` should have the same length. Found "
                    f"{len(x)} images and an array of length {len(array)}."
                )
        for name, values in {"`y` (labels)": y, "`sample_weight`": sample_weight}.items():
            if values is not None and len(values) != len(x):
                raise ValueError(
                    f"`x` (images tensor) and {name} should have the same length. Found "
                    f"{len(x)} images and {len(values)} rows."
                )
        targets, weights, selected = y, sample_weight, slice(None)
        if subset is not None:
            start, stop = subset_bounds(subset, image_data_generator._validation_split)
            selected = slice(int(start * len(x)), int(stop * len(x)))
            if y is not None and not ignore_class_split:
                _require_same_classes(y, selected)
            x, extra = x[selected], [array[selected] for array in extra]
            y = None if y is None else y[selected]
            if sample_weight is not None and subset == "test":
                sample_weight = sample_weight[selected]
        self.x = _as_array("x", x, self.dtype)
        self.x_misc = extra
        if self.x.ndim != 4:
            raise ValueError(f"x has shape {self.x.shape}; expected four axes, a batch of images.")
        channels = self.x.shape[3 if data_format == "channels_last" else 1]
        if channels not in {1, 3, 4}:
            warn_user(
                f"x has shape {self.x.shape}, which is "
                f"{channels} channels with data_format={shorten(data_format)}; expected 1, 3 or 4.",
                UserWarning,
            )
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.data_format = data_format
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        warn_of_array_traps(self, subset, selected, targets, weights)
        super().__init__(
            self.x.shape[0],
            batch_size,
            shuffle,
            seed,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def _get_batches_of_transformed_samples(self, index_array: npt.NDArray[np.int64]) -> Any:
        batch_x = np.empty((len(index_array), *self.x.shape[1:]), dtype=self.dtype)
        fill_batch(
            batch_x,
            _RowsOfArray(self.x, index_array, self.dtype),
            self.image_data_generator,
            self._source,
            self._batch_threads,
        )
        save_batch(self, batch_x, index_array, num_names=10_000)
        extra = [array[index_array] for array in self.x_misc]
        x = [batch_x, *extra] if extra else batch_x
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[index_array]
        return x, self.y[index_array], self.sample_weight[index_array]


@final
class _RowsOfArray:
    """Images that are rows of an array; see ``Images``.

    Args:
        x: The array.
        rows: The row of each image.
        dtype: The dtype of the batch.
    """

    def __init__(self, x: npt.NDArray[Any], rows: npt.NDArray[np.int64], dtype: Any) -> None:
        self._x = x
        self._rows = rows
        self.dtype = dtype

    def load(self, position: int) -> npt.NDArray[Any]:
        """Returns a copy of an image, in the dtype of the batch."""
        image: npt.NDArray[Any] = self._x[self._rows[position]].astype(self.dtype)
        return image

    def read(self, position: int, row: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """Returns a view of an image."""
        del row
        image: npt.NDArray[Any] = self._x[self._rows[position]]
        return image

    def find_rows(self) -> StackedRows | None:
        """Returns all rows; None if a user's own rows are not plain numbers of rows."""
        return stack_rows(self._x, self._rows)


def _has_length(values: Any) -> bool:
    try:
        len(values)
    except TypeError:
        return False
    return True


def _as_array(name: str, values: Any, dtype: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError) as err:
        if fails(lambda: np.zeros(1).astype(dtype)):
            name, values = "dtype", dtype
        raise build_argument_error(name, values, err) from err


def _require_same_classes(y: Any, selected: slice) -> None:
    inside = np.unique(y[selected])
    outside = np.unique(
        np.concatenate([np.asarray(y)[: selected.start], np.asarray(y)[selected.stop :]])
    )
    if not np.array_equal(inside, outside):
        if not len(inside) or not len(outside):
            raise ValueError(
                "Training and validation subsets have different number of classes after the "
                "split: one of them is empty. Pass validation_split, such as "
                "ImageDataGenerator(validation_split=0.2), and more samples if there are few."
            )
        raise ValueError(
            "Training and validation subsets have different number of classes after the split: "
            f"{inside.tolist()} in one, {outside.tolist()} in the other. Shuffle arrays that are "
            "sorted by class, or pass ignore_class_split=True."
        )
