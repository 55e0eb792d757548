"""The README's code and the examples run as programs, one after another in one process."""

import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

import imggen
from tests.helpers.images import pixels_of, write_images
from tests.helpers.scripts import ScriptServer

ROOT = Path(__file__).parents[1]

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def server():
    server = ScriptServer()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path):
    """A working directory with the class folders ``photos``."""
    write_images(tmp_path / "photos", {"cat": 20, "dog": 20}, suffix=".jpg")
    return tmp_path


@pytest.fixture
def run(server, folder):
    def run(script, *arguments, env=None):
        status, stdout, stderr = server.run(script, *arguments, folder=folder, env=env)
        assert status == 0, f"{script}: {stderr[-3000:]}"
        no_gpu = r".*CUDA initialization.*\n.*\n"  # of a CUDA build of torch
        assert "Warning" not in re.sub(no_gpu, "", stderr), f"{script}: {stderr[-3000:]}"
        return stdout

    return run


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_code_in_the_readme_runs(run, folder, block):
    script = folder / "block.py"
    script.write_text(block)
    run(script)


def test_train_from_folder(run, folder):
    shown = run(
        ROOT / "examples/train_from_folder.py", "photos", "--epochs", "1", "--image-size", "32"
    )
    accuracies = re.findall(
        r"^(?:test accuracy|accuracy of .*csv) (\d\.\d{4})$", shown, re.MULTILINE
    )
    assert len(accuracies) == 2
    assert len(set(accuracies)) == 1
    assert (folder / "predictions.csv").read_text().startswith("path,true,predicted,p_cat,p_dog\n")


def test_resume_training(run, folder):
    command = (ROOT / "examples/resume_training.py", "photos", "--image-size", "16")
    whole = run(*command, "--epochs", "2", "--folder", "other")
    run(*command, "--epochs", "1")
    resumed = run(*command, "--epochs", "2")
    assert "Epoch 1/2" not in resumed
    assert re.findall("checksum .*", resumed) == re.findall("checksum .*", whole)


def test_arrays_by_id(run, folder):
    shown = run(ROOT / "examples/arrays_by_id.py", "--count", "80")
    assert "x (16, 32, 32, 32, 1) float32, y (16, 2) float32" in shown
    assert float(re.search(r"test accuracy (\d\.\d+)", shown)[1]) >= 0.7


def test_endless_generator(run, folder):
    shown = run(ROOT / "examples/endless_generator.py", "photos", "--epochs", "1")
    assert "predictions (8, 2)" in shown


def test_train_with_torch_dataloader(run, folder):
    shown = run(
        ROOT / "examples/train_with_torch_dataloader.py",
        *("photos", "--epochs", "2", "--image-size", "16"),
    )
    assert shown.count(": loss ") == 2


def train_on_two_processes(folder, library):
    for name in ("000", "001", "002"):  # 37 files: the last batch is short
        (folder / f"photos/cat/{name}.jpg").unlink()
    # Not in the server of scripts, whose Keras has another backend.
    done = subprocess.run(
        [sys.executable, ROOT / f"examples/train_on_two_processes_{library}.py", "photos"],
        cwd=folder,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(re.search(r"largest difference of a weight (\S+)", done.stdout)[1]) < 1e-6
    measured = re.findall(r"process(?:es)?: +(?:loss (\S+), )?accuracy (\S+)", done.stdout)
    assert len(measured) == 2
    assert len({accuracy for _, accuracy in measured}) == 1
    losses = [float(loss) for loss, _ in measured if loss]
    assert losses == pytest.approx(losses[:1] * len(losses), abs=2e-6)


def test_train_on_two_processes_jax(folder):
    train_on_two_processes(folder, "jax")


def test_train_on_two_processes_torch(folder):
    train_on_two_processes(folder, "torch")


def test_table_files(run, folder):
    shown = run(ROOT / "examples/table_files.py")
    assert float(re.search(r"test mean squared error (\d\.\d+)", shown)[1]) < 1e-3


def test_split_dataset(run, folder):
    shown = run(ROOT / "examples/split_dataset.py", "photos", "splits")
    assert "40 files, 0 cannot be used for training" in shown
    assert "0 images in more than one split" in shown
    assert "train {'cat': 14, 'dog': 14}" in shown
    assert "loaded: 28 train, 6 val, 6 test" in shown


def test_cross_validation(run, folder):
    small = ["--folds", "2", "--epochs", "1", "--image-size", "16"]
    shown = run(ROOT / "examples/cross_validation.py", "photos", *small)
    pattern = r"^fold [01]: 20 train, 20 val, accuracy [01]\.\d+$"
    assert len(re.findall(pattern, shown, re.MULTILINE)) == 2
    assert re.search(r"^mean accuracy [01]\.\d{4}$", shown, re.MULTILINE)


def test_preview_augmentations(run, folder):
    shown = run(ROOT / "examples/preview_augmentations.py", "photos", "--image-size", "48")
    assert "label: cat" in shown
    assert "policy.yaml reproduces the image: True" in shown
    for name in ("preview.png", "batch.png"):
        with Image.open(folder / name) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 1000


def test_custom_augmentation(run, folder):
    shown = run(ROOT / "examples/custom_augmentation.py", "photos", "--image-size", "48")
    assert re.search(r"^4\. Stripes: width \d+$", shown, re.MULTILINE)
    assert re.search(r"^5\. Tint: share 0\.\d+$", shown, re.MULTILINE)
    assert (folder / "custom.png").exists()


def test_segmentation_masks(run, folder):
    shown = run(ROOT / "examples/segmentation_masks.py", "--epochs", "2")
    assert (
        len(re.findall(r"^class \d: intersection over union [01]\.\d+$", shown, re.MULTILINE)) == 3
    )
    assert (folder / "masks.png").exists()


def test_predict_new_images(run, folder):
    for path in (folder / "photos/cat").iterdir():  # darker than dogs
        Image.fromarray(pixels_of(path) // 2).save(path)
    shown = run(ROOT / "examples/predict_new_images.py", "photos")
    name, difference = shown.splitlines()[-1].split()
    assert float(re.match(r"test accuracy (\S+)", shown)[1]) > 0.9
    assert name in ("cat", "dog")
    assert float(difference) < 1e-6
    assert len((ROOT / "examples/predict_new_images.py").read_text().splitlines()) <= 25


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_serve_model(folder, monkeypatch):
    import keras
    import uvicorn

    train = imggen.from_directory(folder / "photos", image_size=(8, 9), rescale=1 / 255)
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 9, 3)), *layers])
    model.save(folder / "model.keras")
    train.preprocessing.save(folder / "model.keras")
    monkeypatch.syspath_prepend(ROOT / "examples")
    app = importlib.import_module("serve_model").make_app(str(folder / "model.keras"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    file = folder / "photos/cat/003.jpg"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        reply = client.post("/predict", content=file.read_bytes())
        broken = client.post("/predict", content=b"broken")
        names = client.get("/classes").json()
    server.should_exit = True
    thread.join()
    ranked = train.preprocessing.decode_predictions(
        model.predict(train.preprocessing(file), verbose=0)
    )
    served = [(row["class"], row["probability"]) for row in reply.json()["predictions"]]
    assert [name for name, _ in served] == [name for name, _ in ranked[0]]
    assert np.allclose([p for _, p in served], [p for _, p in ranked[0]], atol=1e-6)
    assert (reply.status_code, broken.status_code) == (200, 422)
    assert "not in an image format" in broken.json()["detail"]
    assert names == ["cat", "dog"]


def test_replace_flow_from_directory(run, folder):
    shown = run(ROOT / "examples/replace_flow_from_directory.py", "photos", "--epochs", "1")
    assert re.search(r"^imggen: (99\.9\d|100\.00)% of values within 0.02", shown, re.MULTILINE)
    assert re.search(r"^imggen, exact=True: 100.00% .* difference 0\.0000", shown, re.MULTILINE)
    assert re.search(r"^validation accuracy \d\.\d{4}$", shown, re.MULTILINE)


@pytest.mark.filterwarnings("ignore::imggen.errors.ImggenWarning")
def test_benchmark_tables(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    tables = importlib.import_module("benchmark_tables")
    monkeypatch.setattr(tables, "NUM_CLASSES", 5)
    tables.make_table(tmp_path, 2000)
    for operation in set(tables.OPERATIONS) - {"worker"}:
        try:
            function = tables.prepare(operation, tmp_path)
        except SystemExit:  # the input is written in a process of its own
            function = tables.prepare(operation, tmp_path)
        assert function() is not None or operation.startswith("save")


def test_benchmark_peers(run, folder, monkeypatch):
    script = ROOT / "examples/benchmark_peers.py"
    monkeypatch.syspath_prepend(ROOT / "examples")
    works = importlib.import_module("peers.works").works(len(os.sched_getaffinity(0)))
    names = ["cached-crop", "plain"]
    small = ["--image-size", "32", "--batch-size", "8", "--images", "16"]
    turns = ["--rounds", "1", "--seconds", "0", "--output", "made"]
    # Contenders that do not need TensorFlow start sooner without it.
    env = {"KERAS_BACKEND": "numpy"}
    shown = run(script, "photos", "--works", *names, *small, *turns, env=env)
    text = (folder / "made/benchmark.md").read_text()
    assert text.strip() in shown
    sections = text.split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == [
        works[name].title for name in names
    ]
    for name, section in zip(names, sections, strict=True):
        cells = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
        rows = {row[0].removeprefix("| "): row[2] for row in cells[1:]}
        assert list(rows) == [contender.name for contender in works[name].contenders]
        for contender, images_per_second in rows.items():
            if not images_per_second.startswith("missing: "):
                assert float(images_per_second.replace(",", "")) > 0, contender
    missing = re.findall(r"^\| ([^|,]+)[^|]* \|.*\| missing: ", text, re.MULTILINE)
    assert set(missing) <= {"grain", "DALI", "FFCV"}
    assert '"ratio"' in (folder / "made/benchmark.json").read_text()
    with Image.open(folder / "made/benchmark.png") as picture:
        assert picture.width == 1800
        assert 600 < picture.height < 3000
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 5


def test_benchmark_peers_names_what_fell_by_more_than_a_twentieth(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    report = importlib.import_module("peers.report")

    def measured(**ratios):
        rows = {name.replace("_", " "): {"ratio": ratio} for name, ratio in ratios.items()}
        return {"works": {"Plain": rows}}

    before = measured(imggen_native=2.0, imggen_drop_in=2.0, tf_data=1.0, imggen_gone=1.0)
    now = measured(imggen_native=1.89, imggen_drop_in=1.91, tf_data=0.5, imggen_new=None)

    assert sorted(report.list_changes(now, before)) == pytest.approx([0.945, 0.955])
    (named,) = report.find_slower(now, before)

    assert named == "Plain: imggen native fell to 0.94 of its ratio (2.00 before, 1.89 now)"


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
def test_benchmark_peers_runs_the_works_of_projects_with_both_classes(
    folder, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(ROOT / "examples")
    projects = importlib.import_module("peers.projects")
    job = importlib.import_module("peers.contenders").Job(str(tmp_path), 8, 4, 2, str(tmp_path), 0)
    for name, (mode, size, _, num_classes, suffix) in projects.IMAGES.items():
        few = (mode, (min(size[0], 99), min(size[1], 99)), 2 * num_classes, num_classes, suffix)
        monkeypatch.setitem(projects.IMAGES, name, few)
    trained = SimpleNamespace(  # a network takes longer than all batches
        fit=lambda flow, **_: [flow[index] for index in range(len(flow))],
        predict=lambda flow, **_: np.concatenate([flow[index] for index in range(len(flow))]),
    )
    monkeypatch.setattr(projects.Training, "model", trained)
    files = sorted(map(str, (folder / "photos").rglob("*.jpg")))
    projects.write_project_images(files, str(tmp_path), 2)

    ours = projects.drop_in_projects(job)

    assert len(ours) == 12
    assert list(ours) == list(projects.keras_projects(job))
    assert all(epoch() > 0 for epoch in ours.values())
    batch = np.zeros((2, 4, 4, 3))
    with pytest.raises(ValueError, match=r"^Faces: a batch of imggen differs from Keras's$"):
        projects.require_equal((batch, batch + 1), (batch, batch), "Faces")


def test_benchmark_peers_shows_a_line_per_project_and_the_median_of_their_ratios(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    report, turns, works = (
        importlib.import_module(f"peers.{name}") for name in ("report", "turns", "works")
    )
    work = works.works(2)["projects"]
    keras, ours = work.contenders
    rows = [
        turns.Row("Keras legacy: a", keras, [100, 100]),
        turns.Row("Keras legacy: b", keras, [200, 200]),
        turns.Row("imggen drop-in: a", ours, [300, 200], [3, 2]),
        turns.Row("imggen drop-in: b", ours, [200, 200], [1, 1]),
    ]
    assert report.tabulate_rows(work, rows) == [
        "| task | Keras legacy | imggen drop-in | × Keras legacy |",
        "|---|--:|--:|--:|",
        "| a | 100 | 250 | 2.50 |",
        "| b | 200 | 200 | 1.00 |",
        "",
        "Median 1.75; the smallest is 1.00 (b).",
    ]
    assert work.reference("imggen drop-in: a", {"Keras legacy: a": 7.0}) == 7.0


def test_benchmark_peers_names_the_works_there_are(folder):
    done = subprocess.run(
        [sys.executable, ROOT / "examples/benchmark_peers.py", "photos", "--works", "nonsense"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
    assert done.returncode == 2
    assert "invalid choice: 'nonsense'" in done.stderr
    assert all(name in done.stderr for name in ("plain", "cached-affine", "threads", "fit"))


def test_make_assets(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    assets = importlib.import_module("make_assets")
    outdated = assets.find_outdated()
    assert not outdated, f"run: python examples/make_assets.py {' '.join(outdated)}"
    shown = re.findall(r"assets/([\w-]+\.png)", (ROOT / "README.md").read_text())
    assert set(shown) <= set(assets.PICTURES)

    record = json.loads(assets.RECORD.read_text())
    inputs = {"preview.png": "preview/layout.py", "split-report.png": "reports/split.html"}
    for pattern in {pattern for name in inputs for pattern in assets.PICTURES[name][1]}:
        for file in ROOT.glob(pattern):
            copy = tmp_path / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    for picture, changed in inputs.items():
        assert assets.hash_inputs(picture) == record[picture]
        (tmp_path / "imggen" / changed).write_text("")
        assert assets.hash_inputs(picture) != record[picture]


def test_notebooks_have_no_outputs_and_run_where_imggen_is_not_installed():
    notebooks = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))
    assert len(notebooks) == 4
    for file in notebooks:
        cells = [cell for cell in json.loads(file.read_text())["cells"] if "outputs" in cell]
        assert all(cell["outputs"] == [] for cell in cells), file
        assert all(cell["execution_count"] is None for cell in cells), file
        assert '%pip install --quiet "imggen[all]"' in "".join(cells[0]["source"]), file
        (name,) = re.findall(r"colab\.research.*/main/(examples/.*\.ipynb)\)", file.read_text())
        assert ROOT / name == file
        assert f"/main/{name}\n" in (ROOT / "README.md").read_text()


def test_every_example_is_run_here_and_listed():
    listed = (ROOT / "examples" / "README.md").read_text()
    here = Path(__file__).read_text()
    for example in (ROOT / "examples").glob("*.py"):
        assert f"({example.name})" in listed
        assert f"def test_{example.stem}(" in here
