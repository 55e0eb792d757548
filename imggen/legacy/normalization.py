"""Rescaling, centring, dividing, whitening: what is done to values, and what it needs to know."""

from __future__ import annotations

import math
import warnings
from typing import Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]


class Normalization(Protocol):
    """The arguments of an ImageDataGenerator that decide what is done, and what ``fit`` found."""

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


def normalize(x: Image, to: Normalization) -> Image:
    """Rescales and normalizes an image or a batch of images, in place but for the whitening.

    Source: keras/src/legacy/preprocessing/image.py, Keras 3.15.
    """
    if to.rescale:
        x *= to.rescale
    if to.samplewise_center:
        x -= np.mean(x, keepdims=True)
    if to.samplewise_std_normalization:
        x /= np.std(x, keepdims=True) + 1e-6
    if to.featurewise_center and _is_fit(to.mean, "featurewise_center"):
        x -= to.mean
    if to.featurewise_std_normalization and _is_fit(to.std, "featurewise_std_normalization"):
        x /= to.std + 1e-6
    if to.zca_whitening and _is_fit(to.zca_whitening_matrix, "zca_whitening"):
        flat = x.reshape(-1, math.prod(x.shape[-3:]))
        x = np.reshape(flat @ to.zca_whitening_matrix, x.shape)
    return x


def _is_fit(found: npt.NDArray[Any] | None, option: str) -> TypeGuard[npt.NDArray[Any]]:
    if found is None:
        warnings.warn(
            f"`{option}` is on, but this ImageDataGenerator has seen no data: call .fit(images) "
            "first. Until then it changes nothing.",
            stacklevel=4,
        )
    return found is not None


def fit_statistics(x: npt.NDArray[Any], of: Normalization) -> None:
    """Finds the mean, the standard deviation and the whitening matrix that are asked for.

    Args:
        x: Images, four axes; written to.
        of: What is asked for; takes what is found.

    Source: as ``normalize``.
    """
    over = (0, of.row_axis, of.col_axis)
    shape = [1, 1, 1]
    shape[of.channel_axis - 1] = x.shape[of.channel_axis]
    if of.featurewise_center:
        of.mean = np.reshape(np.mean(x, axis=over), shape)
        x -= of.mean
    if of.featurewise_std_normalization:
        of.std = np.reshape(np.std(x, axis=over), shape)
        x /= of.std + 1e-6
    if of.zca_whitening:
        vectors, values, _ = np.linalg.svd(np.reshape(x, (len(x), -1)).T, full_matrices=False)
        scaled = vectors * (np.sqrt(len(x)) / (values + of.zca_epsilon))
        of.zca_whitening_matrix = scaled.dot(vectors.T)
