"""The Keras model that a verb is given as a file."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def check_model_file(model_file: Path) -> None:
    """Checks that there is a file, without importing Keras.

    Raises:
        OptionError: The file is missing.
    """
    from imggen.errors import OptionError

    if not model_file.exists():
        raise OptionError(
            f"Cannot load {str(model_file)!r} as a Keras model: the file does not exist."
        )


def load_model(model_file: Path) -> keras.Model:
    """Loads a model.

    Raises:
        OptionError: The file is missing, or Keras cannot read it.
    """
    from imggen.cli.tensorflow_log import hide_tensorflow_log
    from imggen.core import explain_keras_import
    from imggen.errors import OptionError

    check_model_file(model_file)
    hide_tensorflow_log()
    with explain_keras_import():
        import keras
    try:
        with warnings.catch_warnings():
            # Such as about the optimizer and metrics, which are not needed: nothing is trained.
            warnings.simplefilter("ignore")
            logging.getLogger("absl").setLevel(logging.ERROR)
            return keras.models.load_model(model_file)
    except Exception as err:
        # Keras raises errors of many types for a file that it cannot read.
        reason = f"{err}".partition("\n")[0] or type(err).__name__
        raise OptionError(f"Cannot load {str(model_file)!r} as a Keras model: {reason}") from err
