"""Statistics of the values of images, per channel: ``imggen.statistics``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from imggen.core import (
    COLORS,
    Number,
    check_arguments,
    format_block,
    format_curves,
    format_html_table,
    pluralize,
    shorten,
)
from imggen.data import Manifest, Source, as_manifest, scan_all
from imggen.decode import ImageSize
from imggen.errors import ImageError, OptionError, SampleError
from imggen.loading.batch_maker import BatchMaker
from imggen.loading.image_batches import ImageBatches
from imggen.loading.sample_loader import SampleLoader
from imggen.workers import ThreadMap

_NUM_GRAY_LEVELS = 256
_CHANNEL_COLORS = ("#ef4444", "#22a447", "#3b82f6")  # of red, green and blue


class Measurable(Protocol):
    """A sequence, as far as statistics are made of it."""

    @property
    def batch_maker(self) -> BatchMaker:
        """Makes any batch of any epoch."""
        ...

    def whole_images(self) -> SampleLoader:
        """Returns the loader of images without augmentation, of the size that training sees."""
        ...


@final
@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """The distribution of the values of images, per channel.

    Attributes:
        mean: The mean of each channel. Of values in 0 to 1 for 8-bit images; of other arrays, which
            only a custom loader returns, of values as they are.
        std: The standard deviation of each channel (of the population, as ``numpy.std``), in the
            same unit.
        histogram: The number of pixels of each gray level, int64, shape (channels, 256); None for
            other arrays than 8-bit ones.
        num_images: The number of images.
        num_unreadable: The number of files that could not be read and were left out, with
            ``on_error`` other than "raise".
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    histogram: npt.NDArray[np.int64] | None
    num_images: int
    num_unreadable: int

    def __repr__(self) -> str:
        mean, std = ([f"{value:.4g}" for value in values] for values in (self.mean, self.std))
        return (
            f"ChannelStatistics({'; '.join(self._summary())}; mean ({', '.join(mean)}); "
            f"std ({', '.join(std)}))"
        )

    def _repr_html_(self) -> str:
        rows = [
            (channel, Number(f"{mean:.4f}"), Number(f"{std:.4f}"))
            for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True))
        ]
        names = _CHANNEL_COLORS if len(self.mean) == len(_CHANNEL_COLORS) else COLORS
        histogram = () if self.histogram is None else self.histogram[: len(names)].tolist()
        curves = list(zip(names, histogram, strict=False))
        return format_block(
            "ChannelStatistics",
            self._summary(),
            format_html_table(("channel", "mean", "std"), rows, noun="channel"),
            format_curves(curves, "number of pixels by gray level, 0 to 255") if curves else "",
        )

    def _summary(self) -> list[str]:
        unreadable = [f"{self.num_unreadable:,} cannot be read"] if self.num_unreadable else []
        return [pluralize(self.num_images, "image"), *unreadable]


# By sequence: a new one reads its files again, as it does for its batches.
_known: WeakKeyDictionary[Measurable, ChannelStatistics] = WeakKeyDictionary()


@check_arguments
def statistics(
    sequence: Measurable | Source, *, image_size: ImageSize | None = None
) -> ChannelStatistics:
    """Measures the mean, standard deviation and histogram of each channel of a sequence's images.

    Images are not augmented or scaled: they are measured at the size that training sees, in 0 to 1.
    Measure the training split only, so that nothing is learned from the others. Images are read
    through the cache of the sequence, if it has one, on one thread per core, and none of them is
    kept; a second call for the same sequence returns the same object. The result is exact for 8-bit
    images.

    Args:
        sequence: The sequence, of images of any sizes; or a folder, a table (.csv or .parquet) or
            a manifest.
        image_size: The size of images that are not from a sequence, as in ``ImageSequence``.

    Raises:
        ImageError: A file cannot be read, with ``on_error="raise"``; or no file at all.
        SampleError: Images have different numbers of channels.
        ScanError: See ``scan``.
        OptionError: A size for a sequence.

    Example:
        >>> from imggen import ImageSequence
        >>> stats = statistics(sequence)
        >>> len(stats.mean), len(stats.std), stats.histogram.shape
        (3, 3, (3, 256))
        >>> scaled = ImageSequence(manifest, image_size=(32, 32), mean=stats.mean, std=stats.std)
    """
    if isinstance(sequence, str | os.PathLike | Manifest):
        manifest = as_manifest(sequence, scan_all)
        maker = ImageBatches(manifest, image_size=image_size, label_mode=None).batch_maker
        return _measure(maker.samples, maker)
    if image_size is not None and hasattr(sequence, "batch_maker"):
        raise OptionError(
            "image_size= is for images on disk, and a sequence has its own. Omit it, or pass the "
            "manifest of the sequence."
        )
    if sequence not in _known:
        _known[sequence] = _measure(sequence.whole_images(), sequence.batch_maker)
    return _known[sequence]


class _Sums(NamedTuple):
    """The sums of one image, per channel; exact integers for 8-bit images."""

    histogram: npt.NDArray[np.int64] | None
    num_pixels: int
    mean: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]  # of the differences from the mean


def _measure(images: SampleLoader, maker: BatchMaker) -> ChannelStatistics:
    total: _Sums | None = None
    failure: ImageError | None = None
    num_images = num_unreadable = 0

    def measure_row(row: int) -> _Sums | ImageError:
        try:
            return _sum_up(images.image(row))
        except ImageError as err:
            if maker.on_error == "raise" or err.is_outage:
                raise
            return err

    threads = ThreadMap(None)
    for row, sums in enumerate(threads.imap(measure_row, range(images.manifest.num_samples))):
        if isinstance(sums, ImageError):
            failure = sums
            num_unreadable += 1
            continue
        if total is not None and len(total.mean) != len(sums.mean):
            raise SampleError(
                f"{shorten(images.manifest.filepath(row))} has {len(sums.mean)} channels, others "
                f"have {len(total.mean)}. Make the loader return one number of channels."
            )
        total = sums if total is None else _add(total, sums)
        num_images += 1
    if total is None:
        raise failure or SampleError("There are no images to measure.")
    mean, variance = total.mean, total.squares / max(1, total.num_pixels)
    if total.histogram is not None:
        levels = np.arange(_NUM_GRAY_LEVELS) / (_NUM_GRAY_LEVELS - 1)
        mean = total.histogram @ levels / total.num_pixels
        squares = (levels - mean[:, np.newaxis]) ** 2
        variance = (total.histogram * squares).sum(axis=1) / total.num_pixels
    return ChannelStatistics(
        tuple(mean.tolist()),
        tuple(np.sqrt(variance).tolist()),
        total.histogram,
        num_images,
        num_unreadable,
    )


def _sum_up(image: npt.NDArray[Any]) -> _Sums:
    channels = image.shape[-1] if image.ndim > 2 else 1
    pixels = image.reshape(-1, channels)
    if image.dtype == np.uint8:
        histogram = np.stack(
            [np.bincount(pixels[:, c], minlength=_NUM_GRAY_LEVELS) for c in range(channels)]
        )
        unused = np.zeros(channels)
        return _Sums(histogram.astype(np.int64), len(pixels), unused, unused)
    values = pixels.astype(np.float64)
    mean = values.mean(axis=0)
    return _Sums(None, len(pixels), mean, ((values - mean) ** 2).sum(axis=0))


def _add(one: _Sums, other: _Sums) -> _Sums:
    """Combines the sums of two sets of pixels, by the formula of Chan et al. (1983)."""
    if one.histogram is not None and other.histogram is not None:
        return _Sums(
            one.histogram + other.histogram, one.num_pixels + other.num_pixels, one.mean, one.mean
        )
    if one.histogram is not None or other.histogram is not None:
        raise SampleError(
            "Some images are uint8 and others are not. Make the loader return one dtype."
        )
    count = one.num_pixels + other.num_pixels
    step = other.mean - one.mean
    squares = one.squares + other.squares + step**2 * (one.num_pixels * other.num_pixels / count)
    return _Sums(None, count, one.mean + step * (other.num_pixels / count), squares)
