"""Trains under one backend, in its own process, and prints observations as JSON.

python -m tests.helpers.backend_script BACKEND FOLDER
"""

import json
import os
import sys
from pathlib import Path


# Here, and not with the cases: worker processes import those, and should not import Keras.
def flip_some(image, rng):
    return image[:, ::-1] if rng.random() < 0.5 else image


def main(backend, folder):
    os.environ["KERAS_BACKEND"] = backend
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    if backend != "tensorflow":
        sys.modules["tensorflow"] = None  # any import of it now fails
    from tests.helpers import (
        bridge_backend_cases,
        legacy_backend_cases,
        loop_cases,
        sequence_backend_cases,
        shard_backend_cases,
        target_backend_cases,
    )

    seen = {
        "sequences": sequence_backend_cases.run(folder),
        "legacy": legacy_backend_cases.run(folder),
        "loops": loop_cases.run(),
        "targets": target_backend_cases.run(Path(folder)),
        "bridges": bridge_backend_cases.run(folder),
        "shards": shard_backend_cases.run(),
    }
    import keras

    seen["backend"] = keras.backend.backend()
    seen["tensorflow"] = bool(sys.modules.get("tensorflow"))
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
