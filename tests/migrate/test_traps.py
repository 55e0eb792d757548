"""Traps that imggen migrate names: where they are, and not where they are not."""

import inspect

import keras
import numpy as np
import pandas as pd
import pytest

from tests.migrate.scripts import GENERATOR, details, run, traps

D = '"d", interpolation="bilinear", seed=1'
PLAIN = f"v = ImageDataGenerator(rescale=1 / 255).flow_from_directory({D})\n"
TURNED = f"v = ImageDataGenerator(rotation_range=9).flow_from_directory({D})\n"
SORTED = TURNED.replace("seed=1", "shuffle=False")
AUGMENTED, UNSORTED, TWICE = "augmented validation", "unsorted predictions", "scaled twice"
SHIFTS, NEAREST, UNREPEATABLE = "exchanged shifts", "nearest interpolation", "unrepeatable"
GONE = "removed in Keras 3"
FLOW = "ImageDataGenerator().flow(x)\n"
EFFICIENT = "from keras.applications import EfficientNetV2B0 as E\nE({})\nImageDataGenerator({})\n"
LAYER = "from {} import Rescaling\nRescaling(1 / 255)\nImageDataGenerator(rescale=1 / 255)\n"
DATASET = (
    "from keras.utils import image_dataset_from_directory as f\nv = f('d', {})\nm.predict(v)\n"
)
SUBSET = "g = ImageDataGenerator(zoom_range={}, validation_split=0.5)\n"
SUBSET += f"g.flow_from_directory({D}, subset='{{}}')\n"
ON_SELF = (
    f"class A:\n  def f(self):\n    self.{TURNED}    {{}}\n    m.fit(t, validation_data=self.v)\n"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (TURNED + "m.fit(t, validation_data=v)\n", [AUGMENTED]),
        (TURNED + "m.fit_generator(generator=v, validation_data=v)\n", [GONE, AUGMENTED]),
        (TURNED + "m.fit(v)\nm.fit(x=v)\nm.fit_generator(v)\n", [GONE]),
        (PLAIN + "m.fit(t, validation_data=v)\n", []),
        (TURNED + "v = v\nm.fit(t, validation_data=v)\n", [AUGMENTED]),
        (TURNED + "w: object = v\nm.fit(t, validation_data=w)\n", [AUGMENTED]),
        (TURNED + PLAIN + "m.fit(t, validation_data=v)\n", []),
        (TURNED + "v = other(v)\nm.fit(t, validation_data=v)\n", []),
        (TURNED + "m.fit(t, validation_data=(v, v))\n", []),
        (TURNED + "m.evaluate(v)\n", [AUGMENTED]),
        (TURNED + "m.fit(t, validation_data=v)\nm.evaluate(v)\n", [AUGMENTED]),
        (PLAIN + "m.evaluate_generator(v)\n", [GONE]),
        (PLAIN + "m.evaluate(v)\n", []),
        (ON_SELF.format("pass"), [AUGMENTED]),
        (ON_SELF.format("self.v = load()"), []),
        (SUBSET.format(1, "validation"), [AUGMENTED]),
        (SUBSET.format(1, "training"), []),
        (SUBSET.format(0, "validation"), []),
        (PLAIN + "p = m.predict(v)\n", [UNSORTED]),
        (PLAIN + "p = np.argmax(m.predict(x=v), axis=1)\n", [UNSORTED]),
        (PLAIN + "p = m.predict_generator(generator=v)\n", [GONE, UNSORTED]),
        (SORTED + "p = m.predict(x)\n", []),
        (SORTED + "p = m.predict(v)\n", [AUGMENTED]),
        (PLAIN.replace("seed=1", "shuffle=False") + "p = m.predict(v)\n", []),
        (DATASET.format("seed=1"), [UNSORTED]),
        (DATASET.format("shuffle=False"), []),
        ("ImageDataGenerator().flow_from_dataframe(f, seed=1)\n", [NEAREST]),
        ('ImageDataGenerator().flow_from_directory("d", seed=1, interpolation="nearest")\n', []),
        ("ImageDataGenerator().flow(x, y, seed=1)\n", []),
        ("ImageDataGenerator().flow(x, y)\n", [UNREPEATABLE]),
        ("ImageDataGenerator().flow(x, y, shuffle=False)\n", []),
        ("import numpy as np\nnp.random.seed(1)\nImageDataGenerator().flow(x, y)\n", []),
        ("from numpy import random\nrandom.seed(s)\nImageDataGenerator().flow(x, y)\n", []),
        ("import numpy as np\nnp.random.seed(seed=1)\nImageDataGenerator().flow(x)\n", []),
        ("import keras\nkeras.utils.set_random_seed(1)\nImageDataGenerator().flow(x)\n", []),
        ("from tensorflow.keras.utils import set_random_seed as s\ns(1)\n" + FLOW, []),
        *(
            (f"import numpy as np, random\n{seed}\nImageDataGenerator().flow(x)\n", [UNREPEATABLE])
            for seed in ("np.random.seed()", "np.random.seed(None)", "random.seed(1)", "seed(1)")
        ),
        ("ImageDataGenerator().flow(x, y, 32, False)\n", []),
        (f"o = dict({D[5:]})\nImageDataGenerator().flow_from_directory('d', **o)\n", []),
        (f"t, v = 1, {TURNED[4:]}m.evaluate(v)\n", [AUGMENTED]),
        (TURNED + "def f():\n    v = 3\nm.evaluate(v)\n", [AUGMENTED]),
        ("G = ImageDataGenerator\nG(height_shift_range=9)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.1)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.1, width_shift_range=0.2)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.2, width_shift_range=.2)\n", []),
        ("ImageDataGenerator(height_shift_range=0.0, width_shift_range=0)\n", []),
        ("ImageDataGenerator(rescale=1 / 255, preprocessing_function=f)\n", [TWICE]),
        ("ImageDataGenerator(rescale=None, preprocessing_function=f)\n", []),
        ("ImageDataGenerator(rescale=1 / 255, preprocessing_function=None)\n", []),
        (EFFICIENT.format("", "rescale=1 / 255"), [TWICE]),
        (EFFICIENT.format("include_preprocessing=False", "rescale=1 / 255"), []),
        (EFFICIENT.format("include_preprocessing=True", ""), []),
        (LAYER.format("keras.layers"), [TWICE]),
        (LAYER.format("tensorflow.keras.layers.experimental.preprocessing"), [TWICE, GONE]),
        (LAYER.format("mine"), []),
    ],
)
def test_a_trap_is_told_where_it_is_and_not_where_it_is_not(tmp_path, body, expected):
    found = traps(tmp_path, GENERATOR + body)
    assert sorted(name for _, name in found) == sorted(expected)


def test_traps_are_told_of_keras_s_loaders_alone(tmp_path):
    body = "v = mine.ImageDataGenerator(zoom_range=1).flow(x)\nm.predict(v)\n"

    assert traps(tmp_path, body) == []


@pytest.mark.parametrize(
    ("call", "is_gone"),
    [
        ("m.fit_generator(v, 9)", True),
        ("m.predict_generator(v, workers=2)", True),
        ("m.fit(x=v, workers=4, nb_epoch=1)", True),
        ("m.fit(t, validation_data=v, workers=4)", True),
        ("m.evaluate(v, use_multiprocessing=True)", True),
        ("self.m.predict(v, max_queue_size=2)", True),
        ("m.fit(v, epochs=1, steps_per_epoch=9)", False),
        ("m.fit(t, workers=4)", False),
        ("m.fit_generator(t)", True),
        ("fit(v, workers=4)", False),
        ("h.show_generator(v)", False),
        ("pool.map(v, workers=4)", False),
    ],
)
def test_what_keras_3_no_longer_has_is_told_where_a_flow_is_passed(tmp_path, call, is_gone):
    head = f"{GENERATOR}v = ImageDataGenerator().flow(x, shuffle=False)\n"

    assert set(traps(tmp_path, f"{head}{call}\n")) == ({(3, GONE)} if is_gone else set())


@pytest.mark.parametrize("old", ["workers", "use_multiprocessing", "max_queue_size", "nb_epoch"])
def test_what_is_told_to_be_gone_from_keras_3_is_gone(old):
    model = keras.Sequential([keras.layers.Flatten()])
    model.compile(loss="mse")
    for name in ("fit", "evaluate", "predict"):
        assert not hasattr(model, f"{name}_generator")
        with pytest.raises((TypeError, ValueError), match=old):
            getattr(model, name)(np.zeros((2, 1)), **{old: 1})


VALIDATION = f".flow_from_directory({D}, subset='validation')\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "o = dict(rotation_range=9, validation_split=0.2)\nImageDataGenerator(**o)"
            + VALIDATION,
            [(3, AUGMENTED)],
        ),
        (
            "o = {'zoom_range': 9}\nImageDataGenerator(validation_split=0.2, **o)" + VALIDATION,
            [(3, AUGMENTED)],
        ),
        ("o = dict(zoom_range=0, validation_split=2)\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = other(rotation_range=9)\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = {'zoom_range': 9}\no = load()\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = dict(width_shift_range=9)\nImageDataGenerator(**o)\n", [(3, SHIFTS)]),
        ("o = dict(width_shift_range=9)\nImageDataGenerator(height_shift_range=9, **o)\n", []),
        ("o = dict(rescale=2)\nImageDataGenerator(preprocessing_function=f, **o)\n", [(3, TWICE)]),
        ("o = dict(batch_size=2)\nImageDataGenerator().flow(x, **o)\n", [(3, UNREPEATABLE)]),
        ("o = {'seed': 2}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {key: 2}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {'batch_size': 2, **p}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = dict(p, batch_size=2)\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {'batch_size': 2}\nImageDataGenerator().flow(x, **o, **p)\n", []),
    ],
)
def test_options_are_followed_through_dicts_that_are_written_out(tmp_path, body, expected):
    assert traps(tmp_path, GENERATOR + body) == expected


def test_what_is_moved_is_in_imggen_and_positions_are_those_of_its_signatures():
    from imggen import legacy
    from imggen.migrate import uses as told_uses
    from imggen.migrate import values

    assert set(legacy.__all__) >= told_uses._DEPRECATED | told_uses._HELPERS
    for function, names in values.POSITIONS.items():
        owner = legacy.ImageDataGenerator
        method = owner.__init__ if function == owner.__name__ else getattr(owner, function)
        assert tuple(inspect.signature(method).parameters)[1 : len(names) + 1] == names


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A['validation_split'] = 2\nImageDataGenerator(**A)", [AUGMENTED]),
        ("A['zoom_range'] = 0\nImageDataGenerator(**A)", []),
        ("A.clear()\nImageDataGenerator(**A)", []),
        ("A.update(b)\nImageDataGenerator(**A)", []),
        ("B = {**A, 'rescale': 2}\nImageDataGenerator(**B)", [AUGMENTED]),
        ("def f(A):\n    ImageDataGenerator(**A)", []),
        ("def f():\n    A = 1\nImageDataGenerator(**A)", [AUGMENTED]),
    ],
)
def test_a_dict_is_followed_through_its_changes(tmp_path, body, expected):
    head = GENERATOR + "A = dict(zoom_range=9, validation_split=0.2)\n"

    assert [name for _, name in traps(tmp_path, head + body + VALIDATION)] == expected


@pytest.fixture
def table(tmp_path):
    images = np.linspace(0, 255, 4 * 64 * 3).reshape(4, 8, 8, 3).astype("uint8")
    classes = ["a", "b", "c", "c"]
    paths = [str(tmp_path / name / f"{number}.png") for number, name in enumerate(classes)]
    for name, image, path in zip(classes, images, paths, strict=True):
        (tmp_path / name).mkdir(exist_ok=True)
        keras.utils.save_img(path, image, scale=False)
    return pd.DataFrame({"filename": paths, "class": classes})


# Scripts with a trap, the trap, what the script computes, and the repaired script.
FALLEN = [
    (
        "f = ImageDataGenerator(brightness_range=(1, 1)).flow(images / 255, shuffle=False)",
        "brightness of small values",
        "next(f).max() == 0",
        "f = ImageDataGenerator(brightness_range=(1, 1)).flow(images, shuffle=False)",
    ),
    (
        (
            "f = ImageDataGenerator().flow_from_directory(photos, shuffle=False, "
            "interpolation='bilinear', class_mode='binary', classes=['a', 'b', 'c'])"
        ),
        "binary labels for many classes",
        "next(f)[1].max() == 2",
        (
            "f = ImageDataGenerator().flow_from_directory(photos, shuffle=False, "
            "interpolation='bilinear', class_mode='sparse', classes=['a', 'b', 'c'])"
        ),
    ),
    (
        (
            "f = ImageDataGenerator().flow_from_dataframe(table, shuffle=False, "
            "interpolation='bilinear', targetsize=(8, 8))"
        ),
        "ignored keywords",
        "next(f)[0].shape[1:3] == (256, 256)",
        (
            "f = ImageDataGenerator().flow_from_dataframe(table, shuffle=False, "
            "interpolation='bilinear', target_size=(8, 8))"
        ),
    ),
    (
        "f = ImageDataGenerator().flow(images, shuffle=False, subset='training')",
        "subset without validation_split",
        "f.n == len(images)",
        (
            "f = ImageDataGenerator(validation_split=0.5).flow(images, shuffle=False, "
            "subset='training')"
        ),
    ),
    (
        (
            "t = table.sort_values('class').reset_index(drop=True)\n"
            "f = ImageDataGenerator(validation_split=0.25).flow_from_dataframe(t, shuffle=False, "
            "interpolation='bilinear', subset='training')"
        ),
        "split of a sorted table",
        "0 not in f.classes",
        (
            "t = table.sort_values('class').sample(frac=1, random_state=0)\n"
            "f = ImageDataGenerator(validation_split=0.25).flow_from_dataframe(t, shuffle=False, "
            "interpolation='bilinear', subset='training')"
        ),
    ),
    (
        "g = ImageDataGenerator(featurewise_center=True)\nf = g.flow(images, shuffle=False)",
        "statistics without fit",
        "(next(f) == images).all()",
        (
            "g = ImageDataGenerator(featurewise_center=True)\ng.fit(images)\n"
            "f = g.flow(images, shuffle=False)"
        ),
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("quiet_keras")
def test_scripts_with_a_trap_do_what_is_said_and_repaired_ones_are_not_named(tmp_path, table):
    images = np.full((4, 8, 8, 3), 200, "uint8")
    for body, name, consequence, repaired in FALLEN:
        found = [one for _, one in traps(tmp_path, GENERATOR + body)]
        given = {"table": table, "images": images, "photos": str(tmp_path)}
        names = run(tmp_path, GENERATOR + body, **given)

        assert found == [name], body
        assert eval(consequence, names), consequence
        assert traps(tmp_path, GENERATOR + repaired) == [], repaired


def test_keywords_that_are_ignored_are_listed(tmp_path):
    body = "ImageDataGenerator().flow_from_dataframe(f, has_ext=1, seed=3, zoom_range=2)"

    assert details(tmp_path, GENERATOR + body, "ignored keywords") == ["has_ext=, zoom_range="]


@pytest.mark.parametrize(
    "body",
    [
        "g = ImageDataGenerator(zca_whitening=True)\nprepare(g)\ng.flow(x, seed=1)",
        "g = ImageDataGenerator(featurewise_center=False)\ng.flow(x, seed=1)",
        "g = ImageDataGenerator(featurewise_center=True)",
        (
            "def f(g):\n    g.fit(x)\ng = ImageDataGenerator(zca_whitening=True)\n"
            "f(g)\ng.flow(x, seed=1)"
        ),
        "ImageDataGenerator(**options).flow(x, seed=1, subset='training')",
        "ImageDataGenerator().flow(x, seed=1, subset=None)",
        "ImageDataGenerator(brightness_range=(1, 2)).flow(x / 2, seed=1)",
    ],
)
def test_traps_that_are_not_certain_are_not_named(tmp_path, body):
    assert traps(tmp_path, GENERATOR + body) == []


FRAME = "ImageDataGenerator().flow_from_dataframe(df, 'd', seed=1, interpolation='bilinear', {})"


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ("y_col='age', class_mode='raw'", "y_col='age', label_mode=\"regression\")"),
        (
            "y_col=['kind', 'breed'], class_mode='multi_output'",
            'targets={"kind": "categorical", "breed": "categorical"}, targets_as="tuple")',
        ),
        (
            "y_col=columns, class_mode='multi_output'",
            'targets={"first": "categorical", "second": "categorical"}, targets_as="tuple")',
        ),
    ],
)
def test_targets_that_are_not_encoded_get_the_native_call(tmp_path, options, call):
    body = GENERATOR + FRAME.format(options)

    assert [name for _, name in traps(tmp_path, body)] == ["targets as they are"]
    (detail,) = details(tmp_path, body, "targets as they are")
    assert f"data = imggen.from_dataframe(df, root='d', {call}" in detail


@pytest.mark.parametrize("mode", ["'categorical'", "None", "mode"])
def test_encoded_or_unknown_targets_get_none(tmp_path, mode):
    assert traps(tmp_path, GENERATOR + FRAME.format(f"class_mode={mode}")) == []
