"""imggen migrate, called in the process or as a program, and notebooks for it."""

import json
import subprocess
import sys

from click.testing import CliRunner

from imggen.cli import main

OLD = "from keras.preprocessing.image import ImageDataGenerator\n"
NEW = "from imggen import ImageDataGenerator\n"
KERAS_2 = (
    " uses tf_keras (Keras 2), whose models cannot read from imggen's iterators; "
    "its imports are left as they are\n"
)


UNRELATED = "skipped: {} without a Keras loader\n"


def migrate(*arguments):
    result = CliRunner().invoke(main, ["migrate", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def program(*arguments, **options):
    command = [sys.executable, "-m", "imggen", "migrate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def notebook(*sources, **more):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["ImageDataGenerator ✓\n"]}]
    for source in sources:
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        cells.append({**cell, "source": source})
    return {"cells": cells, "metadata": {"ö": 1.5}, "nbformat": 4, "nbformat_minor": 4, **more}


def write_notebook(path, *sources):
    path.write_text(json.dumps(notebook(*sources), indent=1))
    return path
