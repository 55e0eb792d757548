"""Errors of batches that name the option of the generator or iterator that causes them.

As in Keras, most options are used only when a batch is made. If that fails, each is tried alone.
"""

from __future__ import annotations

import copy
import inspect
import io
import os
from collections.abc import Callable, Iterator
from typing import Any, final

import keras
import numpy as np

from imggen.errors import OptionError
from imggen.legacy.argument_errors import build_argument_error, fails, is_explained

_WITHOUT_EFFECT: dict[str, Any] = {
    "rotation_range": 0,
    "width_shift_range": 0,
    "height_shift_range": 0,
    "brightness_range": None,
    "shear_range": 0,
    "zoom_range": [1, 1],
    "channel_shift_range": 0,
    "fill_mode": "nearest",
    "cval": 0.0,
    "interpolation_order": 1,
    "horizontal_flip": False,
    "vertical_flip": False,
    "rescale": None,
    "samplewise_center": False,
    "samplewise_std_normalization": False,
    "featurewise_center": False,
    "featurewise_std_normalization": False,
    "zca_whitening": False,
    "dtype": "float32",
    "exact": False,
}
# Options of resampling are used only if something is resampled.
_RESAMPLING = {"rotation_range": 10, "fill_mode": "constant"}
_NUM_TRIALS = 8  # a list of shifts may contain legal ones, too


@final
class NamingOptions:
    """A context whose errors name the option of an iterator that causes them, if there is one.

    Errors of the user's own code, and those about files, stay as they are.

    Args:
        iterator: The iterator, perhaps of a subclass that does not have all attributes.
    """

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, err: BaseException | None, _: object) -> None:
        if isinstance(err, Exception) and not is_explained(err):
            _raise_named(self._iterator, err)


def _raise_named(iterator: Any, err: Exception) -> None:
    generator = getattr(iterator, "image_data_generator", None)
    if fails(lambda: _check_generator(generator)):
        raise build_argument_error("image_data_generator", generator, err) from err
    raise_named_of_generator(generator, err)
    for name, trial in _TRIALS.items():
        if hasattr(iterator, name) and fails(lambda trial=trial: trial(iterator)):  # type: ignore[misc]
            raise build_argument_error(name, getattr(iterator, name), err) from err


def raise_named_of_generator(generator: Any, err: Exception) -> None:
    """Raises an error that names the wrong option of an ImageDataGenerator, if there is one."""
    if is_explained(err) or not hasattr(generator, "_overridden") or generator._overridden():
        return
    function = generator.preprocessing_function
    if fails(lambda: function and inspect.signature(function).bind(None)):
        raise build_argument_error("preprocessing_function", function, err) from err
    for name in _find_wrong_options(generator):
        raise build_argument_error(name, getattr(generator, name), err) from err


def _find_wrong_options(generator: Any) -> Iterator[str]:
    trial = copy.copy(generator)
    trial._trap_codes, trial.preprocessing_function = set(), None
    options = {name: getattr(generator, name) for name in _WITHOUT_EFFECT}
    for name, value in options.items():
        vars(trial).update({**_WITHOUT_EFFECT, **_RESAMPLING, name: value})
        if fails(lambda: _transform(trial)):
            yield name
    vars(trial).update(options)
    if fails(lambda: _transform(trial)):
        for name, value in options.items():
            setattr(trial, name, _WITHOUT_EFFECT[name])
            if not fails(lambda: _transform(trial)):
                yield name
            setattr(trial, name, value)


def _transform(generator: Any) -> None:
    """Transforms a small image several times, as a batch does."""
    shape = (3, 4, 4) if generator.data_format == "channels_first" else (4, 4, 3)
    for seed in range(_NUM_TRIALS):
        image = np.ones(shape, generator.dtype)
        generator.standardize(generator.random_transform(image, seed=seed))


def _load_image(**options: Any) -> object:
    file = io.BytesIO()
    keras.utils.array_to_img(np.zeros((3, 5, 3))).save(file, "png")
    file.seek(0)
    return keras.utils.load_img(file, **{"target_size": (2, 2), **options})


def _check_generator(generator: Any) -> None:
    if generator:
        for step in ("get_random_transform", "apply_transform", "standardize"):
            getattr(generator, step)


def _check_seed(seed: Any) -> None:
    if seed is not None:
        np.random.RandomState(seed + 0)


def _check_dtype(iterator: Any) -> None:
    generator: Any = copy.copy(getattr(iterator, "image_data_generator", None))
    np.zeros(1).astype(iterator.dtype)
    if hasattr(generator, "_overridden") and not generator._overridden():
        generator._trap_codes, generator.preprocessing_function = set(), None
        generator.dtype = iterator.dtype
        _transform(generator)


def _check_save_format(suffix: Any) -> object:
    from PIL import Image

    return _require(f".{suffix}".lower() in Image.registered_extensions())


def _require(condition: Any) -> object:
    if not condition:
        raise OptionError("A condition of a trial is not met.")
    return condition


_TRIALS: dict[str, Callable[[Any], object]] = {
    "n": lambda it: _require(int(it.n) >= 0),
    "batch_size": lambda it: _require(it.batch_size > 0),
    "shuffle": lambda it: bool(it.shuffle),
    "seed": lambda it: _check_seed(it.seed),
    "dtype": lambda it: _check_dtype(it),
    "data_format": lambda it: _require(it.data_format in ("channels_last", "channels_first")),
    "target_size": lambda it: (
        _load_image(target_size=it.target_size) and _require(np.empty(it.target_size).ndim == 2)
    ),
    "color_mode": lambda it: _load_image(color_mode=it.color_mode),
    "interpolation": lambda it: _load_image(interpolation=it.interpolation),
    "keep_aspect_ratio": lambda it: _load_image(keep_aspect_ratio=it.keep_aspect_ratio),
    "y": lambda it: None if it.y is None else it.y[[0]],
    "sample_weight": lambda it: None if it.sample_weight is None else it.sample_weight[[0]],
    "save_to_dir": lambda it: (
        it.save_to_dir and _require("\0" not in os.path.join(it.save_to_dir, ""))
    ),
    "save_prefix": lambda it: _require("\0" not in f"{it.save_prefix}"),
    "save_format": lambda it: it.save_to_dir and _check_save_format(it.save_format),
}


def check_seed(seed: Any) -> None:
    """Checks the ``seed`` of an iterator, to which numbers are added.

    Raises:
        OptionError: No random state can be made of it.
    """
    try:
        _check_seed(seed)
    except Exception as err:
        raise build_argument_error("seed", seed, err) from err


def make_random_state(seed: Any) -> np.random.RandomState:
    """Returns a random state.

    Raises:
        OptionError: None can be made of ``seed``.
    """
    try:
        return np.random.RandomState(seed)
    except (TypeError, ValueError) as err:
        raise build_argument_error("seed", seed, err) from err
