"""Previews: a few images of each class with their augmented variants and warnings."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import check_at_most, check_optional_whole, check_whole
from imggen.data import Manifest
from imggen.errors import ImageError, OptionError
from imggen.loading import BatchMaker, Failure
from imggen.preview.damage import find_damage
from imggen.preview.explanation import Explanation, explain
from imggen.preview.layout import check_sheet_size


class Previewable(Protocol):
    """The protocol of sequences that can be previewed."""

    manifest: Manifest
    seed: int
    batch_maker: BatchMaker


@final
@dataclass(frozen=True, eq=False)
class Variant:
    """One image as one epoch trains on it.

    Attributes:
        explanation: The image, and the steps that produced it.
        warnings: What looks wrong with it, as text.
    """

    explanation: Explanation
    warnings: tuple[str, ...]


@final
@dataclass(frozen=True, eq=False)
class Row:
    """One image and its variants.

    Attributes:
        path: The file, relative to the manifest's root.
        label: The name of its class, or None.
        before: The sample as loaded; its image is uint8, shape (height, width, channels).
        variants: The image as epochs 0, 1, 2, ... train on it.
    """

    path: str
    label: str | None
    before: Sample
    variants: tuple[Variant, ...]


@final
@dataclass(frozen=True, eq=False)
class Preview:
    """A few images of each class, augmented by the pipeline that training uses.

    Attributes:
        rows: The images, sorted by class.
        steps: The names of the augmentations.
        seed: The seed of the sequence.
        num_classes_left_out: The number of classes that are not shown.
        unread: The files that were skipped because they cannot be read.
    """

    rows: tuple[Row, ...]
    steps: tuple[str, ...]
    seed: int
    num_classes_left_out: int
    unread: tuple[Failure, ...]

    @property
    def num_variants(self) -> int:
        """The number of variants per image."""
        return len(self.rows[0].variants)

    @property
    def warnings(self) -> list[str]:
        """Each kind of warning with its number of variants, the most frequent first."""
        counts = Counter(
            warning.partition(":")[0]
            for row in self.rows
            for variant in row.variants
            for warning in variant.warnings
        )
        whole = len(self.rows) * self.num_variants
        return [f"{name}: {count} of {whole} variants" for name, count in counts.most_common()]


def make_preview(
    sequence: Previewable,
    *,
    images_per_class: int = 1,
    variants: int = 6,
    max_classes: int | None = None,
    cell: int | None = None,
) -> Preview:
    """Makes variants of the first images of each class.

    Args:
        sequence: The sequence to preview.
        images_per_class: The number of images per class, 1 or more.
        variants: The number of epochs to show, 1 or more.
        max_classes: Show only this many classes, the first ones; 1 or more. None: all.
        cell: The larger side of each image, in pixels, on the sheet that is drawn of them; None:
            none is drawn.

    Raises:
        OptionError: The samples are not images, a number is below 1, or the sheet would be too
            large.
        ImageError: A file cannot be read, with ``on_error="raise"``.
        AugmentationError: An augmentation broke its contract.

    Example:
        >>> make_preview(sequence, variants=3).num_variants
        3
    """
    check_whole("images_per_class", images_per_class, 1)
    check_whole("variants", variants, 1)
    check_at_most("variants", variants, 1000, "each image is augmented that often")
    check_optional_whole("max_classes", max_classes, 1)
    candidates, num_left_out = _rows_by_class(sequence.manifest, max_classes)
    if cell is not None:  # before any file is read
        first = [rows[:images_per_class] for rows in candidates]
        check_sheet_size(len(np.unique(np.concatenate(first))) * (variants + 1), cell)
    indices: dict[int, None] = {}  # an image may have boxes of several classes
    unread: dict[Failure, None] = {}
    for rows in candidates:
        found, failed = find_readable(sequence.batch_maker, rows, images_per_class)
        indices |= dict.fromkeys(found)
        unread |= dict.fromkeys(failed)
    if not indices:
        raise ImageError.of(*next(iter(unread)))
    pipeline = sequence.batch_maker.pipeline
    mixers = () if pipeline.mixer is None else (pipeline.mixer.name,)
    return Preview(
        rows=tuple(make_row(sequence.batch_maker, index, variants) for index in indices),
        steps=(*(step.name for step in pipeline.steps), *mixers),
        seed=sequence.seed,
        num_classes_left_out=num_left_out,
        unread=tuple(unread),
    )


def find_readable(
    maker: BatchMaker, rows: npt.NDArray[np.int64], count: int
) -> tuple[list[int], list[Failure]]:
    """Finds the first ``count`` samples that can be read, and the unreadable ones before them.

    With ``on_error="raise"`` no file is tried: the error is raised when the sample is shown.
    """
    if maker.on_error == "raise":
        return rows[:count].tolist(), []
    found: list[int] = []
    unread = []
    for row in rows.tolist():
        if len(found) == count:
            break
        try:
            maker.samples(row)
        except ImageError as err:
            unread.append(Failure(err.path, err.reason))
        else:
            found.append(row)
    return found, unread


def make_row(maker: BatchMaker, index: int, variants: int) -> Row:
    """Makes variants of one image.

    Args:
        maker: The batch maker of a sequence.
        index: The index of the sample.
        variants: The number of epochs.

    Raises:
        OptionError: The sample is not an image.
        ImageError: The file cannot be read, with ``on_error="raise"``.
        AugmentationError: An augmentation broke its contract.
    """
    # Samples that drop_remainder leaves out of an epoch are shown as well.
    maker = dataclasses.replace(maker, drop_remainder=False)
    explained = [explain(maker, epoch, index) for epoch in range(variants)]
    original = explained[0].original
    if original.dtype != np.uint8 or original.ndim != 3 or original.shape[2] not in (1, 3, 4):
        raise OptionError(
            "A preview shows images, uint8 of shape (height, width, channels), but the samples are "
            f"{original.dtype} of shape {original.shape}."
        )
    return Row(
        path=maker.manifest.paths[index],
        label=explained[0].label,
        before=explained[0].before,
        variants=tuple(Variant(one, find_damage(one)) for one in explained),
    )


def _rows_by_class(
    manifest: Manifest, max_classes: int | None
) -> tuple[list[npt.NDArray[np.int64]], int]:
    """Groups sample indices by the class of their image or boxes; counts omitted classes."""
    if manifest.labels is not None:
        classes, rows = manifest.labels, np.arange(len(manifest))
    elif manifest.boxes is not None and len(manifest.boxes.rows.values):
        boxes = manifest.boxes.rows
        classes = boxes.values[:, 4].astype(np.int32)
        rows = np.repeat(np.arange(len(manifest)), np.diff(boxes.offsets))
    else:
        return [np.arange(len(manifest))], 0
    present = np.unique(classes)
    shown = present[:max_classes]
    return [np.unique(rows[classes == index]) for index in shown], len(present) - len(shown)
