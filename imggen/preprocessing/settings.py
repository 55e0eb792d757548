"""The settings between an image and the input of a model: ``imggen.Preprocessing``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final, overload

import numpy as np
import numpy.typing as npt

from imggen.core import check_arguments, format_block, format_html_table, shorten
from imggen.errors import OptionError, SampleError
from imggen.preprocessing.fields import OutputSettings, Settings
from imggen.preprocessing.image_input import read_images
from imggen.preprocessing.keras_layers import make_keras_layers
from imggen.preprocessing.ranking import rank_classes
from imggen.preprocessing.settings_file import load_settings, save_settings

if TYPE_CHECKING:
    import keras


@check_arguments
@final
@dataclass(frozen=True)
class Preprocessing(Settings):
    """Everything between an image and the input of a model, and the classes of its output.

    ``sequence.preprocessing`` returns the one of a sequence. Called with images, it makes the batch
    that the sequence would serve, bit for bit and without augmentation, as ``predict`` sees it. It
    is frozen and comparable, and can be kept in two ways:

    - ``prep.save("prep.json")``, a JSON file that people can read;
    - ``prep.save("model.keras")``, a member of an existing ``.keras`` file, so that one file is
      enough. ``keras.saving.load_model`` ignores it, with and without imggen. Keras writes a new
      file when the model is saved again, so save ``prep`` into it again, too.

    An array, or a Pillow image that is loaded already, gives the same pixels as the file it was
    decoded from, with one exception: of JPEG files at least twice as large as needed, ``ImageSpec``
    decodes a reduced version, which is a gray level away on average, and up to 40 at edges. For
    those, pass the path or the bytes; also for colors of 16 bits, of which Pillow keeps 8.

    Attributes:
        spec: How files are decoded and resized; None with a custom loader.
        scaling: The conversion of values after augmentation.
        dtype: The dtype of batches.
        data_format: "channels_last" or "channels_first".
        label_mode: The kind of targets that the model was trained on; "several outputs" for a model
            with more than one.
        class_names: The name of each class; position is class index. Empty for several outputs.
        decoded_by: The library that decodes, and its version; None with a custom loader.
        resized_by: The library that resizes, and its version; None with a custom loader.
        loader: The custom loader of the sequence, or None.
        target_names: The names of a list of numbers per image; empty for one number.
        outputs: For several outputs, the ``name``, ``label_mode``, ``class_names`` and
            ``target_names`` of each.

    Example:
        >>> prep = sequence.preprocessing
        >>> x = prep([sequence.filepaths[0], sequence.original(1)])
        >>> x.shape, str(x.dtype)
        ((2, 32, 32, 3), 'float32')
        >>> prep.decode_predictions([[0.25, 0.75]], top=1)
        [[('dog', 0.75)]]
    """

    argument_hint: ClassVar[str] = "Pass sequence.preprocessing, or Preprocessing.load(FILE)."

    def __call__(self, images: Any) -> npt.NDArray[Any]:
        """Makes the batch that a model is given for new images.

        Args:
            images: A path; the bytes of a file; an array, shape (height, width), (height, width,
                channels) or (n, height, width, channels), of whole numbers from 0 to 255 in the
                order RGB; a Pillow image; or a list of these. They may differ in size and mode.

        Returns:
            Shape (n, height, width, channels), or (n, channels, height, width) with
            ``data_format="channels_first"``; n is 1 for one image.

        Raises:
            ImageError: A file cannot be read.
            OptionError: Something that is not an image, or an array with values that are not whole
                numbers from 0 to 255, such as floats from 0 to 1.
            SampleError: A custom loader returned arrays of different shapes, or ``preprocess``
                broke its contract.
        """
        arrays = read_images(images, self.spec, self.loader)
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1:
            raise SampleError(
                f"The images have the shapes {shorten(sorted(shapes))}; a batch needs one shape. "
                "Pass the images one by one."
            )
        channels_first = self.channels_first
        arrays = [np.moveaxis(array, -1, 0) for array in arrays] if channels_first else arrays
        x = np.empty((len(arrays), *arrays[0].shape), self.dtype)
        for position, array in enumerate(arrays):
            x[position] = array
        return self.scaling.apply(x, channels_first=channels_first)

    def _repr_html_(self) -> str:
        shown = {
            "input": f"{self.input_shape or 'as loaded'} {self.dtype}, {self.data_format}",
            **(vars(self.spec) if self.spec is not None else {}),
            **vars(self.scaling),
            "label_mode": self.label_mode,
            "class_names": ", ".join(self.class_names),
            "target_names": ", ".join(self.target_names),
            "outputs": "; ".join(f"{one.name}: {one.label_mode}" for one in self.outputs),
            "decoded_by": self.decoded_by,
            "resized_by": self.resized_by,
            "loader": self.loader,
        }
        rows = [(name, str(value)) for name, value in shown.items() if value not in (None, "")]
        return format_block("Preprocessing", [], format_html_table(("setting", "value"), rows))

    @overload
    def decode_predictions(
        self, scores: Mapping[str, Any], top: int = 3
    ) -> dict[str, list[list[tuple[str, float]]]]: ...

    @overload
    def decode_predictions(self, scores: Any, top: int = 3) -> list[list[tuple[str, float]]]: ...

    @check_arguments
    def decode_predictions(self, scores: Any, top: int = 3) -> Any:
        """Names the most likely classes of each image.

        Args:
            scores: What ``model.predict`` returned: probabilities, shape (n, classes), or
                (classes,) for one image; for two classes also the probability of the second,
                shape (n, 1). For several outputs, a dictionary of these by output.
            top: The most classes to name per image, 1 or more.

        Returns:
            For each image, pairs of class name and probability, the most likely first. For several
            outputs, a dictionary of these by output; outputs without classes are left out.

        Raises:
            OptionError: The scores do not fit the classes, or are not probabilities; or they are
                not a dictionary with all outputs that have classes.
        """
        if self.outputs:
            return {
                output.name: rank_classes(_select_scores(scores, output), output.class_names, top)
                for output in self.outputs
                if output.class_names and output.label_mode not in ("boxes", "keypoints")
            }
        return rank_classes(scores, self.class_names, top)

    @check_arguments
    def save(self, file: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the settings to a JSON file, or into an existing ``.keras`` file.

        Args:
            file: A path that ends in ``.json`` or ``.keras``. An earlier file of settings, and
                settings in a ``.keras`` file, are replaced.
            overwrite: Replace any other JSON file too.

        Raises:
            PreprocessingError: The settings have a custom loader or label mode, or a ``preprocess``
                that cannot be imported by name, such as a lambda; or the ``.keras`` file cannot be
                read.
            ExportError: The file cannot be written, or exists and is another one.
            OptionError: Another extension.
        """
        save_settings(self, file, overwrite=overwrite)

    @staticmethod
    @check_arguments
    def load(file: str | os.PathLike[str]) -> Preprocessing:
        """Reads settings from a JSON file, or from a ``.keras`` file into which they were saved.

        A function ``preprocess`` is imported by its name, which runs the code of its module: load
        only files that you trust. A warning says if another version of a library decodes or resizes
        than the one that was used for training: pixels may differ by a gray level.

        Args:
            file: A path that ends in ``.json`` or ``.keras``.

        Raises:
            PreprocessingError: The file cannot be read, is of a later version, or has a field that
                is missing, unknown, of another type, or contradicts others.
            OptionError: Another extension.
        """
        return Preprocessing(**load_settings(file))

    def to_keras_layers(self) -> list[keras.Layer]:
        """Makes Keras layers that resize and scale, for a model that takes images of any size.

        For ``keras.Sequential([keras.Input((None, None, 3)), *prep.to_keras_layers(), model])``.
        The layers take decoded images (RGB, RGBA or gray, values 0 to 255, one size per batch):
        decoding, EXIF orientation and transparency are not layers. They do not round to whole gray
        levels after resizing. Measured on 9 photographs of about 500×400 at 224×224 and 600×600, in
        gray levels, the input of the model differs from ``prep(file)`` by at most 1.0 for
        "bilinear" (0.24 on average), 20 for "bicubic", 39 for "lanczos3" (0.28 on average, most at
        edges that overshoot), and 128 for "nearest", where a position is rounded to the other
        neighbor. Padding of ``fit="pad"`` may begin one pixel elsewhere. JPEG files that
        ``ImageSpec`` decodes at reduced size are sharper: 1.0 on average, at most 42.

        Raises:
            PreprocessingError: A step that Keras has no layer for: a custom loader, a crop with
                ``source_size``, other interpolations than "nearest", "bilinear", "bicubic" and
                "lanczos3" ("lanczos"; not with torch), or a ``preprocess`` other than one of
                Keras's that keeps the order of the channels.
        """
        return make_keras_layers(self)


def _select_scores(scores: Any, output: OutputSettings) -> Any:
    if isinstance(scores, Mapping) and output.name in scores:
        return scores[output.name]
    given = (
        f"has the keys {shorten(list(scores))}"
        if isinstance(scores, Mapping)
        else (f"is {type(scores).__name__}")
    )
    raise OptionError(
        f"scores {given}; expected a dictionary with the key {output.name!r}, since the model has "
        "several outputs. Pass dict(zip(model.output_names, scores)) if predict returned a list."
    )
