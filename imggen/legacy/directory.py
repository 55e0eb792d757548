"""DirectoryIterator: batches of ``directory/<class>/**/<image>``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.cache import CacheLike
from imggen.core import (
    describe_mark,
    describe_output,
    explain_arguments,
    pluralize,
    shorten,
    warn_user,
)
from imggen.data import find_system_name, is_store
from imggen.errors import OptionError
from imggen.legacy.argument_errors import build_argument_error, check_truth_value
from imggen.legacy.files import BatchFromFilesMixin
from imggen.legacy.folder_traps import ClassFolder, warn_of_folder_traps, warn_of_system_folders
from imggen.legacy.iterator import Iterator
from imggen.sequences import print_message
from imggen.stores import parse_address


@explain_arguments
class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Serves images from class folders; returned by ``ImageDataGenerator.flow_from_directory``.

    As in Keras, every folder in ``directory`` is a class, also a hidden one or one of a network
    drive, and files are found at any depth by their extension (``white_list_formats``). Unlike in
    Keras, folders that imggen wrote (caches, splits, augmented copies, quarantines) are skipped,
    unless ``classes`` names them; a printed line names them.

    Args:
        directory: The folder that contains one folder per class.
        image_data_generator: Transforms the images. None: no transformation.
        target_size: The (height, width) in pixels that images are resized to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: The classes to use, in the order of their indices. None: all folders, sorted.
        class_mode: The kind of y: "categorical" (one-hot), "sparse" or "binary" (the class index),
            "input" (x itself), or None (no y).
        batch_size: The number of samples per batch.
        shuffle: Serve each epoch in a new random order.
        seed: See ``Iterator``.
        data_format: "channels_last" or "channels_first"; None: Keras's setting.
        save_to_dir: A folder to save every served image to, or None.
        save_prefix: The prefix of their file names.
        save_format: Their file extension.
        follow_links: Follow links to folders.
        subset: "training", "validation" or "test", as defined by the generator's
            ``validation_split``. None: all samples.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: Crop images to the aspect ratio of ``target_size`` first.
        dtype: The dtype of x and y. None: Keras's setting.
        workers: See ``Iterator``.
        use_multiprocessing: See ``Iterator``.
        cache: Where to cache decoded images, before augmentation: "ram", or a folder. None: no
            cache.
        on_error: For a file that cannot be read: "raise" an error, "skip" it, so that its batch is
            smaller, or "substitute" another file of the same class. ``failures`` lists such files.

    Attributes:
        class_indices: Class name to class index.
        classes: The class index of each sample, int32.
        filenames: The path of each sample, relative to ``directory``.
        filepaths: The path of each sample, in the order of ``classes``. Row i of all served
            samples, and so of predictions, is ``filepaths[served_indices[i]]``.

    Raises:
        ValueError: An argument is not legal.
        FileNotFoundError: The folder does not exist.

    Example:
        >>> from imggen import ImageDataGenerator
        >>> batches = DirectoryIterator(photos, ImageDataGenerator(), target_size=(8, 8))
        Found 16 images belonging to 2 classes.
        >>> batches.samples, batches.num_classes, batches.image_shape
        (16, 2, (8, 8, 3))
    """

    allowed_class_modes: Any = {"categorical", "binary", "sparse", "input", None}  # noqa: RUF012
    _read_once = frozenset(
        {"filenames", "directory", "samples", "num_classes", "class_indices", "subset", "split"}
    )

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
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
            keras.config.image_data_format() if data_format is None else data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
            on_error=on_error,
        )
        if class_mode not in self.allowed_class_modes:
            raise OptionError.unknown("class_mode", class_mode, self.allowed_class_modes)
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = keras.config.floatx() if dtype is None else dtype
        self._outputs: dict[str, str] = {}  # folders that imggen wrote, each with its kind
        self._system_folders: list[str] = []  # folders of systems that hold samples
        check_truth_value("classes", classes)
        names = classes or self._subfolders(directory)
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        self.filenames: list[str] = []
        numbers: list[int] = []
        folders = []
        for name in names:
            try:
                folder = os.path.join(directory, name)
            except TypeError as err:
                raise build_argument_error("classes", classes, err) from err
            found = self._images_under(folder, follow_links)
            num_images = len(found)
            if self.split:
                start, stop = (int(bound * num_images) for bound in self.split)
                found = found[start:stop]
            folders.append(ClassFolder(os.fspath(name), folder, num_images, len(found)))
            if found:
                base = os.path.basename(folder)
                numbers += [self.class_indices[base]] * len(found)
                self.filenames += [os.path.join(base, file) for file in found]
        self.samples = len(self.filenames)
        self.classes: npt.NDArray[np.int32] = np.array(numbers, dtype=np.int32)
        print_message(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        if self._outputs:
            print_message(_describe_outputs(self._outputs, directory))
        warn_of_folder_traps(self, folders, classes)
        warn_of_system_folders(self, self._system_folders)
        self._filepaths = [os.path.join(directory, file) for file in self.filenames]
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
        """The class index of each sample."""
        return self.classes

    @property
    def sample_weight(self) -> None:
        """None: images in folders have no weights."""
        return

    def _subfolders(self, directory: str | os.PathLike[str]) -> list[str]:
        try:
            names = sorted(map(os.fspath, os.listdir(directory)))
        except OSError as err:
            if isinstance(directory, str | os.PathLike) and is_store(directory):
                raise OptionError(
                    f"directory={shorten(parse_address(directory))} is not a folder on disk, and "
                    "ImageDataGenerator reads no other. Use imggen.from_directory, which takes it, "
                    "or download the images."
                ) from err
            text = f"directory={shorten(directory)} cannot be listed: {err.strerror}"
            raise type(err)(err.errno, text, err.filename) from err
        found = []
        for name in names:
            folder = os.path.join(directory, name)
            if os.path.isdir(folder):
                output = describe_output(os.fsdecode(folder))
                if output is None:
                    found.append(name)
                else:
                    self._outputs[folder] = output
        return found

    def _images_under(self, folder: str, follow_links: bool) -> list[str]:
        """Returns the images at any depth in ``folder``, as relative paths, in Keras's order."""
        listed = []
        for root, folders, files in os.walk(folder, followlinks=follow_links):
            output = next(filter(None, map(describe_mark, folders + files)), None)
            if output is not None and root != folder:
                self._outputs[root] = output
                folders.clear()
            else:
                listed.append((root, files))
        found: list[str] = []
        for root, files in sorted(listed):
            parent = "" if root == folder else os.path.relpath(root, folder)
            num_found = len(found)
            for file in sorted(files):
                if file.lower().endswith(".tiff"):
                    warn_user(
                        'Using ".tiff" files with multiple bands will cause distortion. Please '
                        "verify your output.",
                        UserWarning,
                    )
                if file.lower().endswith(self.white_list_formats):
                    found.append(os.path.join(parent, file))
            if parent and len(found) > num_found and find_system_name(os.path.basename(root)):
                self._system_folders.append(root)
        return found


def _describe_outputs(outputs: dict[str, str], directory: str | os.PathLike[str]) -> str:
    listed = ", ".join(
        f"{os.path.relpath(folder, directory)!r} ({output})" for folder, output in outputs.items()
    )
    return f"Skipped {pluralize(len(outputs), 'folder')} written by imggen: {listed}."
