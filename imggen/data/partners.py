"""Files that belong to images: where they are, and which belongs to which."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from imggen.data.folder_trees import existing_folder
from imggen.data.listing import FolderLister
from imggen.data.manifest import Manifest
from imggen.data.name_pattern import MaskPattern, NamePattern
from imggen.data.pairing import pair_files, separate
from imggen.stores import is_same_place


@final
@dataclass(frozen=True)
class Partners:
    """The folders of the files that belong to images: masks, further images.

    Attributes:
        folders: Those that do not hold the images as well; below them there are no images.
        mask_dir: The folder of masks, or None.
        pattern: The names of masks.
        input_dirs: The folder of each further input.
    """

    folders: tuple[str, ...]
    mask_dir: str | None
    pattern: NamePattern
    input_dirs: Mapping[str, str]

    @classmethod
    def parse(
        cls,
        directory: str | os.PathLike[str],
        mask_dir: str | os.PathLike[str] | None,
        mask_pattern: MaskPattern,
        input_dirs: Mapping[str, str | os.PathLike[str]] | None,
    ) -> Partners:
        """Checks the options of ``scan`` of these names.

        Raises:
            ScanError: There is no such folder.
            OptionError: ``mask_pattern`` is not a pattern.
        """
        root = existing_folder(directory)
        pattern = NamePattern.parse(mask_pattern)
        if mask_dir is None and mask_pattern is not None:
            mask_dir = directory
        mask_folder = None if mask_dir is None else existing_folder(mask_dir)
        inputs = {name: existing_folder(folder) for name, folder in (input_dirs or {}).items()}
        folders = [*inputs.values(), *([] if mask_folder is None else [mask_folder])]
        apart = tuple(folder for folder in folders if not is_same_place(folder, root))
        return cls(apart, mask_folder, pattern, inputs)

    def attach_to(self, manifest: Manifest) -> Manifest:
        """Adds the masks and inputs of all images to a manifest, and removes masks from its rows.

        Raises:
            ScanError: An image without a mask or input.
        """
        skipped = Counter(manifest.skipped)
        masks = None
        if self.mask_dir is not None:
            is_shared = is_same_place(self.mask_dir, manifest.root)
            files = _list_images(self.mask_dir, "masks", Counter() if is_shared else skipped)
            if is_shared:
                rows, files = separate(manifest.root, manifest.paths, files, self.pattern)
                manifest = manifest.take(rows)
            masks = pair_files(
                manifest.root, manifest.paths, files, self.mask_dir, "mask", self.pattern
            )
        inputs = {}
        for name, path in self.input_dirs.items():
            files = _list_images(path, f"input {name!r}", skipped)
            inputs[name] = pair_files(
                manifest.root, manifest.paths, files, path, "partner", NamePattern()
            )
        return dataclasses.replace(manifest, masks=masks, inputs=inputs, skipped=skipped)


def _list_images(folder: str, noun: str, skipped: Counter[str]) -> list[str]:
    """Lists the images at any depth, and adds the counts of skipped files to ``skipped``."""
    lister = FolderLister.create(folder, None)
    found = [os.fsdecode(file) for file in sorted(lister.images(b""))]
    skipped.update({f"{noun}: {reason}": count for reason, count in lister.skipped.items()})
    return found
