"""Where the images of a sequence come from: decoded files, arrays, or a custom loader."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import CenterCrop, FixedSizeCrop, Pipeline, RandomResizedCrop
from imggen.cache import Cache, ImageCache, VersionedAddress
from imggen.data import Manifest
from imggen.decode import ImageSpec, MaskValues, load_mask, read_image, source_geometry
from imggen.errors import ImageError, OptionError
from imggen.loading.image_store import ImageStore
from imggen.loading.label_modes import FindGeometry
from imggen.loading.row_images import RowImages

Load = Callable[[str], npt.NDArray[Any]]


@final
@dataclass(frozen=True)
class ImageSource:
    """The functions that load images, at the size that training or a first crop needs.

    Attributes:
        load: Path to array, as a cache keeps it.
        loaded_spec: How ``load`` decodes; None for a custom loader.
        cache_key: Text that identifies everything that decides the array, other than the file.
            None: not known.
        cut_size: (height, width) of the array that the first augmentation cuts out of a larger
            one; None where the array already has the size that training sees.
        load_whole: Path to array of the size that training sees, without a random crop.
        spec: How ``load_whole`` decodes; None for a custom loader.
        load_mask: The path of a mask, and of its image, to an array of the height and width that
            ``load`` gives the image.
        pipeline: The augmentations.
        find_geometry: Finds where in an image its pixels come from; see ``source_geometry``.
        arrays: The images, where they are read by name; None for files.
    """

    load: Load
    loaded_spec: ImageSpec | None
    cache_key: str | None
    cut_size: tuple[int, int] | None
    load_whole: Load
    spec: ImageSpec | None
    load_mask: Callable[[str, str], npt.NDArray[Any]]
    pipeline: Pipeline
    find_geometry: FindGeometry = source_geometry
    arrays: ImageStore | None = None

    @classmethod
    def from_loader(
        cls, loader: Load, pipeline: Pipeline, mask_values: MaskValues | None = None
    ) -> ImageSource:
        """Loads images and masks by calling the user's function.

        Raises:
            OptionError: A crop of ``image_size``, which a loader does not have.
        """
        if isinstance(pipeline.crop, FixedSizeCrop):
            _check_size(pipeline.crop, None)
        load_mask = functools.partial(_load_mask, loader=loader, mask_values=mask_values)
        return cls(loader, None, None, None, loader, None, load_mask, pipeline)

    @classmethod
    def from_spec(
        cls,
        spec: ImageSpec,
        pipeline: Pipeline,
        mask_values: MaskValues | None = None,
        arrays: ImageStore | None = None,
    ) -> ImageSource:
        """Decodes files, or reads ``arrays`` in the same way.

        If a crop comes first, it cuts from the image before that is resized.

        Raises:
            OptionError: There is such a crop, and a ``fit`` that crops or pads itself; or a crop
                of ``image_size``, and none is given.
        """
        rows = arrays if isinstance(arrays, RowImages) else None
        read = read_image if arrays is None else arrays.read
        read_mask = load_mask if arrays is None else arrays.read_mask
        crop = pipeline.crop
        loaded = whole = spec
        is_cut = crop is not None and spec.image_size is not None
        if isinstance(crop, FixedSizeCrop):
            _check_size(crop, spec.image_size)
            whole = dataclasses.replace(spec, fit="center", shorter_side=crop.source_size)
            if isinstance(crop, CenterCrop):
                loaded, is_cut = whole, False
                pipeline = pipeline.without_crop()
        if crop is not None and spec.image_size is not None:
            if spec.fit != "stretch":
                raise OptionError(
                    f"{crop.name} cuts a window of another aspect ratio from the whole image. Pass "
                    "it without crop_to_aspect_ratio and pad_to_aspect_ratio."
                )
            if is_cut:
                side = crop.source_size
                if isinstance(crop, RandomResizedCrop) and side is None:
                    side = 2 * max(spec.image_size)
                loaded = dataclasses.replace(spec, image_size=None, shorter_side=side)
        return cls(
            load=functools.partial(read, spec=loaded),
            loaded_spec=loaded,
            cache_key=loaded.cache_key() if arrays is None or rows is not None else None,
            cut_size=spec.image_size if is_cut else None,
            load_whole=functools.partial(read, spec=whole),
            spec=whole,
            load_mask=functools.partial(read_mask, spec=loaded, mask_values=mask_values),
            pipeline=pipeline,
            find_geometry=source_geometry if rows is None else rows.locate,
            arrays=arrays,
        )

    def find_files(self, manifest: Manifest) -> Callable[[int], str | bytes | VersionedAddress]:
        """Returns the function from sample to the path of its file, or the bytes of it."""
        if not isinstance(self.arrays, RowImages):
            if manifest.versions is not None:
                return functools.partial(_find_versioned, manifest=manifest)
            return manifest.filepath
        return functools.partial(_find_source, images=self.arrays, manifest=manifest)

    def find_preloaded(self, manifest: Manifest, cache: Cache | None) -> ImageCache | None:
        """Returns the arrays in memory as a filled cache, if they need no conversion.

        Args:
            manifest: The samples.
            cache: The cache that the user asks for; others than "ram" are not replaced.
        """
        is_replaced = cache is None or (cache.is_in_memory and cache.pack == "raw")
        if self.arrays is None or self.loaded_spec is None or not is_replaced:
            return None
        return self.arrays.as_cache(manifest.paths, self.loaded_spec)


def _find_versioned(row: int, manifest: Manifest) -> str | VersionedAddress:
    version = "" if manifest.versions is None else manifest.versions[row]
    path = manifest.filepath(row)
    return VersionedAddress(path, version) if version else path


def _find_source(row: int, images: RowImages, manifest: Manifest) -> str | bytes:
    return images.source(manifest.filepath(row))


def _check_size(crop: FixedSizeCrop, image_size: tuple[int, int] | None) -> None:
    if image_size is None:
        raise OptionError(
            f"{crop.name} crops a window of image_size= pixels, and there is no image_size. Pass "
            "it, without loader=."
        )


def _load_mask(
    path: str, image_path: str, loader: Load, mask_values: MaskValues | None
) -> npt.NDArray[Any]:
    del image_path  # sizes are compared when both are loaded
    mask = loader(path)
    if mask_values is None or not isinstance(mask, np.ndarray):
        return mask
    try:
        return mask_values.apply_to_array(mask)
    except ValueError as err:
        raise ImageError.of(path, str(err)) from err
