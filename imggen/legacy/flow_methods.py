"""The methods of ImageDataGenerator that make iterators."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from imggen.cache import CacheLike
from imggen.core import explain_arguments, warn_user
from imggen.legacy.arrays import NumpyArrayIterator
from imggen.legacy.dataframe import DataFrameIterator
from imggen.legacy.directory import DirectoryIterator
from imggen.legacy.generator_traps import warn_of_augmentation
from imggen.legacy.traps import warn_of_ignored_keywords

if TYPE_CHECKING:
    import pandas as pd


class FlowMethods:
    """The base of ImageDataGenerator: ``flow``, ``flow_from_directory``, ``flow_from_dataframe``.

    Attributes:
        data_format: "channels_last" or "channels_first".
        dtype: The dtype of the batches.
    """

    data_format: str
    dtype: Any

    @explain_arguments
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
    ) -> NumpyArrayIterator:
        """Serves batches of arrays; see ``NumpyArrayIterator`` for all arguments.

        Example:
            >>> import numpy as np
            >>> from imggen import ImageDataGenerator
            >>> x = np.zeros((6, 8, 8, 3))
            >>> next(ImageDataGenerator().flow(x, np.arange(6), batch_size=4))[0].shape
            (4, 8, 8, 3)
        """
        warn_of_augmentation(self, subset)
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    @explain_arguments
    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        cache: CacheLike = None,
        on_error: str = "raise",
    ) -> DirectoryIterator:
        """Serves batches of ``directory/<class>/**/<image>``.

        See ``DirectoryIterator`` for all arguments.

        Example:
            >>> from imggen import ImageDataGenerator
            >>> batches = ImageDataGenerator().flow_from_directory(photos, class_mode="binary")
            Found 16 images belonging to 2 classes.
            >>> batches.class_indices
            {'cat': 0, 'dog': 1}
        """
        warn_of_augmentation(self, subset)
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            cache=cache,
            on_error=on_error,
        )

    @explain_arguments
    def flow_from_dataframe(
        self,
        dataframe: pd.DataFrame,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        *,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        cache: CacheLike = None,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Serves batches of the files that a DataFrame names.

        See ``DataFrameIterator`` for all arguments. ``class_mode="other"``, ``has_ext``, ``sort``
        and ``drop_duplicates`` are deprecated in Keras: the first one means "raw", the others have
        no effect.

        Example:
            >>> import pandas as pd
            >>> from imggen import ImageDataGenerator
            >>> frame = pd.DataFrame({"file": ["cat/000.png", "dog/001.png"], "kind": ["c", "d"]})
            >>> batches = ImageDataGenerator().flow_from_dataframe(
            ...     frame, photos, x_col="file", y_col="kind", class_mode="sparse"
            ... )
            Found 2 validated image filenames belonging to 2 classes.
        """
        for name, remedy in _DEPRECATED.items():
            if name in kwargs:
                warn_user(f"{name} is deprecated: {remedy}", DeprecationWarning)
        unknown = [name for name in kwargs if name not in _DEPRECATED]
        if unknown:
            known = [*inspect.signature(FlowMethods.flow_from_dataframe).parameters, *vars(self)]
            warn_of_ignored_keywords(self, unknown, known)
        if class_mode == "other":
            warn_user(
                'class_mode="other" is deprecated, use class_mode="raw".',
                DeprecationWarning,
            )
            class_mode = "raw"
        warn_of_augmentation(self, subset)
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            cache=cache,
            on_error=on_error,
        )


_DEPRECATED = {
    "has_ext": "the filenames must be those on disk, extension included.",
    "sort": "with shuffle=False the order is that of the rows.",
    "drop_duplicates": "call DataFrame.drop_duplicates first.",
}
