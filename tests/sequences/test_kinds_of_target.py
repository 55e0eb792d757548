"""Each kind of target on every path: a table of passes, which ``pytest -s`` prints.

Losses are compared with NumPy's on three backends in test_target_backends.
"""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import MixUp
from imggen.errors import OptionError

NUM, SIZE = 8, (8, 8)
PATHS = ("split", "preview", "explain", "predict", "csv", "parquet", "mixup", "workers")
TARGETS = {"kind": "categorical", "tags": "multi_label", "age": "regression", "seg": "mask"}
TAGS = ["a;b", "", "b", "a"] * 2
AGES = [0.5 * row - 1 for row in range(NUM)]
OF_KIND = ["true", "predicted", "p_cat", "p_dog"]
# The options of from_dataframe, the text of row 3 in explanations, the columns of predictions
# (None: refused), and whether MixUp is possible.
KINDS = {
    "categorical": ({"y_col": "kind"}, "label: dog", OF_KIND, True),
    "int": ({"y_col": "kind", "label_mode": "int"}, "label: dog", OF_KIND, False),
    "binary": ({"y_col": "kind", "label_mode": "binary"}, "label: dog", OF_KIND, True),
    "regression": (
        {"y_col": "age", "label_mode": "regression"},
        "target: age 0.5",
        ["true", "predicted"],
        True,
    ),
    "regression, two columns": (
        {"y_col": ["age", "x"], "label_mode": "regression"},
        "target: age 0.5, x 4",
        ["true_age", "predicted_age", "true_x", "predicted_x"],
        True,
    ),
    "multi_label": (
        {"y_col": "tags", "label_mode": "multi_label"},
        "label: a",
        ["true", "predicted", "p_a", "p_b"],
        True,
    ),
    "mask": ({"y_col": None, "mask_col": "seg", "label_mode": "mask"}, "index 3", None, False),
    "several outputs": (
        {"targets": TARGETS},
        "targets: kind: dog; tags: a; age 0.5",
        [
            *("kind_true", "kind_predicted", "kind_p_cat", "kind_p_dog"),
            *("tags_true", "tags_predicted", "tags_p_a", "tags_p_b", "age_true", "age_predicted"),
        ],
        False,
    ),
    "several outputs, without masks": (
        {"targets": {name: TARGETS[name] for name in ("age", "kind")}, "targets_as": "tuple"},
        "targets: age 0.5; kind: dog",
        ["age_true", "age_predicted", "kind_true", "kind_predicted", "kind_p_cat", "kind_p_dog"],
        True,
    ),
}
TABLE: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")
    for row in range(NUM):
        Image.fromarray(np.full((*SIZE, 3), 30 * row, np.uint8)).save(root / f"{row}.png")
        Image.fromarray(np.full(SIZE, row % 2, np.uint8)).save(root / f"mask{row}.png")
    return root


def make(folder, options, **more):
    frame = pd.DataFrame(
        {
            "path": [f"{row}.png" for row in range(NUM)],
            "kind": ["cat", "dog"] * (NUM // 2),
            "age": AGES,
            "x": [float(row + 1) for row in range(NUM)],
            "tags": TAGS,
            "seg": [f"mask{row}.png" for row in range(NUM)],
        }
    )
    chosen = {"root": folder, "image_size": SIZE, "batch_size": 3, "seed": 5, "workers": 0}
    return imggen.from_dataframe(frame, **{**chosen, **options, **more})


def expected(kind, row):
    """The target of a row, by hand."""
    one_hot = [1.0, 0.0] if row % 2 == 0 else [0.0, 1.0]
    tags = [float("a" in TAGS[row]), float("b" in TAGS[row])]
    mask = np.full((*SIZE, 1), row % 2)
    by_kind = {
        "categorical": one_hot,
        "int": row % 2,
        "binary": [float(row % 2)],
        "regression": AGES[row],
        "regression, two columns": [AGES[row], row + 1.0],
        "multi_label": tags,
        "mask": mask,
        "several outputs": {"kind": one_hot, "tags": tags, "age": AGES[row], "seg": mask},
        "several outputs, without masks": (AGES[row], one_hot),
    }
    return by_kind[kind]


def assert_rows(kind, y, rows):
    """Compares the targets of a batch with those of its rows."""
    wanted = [expected(kind, row) for row in rows]
    named = isinstance(y, dict | tuple)
    parts = list(y.items() if isinstance(y, dict) else enumerate(y if named else [y]))
    assert len(parts) == (len(wanted[0]) if isinstance(wanted[0], dict | tuple) else 1)
    for name, values in parts:
        own = [one[name] if isinstance(one, dict | tuple) else one for one in wanted]
        assert len(values) == len(rows)
        np.testing.assert_allclose(values, np.array(own), atol=1e-6)


def model_of(sequence):
    """A model of a sequence's targets, with outputs in the order and the structure of those."""
    inputs = keras.Input((*SIZE, 3))
    flat = keras.layers.GlobalAveragePooling2D()(inputs)
    units = {"kind": (2, "softmax"), "tags": (2, "sigmoid"), "age": (1, None), "seg": (1, None)}
    y = sequence[0][1]
    if not isinstance(y, dict | tuple):
        wide = 1 if y.ndim == 1 else y.shape[1]
        mode = sequence.batch_maker.label_mode.name
        units = {"int": (2, "softmax"), "binary": (1, "sigmoid"), "categorical": (2, "softmax")}
        width, activation = units.get(mode, (wide, "sigmoid" if mode == "multi_label" else None))
        return keras.Model(inputs, keras.layers.Dense(width, activation)(flat))
    names = list(sequence.batch_maker.label_mode.modes)
    outputs = {name: keras.layers.Dense(*units[name], name=name)(flat) for name in names}
    return keras.Model(inputs, outputs if isinstance(y, dict) else list(outputs.values()))


def check_split(kind, folder, options, tmp_path):
    parts = make(folder, options, split={"train": 0.5, "val": 0.5}, batch_size=2)
    rows = []
    for part in parts:
        served = [int(part.manifest.paths[row].removesuffix(".png")) for row in part.served(0)]
        for number, batch in enumerate(part):
            assert_rows(kind, batch[1], served[2 * number : 2 * number + 2])
        rows += served
    assert sorted(rows) == list(range(NUM))


def check_preview(kind, folder, options, tmp_path):
    sequence = make(folder, options, shuffle=False)
    y, manifest = sequence[1][1], sequence.manifest
    pixels = np.zeros((*SIZE, 3), np.uint8)
    show = sequence.batch_maker.label_mode.show
    sample, caption = show(pixels, y, 0, manifest, channels_first=False)
    assert caption == KINDS[kind][1].partition(": ")[2]
    assert len(sample.masks) == (kind in ("mask", "several outputs"))
    assert sequence.show_batch(num_images=2, cell=16).size[0] > 16
    assert imggen.contact_sheet(sequence, images_per_class=1, variants=1).size[0] > 16


def check_explain(kind, folder, options, tmp_path):
    assert KINDS[kind][1] in str(make(folder, options).explain(0, 3))


def check_predict(kind, folder, options, tmp_path):
    sequence, columns = make(folder, options), KINDS[kind][2]
    model = model_of(sequence)
    model.compile(run_eagerly=True)
    if columns is None:
        with pytest.raises(OptionError, match=r"targets here are masks.*model\.predict"):
            sequence.predict(model)
        return
    table = sequence.predict(model)
    assert list(table.columns) == ["path", *columns]
    assert table["path"].tolist() == sequence.filepaths
    images = np.stack([np.full((*SIZE, 3), 30.0 * row) for row in range(NUM)])
    seen = model.predict(images, verbose=0)
    seen = seen["age"] if isinstance(seen, dict) else seen
    last = seen[-1] if isinstance(seen, list) else seen  # the last column of the table
    np.testing.assert_allclose(table[columns[-1]], last[:, -1], rtol=1e-5, atol=1e-6)


def check_saved(kind, folder, options, file):
    sequence = make(folder, options)
    sequence.manifest.save(file)
    mode = sequence.batch_maker.label_mode
    loaded = imggen.ImageSequence(
        imggen.Manifest.load(file), label_mode=mode, image_size=SIZE, shuffle=False, workers=0
    )
    assert_rows(kind, loaded[0][1], range(NUM))


def check_csv(kind, folder, options, tmp_path):
    check_saved(kind, folder, options, tmp_path / "table.csv")


def check_parquet(kind, folder, options, tmp_path):
    check_saved(kind, folder, options, tmp_path / "table.parquet")


def check_mixup(kind, folder, options, tmp_path):
    more = {"augment": MixUp(1.0), "shuffle": False, "batch_size": NUM}
    if not KINDS[kind][3]:
        with pytest.raises(OptionError, match=r"MixUp blends .*cannot be blended"):
            make(folder, options, **more)
        return
    sequence = make(folder, options, **more)
    y = sequence[0][1]
    y = y if isinstance(y, tuple) else (y,)
    for row in range(NUM):
        step = sequence.explain(0, row).steps[-1].parameters
        partner, share = int(step["with"].removesuffix(".png")), step["share"]
        own, other = expected(kind, row), expected(kind, partner)
        own, other = (one if isinstance(one, tuple) else (one,) for one in (own, other))
        for values, first, second in zip(y, own, other, strict=True):
            blended = share * np.array(first) + (1 - share) * np.array(second)
            np.testing.assert_allclose(values[row], blended, atol=1e-5)


def check_workers(kind, folder, options, tmp_path):
    for more in ({"workers": 1}, {"workers": 2, "cache": "ram"}, {"workers": 2, "repeats": 2}):
        with make(folder, options, **more) as sequence:
            for _ in range(2):
                rows = sequence.served(sequence.epoch).tolist()
                for number, batch in enumerate(sequence):
                    assert_rows(kind, batch[1], rows[3 * number : 3 * number + 3])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_target_passes_every_path(kind, folder, tmp_path):
    options, _, columns, is_mixed = KINDS[kind]
    for path in PATHS:
        globals()[f"check_{path}"](kind, folder, options, tmp_path)
        refused = (path == "predict" and columns is None) or (path == "mixup" and not is_mixed)
        TABLE.setdefault(kind, []).append("refused" if refused else "passes")


def test_the_table_is_complete():
    print("\n" + pd.DataFrame(TABLE, index=list(PATHS)).T.to_string())
    assert all(len(cells) == len(PATHS) for cells in TABLE.values())
