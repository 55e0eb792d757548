"""flow and fit of imggen and of Keras: the same batches and statistics, arguments at random."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import random
import warnings
from collections import Counter

import numpy as np
import pytest

import imggen
from imggen.errors import KerasTrapWarning
from tests.helpers.cases import each_case
from tests.helpers.legacy_oracle import (
    ILLEGAL_CONSTRUCTOR,
    Case,
    Preprocessing,
    check,
    draw_constructor,
    draw_script,
    fitted,
    global_state,
    keras_image,
    same,
)

BLOCKS, CASES_A_BLOCK = 10, 20
LENGTH = 11
SHAPES = [(8, 11, 3), (9, 9, 1), (10, 7, 4), (3, 8, 9), (1, 9, 8), (4, 9, 7)]


def images(shape, dtype="float32", length=LENGTH):
    values = np.random.default_rng(0).integers(0, 256, (length, *shape))
    return (values / 255 if dtype == "unit" else values).astype(
        "float64" if dtype == "unit" else dtype
    )


def labels(kind, rng):
    whole = np.arange(LENGTH) % 3
    match kind:
        case "list":
            return whole.tolist()
        case "one-hot":
            return np.eye(3, dtype="float32")[whole]
        case "strings":
            return np.array(["a", "b", "c"])[whole]
        case "sorted":
            return np.sort(whole)
        case "integers":
            return whole
    return None


ILLEGAL_FLOW = [
    {"y": [1, 2]},
    {"sample_weight": [1.0]},
    {"subset": "testing"},
    {"seed": -1},
    {"seed": "x"},
    {"batch_size": 0},
    {"save_format": "bogus"},
    {"save_prefix": "no/such/folder"},
]


def draw_case(number):
    """A case, and the x for it."""
    rng = random.Random(10_000 + number)
    choices = {
        "shuffle": (0.5, [True, False]),
        "seed": (0.6, [0, 7, 123456, None]),
        "save_prefix": (0.2, ["pre"]),
        "save_format": (0.3, ["png", "bmp"]),
        "subset": (0.4, ["training", "validation"]),
        "ignore_class_split": (0.5, [True, False]),
        "sample_weight": (0.4, [np.arange(LENGTH) / 7, list(range(LENGTH))]),
        "y": (0.8, [labels(k, rng) for k in "list one-hot strings sorted integers".split()]),
    }
    flow = {name: rng.choice(some) for name, (p, some) in choices.items() if rng.random() < p}
    flow["batch_size"] = rng.choice([1, 2, 3, 4, 100])
    constructor = draw_constructor(rng)
    if "subset" in flow and rng.random() < 0.8:
        constructor.setdefault("validation_split", 0.4)
    shape = rng.choice(SHAPES)
    if rng.random() < 0.7:
        constructor["data_format"] = "channels_first" if shape[0] < 5 else "channels_last"
    kind = rng.choice(["float32", "uint8", "float64", "unit"])
    x = images(shape, kind)
    case = Case(number, constructor, flow, draw_script(rng))
    case.gray_level = 1 / 255 if kind == "unit" else 1
    case.preprocessing = rng.choice(Preprocessing.kinds) if rng.random() < 0.4 else None
    case.save = rng.random() < 0.25
    if rng.random() < 0.5:
        augment = {"augment": True, "rounds": 2, "seed": 5} if rng.random() < 0.3 else {}
        case.fit = {"shape": (4, *shape), "options": augment}
    if rng.random() < 0.15:
        illegal = rng.choice(ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW)
        (case.flow if illegal in ILLEGAL_FLOW else case.constructor).update(illegal)
    beside = [np.arange(LENGTH), np.ones((LENGTH, 2), "float32")]
    forms = {
        "alone": x,
        "tuple": (x, beside[0]),
        "list": [x, beside],
        "short": (x, beside[0][:-1]),
        "no list": (x, beside[0].tolist()),
    }
    weights = [10, 2, 2, 0.5, 0.5]
    return case, forms[rng.choices(list(forms), weights)[0]]


def answer(number, folder):
    case, x = draw_case(number)
    return check("flow", [x], case, folder, cached=False)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_batches_files_and_state_are_those_of_keras(block, tmp_path):
    answers = Counter(
        answer(number, tmp_path)
        for number in range(block * CASES_A_BLOCK, (block + 1) * CASES_A_BLOCK)
    )

    assert answers["served"] >= CASES_A_BLOCK // 3, answers


@pytest.mark.parametrize("illegal", ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW, ids=str)
def test_what_keras_rejects_is_rejected_with_the_same_type(illegal, tmp_path):
    case = Case(3, {}, {"y": np.arange(LENGTH), "seed": 3}, save="save_" in str(illegal))
    (case.constructor if illegal in ILLEGAL_CONSTRUCTOR else case.flow).update(illegal)

    assert check("flow", [images((9, 8, 3))], case, tmp_path, cached=False) != "served"


@pytest.mark.parametrize(
    "x",
    [
        images((9, 8)),
        images((2, 9, 8, 3)),
        np.array(["a", "b"]),
        [images((9, 8, 3))],
        (images((9, 8, 3)), [np.arange(LENGTH), np.arange(3)]),
        None,
        5,
    ],
    ids=["three axes", "five axes", "strings", "list of one", "lengths", "None", "a number"],
)
def test_arrays_that_keras_rejects_are_rejected(x, tmp_path):
    assert check("flow", [x], Case(4), tmp_path, cached=False) != "served"


@pytest.mark.parametrize("channels", [2, 5])
def test_odd_numbers_of_channels_are_served_with_a_warning(channels, tmp_path):
    x = images((9, 8, channels))
    case = Case(5, {"rotation_range": 20, "horizontal_flip": True}, {"seed": 1})

    assert check("flow", [x], case, tmp_path, cached=False) == "served"
    for module in (keras_image, imggen):
        with pytest.warns(UserWarning, match=f"{channels} channels"):
            module.ImageDataGenerator().flow(x)


@pytest.mark.parametrize("seed", range(5))
def test_images_of_nearly_one_color_are_normalized_as_by_keras(seed, tmp_path):
    """Rounding is most of their deviation, so the default mode has to round as Keras does."""
    normalize = {"samplewise_std_normalization": True, "samplewise_center": True}
    case = Case(6, {"rotation_range": 30, "zoom_range": 0.3} | normalize, {"seed": seed})
    x = images((9, 8, 3)) * np.float32(1e-6) + np.float32(201.3)

    assert check("flow", [x], case, tmp_path, cached=False) == "served"


def test_weights_are_left_whole_beside_a_subset_as_in_keras(tmp_path):
    weights = np.arange(LENGTH) / 3
    flow = {"y": np.arange(LENGTH) % 2, "sample_weight": weights, "subset": "training", "seed": 2}
    case = Case(6, {"validation_split": 0.4}, flow, [0, "next"])
    x = images((9, 8, 3))

    assert check("flow", [x], case, tmp_path, cached=False) == "served"
    with pytest.warns(KerasTrapWarning, match=r"unsplit-weights: .*np\.roll\(sample_weight, -4\)"):
        batches = imggen.ImageDataGenerator(validation_split=0.4).flow(x, **flow)
    assert batches.sample_weight.tolist() == weights.tolist()
    assert batches.n == 7


def test_an_empty_array_has_no_batches_in_either(tmp_path):
    x = images((9, 8, 3), length=0)

    script = ["next", "next", "epoch", "next"]
    assert check("flow", [x], Case(7, script=script), tmp_path, cached=False) == "served"


def test_the_array_served_is_left_as_it_was():
    x = images((9, 8, 3))
    before = x.copy()
    augment = {"rescale": 1 / 255, "samplewise_center": True, "horizontal_flip": True}
    for kind in Preprocessing.kinds:
        generator = imggen.ImageDataGenerator(
            preprocessing_function=Preprocessing(kind), dtype=x.dtype, **augment
        )
        batches = generator.flow(x, batch_size=4, workers=3)
        for _ in range(6):
            next(batches)

    assert np.array_equal(x, before)


@each_case("case", range(60))
def test_what_fit_finds_is_what_keras_finds(case):
    rng = random.Random(case)
    constructor = draw_constructor(rng) | {
        "featurewise_center": rng.random() < 0.7,
        "featurewise_std_normalization": rng.random() < 0.6,
        "zca_whitening": rng.random() < 0.3,
    }
    shape = rng.choice([(8, 11, 3), (9, 9, 1), (4, 9, 7), (9, 8, 2)])
    kind = rng.choice(["float32", "uint8", "unit"])
    x = images(shape, kind, rng.choice([1, 4, 6]))
    x = np.asfortranarray(x) if rng.random() < 0.3 else x
    before = x.copy()
    options = {"augment": rng.random() < 0.5, "rounds": rng.choice([1, 3])}
    options |= {"seed": 3} if rng.random() < 0.5 else {}
    found, states = [], []
    for module, own in ((keras_image, {}), (imggen, {"exact": True})):
        np.random.seed(case)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generator = module.ImageDataGenerator(**constructor, **own)
            try:
                generator.fit(x, **options)
                found.append(fitted(generator))
            except Exception as err:  # noqa: BLE001  compared
                found.append(type(err))
        states.append(global_state())

    if all(isinstance(result, type) for result in found):
        assert issubclass(found[1], found[0])
    else:
        assert same(*found), (constructor, options, shape, kind)
    assert np.array_equal(x, before)
    if "seed" not in options:
        assert states[0] == states[1]


@pytest.mark.parametrize("shape", [(9, 8, 3), (1, 2, 9, 8, 3)])
def test_fit_rejects_what_has_not_four_axes(shape):
    for module in (keras_image, imggen):
        with pytest.raises(ValueError):
            module.ImageDataGenerator(featurewise_center=True).fit(np.ones(shape))


def test_fit_warns_of_odd_numbers_of_channels():
    for module in (keras_image, imggen):
        with pytest.warns(UserWarning, match="5 channels"):
            module.ImageDataGenerator().fit(np.ones((2, 9, 8, 5)))
