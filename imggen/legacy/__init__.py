"""A drop-in replacement for ``keras.preprocessing.image``: the same names and the same batches.

In: the arguments of Keras's ImageDataGenerator. Out: iterators whose batches are Keras's, bit for
bit with ``exact=True``. Where and when files are read and images transformed may change here; the
order of random draws may not.

    from imggen import ImageDataGenerator
    from imggen.legacy import DirectoryIterator, img_to_array, load_img

``load_img``, ``save_img``, ``img_to_array``, ``array_to_img`` and ``smart_resize`` are Keras's own.
"""

import imggen.sequences  # noqa: F401 - before Keras, since its errors name the pip command

# isort: split
from keras.preprocessing.image import smart_resize
from keras.utils import array_to_img, img_to_array, load_img, save_img

from imggen.legacy.arrays import NumpyArrayIterator
from imggen.legacy.dataframe import DataFrameIterator, validate_filename
from imggen.legacy.directory import DirectoryIterator
from imggen.legacy.files import BatchFromFilesMixin
from imggen.legacy.generator import ImageDataGenerator
from imggen.legacy.iterator import Iterator
from imggen.legacy.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

__all__ = [
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "validate_filename",
]
