"""``imggen predict``: a row for each image, in order, whatever its file is."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import Preprocessing
from imggen.reports import predictions_page
from imggen.sequences import find_new_images, predict_files
from tests.helpers.command_line import csv_rows, invoke
from tests.helpers.images import write_images

# Of TensorFlow, when Keras saves weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Neither sorted as text nor as numbers.
CLASSES = ["10", "0", "2", "1", "c4", "c5", "c6", "c7", "c8", "c9"]
SIZE = (8, 9)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of ten classes, a file with its settings, and the sequence it was made for."""
    folder = tmp_path_factory.mktemp("trained")
    write_images(folder / "all", dict.fromkeys(CLASSES, 2))
    train = imggen.from_directory(
        folder / "all", image_size=SIZE, class_names=CLASSES, rescale="-1to1", seed=0
    )
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.save(folder / "model.keras")
    train.preprocessing.save(folder / "prep.json")
    train.preprocessing.save(folder / "model.keras")
    return folder, model, train


@pytest.fixture
def two(tmp_path):
    """Two of the ten classes, with a broken, an empty and a duplicate file."""
    folder = write_images(tmp_path / "two", {"2": 3, "c7": 2})
    (folder / "2" / "bad.png").write_bytes(b"broken")
    (folder / "2" / "empty.png").write_bytes(b"")
    (folder / "c7" / "000 copy.png").write_bytes((folder / "c7" / "000.png").read_bytes())
    (folder / "notes.txt").write_text("x")
    return folder


def test_a_packed_set_is_evaluated_under_the_original_names(trained, tmp_path):
    folder, model, _ = trained
    photos = write_images(tmp_path / "photos", {"2": 2, "c7": 1})
    imggen.pack(photos, tmp_path / "packed")
    sources = [photos, tmp_path / "packed"]
    sources.append(tmp_path / "some.csv")
    packed = imggen.Manifest.load(tmp_path / "packed" / "manifest.parquet")
    packed.take([2, 0]).save(sources[-1])
    found = []
    for source in sources:
        line = ("predict", folder / "model.keras", source, "-o", tmp_path / "p.csv", "--force")
        assert invoke(*line).exit_code == 0
        found.append(csv_rows(tmp_path / "p.csv"))
    for row in found[0]:
        row["path"] = str(Path(row["path"]).relative_to(photos))
    assert found[1] == found[0]
    assert found[2] == [found[0][2], found[0][0]]

    unlabeled = dataclasses.replace(packed, labels=None, class_names=tuple(CLASSES))
    sequence = imggen.ImageSequence(unlabeled, image_size=SIZE, label_mode=None)
    table = sequence.predict(model, verbose=0)
    assert table["original_path"].tolist() == [row["path"] for row in found[0]]
    assert all(".tar/" in path for path in table["path"])


def test_a_folder_with_two_of_ten_classes_is_evaluated(trained, two, tmp_path):
    folder, model, _ = trained
    result = invoke(
        *("predict", folder / "model.keras", two),
        *("-o", tmp_path / "p.csv", "-o", tmp_path / "p.json", "-o", tmp_path / "p.html"),
    )
    assert result.exit_code == 1  # two files cannot be read
    rows = csv_rows(tmp_path / "p.csv")
    names = ["2/000", "2/001", "2/002", "2/bad", "2/empty", "c7/000 copy", "c7/000", "c7/001"]
    assert [row["path"] for row in rows] == [str(two / f"{name}.png") for name in names]
    columns = ["path", "true", "predicted", *(f"p_{name}" for name in CLASSES), "error"]
    assert list(rows[0]) == columns
    assert [row["true"] for row in rows] == ["2"] * 5 + ["c7"] * 3
    prep = Preprocessing.load(folder / "prep.json")
    for row in rows:
        scores = [row[f"p_{name}"] for name in CLASSES]
        if "bad" in row["path"] or "empty" in row["path"]:
            assert set(scores) == {""}
            assert row["predicted"] == ""
            assert "is" in row["error"]
            continue
        expected = model.predict(prep(row["path"]), verbose=0)[0]
        assert np.abs(np.array(scores, float) - expected).max() < 1e-6
        assert row["predicted"] == CLASSES[int(expected.argmax())]
        assert row["error"] == ""
    assert [rows[5][name] for name in columns[2:]] == [rows[6][name] for name in columns[2:]]
    correct = sum(row["true"] == row["predicted"] for row in rows)
    closing = f"8 images, 2 unreadable; {correct} of 6 correct ({correct / 6:.2%})"
    assert closing in result.stdout.splitlines()
    assert "skipped: 1 not an image (.txt)" in result.stdout
    stored = json.loads((tmp_path / "p.json").read_text())
    assert [list(row) for row in stored["rows"]] == [columns] * 8
    assert stored["rows"][3]["p_c7"] is None
    page = (tmp_path / "p.html").read_text()
    assert "Confusion matrix" in page
    wrong = sum(bool(row["predicted"]) and row["true"] != row["predicted"] for row in rows)
    assert page.count("data:image/jpeg") == wrong
    assert f"<b>{correct / 6:.2%}</b>correct" in page
    assert page.count("the file is empty") == 1


def test_a_list_keeps_every_row(trained, two):
    folder, *_ = trained
    names = [
        "2/000.png",
        "gone.png",
        "2/bad.png",
        "2/000.png",
        "notes.txt",
        str(two / "c7/001.png"),
    ]
    (two / "list.txt").write_text("\ufeff" + "\r\n".join(names) + "\n\n", encoding="utf-8")
    pd.DataFrame({"path": names, "label": ["2", "c7", "2", "2", "x", "c7"]}).to_csv(
        two / "list.csv"
    )
    line = ["predict", folder / "model.keras", two / "list.txt", "--json"]
    shown = json.loads(invoke(*line).stdout)
    assert [row["path"] for row in shown["rows"]] == names
    assert [row["error"] is None for row in shown["rows"]] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    assert shown["rows"][0] == shown["rows"][3]
    assert "true" not in shown["rows"][0]
    line = ["predict", folder / "model.keras", two / "list.csv", "--json"]
    result = invoke(*line, "--preprocessing", folder / "prep.json")
    table = json.loads(result.stdout)
    assert [row.pop("true") for row in table["rows"]] == ["2", "c7", "2", "2", None, "c7"]
    assert table["rows"] == shown["rows"]
    assert "1 image of the classes ['x'] cannot be evaluated" in result.stderr
    assert re.search(r"^6 images, 3 unreadable; \d of 3 correct", result.stderr, re.MULTILINE)


def test_one_image_of_any_extension_is_predicted(trained, two, tmp_path):
    folder, *_ = trained
    odd = tmp_path / "photo.unknown"
    odd.write_bytes((two / "2/000.png").read_bytes())
    for file in (odd, two / "2/000.png"):
        result = invoke("predict", folder / "model.keras", file)
        assert result.exit_code == 0
        first, last = result.stdout.splitlines()
        assert re.fullmatch(re.escape(str(file)) + r": \S+ \(0\.\d{4}\)", first)
        assert last == "1 image, 0 unreadable"
    result = invoke("predict", folder / "model.keras", two / "2/empty.png")
    assert result.exit_code == 1
    assert "cannot be read: the file is empty" in result.stdout


def test_batch_size_and_workers_change_no_row(trained, two):
    folder, model, train = trained
    prep = Preprocessing.load(folder / "model.keras")
    images = find_new_images(two, prep.class_names)
    tables = [
        predict_files(model, prep, images, batch_size=batch_size, workers=workers).table
        for batch_size, workers in ((32, None), (1, 0), (3, 1), (2, 2))
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], rtol=0, atol=1e-6)
    own = train.predict(model)
    files = find_new_images(folder / "all", prep.class_names)
    new = predict_files(model, prep, files, workers=0).table.drop(columns="error")
    new = new.set_index("path").loc[own["path"]]
    pd.testing.assert_frame_equal(new, own.set_index("path"), rtol=0, atol=1e-6)


def test_classes_are_found_in_the_folders_at_the_top_only(trained, tmp_path):
    write_images(tmp_path / "a/c7", {"deep": 1})
    write_images(tmp_path / "a", {"c7": 1, "other": 1})
    write_images(tmp_path / "b", {"other": 2})
    with pytest.warns(imggen.errors.ImggenWarning, match=r"the classes \['other'\] cannot be eval"):
        found = find_new_images(tmp_path / "a", tuple(CLASSES))
    assert found.labels == ["c7", "c7", None]
    assert find_new_images(tmp_path / "b", tuple(CLASSES)).labels is None
    assert find_new_images(tmp_path / "a/c7", tuple(CLASSES)).labels is None
    assert find_new_images(tmp_path / "b", ()).labels is None


def test_what_does_not_fit_is_refused_before_images_are_read(trained, two, tmp_path):
    folder, model, _ = trained
    others = {
        "gray": ({"color_mode": "grayscale"}, r"shape \(8, 9, 3\).*make \(8, 9, 1\)"),
        "size": ({"image_size": (9, 8)}, r"takes images of shape"),
        "classes": ({"class_names": ["2", "c7"]}, "10 scores per image.*name 2 classes"),
        "boxes": ({"label_mode": "input"}, "label mode 'input'"),
    }  # fmt: skip
    for name, (options, message) in others.items():
        if name == "classes":
            options = {**options, "labels": None}
        else:
            options = {**options, "class_names": CLASSES}
        options = {"image_size": SIZE, **options}
        prep = imggen.from_directory(folder / "all", **options).preprocessing
        prep.save(tmp_path / f"{name}.json")
        result = invoke(
            *("predict", folder / "model.keras", two),
            *("--preprocessing", tmp_path / f"{name}.json", "-o", tmp_path / "p.csv"),
        )
        assert result.exit_code == 1
        assert re.fullmatch(rf"Error: .*{message}.*\n", result.stderr), result.stderr
        assert not (tmp_path / "p.csv").exists()
    model.save(tmp_path / "plain.keras")
    result = invoke("predict", tmp_path / "plain.keras", two)
    assert "has no preprocessing settings" in result.stderr
    assert "in Python, or pass --preprocessing FILE.json." in result.stderr
    for line, message in (
        ([folder / "model.keras", two / "gone"], "gone' does not exist; expected a folder, a list"),
        ([tmp_path / "gone.keras", two, "--preprocessing", folder / "prep.json"], "Cannot load"),
        ([folder / "model.keras", two, "-o", tmp_path / "p.txt"], r"must end in \.csv or \.json"),
        ([folder / "model.keras", two, "--batch-size", "0"], "--batch-size 0 must be"),
    ):
        result = invoke("predict", *line)
        assert result.exit_code == 1
        assert re.search(message, result.stderr), result.stderr
    (two / "empty.txt").write_text("\n \n")
    assert "it is empty" in invoke("predict", folder / "model.keras", two / "empty.txt").stderr
    (tmp_path / "empty.csv").write_text("path\n")
    result = invoke("predict", folder / "model.keras", tmp_path / "empty.csv")
    assert "empty.csv' has no rows; expected one per image." in result.stderr


def test_no_other_file_is_replaced(trained, two, tmp_path):
    folder, *_ = trained
    line = ["predict", folder / "model.keras", two / "2/000.png"]
    for name in ("p.csv", "p.json", "p.html"):
        (tmp_path / name).write_text("mine")
        assert "not an earlier output" in invoke(*line, "-o", tmp_path / name).stderr
        assert (tmp_path / name).read_text() == "mine"
        assert invoke(*line, "-o", tmp_path / name, "--force").exit_code == 0
        assert invoke(*line, "-o", tmp_path / name).exit_code == 0
    for output in (two / "2/000.png", folder / "model.keras", folder / "prep.json"):
        given = ["--preprocessing", folder / "prep.json"]
        assert invoke(*line, *given, "-o", output, "--force").exit_code == 2


def test_two_classes_with_one_unit_and_channels_first(tmp_path):
    write_images(tmp_path / "all", {"cat": 2, "dog": 2})
    train = imggen.from_directory(
        tmp_path / "all", image_size=SIZE, label_mode="binary", mean=0.5, std=0.25,
        data_format="channels_first",
    )  # fmt: skip
    model = keras.Sequential(
        [
            keras.Input((3, *SIZE)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    images = find_new_images(tmp_path / "all", ("cat", "dog"))
    made = predict_files(model, train.preprocessing, images, workers=0)
    expected = train.predict(model)
    pd.testing.assert_frame_equal(made.table.drop(columns="error"), expected, atol=1e-6)
    names = [name for (name, _), in train.preprocessing.decode_predictions(
        model.predict(train.preprocessing(train.filepaths), verbose=0), top=1)]  # fmt: skip
    assert names == list(expected["predicted"])


def test_pages_escape_names_and_show_images_without_classes(trained, tmp_path):
    folder, *_ = trained
    (tmp_path / "in").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "<b>&.png")
    result = invoke("predict", folder / "model.keras", tmp_path / "in", "-o", tmp_path / "p.html")
    assert result.exit_code == 0
    page = (tmp_path / "p.html").read_text()
    assert "&lt;b&gt;&amp;.png" in page
    assert "<b>&.png" not in page
    assert "Confusion" not in page


def test_several_labels_are_predicted_and_other_targets_refused(photos, tmp_path):
    frame = pd.DataFrame(
        {"path": ["cat/000.png", "dog/000.png"], "labels": ["a;b", "b;c"], "age": [1.0, 2.0]}
    )
    options = {"root": photos, "image_size": SIZE, "shuffle": False}
    train = imggen.from_dataframe(frame, y_col="labels", label_mode="multi_label", **options)
    train.preprocessing.save(tmp_path / "prep.json")
    prep = Preprocessing.load(tmp_path / "prep.json")
    assert prep == train.preprocessing
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "sigmoid")]
    )
    images = find_new_images(photos, prep.class_names)
    made = predict_files(model, prep, images, workers=0).table.set_index("path")
    expected = train.predict(model).set_index("path").drop(columns="true")
    found = made.loc[expected.index].drop(columns="error")
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)
    masks = imggen.from_arrays(np.zeros((2, *SIZE, 3), np.uint8), masks=np.zeros((2, *SIZE)))
    with pytest.raises(imggen.errors.OptionError, match="label mode 'mask'"):
        predict_files(model, masks.preprocessing, images)
    x = {name: keras.Input((*SIZE, 3), name=name) for name in ("image", "depth")}
    with pytest.raises(imggen.errors.OptionError, match="The model has 2 inputs"):
        predict_files(keras.Model(x, x["image"]), prep, images)


def test_numbers_are_predicted(photos, tmp_path):
    frame = pd.DataFrame(
        {"path": ["cat/000.png", "dog/000.png"], "age": [1.0, 2.0], "size": [3.0, 4.0]}
    )
    for columns, line in (("age", r"\S+: -?\d\S*"), (["age", "size"], r"\S+: age: \S+; size: \S+")):
        train = imggen.from_dataframe(
            frame, y_col=columns, label_mode="regression", root=photos, image_size=SIZE,
            shuffle=False,
        )  # fmt: skip
        train.preprocessing.save(tmp_path / "prep.json")
        prep = Preprocessing.load(tmp_path / "prep.json")
        assert prep == train.preprocessing
        units = 1 if columns == "age" else 2
        model = keras.Sequential(
            [keras.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(units)]
        )
        made = predict_files(model, prep, find_new_images(photos, ()), workers=0)
        made.save(tmp_path / "p.csv")
        made.save(tmp_path / "p.csv")  # its own file is replaced
        expected = train.predict(model).set_index("path")
        expected = expected[[name for name in expected if not name.startswith("true")]]
        found = made.table.set_index("path").loc[expected.index].drop(columns="error")
        pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-5)
        assert all(re.fullmatch(line, text) for text in made.describe())
        text = made.describe()[0].partition(": ")[2]
        page = predictions_page(made.summarize(), made.files, photos)
        assert text in page
        assert ">score</th>" not in page  # numbers have none


def test_several_outputs_are_kept_named_and_predicted(photos, tmp_path):
    frame = pd.DataFrame(
        {"path": ["cat/000.png", "dog/000.png"], "kind": ["cat", "dog"], "tags": ["a;b", "b;c"],
         "age": [1.0, 2.0]}
    )  # fmt: skip
    targets = {"kind": "int", "tags": "multi_label", "age": "regression"}
    train = imggen.from_dataframe(
        frame, y_col=None, targets=targets, root=photos, image_size=SIZE, shuffle=False
    )
    train.preprocessing.save(tmp_path / "prep.json")
    prep = Preprocessing.load(tmp_path / "prep.json")
    assert prep == train.preprocessing
    assert hash(prep) == hash(train.preprocessing)
    assert [tuple(output) for output in prep.outputs] == [
        ("kind", "int", ("cat", "dog"), ()),
        ("tags", "multi_label", ("a", "b", "c"), ()),
        ("age", "regression", (), ()),
    ]
    flat = keras.layers.Flatten()(image := keras.Input((*SIZE, 3)))
    heads = {"kind": (2, "softmax"), "tags": (3, "sigmoid"), "age": (1, None)}
    outputs = {name: keras.layers.Dense(*head, name=name)(flat) for name, head in heads.items()}
    model = keras.Model(image, outputs)
    expected = train.predict(model).set_index("path")
    expected = expected[[name for name in expected.columns if not name.endswith("_true")]]
    named = prep.decode_predictions(model.predict(prep(train.filepaths), verbose=0), top=1)
    assert set(named) == {"kind", "tags"}
    assert [name for ((name, _),) in named["kind"]] == list(expected["kind_predicted"])

    (photos / "bad.png").write_text("not an image")
    model.save(tmp_path / "model.keras")
    prep.save(tmp_path / "model.keras")
    files = [tmp_path / name for name in ("p.csv", "p.json", "p.html")]
    line = ["predict", tmp_path / "model.keras", photos, *(v for f in files for v in ("-o", f))]
    result = invoke(*line)
    assert result.exit_code == 1, result.output
    made = pd.read_csv(files[0]).set_index("path")
    found = made.loc[expected.index].drop(columns="error")
    pd.testing.assert_frame_equal(
        found, expected, rtol=0, atol=1e-6, check_dtype=False, check_index_type=False
    )
    assert made.loc[str(photos / "bad.png")].notna().sum() == 1
    kind, age = expected["kind_predicted"].iloc[0], expected["age_predicted"].iloc[0]
    text = f"kind: {kind}; tags: {expected['tags_predicted'].iloc[0]}; age: {age:.4g}"
    assert f"cat/000.png: {text}\n" in result.stdout
    assert text in files[2].read_text()
    assert json.loads(files[1].read_text())["outputs"] == list(targets)
    assert invoke(*line).exit_code == 1  # earlier outputs are replaced
