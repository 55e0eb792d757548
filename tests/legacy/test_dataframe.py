"""flow_from_dataframe of imggen and of Keras: the same batches for arguments drawn at random."""

import random
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import imggen
from tests.helpers.legacy_oracle import (
    ILLEGAL_CONSTRUCTOR,
    Case,
    Preprocessing,
    check,
    draw_constructor,
    draw_script,
    keras_image,
    make_pictures,
)

BLOCKS, CASES_A_BLOCK = 8, 20
LENGTH = 12


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("oracle") / "pictures")


def files_in(folder):
    """Twelve of the images below a folder, of all classes, as paths from there."""
    found = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".txt"
    )
    return [found[at * len(found) // LENGTH] for at in range(LENGTH)]


def frame_of(folder, *, absolute=False):
    files = files_in(folder)
    names = [file.partition("/")[0] for file in files]
    return pd.DataFrame(
        {
            "filename": [str(folder / file) for file in files] if absolute else files,
            "class": names,
            "two": [name if name != "emu" else "cat" for name in names],
            "lists": [[name, "all"] if at % 2 else [name] for at, name in enumerate(names)],
            "tuples": [(name,) for name in names],
            "mixed": [name if at % 2 else [name] for at, name in enumerate(names)],
            "empty": [[] if at == 3 else [name] for at, name in enumerate(names)],
            "age": np.arange(LENGTH) / 7,
            "size": np.arange(LENGTH),
            "box": [[at, at + 1] for at in range(LENGTH)],
            "small": np.arange(LENGTH, dtype="float32"),
            "maybe": pd.array([1, None] * (LENGTH // 2), dtype="Int64"),
            "flag": np.arange(LENGTH) % 2 == 0,
            "kind": pd.Categorical(names),
            "holes": [None if at == 5 else name for at, name in enumerate(names)],
        },
        index=np.arange(LENGTH) * 10 % 7,  # with repetitions
    )


CLASS_MODES = {
    "categorical": ["class", "two", "lists", "tuples", "mixed", "empty", "kind"],
    "binary": ["two"],
    "sparse": ["class", "two", "kind"],
    "raw": ["age", "size", "box", "class", ["age", "size"], ["age", "small"], "maybe", "flag"],
    "multi_output": [["age", "size"], ["class", "small"], ["box"]],
    "input": ["class"],
    None: ["class", "no such column"],
}
WRONG_LABELS = [
    ("categorical", "age"),
    ("categorical", "holes"),
    ("sparse", "size"),
    ("sparse", "lists"),
    ("sparse", "holes"),
    ("binary", "class"),
    ("binary", "flag"),
    ("binary", "lists"),
    ("multi_output", "age"),
    ("multi_output", ("age", "size")),
    ("raw", "no such column"),
    ("sparse", "no such column"),
    ("multi_output", ["age", "no such column"]),
    ("bogus", "class"),
]
ILLEGAL_FLOW = [
    {"x_col": "no such column"},
    {"x_col": "age"},
    {"x_col": "box"},
    {"weight_col": "class"},
    {"weight_col": "flag"},
    {"weight_col": "no such column"},
    {"color_mode": "cmyk"},
    {"subset": "testing"},
    {"seed": -1},
    {"interpolation": "bogus"},
    {"batch_size": 0},
    {"target_size": 9},
    {"keep_aspect_ratio": "ignored by Keras", "unknown": 1, "class_mode": "bogus"},
]


def draw_case(number, folder):
    rng = random.Random(20_000 + number)
    class_mode = rng.choice(list(CLASS_MODES))
    flow = {"class_mode": class_mode, "y_col": rng.choice(CLASS_MODES[class_mode])}
    choices = {
        "weight_col": (0.3, ["age", "size", "small", "maybe"]),
        "color_mode": (0.4, ["rgb", "rgba", "grayscale"]),
        "shuffle": (0.5, [True, False]),
        "seed": (0.6, [0, 7, None]),
        "subset": (0.3, ["training", "validation"]),
        "interpolation": (0.3, ["bilinear", "lanczos"]),
        "classes": (0.3, [["cat", "dog"], ["emu"], ["dog", "cat", "dog"], ("all", "cat"), []]),
        "validate_filenames": (0.4, [False, True]),
        "save_prefix": (0.2, ["pre"]),
    }
    flow |= {name: rng.choice(some) for name, (p, some) in choices.items() if rng.random() < p}
    flow |= {"target_size": (8, 11), "batch_size": rng.choice([1, 2, 4, 5, 100])}
    frame = frame_of(folder, absolute=(absolute := rng.random() < 0.3))
    if rng.random() < 0.3 and flow.get("validate_filenames", True):
        frame.loc[frame.index[2], "filename"] = "cat/missing.png"
        frame.loc[frame.index[7], "filename"] = "cat/notes.txt"
    if not absolute or rng.random() < 0.5:
        flow["directory"] = rng.choice([str(folder), folder])
    case = Case(number, draw_constructor(rng), flow, draw_script(rng))
    for heavy in ("zca_whitening", "brightness_range"):
        case.constructor.pop(heavy, None)
    if "subset" in flow and rng.random() < 0.8:
        case.constructor.setdefault("validation_split", 0.4)
    case.preprocessing = rng.choice(Preprocessing.kinds) if rng.random() < 0.3 else None
    case.save = rng.random() < 0.2
    if rng.random() < 0.1:
        illegal = rng.choice(ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW)
        (case.flow if illegal in ILLEGAL_FLOW else case.constructor).update(illegal)
    return case, frame


def answer(number, pictures, folder):
    case, frame = draw_case(number, pictures)
    before = frame.copy()
    said = check("flow_from_dataframe", [frame], case, folder)
    pd.testing.assert_frame_equal(frame, before)
    return said


@pytest.mark.parametrize("block", range(BLOCKS))
def test_batches_files_and_state_are_those_of_keras(block, pictures, tmp_path):
    answers = Counter(
        answer(number, pictures, tmp_path)
        for number in range(block * CASES_A_BLOCK, (block + 1) * CASES_A_BLOCK)
    )

    assert answers["served"] >= CASES_A_BLOCK // 2, answers


def outcome(pictures, tmp_path, frame=None, constructor=None, **flow):
    flow = {"directory": str(pictures), "target_size": (8, 11), "seed": 3} | flow
    frame = frame_of(pictures) if frame is None else frame
    return check("flow_from_dataframe", [frame], Case(5, constructor or {}, flow), tmp_path)


@pytest.mark.parametrize(
    ("class_mode", "y_col"), [(mode, col) for mode, some in CLASS_MODES.items() for col in some]
)
def test_every_kind_of_label_is_served_as_by_keras(class_mode, y_col, pictures, tmp_path):
    how = {"class_mode": class_mode, "y_col": y_col, "weight_col": "age"}

    assert outcome(pictures, tmp_path, **how) == "served"


@pytest.mark.parametrize(("class_mode", "y_col"), WRONG_LABELS, ids=str)
def test_labels_that_keras_rejects_are_rejected(class_mode, y_col, pictures, tmp_path):
    assert outcome(pictures, tmp_path, class_mode=class_mode, y_col=y_col) != "served"


@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "binary"])
def test_several_columns_of_classes_are_rejected(class_mode, pictures, tmp_path):
    how = {"class_mode": class_mode, "y_col": ["class", "two"]}

    assert outcome(pictures, tmp_path, **how) == "TypeError"


@pytest.mark.parametrize("illegal", ILLEGAL_FLOW, ids=str)
def test_arguments_that_keras_rejects_are_rejected(illegal, pictures, tmp_path):
    assert outcome(pictures, tmp_path, **illegal) != "served"


@pytest.mark.parametrize("classes", [["cat"], ["cat", "dog", "emu"], ["cat", "cat"]])
def test_binary_labels_need_two_classes_given(classes, pictures, tmp_path):
    how = {"class_mode": "binary", "y_col": "class", "classes": classes}

    assert outcome(pictures, tmp_path, **how) == "ValueError"


@pytest.mark.parametrize("frame", [None, [], {"filename": ["a.png"]}, 5], ids=str)
def test_what_is_no_data_frame_is_rejected(frame, pictures):
    for module in (keras_image, imggen):  # an error of Python's, not always of the same type
        with pytest.raises((AttributeError, TypeError, KeyError)):
            module.ImageDataGenerator().flow_from_dataframe(frame, pictures)


def test_a_missing_file_that_nobody_validated_raises_what_keras_raises(pictures, tmp_path):
    frame = frame_of(pictures)
    frame["filename"] = "missing.png"

    assert outcome(pictures, tmp_path, frame, validate_filenames=False) == "FileNotFoundError"
    assert outcome(pictures, tmp_path / "x", frame, validate_filenames=True) == "ValueError"


def test_missing_files_are_left_out_with_the_warning_of_keras(pictures):
    frame = frame_of(pictures)
    frame.iloc[[1, 4], 0] = ["nowhere.png", "cat/notes.txt"]
    said = []
    for module in (keras_image, imggen):
        with pytest.warns(UserWarning, match="2 invalid image filename") as caught:
            module.ImageDataGenerator().flow_from_dataframe(frame, pictures)
        said.append([str(warning.message) for warning in caught])

    assert said[0] == said[1]


@pytest.mark.parametrize("class_mode", ["raw", "input", None, "multi_output"])
def test_classes_that_nobody_needs_are_warned_of(class_mode, pictures):
    y_col = ["age"] if class_mode == "multi_output" else "age"
    for module in (keras_image, imggen):
        with pytest.warns(UserWarning, match=f'ignored given the class_mode="{class_mode}"'):
            module.ImageDataGenerator().flow_from_dataframe(
                frame_of(pictures), pictures, y_col=y_col, class_mode=class_mode, classes=["cat"]
            )


@pytest.mark.parametrize(
    "deprecated",
    [{"has_ext": True}, {"sort": False}, {"drop_duplicates": True}, {"class_mode": "other"}],
    ids=str,
)
def test_deprecated_keywords_still_work_with_a_deprecation_warning(deprecated, pictures):
    flow = {"target_size": (8, 11), "shuffle": False, "y_col": "age", "class_mode": "raw"}
    served = []
    for module in (keras_image, imggen):
        with pytest.warns(DeprecationWarning, match=re.escape(str(*deprecated))):
            batches = module.ImageDataGenerator().flow_from_dataframe(
                frame_of(pictures), pictures, **(flow | deprecated)
            )
        served.append(batches[0])

    assert batches.class_mode == "raw"
    assert all(np.array_equal(a, b) for a, b in zip(*served, strict=True))


@pytest.mark.parametrize("validate_filenames", [True, False])
@pytest.mark.parametrize("class_mode", ["categorical", None])
def test_both_say_what_they_found_in_the_same_words(
    class_mode, validate_filenames, pictures, capsys
):
    said = []
    for module in (keras_image, imggen):
        module.ImageDataGenerator().flow_from_dataframe(
            frame_of(pictures),
            pictures,
            class_mode=class_mode,
            validate_filenames=validate_filenames,
        )
        said.append(capsys.readouterr())

    kind = "validated" if validate_filenames else "non-validated"
    what = "" if class_mode is None else " belonging to 3 classes"
    assert said[0] == said[1] == (f"Found {LENGTH} {kind} image filenames{what}.\n", "")
