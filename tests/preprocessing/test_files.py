"""Settings saved to JSON and ``.keras`` files and loaded again; damaged and edited files."""

import copy
import json
import os
import re
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import imggen
from imggen import Preprocessing
from imggen.errors import ExportError, ImggenWarning, OptionError, PreprocessingError
from imggen.preprocessing.schema import check_value, read_schema
from tests.helpers.cases import each_case

# Of TensorFlow, when Keras saves weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

REMOVED = object()
LEGAL = {
    ("decode__exif_orientation", "True"),
    ("resize__antialias", "True"),
    ("scaling__rescale", "1.5"),
    ("scaling__rescale", "-3"),
    ("targets__outputs", "{}"),
}


def scale(x):
    return x / 2


@pytest.fixture
def prep(photos):
    return sequence_of(photos).preprocessing


def sequence_of(photos, **options):
    return imggen.from_directory(photos, image_size=(8, 9), workers=0, **options)


def edited(file, **changes):
    """Writes a file of settings with other values at paths such as ``resize.fit``."""
    members = json.loads(file.read_text())
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = members
        for parent in parents:
            place = place[parent]
        if value is REMOVED:
            del place[name]
        else:
            place[name] = value
    file.write_text(json.dumps(members))
    return file


def test_loaded_settings_equal_the_saved_ones(photos, tmp_path):
    for number, options in enumerate(
        (
            {},
            {"rescale": 1 / 255, "label_mode": "int"},
            {"rescale": np.float32(0.1), "dtype": "float16", "label_mode": None},
            {"mean": [0.1, 0.2, 1 / 3], "std": "imagenet", "data_format": "channels_first"},
            {"rescale": "-1to1", "color_mode": "rgba", "interpolation": "lanczos"},
            {"preprocess": keras.applications.densenet.preprocess_input},
            {"preprocess": scale, "crop_to_aspect_ratio": True, "exif_orientation": False},
            {"augment": imggen.augment.RandomCrop(), "seed": 1},
            {"augment": imggen.augment.CenterCrop(source_size=10), "seed": 1},
        )
    ):
        prep = sequence_of(photos, **options).preprocessing
        file = tmp_path / f"{number}.json"
        prep.save(file)
        assert Preprocessing.load(file) == prep, options
        members = json.loads(file.read_text())
        check_value(members, read_schema())
        prep.save(file)  # an earlier file of settings is replaced


def test_class_names_keep_their_order_and_characters(photos, tmp_path):
    names = ("10", "2", "0", "1", "猫", "a/b", 'q"', os.fsdecode(b"\xff"), "NaN")
    files = [os.path.join("cat", "000.png")] * len(names)
    sequence = imggen.from_files(
        files, list(range(len(names))), root=photos, class_names=list(names)
    )
    sequence.preprocessing.save(tmp_path / "prep.json")
    loaded = Preprocessing.load(tmp_path / "prep.json")
    assert loaded.class_names == names
    scores = np.eye(len(names))[[2, 4]]
    assert [row[0] for row in loaded.decode_predictions(scores)] == [("0", 1.0), ("猫", 1.0)]


def test_the_file_is_readable(prep, tmp_path):
    prep.save(tmp_path / "prep.json")
    members = json.loads((tmp_path / "prep.json").read_text())
    assert (members["format"], members["version"]) == ("imggen-preprocessing", 1)
    assert members["resize"]["image_size"] == [8, 9]
    assert members["resize"]["antialias"] is True
    assert re.fullmatch(r"[\w-]+ \d+\.\S+", members["resize"]["library"])
    assert members["decode"]["background"] == [255, 255, 255]
    assert members["batch"]["shape"] == [8, 9, 3]
    assert members["targets"] == {
        "label_mode": "categorical",
        "class_names": ["cat", "dog"],
        "target_names": [],
        "outputs": {},
    }


def test_every_field_of_the_schema_is_required_and_no_other_is_known(prep, tmp_path):
    file = tmp_path / "prep.json"
    prep.save(file)
    members = json.loads(file.read_text())
    paths = list(members)
    paths += [f"{part}__{name}" for part in members if isinstance(members[part], dict)
              for name in members[part]]  # fmt: skip
    assert len(paths) == 30
    for path in paths:
        file.write_text(json.dumps(members))
        with pytest.raises(PreprocessingError, match=f"{path.replace('__', '.')} is missing"):
            Preprocessing.load(edited(file, **{path: REMOVED}))
        for value in ({}, [[]], {"a": 1}, 1.5, -3, True, 10**400):
            if (path, repr(value)) in LEGAL:
                continue
            file.write_text(json.dumps(members))
            edited(file, **{path: value})
            with pytest.raises(PreprocessingError):
                Preprocessing.load(file)
    for part in ("", *(part for part in members if isinstance(members[part], dict))):
        file.write_text(json.dumps(members))
        path = f"{part}__rotation" if part else "rotation"
        with pytest.raises(PreprocessingError, match=r"rotation is not known"):
            Preprocessing.load(edited(file, **{path: None}))


@each_case(
    "changes, message",
    [
        ({"version": 2}, "it is of version 2, and this imggen reads version 1; install a newer"),
        ({"version": 2, "new": 1}, "install a newer imggen"),
        ({"version": "1"}, "version is '1'; expected 1"),
        ({"version": 1.0}, "version is 1.0; expected 1"),
        ({"version": True}, "version is True; expected 1"),
        ({"format": "other"}, "format is 'other'; expected 'imggen-preprocessing'"),
        (
            {"resize__image_size": [8]},
            r"resize.image_size is \[8\]; expected null or a list of 2 values",
        ),
        ({"resize__image_size": [8.0, 9]}, "each a whole number of 1 or more"),
        ({"resize__image_size": [8, 99]}, r"batch.shape is \[8, 9, 3\], but the other fields make"),
        ({"resize__antialias": False}, "resize.antialias is False, but"),
        ({"resize__fit": "corp"}, "resize.fit is 'corp'; expected 'stretch' or 'crop' or 'pad'"),
        ({"decode__color_mode": "grayscale"}, "decode.channel_order is 'RGB', but"),
        ({"decode__color_mode": "bgr"}, "decode.color_mode is 'bgr'"),
        ({"decode__channel_order": "RGBA"}, "decode.channel_order is 'RGBA', but"),
        ({"decode__background": [0, 0, 256]}, "each a whole number from 0 to 255"),
        ({"decode__background": "white"}, "decode.background is 'white'; expected 'checker' or"),
        ({"batch__shape": [8, 9, 1]}, "batch.shape"),
        ({"batch__dtype": "int8"}, "batch.dtype is 'int8'"),
        ({"scaling__mean": [0.5, 0.5]}, "2 values; expected one, or one per channel"),
        ({"scaling__mean": 0.5}, "scaling.mean is 0.5; expected null or a list"),
        ({"scaling__mean": [0.5]}, "scaling.rescale is None, but"),
        ({"scaling__std": [0.0]}, "std=0.0 must be a number above 0"),
        ({"scaling__rescale": float("nan")}, "scaling.rescale is nan; expected"),
        ({"scaling__rescale": "1/255"}, "scaling.rescale is '1/255'"),
        ({"scaling__rescale": 0.5, "batch__dtype": "uint8"}, "needs a float dtype"),
        ({"scaling__preprocess": "no_such:f"}, "cannot be imported"),
        ({"scaling__preprocess": "keras.applications.vgg16:gone"}, "does not exist"),
        ({"scaling__preprocess": "os:remove"}, "does not exist; expected the name of a function"),
        ({"targets__class_names": "cat"}, "targets.class_names is 'cat'; expected a list"),
        ({"targets__class_names": ["cat", 1]}, "each a string"),
        ({"targets__class_names": ["cat", "cat"]}, "has a name twice"),
        ({"targets__label_mode": "other"}, "targets.label_mode is 'other', which is unknown"),
        ({"targets__label_mode": "several outputs"}, "'several outputs', which is unknown"),
        ({"targets__outputs": []}, "targets.outputs is "),
        ({"targets__outputs": {"a": 1}}, "targets.outputs.a is 1; expected an object"),
        ({"targets__outputs": {"a": {"label_mode": "int"}}}, "outputs.a.class_names is missing"),
        (
            {
                "targets__outputs": {
                    "a": {"label_mode": "int", "class_names": [], "target_names": []}
                }
            },
            "targets.label_mode is 'categorical', which",
        ),
        (
            {
                "targets__label_mode": "several outputs",
                "targets__outputs": {
                    "a": {"label_mode": "other", "class_names": [], "target_names": []}
                },
            },
            "targets.outputs.a.label_mode is 'other'",
        ),
    ],
)
def test_edited_files_are_refused(prep, tmp_path, changes, message):
    file = tmp_path / "prep.json"
    prep.save(file, overwrite=True)
    with pytest.raises(PreprocessingError, match=message) as caught:
        Preprocessing.load(edited(file, **changes))
    assert "prep.json" in str(caught.value)


def test_damaged_files_are_refused(prep, tmp_path):
    file = tmp_path / "prep.json"
    for text in ("", "{", "[]", "null", "1", "[" * 10**5, '"\\ud800"', "{}", '{"version": 1}'):
        file.write_text(text)
        with pytest.raises(PreprocessingError, match=r"prep\.json"):
            Preprocessing.load(file)
    with pytest.raises(PreprocessingError, match="No such file"):
        Preprocessing.load(tmp_path / "gone.json")
    for name in ("prep.yaml", "prep"):
        with pytest.raises(OptionError, match=r"must end in .json or .keras"):
            Preprocessing.load(tmp_path / name)
        with pytest.raises(OptionError, match=r"must end in .json or .keras"):
            prep.save(tmp_path / name)
    other = tmp_path / "package.json"
    other.write_text("{}")
    with pytest.raises(ExportError, match="not an earlier output"):
        prep.save(other)
    assert other.read_text() == "{}"


def test_another_library_is_warned_of(prep, tmp_path):
    prep.save(tmp_path / "prep.json")
    edited(tmp_path / "prep.json", resize__library="Pillow 9.5.0")
    with pytest.warns(ImggenWarning, match=r"resized by .* now, and by Pillow 9.5.0 then, so pix"):
        loaded = Preprocessing.load(tmp_path / "prep.json")
    assert loaded.resized_by == "Pillow 9.5.0"
    assert loaded.spec == prep.spec


def test_functions_without_an_import_name_are_not_saved(photos, tmp_path):
    def local(x):
        return x / 2

    for function in (lambda x: x / 2, local, np.negative):
        prep = sequence_of(photos, preprocess=function).preprocessing
        assert prep(photos / "cat/000.png").shape == (1, 8, 9, 3)
        with pytest.raises(PreprocessingError, match=r"preprocess=.* cannot be saved: it cannot"):
            prep.save(tmp_path / "prep.json")
    assert not (tmp_path / "prep.json").exists()


@pytest.fixture
def model(tmp_path):
    model = keras.Sequential([keras.Input((8, 9, 3)), keras.layers.Flatten(),
                              keras.layers.Dense(2, activation="softmax")])  # fmt: skip
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_settings_travel_in_a_keras_file(prep, photos, model):
    x = prep(photos / "cat/000.png")
    before = keras.saving.load_model(model).predict(x, verbose=0)
    for settings in (sequence_of(photos, rescale=0.5).preprocessing, prep):
        settings.save(model)
        assert Preprocessing.load(model) == settings
    with zipfile.ZipFile(model) as archive:
        assert archive.testzip() is None
        assert archive.namelist().count("imggen_preprocessing.json") == 1
    loaded = keras.saving.load_model(model)
    assert np.array_equal(loaded.predict(x, verbose=0), before)
    loaded.save(model)
    with pytest.raises(PreprocessingError, match="Keras has saved the model again since"):
        Preprocessing.load(model)
    prep.save(model)
    assert Preprocessing.load(model) == prep


def test_a_model_with_settings_is_loaded_without_imggen(prep, model):
    prep.save(model)
    code = (
        "import sys, keras; sys.modules['imggen'] = None\n"
        "print(keras.saving.load_model(sys.argv[1]).output_shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    assert done.stdout.strip() == "(None, 2)", done.stderr[-800:]


def test_what_is_not_a_keras_file_is_refused(prep, tmp_path, model):
    other = tmp_path / "other.keras"
    with pytest.raises(PreprocessingError, match=r"No such file.*Save the model first"):
        prep.save(other)
    with pytest.raises(PreprocessingError, match="No such file"):
        Preprocessing.load(other)
    other.write_bytes(b"broken")
    for call in (prep.save, Preprocessing.load):
        with pytest.raises(PreprocessingError, match=r"other\.keras.* cannot be read"):
            call(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(PreprocessingError, match="not a model in Keras's format"):
        prep.save(other)
    with pytest.raises(PreprocessingError, match="has no preprocessing settings"):
        Preprocessing.load(model)
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("imggen_preprocessing.json", '{"version": 3}')
    with pytest.raises(PreprocessingError, match="version 3"):
        Preprocessing.load(model)


def test_the_schema_is_a_json_schema_of_known_words():
    words = set()

    def collect(schema):
        words.update(schema)
        for name in ("properties",):
            for member in schema.get(name, {}).values():
                collect(member)
        for member in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
            collect(member)

    collect(copy.deepcopy(read_schema()))
    assert words == {
        *["$schema", "title", "description", "type", "additionalProperties", "required"],
        *["properties", "const", "enum", "anyOf", "items", "minItems", "maxItems", "minimum"],
        "maximum",
    }


def test_settings_without_an_image_size_keep_the_size_of_each_image(tmp_path):
    images = [np.zeros((4, 5, 3), np.uint8), np.ones((6, 3, 3), np.uint8)]
    prep = imggen.from_arrays(images, label_mode=None, batch_size=1).preprocessing
    prep.save(tmp_path / "prep.json")
    loaded = Preprocessing.load(tmp_path / "prep.json")
    assert loaded == prep
    np.testing.assert_array_equal(loaded(images[1]), images[1][np.newaxis])
    with pytest.raises(PreprocessingError, match="image_size=None has no Keras layer"):
        loaded.to_keras_layers()
