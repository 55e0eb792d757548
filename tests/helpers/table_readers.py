"""Readers for worker processes, which import this module by its name."""

import sys

import pandas as pd

BACKENDS = ("keras", "tensorflow", "torch", "jax")


def read_with_backends(file: str) -> pd.DataFrame:
    """Reads a table, and notes beside it which of Keras and its backends this process imports."""
    imported = [name for name in BACKENDS if name in sys.modules]
    with open(f"{file}.imports", "w") as record:
        record.write(",".join(imported))
    return pd.read_csv(file)
