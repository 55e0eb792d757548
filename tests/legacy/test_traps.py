"""Keras's traps: one named warning each, at the user's line, and batches that stay Keras's."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import re
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as theirs

from imggen import legacy as ours
from imggen.errors import KerasTrapWarning
from tests.helpers.images import write_images
from tests.helpers.legacy_oracle import same

SIZES = {"a": 8, "b": 8, "c": 4}
UNIT = np.random.default_rng(0).random((12, 8, 8, 3))
GRAY = UNIT * 255
SMALL = {"target_size": (8, 8), "batch_size": 20, "seed": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("traps"), SIZES, size=(8, 8))
    (folder / "d").mkdir()
    (folder / "d" / "0.gif").touch()
    return folder


def table(**columns):
    files = [f"{name}/{number:03d}.png" for name, size in SIZES.items() for number in range(size)]
    return pd.DataFrame({"filename": files, "class": [file[0] for file in files], **columns})


def shuffled(frame):
    return frame.sample(frac=1, random_state=0)


def generator(module, **options):
    """A generator of Keras's, or of imggen with Keras's bits."""
    exact = {"exact": True} if module is ours else {}
    return module.ImageDataGenerator(**options, **exact)


def folders(directory, only=("a", "b", "c"), **options):
    """A directory flow of the classes ``only``; None: of all folders."""
    constructor = options.pop("constructor", {})
    classes = None if only is None else list(only)
    return lambda module: generator(module, **constructor).flow_from_directory(
        directory, classes=classes, **SMALL, **options
    )


def frame(root, rows, split=0.0, **options):
    return lambda module: generator(module, validation_split=split).flow_from_dataframe(
        rows, root, **SMALL, **options
    )


def arrays(x, *args, constructor=(), **options):
    return lambda module: generator(module, **dict(constructor)).flow(
        x, *args, batch_size=20, seed=3, **options
    )


def none_returned(image):
    image += 1


def lists(count):
    return [["a", "b"] if number % 2 else ["a"] for number in range(count)]


ONE_HOT = np.eye(3)[np.sort(np.arange(12) % 3)]
NAN_LAST = np.r_[np.zeros(19), np.nan]
PREPROCESS = keras.applications.mobilenet_v2.preprocess_input
HALF = {"subset": "validation"}
SPLIT = {"validation_split": 0.25}


def traps(root):
    """(code, a part of the message, what makes an iterator for a module) for each trap."""
    jumbled = shuffled(table())
    return [
        ("sorted-table", "lacks 2 of 3 classes ('b', 'c')", frame(root, table(), 0.2, **HALF)),
        (
            "sorted-table",
            "subset=\"training\" lacks 1 of 3 classes ('a')",
            frame(root, table(), 0.5, subset="training"),
        ),
        (
            "sorted-table",
            "The rest lacks 1 of 2 classes ('a')",
            frame(root, table()[:16], 0.6, class_mode="binary", **HALF),
        ),
        ("sorted-table", "lacks", frame(root, table(), 0.2, class_mode="sparse", **HALF)),
        (
            "sorted-table",
            "sorted by column 'v'",
            frame(root, table(v=np.arange(20)), 0.2, y_col="v", class_mode="raw", **HALF),
        ),
        (
            "sorted-table",
            "sorted by column 'v'",
            frame(
                root,
                table(v=np.arange(20)[::-1], w=np.arange(20) % 3),
                0.2,
                **{"y_col": ["w", "v"], "class_mode": "multi_output", **HALF},
            ),
        ),
        ("sorted-table", "2 of 3 classes", arrays(GRAY, ONE_HOT, constructor=SPLIT, **HALF)),
        (
            "sorted-table",
            "sorted by y",
            arrays(GRAY, np.linspace(0, 1, 12), constructor=SPLIT, ignore_class_split=True, **HALF),
        ),
        ("unit-range", "brightness_range", arrays(UNIT, constructor={"brightness_range": (1, 1)})),
        ("unit-range", "channel_shift_range", arrays(UNIT, constructor={"channel_shift_range": 9})),
        (
            "unit-range",
            "cval=255 is a gray level",
            arrays(UNIT, constructor={"fill_mode": "constant", "cval": 255, "rotation_range": 9}),
        ),
        ("scaled-twice", "nearly black", arrays(UNIT, constructor={"rescale": 1 / 255})),
        (
            "scaled-twice",
            "Remove rescale",
            arrays(GRAY, constructor={"rescale": 1 / 255, "preprocessing_function": PREPROCESS}),
        ),
        ("binary-classes", "labels 0 to 2", folders(root, class_mode="binary")),
        ("subset-without-split", "no sample", folders(root, **HALF)),
        ("subset-without-split", "all samples", frame(root, jumbled, subset="training")),
        ("subset-without-split", "no sample", arrays(GRAY, **HALF)),
        ("empty-class", "no folder 'bb' exists", folders(root, only=["a", "bb", "c"])),
        ("empty-class", "no images are in 'd'", folders(root, only=["a", "d"], class_mode=None)),
        ("empty-class", "('d': 1 .gif)", folders(root, only=None)),
        (
            "empty-class",
            "names 'x', which do not occur",
            frame(root, jumbled, classes=["a", "x", "b", "c"]),
        ),
        (
            "duplicate-classes",
            "'a' more than once",
            folders(root, only=["a", "a"], class_mode="sparse"),
        ),
        (
            "ignored-keyword",
            "'flip_vertical' (did you mean 'vertical_flip'?), 'targetsize' (did you mean",
            frame(root, jumbled, flip_vertical=True, targetsize=(9, 9)),
        ),
        (
            "ignored-keyword",
            "no argument 'rotation_range', and ignores it",
            frame(root, jumbled, rotation_range=20),
        ),
        ("no-images", "lie directly in", folders(root / "a", only=None)),
        ("no-images", "1 .gif", folders(root / "d", only=None)),
        ("no-images", "the folders 'x', 'y', named", folders(root, only=["x", "y"])),
        ("no-images", "x is empty", arrays(GRAY[:0])),
        (
            "no-images",
            "less than one image",
            arrays(GRAY[:3], constructor={"validation_split": 0.2}, **HALF),
        ),
        ("missing-values", "row 19", frame(root, table(w=NAN_LAST), weight_col="w")),
        (
            "missing-values",
            "y_col='w' has no value (NaN) in 1 of 20 rows",
            frame(root, table(w=NAN_LAST), y_col="w", class_mode="raw"),
        ),
        (
            "missing-values",
            "y_col='w' has no value (NaN) in 1 of 20 rows, the first one is row 3",
            frame(
                root,
                table(w=pd.array([1] * 3 + [None] + [2] * 16, dtype="Int64")),
                y_col=["w"],
                class_mode="multi_output",
            ),
        ),
        ("missing-values", "y has", arrays(GRAY, np.full(12, np.nan))),
        (
            "unsplit-weights",
            "np.roll(sample_weight, -3)",
            arrays(
                GRAY,
                np.arange(12) % 3,
                constructor=SPLIT,
                subset="training",
                sample_weight=np.arange(12),
            ),
        ),
        (
            "list-as-string",
            "literal_eval",
            frame(root, table(s=["['a', 'b']", "['a']"] * 10), y_col="s"),
        ),
        ("zoom-range", "factors from -0.5 to 2.5", arrays(GRAY, constructor={"zoom_range": 1.5})),
        (
            "integer-dtype",
            "rescale gives fractions",
            folders(root, constructor={"rescale": 1 / 255, "dtype": "uint8"}),
        ),
        (
            "augmented-validation",
            "second ImageDataGenerator",
            arrays(GRAY, constructor={"horizontal_flip": True, **SPLIT}, **HALF),
        ),
        (
            "preprocessing-result",
            "returns None",
            arrays(GRAY, constructor={"preprocessing_function": none_returned}),
        ),
        (
            "preprocessing-result",
            "shape () for an image of shape (8, 8, 3)",
            arrays(GRAY, constructor={"preprocessing_function": np.mean}),
        ),
        *(
            ("unfitted", option, arrays(GRAY, constructor={option: True, **more}))
            for option, more in (
                ("featurewise_center", {}),
                ("featurewise_std_normalization", {"featurewise_center": True}),
                ("zca_whitening", {"featurewise_center": True}),
            )
        ),
    ]


def outcome(make, module):
    """The warnings of making an iterator and of two passes, and its batches or the error."""
    np.random.seed(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            iterator = make(module)
            got = [next(iterator) for _ in range(2)] if iterator.n else len(iterator)
        except Exception as err:  # noqa: BLE001 - compared
            got = type(err)
    return [w for w in caught if issubclass(w.category, KerasTrapWarning)], got


def test_each_trap_causes_one_warning_and_leaves_the_batches_as_they_are_in_keras(root):
    for code, part, make in traps(root):
        caught, got = outcome(make, ours)
        assert [warning.message.code for warning in caught] == [code], (part, got)
        text = str(caught[0].message)
        assert text.startswith(f"{code}: ")
        assert part in text, text
        assert same(got, outcome(make, theirs)[1]), part


def test_a_warning_points_at_the_users_line_and_can_be_filtered_by_class_or_code(root):
    for code, _, make in traps(root):
        caught, _ = outcome(make, ours)
        assert caught[0].filename == __file__, code
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", code, KerasTrapWarning)
            iterator = make(ours)
            if iterator.n and code != "duplicate-classes":
                next(iterator)


def test_the_right_use_causes_no_warning(root):
    rows = shuffled(table(v=np.arange(20), w=np.ones(20)))
    rows["both"] = lists(20)
    binary = rows[rows["class"] != "c"]
    weights = {"sample_weight": np.ones(12)}
    halves = {"validation_split": 0.5}
    right = [
        *(frame(root, rows, 0.2, subset=subset) for subset in ("training", "validation", None)),
        frame(root, rows, 0.2, subset="validation", y_col="both"),
        frame(root, rows, 0.2, subset="validation", y_col="v", class_mode="raw"),
        frame(root, table(v=1.0), 0.2, subset="validation", y_col="v", class_mode="raw"),
        frame(root, table(), 0.2, subset="validation", class_mode=None),
        frame(root, table()[::7], 0.5, subset="training"),
        frame(root, binary, class_mode="binary", weight_col="w", classes=["b", "a"]),
        folders(root, constructor={"validation_split": 0.2}, **HALF),  # none of the smallest class
        *(folders(root, constructor=halves, subset=name) for name in ("training", "validation")),
        folders(root, only=["a", "b"], class_mode="binary"),
        folders(root, only=["a"], class_mode="binary"),
        folders(root, only=None, class_mode=None),
        folders(root / "..", only=[root.name], class_mode="input"),
        arrays(UNIT, np.arange(12) % 3, constructor={"rotation_range": 9, "rescale": 2}),
        arrays(GRAY, constructor={"brightness_range": (0.5, 1), "channel_shift_range": 9}),
        arrays(GRAY / 127.5 - 1, constructor={"fill_mode": "constant", "cval": -1}),
        arrays(UNIT, constructor={"fill_mode": "constant", "cval": 255, "vertical_flip": True}),
        arrays(np.zeros((3, 8, 8, 1)), constructor={"rescale": 1 / 255}),
        arrays(GRAY, ONE_HOT[np.arange(12) * 5 % 12], constructor=SPLIT, **HALF),
        arrays(GRAY, np.arange(12) % 3, constructor=SPLIT, subset="training", **weights),
        arrays(GRAY, constructor={"preprocessing_function": PREPROCESS, "zoom_range": 0.9}),
        arrays(GRAY, constructor={"preprocessing_function": lambda x: x.mean(2, keepdims=True)}),
        arrays(GRAY, constructor={"samplewise_center": True}),
    ]
    for number, make in enumerate(right):
        caught, got = outcome(make, ours)
        assert not caught, (number, [str(warning.message) for warning in caught])
        assert same(got, outcome(make, theirs)[1]), number


def test_a_generator_warns_once_for_all_its_iterators_and_not_after_fit():
    generator = ours.ImageDataGenerator(featurewise_center=True)
    flows = [generator.flow(GRAY, batch_size=4) for _ in range(2)]
    with pytest.warns(KerasTrapWarning, match="unfitted: featurewise_center has") as caught:
        _ = [(next(flow), flow[0]) for flow in flows]
    assert len(caught) == 1
    fitted = ours.ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    fitted.fit(GRAY[:, :2, :2])
    next(fitted.flow(GRAY[:, :2, :2]))  # warnings are errors here
    fitted.standardize(GRAY[0, :2, :2].copy())


def test_a_sorted_table_is_named_once_per_generator(root):
    generator = ours.ImageDataGenerator(validation_split=0.2)
    with pytest.warns(KerasTrapWarning, match="sorted-table") as caught:
        _ = [
            generator.flow_from_dataframe(table(), root, subset=subset)
            for subset in ("training", "validation", "training")
        ]
    assert len(caught) == 1


def test_single_images_of_0_to_1_and_statistics_of_them_are_warned_of():
    bright = {"brightness_range": (0.5, 1.5)}
    for call in (
        lambda generator: generator.random_transform(UNIT[0], seed=1),
        lambda generator: generator.apply_transform(UNIT[0], {"brightness": 1.0}),
    ):
        with pytest.warns(KerasTrapWarning, match="unit-range: .*brightness_range"):
            call(ours.ImageDataGenerator(**bright))
    scaled = ours.ImageDataGenerator(**bright, featurewise_center=True, rescale=1 / 255)
    with pytest.warns(KerasTrapWarning, match="unit-range: .*brightness_range"):
        scaled.fit(GRAY, augment=True)  # Keras rescales before it augments, in fit alone


def test_folders_of_splits_and_hidden_folders_as_classes_are_warned_of(tmp_path):
    write_images(tmp_path / "data", {"train": 2, "test": 1}, size=(8, 8))
    with pytest.warns(KerasTrapWarning, match="splits-as-classes: .*'test', 'train'"):
        ours.ImageDataGenerator().flow_from_directory(tmp_path / "data")
    for fold in ("fold_0", "fold_1"):
        for split in ("train", "val"):
            write_images(tmp_path / "folds" / fold / split, {"cat": 1, "dog": 1}, size=(8, 8))
    with pytest.warns(
        KerasTrapWarning,
        match=r"splits-as-classes: .*'fold_0', 'fold_1' .* folds of a data set.*kfold_sequences",
    ):
        found = ours.ImageDataGenerator().flow_from_directory(tmp_path / "folds")
    assert found.num_classes == 2
    write_images(tmp_path / "classes", {"cat": 2, "dog": 1}, size=(8, 8))
    (tmp_path / "classes" / ".ipynb_checkpoints").mkdir()
    with pytest.warns(KerasTrapWarning, match=r"hidden-class: .*'\.ipynb_checkpoints'"):
        ours.ImageDataGenerator().flow_from_directory(tmp_path / "classes")


@pytest.mark.filterwarnings("ignore:Found .* invalid image filename:UserWarning")
def test_a_table_without_images_is_told_why(root):
    frames = {
        "the table has no rows": table()[:0],
        "names without an extension.*'filename'.*png": table(filename="a/000"),
        "'.*nowhere.png', does not exist": table(filename="nowhere.png"),
        "not a png, jpg": table(filename="d/0.gif"),
        "less than one row": table()[:4],
    }
    for reason, rows in frames.items():
        generator = ours.ImageDataGenerator(validation_split=0.2)
        with pytest.warns(KerasTrapWarning, match=f"no-images: .*{reason}"):
            generator.flow_from_dataframe(rows, root, subset="validation")
    with pytest.warns(KerasTrapWarning, match="no-images: .*no row has one of the classes"):
        ours.ImageDataGenerator().flow_from_dataframe(table(), root, classes=["x"])


def test_saving_into_the_folder_of_classes_is_warned_of(tmp_path):
    folder = write_images(tmp_path / "classes", {"a": 1, "b": 1})
    (tmp_path / "classes-saved").mkdir()
    generator = ours.ImageDataGenerator()
    for target in (folder, tmp_path / "classes" / "a", f"{folder}/saved"):
        with pytest.warns(KerasTrapWarning, match="saves-into-classes: save_to_dir="):
            generator.flow_from_directory(folder, save_to_dir=target)
    generator.flow_from_directory(folder, save_to_dir=tmp_path / "classes-saved")


def test_the_codes_are_listed_in_the_docstring_of_the_warning(root):
    listed = set(re.findall(r'^ *- "([a-z-]+)":', KerasTrapWarning.__doc__, re.MULTILINE))
    found = {code for code, _, _ in traps(root)}
    elsewhere = {
        "saves-into-classes",
        "ignored-assignment",
        "splits-as-classes",
        "hidden-class",
        "system-folder",
    }
    assert found | elsewhere == listed
