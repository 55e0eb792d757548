"""Settings as Keras layers, for a model that resizes and scales its input itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imggen.core import explain_keras_import
from imggen.errors import PreprocessingError
from imggen.loading import Scaling, describe_function, is_from_keras
from imggen.preprocessing.fields import Settings

if TYPE_CHECKING:
    import keras

_INTERPOLATIONS = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos3": "lanczos3",
    "lanczos": "lanczos3",
}


def make_keras_layers(prep: Settings) -> list[keras.Layer]:
    """Makes the layers; see ``Preprocessing.to_keras_layers``."""
    with explain_keras_import():
        import keras

    spec, scaling = prep.spec, prep.scaling
    if spec is not None and spec.image_size is None:
        raise PreprocessingError(
            "image_size=None has no Keras layer, since images keep their own size. Pass image_size="
            " to the sequence."
        )
    if spec is None or spec.image_size is None or spec.shape is None:
        raise PreprocessingError(
            "A custom loader= is not a Keras layer. Apply it before the model is called."
        )
    if spec.interpolation not in _INTERPOLATIONS:
        raise PreprocessingError(
            f"interpolation={spec.interpolation!r} cannot be exported: Keras layers resize by "
            f"{', '.join(sorted(set(_INTERPOLATIONS.values())))}. Train with one of these."
        )
    if spec.fit == "pad" and spec.color_mode == "rgba":
        raise PreprocessingError(
            'fit="pad" with color_mode="rgba" cannot be exported: Keras pads opaquely. Train with '
            'color_mode="rgb".'
        )
    if spec.fit == "center" and spec.shorter_side is not None:
        raise PreprocessingError(
            f"A crop with source_size={spec.shorter_side} cannot be exported: no Keras layer "
            "shrinks images to a shorter side. Train without source_size, or resize before the "
            "model is called."
        )
    layers: list[Any] = [
        keras.layers.CenterCrop(*spec.image_size, data_format=prep.data_format)
        if spec.fit == "center"
        else keras.layers.Resizing(
            *spec.image_size,
            interpolation=_INTERPOLATIONS[spec.interpolation],
            crop_to_aspect_ratio=spec.fit == "crop",
            pad_to_aspect_ratio=spec.fit == "pad",
            antialias=spec.interpolation != "nearest",
            data_format=prep.data_format,
        )
    ]
    try:
        layers[0](np.zeros((1, *(prep.input_shape or ())), np.float32))
    except ImportError as err:
        # Keras's layers for images use functions of TensorFlow under every backend.
        raise PreprocessingError(
            f"Keras's layer Resizing needs TensorFlow, also with the backend "
            f"{keras.backend.backend()}: {err}"
        ) from err
    except Exception as err:
        raise PreprocessingError(
            f"interpolation={spec.interpolation!r} cannot be exported: Keras's backend "
            f"{keras.backend.backend()} does not resize by it. Use another backend."
        ) from err
    if scaling.rescale == "-1to1":
        layers.append(keras.layers.Rescaling(1 / 127.5, -1))
    elif scaling.rescale is not None:
        layers.append(keras.layers.Rescaling(scaling.rescale))
    axis = 1 if prep.channels_first else -1
    channels = spec.shape[2]
    if scaling.mean is not None or scaling.std is not None:
        mean = np.broadcast_to(scaling.mean or (0.0,), channels)
        std = np.broadcast_to(scaling.std or (1.0,), channels)
        layers.append(_normalize(mean, std, axis))
    if scaling.preprocess is not None:
        layers += _export_function(scaling, channels, axis)
    return layers


def _normalize(mean: Any, std: Any, axis: int) -> Any:
    import keras

    return keras.layers.Normalization(
        axis=axis, mean=np.asarray(mean).tolist(), variance=(np.asarray(std) ** 2).tolist()
    )


def _export_function(scaling: Scaling, channels: int, axis: int) -> list[Any]:
    """Exports a ``preprocess_input`` of Keras that scales each channel by itself."""
    function = Scaling(preprocess=scaling.preprocess)
    name = describe_function(scaling.preprocess)
    if not is_from_keras(scaling.preprocess):
        raise PreprocessingError(
            f"preprocess={name} cannot be exported: it is not a layer. Train with rescale=, mean= "
            "and std=, or add a layer of your own."
        )
    levels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, channels)).astype(np.float64)
    zero, one = (
        function.apply(np.full((1, 1, 1, channels), value), channels_first=False).ravel()
        for value in (0.0, 1.0)
    )
    slope = one - zero
    expected = levels * slope + zero
    if not np.allclose(function.apply(levels.copy(), channels_first=False), expected, atol=1e-6):
        raise PreprocessingError(
            f"preprocess={name} cannot be exported: it changes the order of the channels, which no "
            "Keras layer does. Call it before the model, or train with mean= and std=."
        )
    if np.allclose(slope, 1) and np.allclose(zero, 0):
        return []
    return [_normalize(-zero / slope, 1 / slope, axis)]
