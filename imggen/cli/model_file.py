"""The Keras model that a verb is given as a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def load_model(model_file: Path) -> keras.Model:
    """Loads a model.

    Raises:
        OptionError: The file is missing, or Keras cannot read it.
    """
    import keras

    from imggen.errors import OptionError

    try:
        with warnings.catch_warnings():
            # Such as about the optimizer's state, which is not needed: nothing is trained here.
            warnings.simplefilter("ignore")
            return keras.models.load_model(model_file)
    except Exception as err:
        # Keras raises errors of many types for a file that it cannot read.
        reason = f"{err}".partition("\n")[0] or type(err).__name__
        raise OptionError(f"Cannot load {str(model_file)!r} as a Keras model: {reason}") from err
