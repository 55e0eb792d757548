"""What is read from the files of Keras is what Keras has."""

import inspect
import itertools

import keras
import pytest

from imggen.migrate import replacements
from imggen.migrate.keras_api import installed_keras


def public(module, path, seen):
    """Yields the public names of Keras with what they are."""
    for name in sorted(set(dir(module)) - {"src"}):
        value = getattr(module, name)
        if name.startswith("_"):
            continue
        if inspect.ismodule(value) and value.__name__ == f"{path}.{name}" not in seen:
            seen.add(f"{path}.{name}")
            yield from public(value, f"{path}.{name}", seen)
        yield f"{path}.{name}", value


def test_every_public_name_is_known_with_its_parameters():
    api = installed_keras()
    num_names = num_known = 0
    for path, value in public(keras, "keras", set()):
        assert api.has(path) is True, path
        num_names += 1
        if inspect.isclass(value) or inspect.isfunction(value):
            known = api.parameters(path)
            if known is not None:
                num_known += 1
                parameters = inspect.signature(value).parameters.values()
                names = {one.name for one in parameters if one.kind not in (2, 4)}
                assert names <= known, path
    assert api.version == keras.__version__
    assert num_names > 1000
    assert num_known > 0.9 * num_names


def test_an_argument_that_is_not_known_is_refused():
    api = installed_keras()
    refused = 0
    kinds = (keras.layers, keras.optimizers, keras.callbacks, keras.losses, keras.metrics)
    for kind in kinds:
        for name, value in inspect.getmembers(kind, inspect.isclass):
            if api.parameters(f"{kind.__name__}.{name}") is not None:
                required = [
                    one.name
                    for one in itertools.islice(inspect.signature(value).parameters.values(), 9)
                    if one.default is one.empty and one.kind == one.POSITIONAL_OR_KEYWORD
                ]
                with pytest.raises((TypeError, ValueError, AttributeError, ImportError)):
                    value(**dict.fromkeys(required, 1), not_an_argument=1)
                refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("keras", True),
        ("keras.layers.Dense", True),
        ("keras.layers.core", False),
        ("keras.no.such", False),
        ("keras.layers.Dense.build", None),
        ("keras.preprocessing.image.ImageDataGenerator", False),
        ("tensorflow.keras.preprocessing.image.ImageDataGenerator", True),
        ("keras.backend.get_value", False),
        ("tensorflow.keras.backend.get_value", True),
        ("keras.src.layers.core.dense.Dense", True),
        ("numpy.array", None),
    ],
)
def test_a_path_is_there_or_not_or_cannot_be_told(path, expected):
    assert installed_keras().has(path) is expected


def test_a_folder_that_is_not_keras_tells_nothing(tmp_path):
    api = type(installed_keras())(tmp_path)

    assert (api.version, api.has("keras.layers.Dense")) == ("", None)
    assert api.parameters("keras.layers.Dense") is api.public_path("Dense") is None
    assert api.members("keras.layers") == []


def test_what_is_advised_is_in_keras():
    advice = [*replacements.NAMES.values(), *replacements.BACKEND.values()]
    paths = {
        word.rstrip(";,.:").partition("(")[0]
        for text in advice
        for word in text.split()
        if word.startswith("keras.")
    }
    assert len(paths) > 20
    for path in sorted(paths):
        assert installed_keras().has(path) is True, path


def test_what_is_said_to_be_removed_is_not_in_keras():
    api = installed_keras()
    model = keras.Sequential([keras.layers.Dense(1)])
    for name in replacements.MODEL_ATTRIBUTES:
        assert not hasattr(model, name), name
        assert not hasattr(model.layers[0], name), name
    assert not [name for name in replacements.BACKEND if api.has(f"keras.backend.{name}")]
