"""Uses imggen where Keras has no backend, in an empty folder; errors and exits say what is wrong.

``--block`` makes the optional packages of this environment impossible to import. Without it, none
may be installed; the script then needs nothing but imggen.
"""

import importlib.abc
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

OPTIONAL = (
    *("tensorflow", "jax", "torch", "albumentations", "sklearn", "pyarrow", "nicegui", "fastapi"),
    *("datasets", "tensorflow_datasets", "tensorboard", "grain"),
)
NEED_KERAS = ("ImageDataGenerator", "LogImages", "Resume")


class Blocker(importlib.abc.MetaPathFinder):
    """Lets imports of packages fail as if these were not installed."""

    def __init__(self, packages):
        self.packages = set(packages)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def needs_keras(name):
    return name.startswith("from_") or "equence" in name or name in NEED_KERAS


def write_photos(folder):
    for name, count in {"cat": 6, "dog": 6}.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            rng = np.random.default_rng([count, number, len(name), name == "dog"])
            pixels = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def write_model(model_file, preprocessing_file):
    """Writes settings as training saves them, and a file in place of the model."""
    from imggen import ImageSpec, Preprocessing
    from imggen.loading import Scaling

    Path(model_file).write_bytes(b"")
    settings = Preprocessing(
        ImageSpec((8, 8)), Scaling(), "float32", "channels_last", None, (), "OpenCV 5", "Pillow 12"
    )
    settings.save(preprocessing_file)


def run(*arguments):
    """Runs a verb in this process, and returns its output; no verb may load Keras."""
    from click.testing import CliRunner

    from imggen.cli import main

    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    loaded = {"keras", *OPTIONAL} & set(sys.modules)
    assert not loaded, (arguments, loaded)
    return result


def check_verbs():
    for arguments in (
        ("scan", "photos"),
        ("split", "photos", "parts", "--seed", "1"),
        ("verify", "photos"),
        ("duplicates", "photos", "--html", "duplicates.html"),
        ("leaks", "parts"),
        ("preview", "photos", "-o", "preview.png"),
        ("preview", "photos", "-o", "preview.html", "--augment", "strong"),
        ("bench", "photos", "--seconds", "0.01"),
        ("cache", "build", "photos", "cached", "--image-size", "8"),
        ("cache", "info", "cached"),
        ("augment", "photos", "more", "--augment", "light"),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, (arguments, result.output)
    Path("script.py").write_text("from keras.preprocessing.image import ImageDataGenerator\n")
    assert run("migrate", "script.py").exit_code == 1  # there is something to change
    write_model("m.keras", "m.json")
    for arguments in (["demo"], ["predict", "m.keras", "photos", "--preprocessing", "m.json"]):
        output = run(*arguments).output
        assert "pip install 'imggen[" in output, (arguments, output)
    assert not Path("imggen-demo").exists()


def check_functions():
    import imggen

    for name in imggen.__all__:
        needs_keras(name) or getattr(imggen, name)
    assert imggen.load_image("photos/cat/0.png", imggen.ImageSpec((8, 8))).shape == (8, 8, 3)
    assert len(imggen.survey("photos").sizes) == 12
    assert imggen.preset("medium")
    assert "keras" not in sys.modules


def error_of(name, kind="MissingExtraError"):
    """The message of the error that the use of a public name raises."""
    import imggen

    try:
        getattr(imggen, name)
    except getattr(imggen.errors, kind) as err:
        return str(err)
    raise AssertionError(f"{name} works without a backend")


def check_errors():
    """Each public name that needs Keras, for each backend that is missing."""
    import imggen

    for backend in ("tensorflow", "jax", "torch"):
        os.environ["KERAS_BACKEND"] = "" if backend == "tensorflow" else backend
        for name in filter(needs_keras, imggen.__all__):
            message = error_of(name)
            assert f"Keras uses the backend {backend!r}" in message, message
            assert f"pip install 'imggen[{backend}]'" in message, message
    try:
        import imggen.legacy
    except imggen.errors.MissingExtraError:
        pass
    else:
        raise AssertionError("imggen.legacy works without a backend")
    os.environ["KERAS_BACKEND"] = "tensorflw"
    assert "Did you mean 'tensorflow'?" in error_of("ImageSequence", "OptionError")


def check_other_backend(blocker):
    """With JAX alone and TensorFlow set, the error names the setting, which then works."""
    import imggen

    os.environ["KERAS_BACKEND"] = ""
    blocker.packages.add("keras")
    assert "pip install 'keras>=3.8'" in error_of("ImageSequence")
    blocker.packages -= {"keras", "jax"}
    assert "Set the environment variable KERAS_BACKEND=jax" in error_of("ImageSequence")
    os.environ["KERAS_BACKEND"] = "jax"
    sequence = imggen.from_directory("photos", image_size=(8, 8), batch_size=5)
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    assert len(sequence.predict(keras.Sequential(layers))) == 12


if __name__ == "__main__":
    os.environ["KERAS_HOME"] = os.getcwd()  # the user's own file may set a backend
    blocker = Blocker(OPTIONAL)
    if "--block" in sys.argv:
        sys.meta_path.insert(0, blocker)
    write_photos(Path("photos"))
    check_verbs()
    check_functions()
    check_errors()
    if "--block" in sys.argv:
        check_other_backend(blocker)
    print("no backend: all is well")
