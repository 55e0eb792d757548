"""The number of a sample to its arrays, before augmentation: its image and what belongs to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample, are_beyond, moved_boxes, moved_keypoints
from imggen.cache import ImageCache
from imggen.data import Manifest
from imggen.decode import ImageSpec, place_of
from imggen.errors import CacheError, ImageError, OptionError, SampleError
from imggen.loading.label_modes import LabelMode

# Of what may be millions of samples.
_SUBMITTED_AT_ONCE = 4096


class Failure(NamedTuple):
    """A file that could not be read, and why."""

    path: str
    reason: str


@final
@dataclass(frozen=True, eq=False)
class SampleLoader:
    """Loads any sample of a manifest, with what its targets are made of and no more.

    Attributes:
        manifest: The samples.
        label_mode: As in ``labels.LabelMode``; "mask", "boxes" and "keypoints" load these too.
        load: Path to array.
        load_mask: The path of a mask and of its image to an array.
        spec: How ``load`` decodes; None for a loader of the user's.
        cache: Where loaded arrays are kept, or None.
    """

    manifest: Manifest
    label_mode: LabelMode
    load: Callable[[str], npt.NDArray[Any]]
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    spec: ImageSpec | None
    cache: ImageCache | None

    def __call__(self, index: int) -> Sample:
        """Loads sample ``index`` with all that has to stay in step with it.

        Raises:
            ImageError: A file cannot be read, has another size than its image, or has a box that is
                not in it.
            SampleError: A custom loader returned something other than an array.
        """
        manifest = self.manifest
        image = self.image(index)
        if not manifest.inputs and self.label_mode not in ("mask", "boxes", "keypoints"):
            return Sample(image)
        path = manifest.filepath(index)
        masks: tuple[npt.NDArray[Any], ...] = ()
        if self.label_mode == "mask" and manifest.masks is not None:
            mask_path = manifest.resolve(manifest.masks[index])
            load = functools.partial(self.load_mask, mask_path, path)
            masks = (_called(mask_path, load),)
            _check_size(mask_path, "mask", masks[0], path, image)
        images = []
        for name, paths in manifest.inputs.items():
            place = manifest.resolve(paths[index])
            images.append(_called(place, functools.partial(self.load, place)))
            _check_size(place, f"input {name!r}", images[-1], path, image)
        boxes, keypoints = self._positions(index, path, image)
        return Sample(image, masks, tuple(images), boxes, keypoints)

    def image(self, index: int) -> npt.NDArray[Any]:
        """Loads the image of sample ``index``; not to be written to.

        Raises:
            As calling.
        """
        if self.cache is not None:
            return self.cache.get(index, lambda: self._load(index))
        return self._load(index)

    def fill_cache(self, workers: int, progress: Callable[[], object]) -> list[Failure]:
        """Loads all images into the cache; see ``ImageSequence.fill_cache``."""
        if self.cache is None:
            raise OptionError('There is no cache to fill; pass cache="ram" or cache=FOLDER.')

        cache = self.cache

        def load(index: int) -> Failure | None:
            try:
                if not cache.is_full:
                    self.image(index)
            except ImageError as err:
                return Failure(err.path, err.reason)
            return None

        failures = []
        with ThreadPoolExecutor(max(1, workers)) as threads:
            every = range(self.manifest.num_samples)
            for start in range(0, len(every), _SUBMITTED_AT_ONCE):
                for failure in threads.map(load, every[start : start + _SUBMITTED_AT_ONCE]):
                    progress()
                    if failure is not None:
                        failures.append(failure)
        cache.flush()
        if cache.is_full:
            raise CacheError(
                f"The cache is full: not all of {self.manifest.num_samples} images fit. Those that "
                'do are kept. Raise its limit=, or use a smaller image_size, or pack="jpeg". '
                f"({len(failures)} of the files so far cannot be read.)"
            )
        return failures

    def _positions(
        self, index: int, path: str, image: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
        """Boxes and keypoints, as far as targets need them, in pixels of the loaded image."""
        of_boxes = self.manifest.boxes if self.label_mode == "boxes" else None
        of_keypoints = self.manifest.keypoints if self.label_mode == "keypoints" else None
        if of_boxes is None and of_keypoints is None:
            return None, None
        in_file = size = Sample(image).size
        matrix = np.eye(3)
        is_relative = of_boxes is not None and of_boxes.is_relative
        # Fractions of a file stay what they are where all of it is loaded.
        if self.spec is not None and not (is_relative and self.spec.fit == "stretch"):
            in_file, matrix = place_of(path, self.spec)
        boxes = keypoints = None
        if of_boxes is not None:
            boxes = of_boxes.boxes(index, in_file)
            if are_beyond(boxes, in_file).any():
                raise ImageError.of(
                    path,
                    f"a box of it lies beyond its edge: {boxes[:, :4].tolist()} (left, top, right, "
                    f"bottom), in an image of {in_file[1]} x {in_file[0]} pixels",
                )
            boxes = moved_boxes(boxes, matrix, in_file, size)
        if of_keypoints is not None:
            keypoints = moved_keypoints(of_keypoints.keypoints(index), matrix, in_file)
        return boxes, keypoints

    def _load(self, index: int) -> npt.NDArray[Any]:
        path = self.manifest.filepath(index)
        return _called(path, functools.partial(self.load, path))


def _called(path: str, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    try:
        array = load()
    except Exception as err:
        # Under the manifest's own path, whatever a custom loader made of it.
        reason = getattr(err, "reason", f"the loader raised {type(err).__name__}: {err}")
        raise ImageError.of(path, str(reason)) from err
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise SampleError(
            f"The loader returned {kind} for {path!r}; expected a NumPy array of numbers."
        )
    return array


def _check_size(
    path: str, what: str, array: npt.NDArray[Any], image_path: str, image: npt.NDArray[Any]
) -> None:
    if array.shape[:2] != image.shape[:2]:
        raise ImageError.of(
            path,
            f"as the {what} of {image_path!r} it needs the same height and width: got "
            f"{array.shape[:2]}, expected {image.shape[:2]}",
        )
