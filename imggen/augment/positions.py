"""Boxes and keypoints, moved by the matrices that images are moved by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.augment.resample import Matrix

# Boxes that are narrower, in pixels, show nothing. (A little less than 1, for rounding.)
_LEAST = 0.999


def moved_boxes(
    boxes: npt.NDArray[np.float64],
    matrix: Matrix,
    size: tuple[int, int],
    out_size: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Moves boxes: each becomes the smallest upright one around its moved corners, clipped.

    Args:
        boxes: See ``Sample.boxes``.
        matrix: As ``resample`` takes it, from positions of the output to those of the input.
        size: (height, width) of the input, in pixels.
        out_size: (height, width) of the output.

    Returns:
        Those of which a pixel or more is left.

    Example:
        >>> flip = np.array([[-1.0, 0, 9], [0, 1, 0], [0, 0, 1]])  # 10 pixels wide
        >>> moved_boxes(np.array([[0.0, 2, 3, 4, 7]]), flip, (10, 10), (10, 10)).tolist()
        [[7.0, 2.0, 10.0, 4.0, 7.0]]
    """
    left, top, right, bottom = boxes[:, :4].T
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    # Boxes count from the corner of the first pixel, matrices from its middle.
    moved = _moved(corners - 0.5, _inverse(matrix, size)) + 0.5
    around = np.column_stack([moved.min(axis=0).T, moved.max(axis=0).T, boxes[:, 4]])
    return clipped_boxes(around, out_size)


def clipped_boxes(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """What of boxes is within an image of (height, width) pixels, where that is a pixel or more."""
    clipped = _clipped(boxes, size)
    is_left = (clipped[:, 2:4] - clipped[:, :2] > _LEAST).all(axis=1)
    return np.ascontiguousarray(clipped[is_left])


def are_beyond(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which boxes have no part within an image of (height, width) pixels."""
    clipped = _clipped(boxes, size)
    return np.asarray((clipped[:, 2:4] <= clipped[:, :2]).any(axis=1))


def _clipped(boxes: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    height, width = size
    clipped = boxes.copy()
    clipped[:, 0:4:2] = clipped[:, 0:4:2].clip(0, width)
    clipped[:, 1:4:2] = clipped[:, 1:4:2].clip(0, height)
    return clipped


def moved_keypoints(
    keypoints: npt.NDArray[np.float64], matrix: Matrix, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Moves points, those beyond the edge too; angles turn and scales grow as the image around.

    Args:
        keypoints: See ``Sample.keypoints``.
        matrix: As in ``moved_boxes``.
        size: So too.
    """
    inverse = _inverse(matrix, size)
    x, y, angle, scale = keypoints.T
    moved_x, moved_y = moved = _moved(np.array([x, y]), inverse)
    depth = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2]
    # How a short way from the point is moved.
    jacobian = (
        inverse[:2, :2, np.newaxis] - moved[:, np.newaxis] * inverse[2, :2, np.newaxis]
    ) / depth
    along_x, along_y = np.einsum("ijn,jn->in", jacobian, [np.cos(angle), np.sin(angle)])
    area = jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]
    turned = np.arctan2(along_y, along_x)
    return np.column_stack([moved_x, moved_y, turned, scale * np.sqrt(np.abs(area))])


def _inverse(matrix: Matrix, size: tuple[int, int]) -> Matrix:
    """From positions of the input to those of the output; the middle of the input is in front."""
    inverse = np.linalg.inv(matrix)
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    return np.asarray(inverse * np.sign(inverse[2] @ middle), np.float64)


def _moved(points: npt.NDArray[np.float64], matrix: Matrix) -> npt.NDArray[np.float64]:
    """Points of shape (..., 2, n) through a matrix; NaN for those behind the one who looks."""
    x, y = points[..., 0, :], points[..., 1, :]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    depth = np.where(depth > 0, depth, np.nan)
    return np.stack(
        [
            (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth,
            (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth,
        ],
        axis=-2,
    )
