"""What Keras prints and scripts parse."""

from __future__ import annotations

import logging

import keras


def announce(message: str) -> None:
    """Says a line as Keras would: printed, or logged when Keras's interactive logging is off."""
    if keras.config.is_interactive_logging_enabled():
        print(message, flush=True)  # noqa: T201 - scripts read "Found N images" from there
    else:
        logging.getLogger("imggen").info(message)
