"""Lines that Keras users expect on standard output."""

from __future__ import annotations

import logging

import keras


def print_message(message: str) -> None:
    """Prints a line as Keras does, or logs it when Keras's interactive logging is off."""
    if keras.config.is_interactive_logging_enabled():
        print(message, flush=True)  # noqa: T201 - scripts read "Found N images" from there
    else:
        logging.getLogger("imggen").info(message)
