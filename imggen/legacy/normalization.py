"""Normalization: rescaling, centering, dividing, whitening, and the statistics they need."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
_IMAGE_AXES = 3


class Normalization(Protocol):
    """The options of an ImageDataGenerator for normalization, and the results of its ``fit``."""

    rescale: Any
    samplewise_center: bool
    samplewise_std_normalization: bool
    featurewise_center: bool
    featurewise_std_normalization: bool
    zca_whitening: bool
    zca_epsilon: float
    channel_axis: int
    row_axis: int
    col_axis: int
    mean: Image | None
    std: Image | None
    zca_whitening_matrix: npt.NDArray[Any] | None


def normalize(x: Image, options: Normalization) -> Image:
    """Rescales and normalizes an image or a batch of images, in place except for whitening.

    Options whose statistics are not computed have no effect.

    Source: keras/src/legacy/preprocessing/image.py, Keras 3.15.
    """
    if options.rescale:
        x *= options.rescale
    if options.samplewise_center:
        x -= np.mean(x, keepdims=True)
    if options.samplewise_std_normalization:
        x /= np.std(x, keepdims=True) + 1e-6
    if options.featurewise_center and options.mean is not None:
        x -= options.mean
    if options.featurewise_std_normalization and options.std is not None:
        x /= options.std + 1e-6
    if options.zca_whitening and options.zca_whitening_matrix is not None:
        flat = x.reshape(-1, math.prod(x.shape[-3:]))
        x = np.reshape(flat @ options.zca_whitening_matrix, x.shape)
    return x


def is_elementwise(options: Normalization) -> bool:
    """Returns whether ``normalize`` gives a batch the same values as each of its images."""
    return not (
        options.samplewise_center
        or options.samplewise_std_normalization
        or options.zca_whitening
        or any(np.ndim(one) > _IMAGE_AXES for one in (options.mean, options.std) if one is not None)
    )


def fit_statistics(x: npt.NDArray[Any], options: Normalization) -> None:
    """Computes the mean, the standard deviation and the whitening matrix that the options need.

    Args:
        x: Images, four axes; overwritten.
        options: The options; the results are stored in them.

    Source: same as ``normalize``.
    """
    axes = (0, options.row_axis, options.col_axis)
    shape = [1, 1, 1]
    shape[options.channel_axis - 1] = x.shape[options.channel_axis]
    if options.featurewise_center:
        options.mean = np.reshape(np.mean(x, axis=axes), shape)
        x -= options.mean
    if options.featurewise_std_normalization:
        options.std = np.reshape(np.std(x, axis=axes), shape)
        x /= options.std + 1e-6
    if options.zca_whitening:
        vectors, values, _ = np.linalg.svd(np.reshape(x, (len(x), -1)).T, full_matrices=False)
        scaled = vectors * (np.sqrt(len(x)) / (values + options.zca_epsilon))
        options.zca_whitening_matrix = scaled.dot(vectors.T)
