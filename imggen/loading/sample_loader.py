"""Loads samples before augmentation: an image, and what belongs to it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.cache import ImageCache, RamCache, StackedRows
from imggen.data import Manifest
from imggen.decode import ImageSpec, source_geometry
from imggen.errors import CacheError, ImageError, OptionError
from imggen.loading.kept_targets import KeptTargets
from imggen.loading.label_modes import FindGeometry, LabelMode, LoadedImage
from imggen.loading.reading import check_same_size, read_array
from imggen.loading.store_reader import StoreReader
from imggen.workers import single_threaded_opencv

# There may be millions of samples.
_SUBMITTED_AT_ONCE = 4096


class Failure(NamedTuple):
    """A file that could not be read, and the reason."""

    path: str
    reason: str


@final
@dataclass(frozen=True, eq=False)
class SampleLoader:
    """Loads any sample of a manifest, with what its label mode needs and no more.

    Attributes:
        manifest: The samples.
        label_mode: What targets are; decides what to load along with the image.
        load: Path to array.
        load_mask: The path of a mask and of its image to an array.
        spec: How ``load`` decodes; None for a custom loader.
        cache: Where loaded arrays are kept, or None.
        find_geometry: Finds where in a file its pixels come from; see ``source_geometry``.
        reader: Reads the files ahead, if they are remote; else None.
    """

    manifest: Manifest
    label_mode: LabelMode
    load: Callable[[str], npt.NDArray[Any]]
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    spec: ImageSpec | None
    cache: ImageCache | None
    find_geometry: FindGeometry = source_geometry
    _kept: KeptTargets | None = field(init=False, repr=False)
    reader: StoreReader | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        keeps = isinstance(self.cache, RamCache) and self.label_mode.keeps_loaded
        kept = KeptTargets(self.cache) if keeps else None  # type: ignore[arg-type]
        object.__setattr__(self, "_kept", kept)
        # A custom loader opens files by itself.
        reader = None if self.spec is None else StoreReader.find(self.manifest, self.cache)
        object.__setattr__(self, "reader", reader)

    def __call__(self, row: int) -> Sample:
        """Loads the sample in one row, with all that moves with its image.

        Raises:
            ImageError: A file cannot be read, has another size than its image, or has a box that
                lies outside the image.
            SampleError: A custom loader returned something other than an array.
        """
        array = self.image(row)
        inputs, mode, kept = self.manifest.inputs, self.label_mode, self._kept
        if not inputs and not mode.moves_with_image:
            return Sample(array)
        sample = None if kept is None else kept.find(row, array)
        if sample is not None and not inputs:
            return sample
        path = self.manifest.filepath(row)
        image = LoadedImage(
            self.manifest, row, path, array, self.spec, self.load_mask, self.find_geometry
        )
        if sample is None:
            sample = mode.load(image) if mode.moves_with_image else Sample(array)
            if kept is not None:
                kept.keep(row, sample)
        return dataclasses.replace(sample, images=self._load_inputs(image)) if inputs else sample

    def image(self, row: int) -> npt.NDArray[Any]:
        """Loads the image in one row; not to be written to.

        Raises:
            ImageError: Same as ``__call__``.
            SampleError: Same as ``__call__``.
        """
        if self.cache is not None:
            return self.cache.get(row, lambda: self._load(row))
        return self._load(row)

    def find_rows(self, rows: npt.NDArray[np.int64]) -> StackedRows | None:
        """Returns where the images of many samples are stored in one array.

        None where a sample is more than its image, or an image is not stored that way.
        """
        if self.cache is None or self.manifest.inputs or self.label_mode.moves_with_image:
            return None
        return self.cache.find_rows(rows)

    def fill_cache(self, workers: int, progress: Callable[[], object]) -> list[Failure]:
        """Loads all images into the cache; see ``ImageSequence.fill_cache``."""
        if self.cache is None:
            raise OptionError('There is no cache to fill. Pass cache="ram" or cache=FOLDER.')

        cache = self.cache

        def load(row: int) -> Failure | None:
            try:
                if not cache.is_full:
                    self.image(row) if self._kept is None else self(row)
            except ImageError as err:
                return Failure(err.path, err.reason)
            return None

        failures = []
        with single_threaded_opencv(), ThreadPoolExecutor(max(1, workers)) as threads:
            rows = range(self.manifest.num_samples)
            for start in range(0, len(rows), _SUBMITTED_AT_ONCE):
                if self.reader is not None:
                    self.reader.start(rows[start : start + _SUBMITTED_AT_ONCE])
                for failure in threads.map(load, rows[start : start + _SUBMITTED_AT_ONCE]):
                    progress()
                    if failure is not None:
                        failures.append(failure)
        cache.flush()
        if cache.is_full:
            raise CacheError(
                f"Not all of {self.manifest.num_samples} images are cached: the cache is full or "
                "read-only. Those that fit are kept. Raise its limit=, use a smaller image_size, "
                'pack="jpeg", or a folder that can be written to. '
                f"({len(failures)} of the files so far cannot be read.)"
            )
        return failures

    def clear_cache(self) -> None:
        """Removes all that was cached in memory."""
        if self.cache is not None:
            self.cache.clear()
        if self._kept is not None:
            self._kept.clear()

    def _load_inputs(self, image: LoadedImage) -> tuple[npt.NDArray[Any], ...]:
        """Loads the further images of a sample, in the order of ``manifest.inputs``."""
        arrays = []
        for name, paths in self.manifest.inputs.items():
            path = self.manifest.resolve(paths[image.row])
            array = read_array(path, functools.partial(self.load, path))
            check_same_size(path, f"input {name!r}", array, image.path, image.array)
            arrays.append(array)
        return tuple(arrays)

    def _load(self, row: int) -> npt.NDArray[Any]:
        path = self.manifest.filepath(row)
        return read_array(path, functools.partial(self.load, path))
