"""Boxes and keypoints, moved by the same matrices as the pixels of their image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.augment.resampling import Matrix

# Boxes that are narrower, in pixels, are dropped. A little less than 1, to allow for rounding.
_MIN_SIDE = 0.999


def move_boxes(
    boxes: npt.NDArray[np.float64],
    matrix: Matrix,
    size: tuple[int, int],
    out_size: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Moves boxes: each becomes the bounding box of its moved corners, clipped to the image.

    Args:
        boxes: See ``Sample.boxes``.
        matrix: Maps output to input coordinates, as in ``resample``.
        size: (height, width) of the input, in pixels.
        out_size: (height, width) of the output, in pixels.

    Returns:
        The moved boxes, without those narrower or lower than one pixel.

    Example:
        >>> flip = np.array([[-1.0, 0, 9], [0, 1, 0], [0, 0, 1]])  # 10 pixels wide
        >>> move_boxes(np.array([[0.0, 2, 3, 4, 7]]), flip, (10, 10), (10, 10)).tolist()
        [[7.0, 2.0, 10.0, 4.0, 7.0]]
    """
    if not boxes.size:
        return boxes
    # The origin of boxes is the corner of the first pixel, that of matrices is its center.
    left, top, right, bottom = boxes[:, :4].T - 0.5
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    moved = _transform_points(corners, _inverse(matrix, size)) + 0.5
    bounding = np.empty(boxes.shape)
    bounding[:, :2] = np.minimum.reduce(moved).T
    bounding[:, 2:4] = np.maximum.reduce(moved).T
    bounding[:, 4] = boxes[:, 4]
    return clip_boxes(bounding, out_size)


def clip_boxes(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Clips boxes to an image of (height, width) pixels; drops those smaller than one pixel."""
    clipped = _clip(boxes, size)
    is_kept = clipped[:, 2:4] - clipped[:, :2] > _MIN_SIDE
    return clipped[is_kept[:, 0] & is_kept[:, 1]]


def is_outside(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Whether each box is entirely outside an image of (height, width) pixels; shape (n,)."""
    clipped = _clip(boxes, size)
    is_empty = clipped[:, 2:4] <= clipped[:, :2]
    return np.asarray(is_empty[:, 0] | is_empty[:, 1])


def _clip(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    height, width = size
    clipped = boxes.copy()
    x, y = clipped[:, 0:4:2], clipped[:, 1:4:2]
    np.minimum(np.maximum(x, 0, out=x), width, out=x)
    np.minimum(np.maximum(y, 0, out=y), height, out=y)
    return clipped


def move_keypoints(
    keypoints: npt.NDArray[np.float64], matrix: Matrix, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Moves keypoints, and rotates and scales their angles and scales with the image around them.

    Keypoints outside the image are kept.

    Args:
        keypoints: See ``Sample.keypoints``.
        matrix: Maps output to input coordinates, as in ``resample``.
        size: (height, width) of the input, in pixels.

    Returns:
        The moved keypoints, in the same order; NaN for those that a perspective moves behind the
        viewer.
    """
    inverse = _inverse(matrix, size)
    x, y, angle, scale = keypoints.T
    moved = _transform_points(keypoints.T[:2], inverse)
    depth = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2]
    # The derivative of the transform at each keypoint.
    jacobian = (
        inverse[:2, :2, np.newaxis] - moved[:, np.newaxis] * inverse[2, :2, np.newaxis]
    ) / depth
    (x_by_x, x_by_y), (y_by_x, y_by_y) = jacobian
    cosine, sine = np.cos(angle), np.sin(angle)
    changed = np.empty(keypoints.shape)
    changed[:, :2] = moved.T
    changed[:, 2] = np.arctan2(y_by_x * cosine + y_by_y * sine, x_by_x * cosine + x_by_y * sine)
    changed[:, 3] = scale * np.sqrt(np.abs(x_by_x * y_by_y - x_by_y * y_by_x))
    return changed


def _inverse(matrix: Matrix, size: tuple[int, int]) -> Matrix:
    """Inverts a matrix, with the sign that gives the center of the input a positive depth."""
    inverse = np.asarray(np.linalg.inv(matrix), np.float64)
    if not matrix[2, 0] and not matrix[2, 1] and matrix[2, 2] == 1:
        return inverse  # whose depth is 1 everywhere
    center = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    return np.asarray(inverse * np.sign(inverse[2] @ center), np.float64)


def _transform_points(points: npt.NDArray[np.float64], matrix: Matrix) -> npt.NDArray[np.float64]:
    """Transforms points of shape (..., 2, n) by a matrix; NaN for those behind the viewer."""
    x, y = points[..., 0, :], points[..., 1, :]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    depth = np.where(depth > 0, depth, np.nan)
    moved = np.empty(points.shape)
    moved[..., 0, :] = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
    moved[..., 1, :] = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
    return moved
