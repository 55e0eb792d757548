"""Scaling of the values of images after augmentation, as a model expects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from imggen.core import check_number, shorten, warn_user
from imggen.errors import OptionError, SampleError
from imggen.loading.function_names import Preprocess, describe_function, is_from_keras

Rescale = float | Literal["-1to1"] | None
ChannelValues = float | Sequence[float] | Literal["imagenet"] | None

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_UNIT = 1 / 255


@final
@dataclass(frozen=True)
class Scaling:
    """The conversion from gray levels, as floats, to the values that a model is given.

    Attributes:
        rescale: A factor; "-1to1" for ``x / 127.5 - 1``; or None. Where there is a ``mean`` or
            ``std``, the factor before it.
        mean: Subtracted after ``rescale``: one value, or one per channel. None: nothing.
        std: The divisor after ``mean``: one value, or one per channel. None: 1.
        preprocess: A function of the float batch, called last. None: no function.

    Example:
        >>> x = np.array([[[[0.0, 127.5, 255.0]]]], np.float32)
        >>> Scaling("-1to1").apply(x, channels_first=False).tolist()
        [[[[-1.0, 0.0, 1.0]]]]
    """

    rescale: Rescale = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    preprocess: Preprocess | None = None

    @classmethod
    def parse(
        cls,
        rescale: object = None,
        mean: object = None,
        std: object = None,
        preprocess: Preprocess | None = None,
        *,
        channels: int | None,
    ) -> Scaling:
        """Checks the options of a sequence; see ``ImageSequence``.

        Args:
            rescale: See ``ImageSequence``.
            mean: See ``ImageSequence``.
            std: See ``ImageSequence``.
            preprocess: See ``ImageSequence``.
            channels: The number of channels. None: a custom loader decides it, and the range of
                values too.

        Raises:
            OptionError: An invalid value, or values that contradict each other.
        """
        if isinstance(rescale, str):
            if rescale != "-1to1":
                raise OptionError(
                    f'rescale={shorten(rescale)} must be a number, such as 1 / 255, "-1to1", or '
                    "None."
                )
            factor: Rescale = "-1to1"
        else:
            unit = 'such as 1 / 255, "-1to1", or None'
            factor = None if rescale is None else check_number("rescale", rescale, unit=unit)
        if mean is None and std is None:
            return cls(factor, None, None, preprocess)
        if factor == "-1to1":
            raise OptionError(
                'rescale="-1to1" cannot be combined with mean= and std=. Omit them, or rescale=.'
            )
        if channels is None and factor is None:
            raise OptionError(
                "mean= and std= are of values in 0 to 1. Pass rescale=1 / 255 with a loader= that "
                "returns 0 to 255, and rescale=1 with one that returns 0 to 1."
            )
        factor = _UNIT if factor is None else factor
        if channels is not None and abs(factor * 255 - 1) > 1e-4:
            raise OptionError(
                f"rescale={rescale!r} contradicts mean= and std=, which are of values in 0 to 1. "
                "Omit rescale=, or pass rescale=1 / 255."
            )
        limit = None if channels is None else 1.0
        return cls(
            factor,
            _parse_values("mean", mean, channels, minimum=None if limit is None else 0, above=None),
            _parse_values("std", std, channels, minimum=None, above=0),
            preprocess,
        )

    @property
    def is_identity(self) -> bool:
        """Whether values stay as they are."""
        return self == Scaling()

    @property
    def factor(self) -> float | None:
        """The factor, where it is all but the function; samples are scaled one by one with it."""
        return self.rescale if self._has_no_channels and self.rescale != "-1to1" else None

    @property
    def is_factor(self) -> bool:
        """Whether scaling is a multiplication by ``factor``, or nothing at all."""
        return self.preprocess is None and self.factor == self.rescale and self._has_no_channels

    def check_dtype(self, dtype: str) -> None:
        """Checks that a dtype can hold scaled values.

        Raises:
            OptionError: It is "uint8", and values are scaled.
        """
        if dtype != "uint8" or self.is_identity:
            return
        given = [
            f"{name}={shorten(value)}" for name, value in vars(self).items() if value is not None
        ]
        raise OptionError(f'{", ".join(given)} needs a float dtype; got dtype="uint8".')

    def apply(self, x: npt.NDArray[Any], *, channels_first: bool) -> npt.NDArray[Any]:
        """Scales a float batch with gray levels; see ``finish``."""
        if self.factor is not None:
            np.multiply(x, x.dtype.type(self.factor), out=x)
        return self.finish(x, channels_first=channels_first)

    def finish(self, x: npt.NDArray[Any], *, channels_first: bool) -> npt.NDArray[Any]:
        """Scales a batch whose samples were multiplied by ``factor``.

        Args:
            x: Floats, shape (n, height, width, channels) or (n, channels, height, width).
                Overwritten.
            channels_first: Whether the channels come first.

        Returns:
            The scaled batch, contiguous, of the dtype of ``x``.

        Raises:
            SampleError: ``mean`` or ``std`` have another number of channels; or ``preprocess``
                failed, or returned something other than floats of the same shape.
        """
        if self.rescale == "-1to1":
            np.divide(x, x.dtype.type(127.5), out=x)  # so that 255 becomes 1 exactly
            np.subtract(x, x.dtype.type(1), out=x)
        elif self.rescale is not None and self.factor is None:
            mean, std = (np.array(values or [default]) for values, default in self._channels)
            _combine(np.multiply, x, self.rescale / std, channels_first=channels_first)
            _combine(np.subtract, x, mean / std, channels_first=channels_first)
        if self.preprocess is None:
            return x
        return _call(self.preprocess, x, channels_first=channels_first)

    @property
    def _has_no_channels(self) -> bool:
        return self.mean is None and self.std is None

    @property
    def _channels(self) -> tuple[tuple[tuple[float, ...] | None, float], ...]:
        return (self.mean, 0.0), (self.std, 1.0)

    def check_function(self, shape: tuple[int, ...], dtype: str, *, channels_first: bool) -> None:
        """Calls ``preprocess`` for a batch of random gray levels, and checks the result.

        Args:
            shape: The shape of one image as served.
            dtype: The dtype of batches.
            channels_first: Whether the channels come first.

        Raises:
            OptionError: The function raised an error, wrote into its argument, or returned another
                shape, another type than floats, or values that are not finite; or the result for
                an image depends on the other images of its batch.
        """
        if self.preprocess is None:
            return
        x: npt.NDArray[Any] = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(dtype)
        linear = Scaling(self.rescale, self.mean, self.std)
        x = linear.apply(x, channels_first=channels_first)
        given = x.copy()
        name = describe_function(self.preprocess)
        try:
            with np.errstate(all="ignore"):
                result = _call(self.preprocess, given, channels_first=channels_first)
                alone = _call(self.preprocess, x[:1].copy(), channels_first=channels_first)
        except SampleError as err:
            raise OptionError(str(err)) from err
        if not np.isfinite(result).all():
            raise OptionError(
                f"preprocess={name} returned NaN or infinite values for gray levels from 0 to 255; "
                "expected finite values."
            )
        # The batch is not used again, so that functions of Keras, some of which write, are safe.
        if not is_from_keras(self.preprocess) and not np.array_equal(given, x):
            raise OptionError(
                f"preprocess={name} writes into its argument. Return a new array instead, as in "
                "x = x - mean."
            )
        if not np.allclose(result[:1], alone, rtol=1e-2, atol=1e-2):
            raise OptionError(
                f"preprocess={name} returns other values for an image alone than in a batch, or "
                "random ones. Make each image depend on itself only, and augment with augment=."
            )
        scales = self.rescale is not None
        if scales and (is_from_keras(self.preprocess) or name.endswith("preprocess_input")):
            fact = (
                "changes nothing, since the model scales its input itself"
                if np.array_equal(result, x)
                else "scales values of 0 to 255 itself"
            )
            warn_user(
                f"preprocess={name} {fact}, so that rescale=, mean= or std= scale twice. Omit them."
            )


def _parse_values(
    name: str, value: Any, channels: int | None, *, minimum: float | None, above: float | None
) -> tuple[float, ...] | None:
    """Returns the values of ``mean`` or ``std`` as a tuple, of one value or one per channel."""
    if value is None:
        return None
    if isinstance(value, str):
        if value != "imagenet":
            raise OptionError.unknown(name, value, ["imagenet"])
        value = _IMAGENET[name]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    values = value if isinstance(value, list | tuple) else [value]
    maximum = None if channels is None else 1
    unit = "since it is of values in 0 to 1; divide one of gray levels by 255"
    unit = unit if maximum is not None else ""
    checked = tuple(
        check_number(name, one, minimum, maximum, above=above, unit=unit) for one in values
    )
    if not checked or (channels is not None and len(checked) not in (1, channels)):
        expected = "at least one" if channels is None else f"one, or one per channel: {channels}"
        raise OptionError(
            f"{name}={shorten(value)} has {len(checked)} values; expected {expected}."
        )
    return checked


def _combine(
    function: np.ufunc, x: npt.NDArray[Any], values: npt.NDArray[Any], *, channels_first: bool
) -> None:
    """Combines a batch with one value per channel, in place."""
    values = values.astype(x.dtype)
    if len(values) == 1:
        function(x, values[0], out=x)
        return
    axis = 1 if channels_first else -1
    if x.ndim < 3 or x.shape[axis] != len(values):
        raise SampleError(
            f"mean= and std= have {len(values)} values, but a batch has shape {x.shape}. Pass one "
            "value, or one per channel."
        )
    if channels_first:
        function(x, values.reshape(-1, *[1] * (x.ndim - 2)), out=x)
    elif x.flags.c_contiguous:
        # By rows: NumPy takes several times longer for an inner loop of three values.
        rows = x.reshape(*x.shape[:-2], -1)
        function(rows, np.tile(values, x.shape[-2]), out=rows)
    else:
        function(x, values, out=x)


def _call(function: Preprocess, x: npt.NDArray[Any], *, channels_first: bool) -> npt.NDArray[Any]:
    name = describe_function(function)
    options: dict[str, Any] = {}
    if is_from_keras(function) and name.endswith(".preprocess_input"):
        options["data_format"] = "channels_first" if channels_first else "channels_last"
    try:
        result = np.asarray(function(x, **options))
    except Exception as err:
        raise SampleError(
            f"preprocess={name} raised {type(err).__name__} for a batch of shape {x.shape}: {err}"
        ) from err
    if result.shape != x.shape or result.dtype.kind != "f":
        raise SampleError(
            f"preprocess={name} returned {result.dtype} of shape {result.shape} for a batch of "
            f"{x.dtype} of shape {x.shape}; expected floats of the same shape."
        )
    return np.ascontiguousarray(result, x.dtype)
