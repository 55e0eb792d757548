"""A batch as a picture, and the samples that are worth showing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imggen.augment import Sample
from imggen.core import check_whole
from imggen.errors import OptionError
from imggen.loading import Batch, BatchMaker
from imggen.preview.explanation import box_class_names
from imggen.preview.layout import (
    Cell,
    Note,
    check_columns,
    check_sheet_size,
    draw_cells,
    split_phrases,
)
from imggen.preview.sample_drawing import check_cell, draw_sample

if TYPE_CHECKING:
    from PIL import Image


# How far interpolation and noise usually take values of 0 to 255 outside.
_OVERSHOOT = 32
# The largest numbers of 8, 12 and 16 bits.
_LIMITS = (2**8 - 1, 2**12 - 1, 2**16 - 1)


def draw_batch(
    maker: BatchMaker, batch: Batch, num_images: int, cell: int, columns: int | None = None
) -> Image.Image:
    """Draws the first images of a batch with their targets; see ``ImageSequence.show_batch``.

    Args:
        maker: The batch maker.
        batch: The batch, without scaling.
        num_images: The most images to draw.
        cell: The most pixels of the larger side of each image.
        columns: The number of images per row. None: as many as fit.
    """
    check_whole("num_images", num_images, 1)
    check_cell(cell)
    check_columns(columns)
    x = batch.x["image"] if isinstance(batch.x, dict) else batch.x
    x = np.moveaxis(x, 1, -1) if maker.channels_first else x
    check_sheet_size(min(num_images, len(x)), cell)
    cells = []
    for position in range(min(num_images, len(x))):
        sample, caption = maker.label_mode.show(
            to_pixels(x[position]),
            batch.y,
            position,
            maker.manifest,
            channels_first=maker.channels_first,
        )
        picture = draw_sample(sample, cell, box_class_names(maker))
        cells.append(Cell(picture, [Note(split_phrases(caption), max_lines=3)] if caption else []))
    return draw_cells(cells, columns, cell)


def draw_sample_of(maker: BatchMaker, sample: Sample, cell: int) -> Image.Image:
    """Draws a sample of a sequence; see ``draw_sample``."""
    image = dataclasses.replace(sample, image=to_pixels(sample.image))
    return draw_sample(image, cell, box_class_names(maker))


def to_pixels(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Converts an image to uint8.

    Images of custom loaders may have other values than 0 to 255: fractions up to 1, numbers of 12
    or 16 bits, and any other ones, whose range is shown from black to white. Values slightly
    outside of 0 to 255 are clipped; those that are not finite are black.

    Raises:
        OptionError: The array does not have the shape of an image.
    """
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise OptionError(
            f"These samples are not images: one has shape {image.shape}. Only images with 1, 3 or "
            "4 channels can be drawn."
        )
    image = np.nan_to_num(image, nan=0, posinf=0, neginf=0) if image.dtype.kind == "f" else image
    low, high = float(image.min()), float(image.max())
    limit = next((limit for limit in _LIMITS if high <= limit), None)
    if low >= -_OVERSHOOT and _OVERSHOOT < high <= 255 + _OVERSHOOT:
        image = image.clip(0, 255)
    elif low < 0 or limit is None:
        image = (image - low) * (255 / (high - low or 1))
    elif limit > 255:
        image = image * (255 / limit)
    elif high <= 1 and (image % 1).any():
        image = image * 255
    return np.asarray(np.rint(image).clip(0, 255), np.uint8)


def choose_samples(maker: BatchMaker, count: int) -> list[int]:
    """Chooses samples that show as many classes as possible, the same ones each time.

    Args:
        maker: The batch maker.
        count: The number of samples.

    Returns:
        At most ``count`` indices, in ascending order: the first samples of each class; without
        classes, samples at even distances.
    """
    total, labels = maker.manifest.num_samples, maker.manifest.labels
    count = min(count, total)
    if labels is None:
        return _to_list(np.arange(count) * total // count)
    present, classes = np.unique(labels, return_inverse=True)
    # The samples by class and, within each class, by index; and the place of each in its class.
    order = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[order], np.arange(len(present)))
    places = np.empty(total, np.int64)
    places[order] = np.arange(total) - starts[classes[order]]
    if len(present) > count:
        first = order[starts]
        return _to_list(np.sort(first[np.arange(count) * len(present) // count]))
    return _to_list(np.sort(np.lexsort((np.arange(total), places))[:count]))


def _to_list(indices: npt.NDArray[np.int64]) -> list[int]:
    return [int(index) for index in indices]


def select_samples(maker: BatchMaker, indices: list[int]) -> BatchMaker:
    """Returns a batch maker whose only batch has the samples at ``indices``."""
    sampler = dataclasses.replace(maker.sampler, shuffle=False, selection=tuple(indices))
    return dataclasses.replace(
        maker, sampler=sampler, batch_size=len(indices), drop_remainder=False, shard=None
    )
