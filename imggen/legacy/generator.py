"""ImageDataGenerator: the options of augmentation and normalization, and its iterators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import unwrap
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from imggen.core import explain_arguments, shorten, warn_user
from imggen.legacy.argument_errors import build_argument_error, name_wrong_argument
from imggen.legacy.batch import is_keras_preprocessing
from imggen.legacy.batch_errors import make_random_state
from imggen.legacy.flow_methods import FlowMethods
from imggen.legacy.generator_traps import warn_if_unfitted, warn_of_generator_traps, warn_of_shape
from imggen.legacy.normalization import fit_statistics, normalize
from imggen.legacy.random_parameters import (
    Parameters,
    RandomSource,
    as_global_state,
    check_zoom_range,
    draw_parameters,
)
from imggen.legacy.transforms import (
    ANY_IMAGE,
    affine_transform,
    brightness_shift,
    channel_shift,
    reverse_axis,
)
from imggen.legacy.traps import warn_of_unit_range
from imggen.legacy.validation_split import check_validation_split

Image = npt.NDArray[Any]


@explain_arguments
class ImageDataGenerator(FlowMethods):
    """Keras's ImageDataGenerator: the same arguments, random numbers and batches, on threads.

    Random numbers are those of Keras: with ``seed=None``, parameters are drawn from the global
    state of ``np.random``; with a seed, from a state of the iterator's own that has the same
    values, so that the global state is not changed.

    Some behavior of Keras is kept because trained models depend on it: ``height_shift_range``
    shifts images horizontally and ``width_shift_range`` vertically; images that are not square
    rotate about a point that is not their center; ``interpolation`` is "nearest" by default; pixels
    are those that Keras reads, so some files of other depths than 8 bits are read wrongly, and
    transparency is dropped; ``imggen.from_directory`` reads these right, or refuses them by kind.

    Args:
        featurewise_center: Subtract the mean of the data passed to ``fit``, per channel.
        samplewise_center: Subtract the mean of each image.
        featurewise_std_normalization: Divide by the standard deviation of the data passed to
            ``fit``.
        samplewise_std_normalization: Divide each image by its standard deviation.
        zca_whitening: Multiply by the whitening matrix that ``fit`` computed.
        zca_epsilon: Added to the singular values for that matrix.
        rotation_range: The largest rotation in degrees, in both directions.
        width_shift_range: The largest shift in both directions: a float below 1 is a fraction of
            the side; a float of 1 or more is in pixels; an integer is an exclusive bound in pixels;
            a list contains the shifts in pixels to choose from.
        height_shift_range: Same as ``width_shift_range``, for the other axis.
        brightness_range: Two factors, (low, high), or None.
        shear_range: The largest shear angle in degrees, in both directions.
        zoom_range: Two factors (low, high), or a float z for (1 - z, 1 + z).
        channel_shift_range: The largest number of gray levels to add or subtract.
        fill_mode: How to fill points outside the image: "nearest", "reflect", "wrap", "constant",
            or another mode of ``scipy.ndimage``.
        cval: The value outside the image for "constant".
        horizontal_flip: Flip half of the images left to right.
        vertical_flip: Flip half of the images upside down.
        rescale: A factor for every value, applied right after ``preprocessing_function``.
        preprocessing_function: Takes and returns one image, with axes as in ``data_format``;
            called after augmentation, before ``rescale``, in order, in the thread that requests
            the batch. Its images are bit for bit those of Keras (as with ``exact=True``), since it
            may amplify small differences; a ``preprocess_input`` of ``keras.applications`` does
            not, and is called on the threads.
        data_format: "channels_last" or "channels_first". None: Keras's setting.
        validation_split: The fraction of each class for ``subset="validation"``; or two fractions,
            for "validation" and "test". The rest is "training". Files are split in their order.
        interpolation_order: The order of the spline for resampling, 0 to 5.
        dtype: The dtype of the batches. None: Keras's setting.
        exact: Return the same bits as Keras 3.15. Otherwise OpenCV rotates, shifts, shears and
            zooms images where that keeps 99.9 % of values within 0.02 gray levels of Keras's; it
            is several times faster.

    Attributes:
        mean: The mean that ``fit`` computed, or None.
        std: The standard deviation that ``fit`` computed, or None.
        zca_whitening_matrix: The matrix that ``fit`` computed, or None.

    Raises:
        ValueError: An argument is not legal.

    Source: keras/src/legacy/preprocessing/image.py, Keras 3.15.

    Example:
        >>> augmenting = ImageDataGenerator(rotation_range=20, horizontal_flip=True)
        >>> batches = augmenting.flow_from_directory(photos, target_size=(32, 32), seed=7)
        Found 16 images belonging to 2 classes.
        >>> x, y = next(batches)
        >>> x.shape, y.shape
        ((16, 32, 32, 3), (16, 2))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: tuple[float, float] | list[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Image], Any] | None = None,
        data_format: str | None = None,
        validation_split: float | tuple[float, float] = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
        *,
        exact: bool = False,
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.interpolation_order = interpolation_order
        self.dtype = keras.config.floatx() if dtype is None else dtype
        _check_dtype(self.dtype)
        self.exact = exact

        if data_format is None:
            data_format = keras.config.image_data_format()
        axes = {"channels_last": (3, 1, 2), "channels_first": (1, 2, 3)}
        if data_format not in axes:
            raise ValueError(
                f"data_format={shorten(data_format)} must be 'channels_last' or 'channels_first'."
            )
        self.data_format = data_format
        self.channel_axis, self.row_axis, self.col_axis = axes[data_format]
        self._validation_split = check_validation_split(validation_split)
        self._trap_codes: set[str] = set()
        self.zoom_range = check_zoom_range(zoom_range)
        if zca_whitening:
            self.featurewise_std_normalization = False
            self._require_options("zca_whitening", featurewise_center=featurewise_center)
            if featurewise_std_normalization:
                _warn_about_override("zca_whitening", "featurewise_std_normalization")
        if featurewise_std_normalization:
            self._require_options(
                "featurewise_std_normalization", featurewise_center=featurewise_center
            )
        if samplewise_std_normalization:
            self._require_options(
                "samplewise_std_normalization", samplewise_center=samplewise_center
            )
        if brightness_range is not None and (
            not isinstance(brightness_range, tuple | list) or len(brightness_range) != 2
        ):
            raise ValueError(
                f"brightness_range={shorten(brightness_range)} must be two factors, (low, high)."
            )
        self.brightness_range = brightness_range
        self.mean: Image | None = None
        self.std: Image | None = None
        self.zca_whitening_matrix: npt.NDArray[Any] | None = None
        warn_of_generator_traps(self)

    def _require_options(self, option: str, **needed: bool) -> None:
        for name, given in needed.items():
            if not given:
                setattr(self, name, True)
                _warn_about_override(option, name)

    @name_wrong_argument(img_shape=(4, 4, 4))
    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> Parameters:
        """Draws the parameters of one transformation.

        Args:
            img_shape: The shape of the image, three axes.
            seed: Seed of a new random state. None: draw from the global state of ``np.random``.

        Returns:
            The parameters that ``apply_transform`` takes.

        Example:
            >>> generator = ImageDataGenerator(rotation_range=10)
            >>> generator.get_random_transform((8, 8, 3), seed=1)["theta"]
            -1.6595599059485195
        """
        return self._draw(img_shape, np.random if seed is None else np.random.RandomState(seed))

    @name_wrong_argument(x=ANY_IMAGE, transform_parameters={})
    def apply_transform(self, x: Image, transform_parameters: Parameters) -> Image:
        """Transforms one image.

        Args:
            x: One image, with axes as in ``data_format``.
            transform_parameters: Any of "theta" and "shear" (degrees), "tx" and "ty" (pixels),
                "zx" and "zy" (factors), "channel_shift_intensity" (gray levels), "brightness" (a
                factor), "flip_horizontal" and "flip_vertical".

        Returns:
            An image of the same shape; ``x`` itself if no parameter changes it.

        Example:
            >>> image = np.array([[[1.0], [2.0]]])
            >>> ImageDataGenerator().apply_transform(image, {"flip_horizontal": True}).ravel()
            array([2., 1.])
        """
        if transform_parameters.get("brightness") is not None:
            warn_of_unit_range(self, x)
        return self._transform(x, transform_parameters, exact=False)

    @name_wrong_argument(x=ANY_IMAGE)
    def random_transform(self, x: Image, seed: int | None = None) -> Image:
        """Transforms one image at random: ``get_random_transform``, then ``apply_transform``.

        Example:
            >>> image = np.arange(12.0).reshape(2, 2, 3)
            >>> ImageDataGenerator(vertical_flip=True).random_transform(image, seed=1).shape
            (2, 2, 3)
        """
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    @name_wrong_argument(x=ANY_IMAGE)
    def standardize(self, x: Image) -> Image:
        """Preprocesses, rescales and normalizes images, in place where possible.

        Args:
            x: An image or a batch of images.

        Returns:
            The result, usually ``x`` itself; pass a copy to keep ``x``.

        Example:
            >>> ImageDataGenerator(rescale=0.5).standardize(np.array([[[2.0]]])).tolist()
            [[[1.0]]]
        """
        warn_if_unfitted(self)
        if self.preprocessing_function:
            shape = x.shape
            x = self.preprocessing_function(x)
            if getattr(x, "shape", None) != shape:
                warn_of_shape(self, shape, x)
        return normalize(x, self)

    _standardize = unwrap(standardize)  # for calls per sample

    @explain_arguments
    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Computes the statistics for featurewise normalization and ``zca_whitening``.

        Args:
            x: Images, shape (n, height, width, channels) or (n, channels, height, width).
            augment: Compute the statistics of transformed images instead of ``x`` itself.
            rounds: With ``augment``: the number of times that each image is transformed.
            seed: With ``augment``: seed of a new random state. None: draw from the global state of
                ``np.random``.

        Raises:
            ValueError: ``x`` does not have four axes.

        Example:
            >>> generator = ImageDataGenerator(featurewise_center=True)
            >>> generator.fit(np.full((2, 4, 4, 3), 5.0))
            >>> generator.mean.ravel().tolist()
            [5.0, 5.0, 5.0]
        """
        try:
            x = np.array(x, dtype=self.dtype)
        except (TypeError, ValueError) as err:
            raise build_argument_error("x", x, err) from err
        if x.ndim != 4:
            raise ValueError(f"x has shape {x.shape}; expected four axes, a batch of images.")
        if x.shape[self.channel_axis] not in {1, 3, 4}:
            warn_user(
                f"x has shape {x.shape}, which is {x.shape[self.channel_axis]} channels with "
                f"data_format={shorten(self.data_format)}; expected 1, 3 or 4.",
                UserWarning,
            )
        if self.rescale:
            x *= self.rescale
        if augment:
            source = np.random if seed is None else make_random_state(seed)
            with as_global_state(source):
                transformed = [self.random_transform(image) for _ in range(rounds) for image in x]
            x = np.zeros((len(transformed), *x.shape[1:]), dtype=self.dtype)
            for position, image in enumerate(transformed):
                x[position] = image
        fit_statistics(x, self)

    def _draw(self, img_shape: tuple[int, ...], source: RandomSource) -> Parameters:
        """Draws parameters like ``get_random_transform``, from a RandomState or ``np.random``."""
        return draw_parameters(self, img_shape, source)

    def _transform(self, x: Image, parameters: Parameters, *, exact: bool) -> Image:
        """Transforms like ``apply_transform``; with Keras's bits if ``exact`` or if they matter."""
        rows, cols, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        brightness = parameters.get("brightness")
        x = affine_transform(
            x,
            parameters.get("theta", 0),
            parameters.get("tx", 0),
            parameters.get("ty", 0),
            parameters.get("shear", 0),
            parameters.get("zx", 1),
            parameters.get("zy", 1),
            row_axis=rows,
            col_axis=cols,
            channel_axis=channels,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
            exact=exact or self._amplifies_differences(brightness),
        )
        if parameters.get("channel_shift_intensity") is not None:
            x = channel_shift(x, parameters["channel_shift_intensity"], channels)
        if parameters.get("flip_horizontal", False):
            x = reverse_axis(x, cols)
        if parameters.get("flip_vertical", False):
            x = reverse_axis(x, rows)
        if brightness is not None:
            x = brightness_shift(x, brightness, False)
        return x

    def _amplifies_differences(self, brightness: float | None) -> bool:
        """Returns whether later steps may amplify a difference of 0.01 to a gray level or more.

        A user's function may round, and brightness does.
        """
        function = self.preprocessing_function
        return bool(
            self.exact
            or brightness is not None
            or (function and not is_keras_preprocessing(function))
            or self.zca_whitening
            or self.samplewise_std_normalization
            or np.dtype(self.dtype) not in (np.float32, np.float64)
        )

    def _warn_if_unfitted(self) -> None:
        warn_if_unfitted(self)

    def _overridden(self) -> bool:
        """Returns whether a subclass or an assignment has replaced a step of augmentation."""
        return any(
            getattr(getattr(self, step), "__func__", None) is not original
            for step, original in _STEPS.items()
        )


_STEPS = {
    step: getattr(ImageDataGenerator, step)
    for step in ("get_random_transform", "apply_transform", "standardize")
}


def _warn_about_override(option: str, changed: str) -> None:
    warn_user(f"`{option}` overrides the setting of `{changed}`.", UserWarning)


def _check_dtype(dtype: Any) -> None:
    try:
        np.dtype(dtype)
    except (TypeError, ValueError) as err:
        raise build_argument_error("dtype", dtype, err) from err
