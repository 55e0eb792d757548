"""``Resume``: training that is cut off goes on from its last save, and ends with the same bits."""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import imggen
from imggen import errors
from imggen.sequences.save_folder import SaveFolder
from tests.helpers.cases import case
from tests.helpers.images import write_images

pytestmark = [
    # Keras reads the learning rate in a way that NumPy will not support.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # Keras says so at the end of a pass that steps_per_epoch does not divide.
    pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning"),
]


class KilledError(Exception):
    """In place of a kill."""


class Kill(keras.callbacks.Callback):
    def __init__(self, num_batches: int) -> None:
        super().__init__()
        self.left = num_batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> imggen.Manifest:
    root = write_images(tmp_path_factory.mktemp("photos"), {"cat": 5, "dog": 5}, size=(8, 8))
    return imggen.scan(root)


def make_sequence(manifest: Any, **options: Any) -> imggen.ImageSequence:
    defaults = {"image_size": 8, "batch_size": 2, "seed": 7, "workers": 0, "rescale": 1 / 255}
    return imggen.ImageSequence(manifest, **{**defaults, **options})


def make_model(
    optimizer: Any = "adam", units: int = 3, metrics: Any = ("accuracy",), **options: Any
) -> Any:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    hidden = [layers.Dense(units), layers.BatchNormalization(), layers.Dropout(0.4)]
    model = keras.Sequential([layers.Flatten(), *hidden, layers.Dense(2, "softmax")])
    options = {"metrics": list(metrics), "run_eagerly": True, **options}
    model.compile(optimizer, "categorical_crossentropy", **options)
    return model


def find_bits(model: Any, history: Any) -> Any:
    variables = [*model.variables, *model.optimizer.variables]
    arrays = [
        np.asarray(keras.ops.convert_to_numpy(one.value)).tobytes().hex() for one in variables
    ]
    return arrays, history.epoch, history.history


def fit(train: Any, folder: Path | None, kill: int = 0, save_freq: Any = 2, **options: Any) -> Any:
    """Trains a new model for three epochs; returns its bits, or None if it was killed."""
    model = make_model(**options.pop("model", {}))
    callbacks = list(options.pop("callbacks", list)())
    if folder is not None:
        callbacks.insert(0, imggen.Resume(folder, train, save_freq=save_freq))
    if kill:
        callbacks.append(Kill(kill))
    try:
        history = model.fit(train, callbacks=callbacks, verbose=0, **{"epochs": 3, **options})
    except KilledError:
        return None
    return find_bits(model, history)


def check_kills(make: Callable[[], Any], folder: Path, kills: Any, **options: Any) -> None:
    """Checks that a run that is killed several times ends as one that is not."""
    save_freq = options.pop("save_freq", 2)
    expected = fit(make(), None, **options)
    for kill in kills:
        assert fit(make(), folder, kill, save_freq, **options) is None
    assert fit(make(), folder, 0, save_freq, **options) == expected


def make_callbacks() -> list[Any]:
    return [
        keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1, factor=0.5),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]


def test_a_run_that_is_cut_off_twice_ends_with_the_same_bits(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    validation = make_sequence(manifest, seed=8, augment="light")
    options = {"validation_data": validation, "callbacks": make_callbacks}

    def make() -> imggen.ImageSequence:
        validation.epoch = 0
        return make_sequence(manifest, augment="light")

    check_kills(make, tmp_path / "a", (8, 6), **options)
    saves = [name for name in os.listdir(tmp_path / "a") if name.endswith(".zip")]
    assert len(saves) == 2
    # What has ended is restored, and nothing is trained.
    assert fit(make(), tmp_path / "a", **options) == fit(make(), None, **options)


def test_validation_data_in_a_fixed_order_need_no_seed(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    validation = make_sequence(manifest, shuffle=False, seed=None)
    options = {"validation_data": validation}
    check_kills(lambda: make_sequence(manifest), tmp_path / "a", (8,), **options)


def test_validation_with_the_training_data_takes_part_in_its_epochs(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    def run(folder: Path | None, kill: int = 0) -> Any:
        train = make_sequence(manifest, augment="light")
        return fit(train, folder, kill, validation_data=train)

    for kill in (8, 5):
        assert run(tmp_path, kill) is None
    assert run(tmp_path) == run(None)


def test_other_ways_of_training_are_continued_too(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    weights = np.linspace(0, 2, 10, dtype=np.float32)
    weighted = imggen.Manifest(
        manifest.root, manifest.paths, manifest.labels, manifest.class_names, weights=weights
    )
    ways: dict[str, tuple[Any, dict[str, Any]]] = {
        "whole epochs, class weights": (
            manifest,
            {"save_freq": "epoch", "class_weight": {0: 1.0, 1: 3.0}},
        ),
        "steps_per_epoch": (manifest, {"steps_per_epoch": 3, "epochs": 5}),
        "later epochs, sample weights": (weighted, {"initial_epoch": 2, "epochs": 4}),
        "two steps per execution, of five": (manifest, {"model": {"steps_per_execution": 2}}),
    }
    for number, (name, (samples, options)) in enumerate(ways.items()):
        with case(name):
            check_kills(
                lambda samples=samples: make_sequence(samples),
                tmp_path / str(number),
                (5 if "model" in options else 7,),
                **options,
            )


def test_layers_that_are_frozen_in_one_fit_are_trained_in_the_next(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    def run(folder: Path | None) -> Any:
        keras.utils.set_random_seed(1)
        train, frozen = make_sequence(manifest), keras.layers.Dense(3)
        output = keras.layers.Dense(2, "softmax")
        model = keras.Sequential([keras.layers.Flatten(), frozen, output])
        for name, is_trainable in (("head", False), ("all", True)):
            frozen.trainable = is_trainable
            model.compile("adam", "categorical_crossentropy", run_eagerly=True)
            callbacks = [] if folder is None else [imggen.Resume(folder / name, train)]
            model.fit(train, epochs=1, callbacks=callbacks, verbose=0)
        return find_bits(model, model.history)

    expected = run(None)
    assert run(tmp_path) == expected
    assert run(tmp_path) == expected  # restored


def test_a_stop_at_the_end_of_an_epoch_is_kept_and_one_within_is_not(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    def stop_early() -> list[Any]:
        return [keras.callbacks.EarlyStopping("loss", patience=0, mode="max")]

    expected = fit(make_sequence(manifest), None, callbacks=stop_early)
    assert len(expected[1]) < 3
    for _ in range(2):
        found = fit(make_sequence(manifest), tmp_path / "a", callbacks=stop_early)
        assert found == expected

    def stop_within() -> list[Any]:
        def stop(batch: int, logs: Any) -> None:
            callback.model.stop_training = batch == 2

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
        return [callback]

    fit(make_sequence(manifest), tmp_path / "b", callbacks=stop_within)
    assert fit(make_sequence(manifest), tmp_path / "b") == fit(make_sequence(manifest), None)


def test_a_save_of_something_else_is_refused(manifest: imggen.Manifest, tmp_path: Path) -> None:
    fit(make_sequence(manifest), tmp_path / "a", kill=4)

    def resume(model: Any, train: Any = None, **options: Any) -> None:
        train = make_sequence(manifest) if train is None else train
        callback = imggen.Resume(tmp_path / "a", train)
        model.fit(train, callbacks=[callback], verbose=0, **{"epochs": 3, **options})

    cases: dict[str, tuple[Any, ...]] = {
        "optimizer Adam, and the model is compiled with SGD": (make_model("sgd"),),
        "learning_rate=0.00.*, and the model is compiled with learning_rate=0.5": (
            make_model(keras.optimizers.Adam(0.5)),
        ),
        "another model: variable 0 was 'kernel' of shape": (make_model(units=4),),
        "another metrics of the model: it had": (make_model(metrics=()),),
        "samples=10, and this one has samples=9": (
            make_model(),
            make_sequence(manifest.take(range(9))),
        ),
        "seed=7, and this one has seed=6": (make_model(), make_sequence(manifest, seed=6)),
    }
    for words, arguments in cases.items():
        with case(words), pytest.raises(errors.ResumeError, match=words):
            resume(*arguments)
    with pytest.raises(errors.ResumeError, match="steps_per_epoch=None, and fit has"):
        resume(make_model(), steps_per_epoch=2)
    with pytest.raises(errors.ResumeError, match="begins with epoch 1"):
        resume(make_model(), initial_epoch=1)


def test_wrong_uses_are_refused(manifest: imggen.Manifest, tmp_path: Path) -> None:
    train = make_sequence(manifest)
    callback = imggen.Resume(tmp_path / "a", train)
    for data in (make_sequence(manifest), train.generator()):
        with pytest.raises(errors.ResumeError, match="needs the sequence that fit reads"):
            make_model().fit(
                data, steps_per_epoch=2, callbacks=[callback], shuffle=False, verbose=0
            )
    others = (
        imggen.Resume(tmp_path / "b", train),
        keras.callbacks.BackupAndRestore(str(tmp_path / "c")),
    )
    for other in others:
        with pytest.raises(errors.OptionError, match="two callbacks that restore"):
            make_model().fit(train, callbacks=[callback, other], verbose=0)
    iterator = imggen.ImageDataGenerator().flow_from_directory(
        manifest.root, target_size=(8, 8), batch_size=2
    )
    with pytest.raises(errors.OptionTypeError, match="has no epochs to resume"):
        imggen.Resume(tmp_path / "d", iterator)  # type: ignore[arg-type]
    for options in ({"save_freq": 0}, {"save_freq": "batch"}, {"save_freq": True}, {"keep": 0}):
        with pytest.raises(errors.OptionError, match=next(iter(options))):
            imggen.Resume(tmp_path / "d", train, **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.ExportError, match="not a folder"):
        imggen.Resume(tmp_path / "file", train)
    with pytest.raises(errors.ExportError, match="'s3://bucket/saves': it is a URI"):
        imggen.Resume("s3://bucket/saves", train)
    assert not (tmp_path / "d").exists()


def test_a_damaged_save_is_replaced_by_the_one_before(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    expected = fit(make_sequence(manifest), None)
    fit(make_sequence(manifest), folder, kill=9)
    latest = max(folder.glob("*.zip"))
    content = latest.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (content[: len(content) // 2], b"", b"garbage", bytes(flipped)):
        latest.write_bytes(damaged)
        with pytest.warns(errors.ImggenWarning, match=r"cannot be read: .* older save is used"):
            assert fit(make_sequence(manifest), folder, kill=1) is None
    (folder / "resume.json").write_text("{")
    with pytest.warns(errors.ImggenWarning) as warned:
        assert fit(make_sequence(manifest), folder) == expected
    assert "latest save that is complete is used" in str(warned[0].message)
    save = SaveFolder(str(folder), 2).read_latest()
    assert save is not None
    arrays = dict(save.arrays)
    del arrays["model/0"]
    for changed, kept, words in (
        ({"sequence": None, "epoch": "1"}, save.arrays, "has no valid epoch, sequence"),
        ({}, arrays, "lacks variable 0 of the model, 'kernel'"),
    ):
        SaveFolder(str(folder), 2).write({**save.facts, **changed}, kept)
        with pytest.raises(errors.ResumeError, match=words):
            fit(make_sequence(manifest), folder)
    for file in folder.glob("*.zip"):
        file.write_bytes(b"")
    with pytest.raises(errors.ResumeError, match="has no other one"):
        fit(make_sequence(manifest), folder)


def test_a_save_that_was_not_finished_is_ignored(manifest: imggen.Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    fit(make_sequence(manifest), folder, kill=5)
    latest = json.loads((folder / "resume.json").read_text())["latest"]
    (folder / "resume-00000077.zip").write_bytes((folder / latest).read_bytes()[:100])
    (folder / ".resume-00000078-1.tmp").write_bytes(b"")
    assert fit(make_sequence(manifest), folder) == fit(make_sequence(manifest), None)
    names = sorted(name for name in os.listdir(folder) if name.endswith((".zip", ".tmp")))
    assert len(names) == 2
    assert names[0] > "resume-00000077.zip"


def test_a_full_disk_leaves_the_save_before(manifest: imggen.Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    fit(make_sequence(manifest), folder, kill=4)
    before = sorted(os.listdir(folder))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(errors.ExportError, match="Earlier saves are intact"):
            fit(make_sequence(manifest), folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(os.listdir(folder)) == before
    assert fit(make_sequence(manifest), folder) == fit(make_sequence(manifest), None)


def test_another_process_that_uses_the_folder_is_noticed(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    script = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'ab')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-S", "-c", script, str(tmp_path / "resume.lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(errors.ResumeError, match="Another process is training with"):
            fit(make_sequence(manifest), tmp_path)
        other.communicate()
    assert fit(make_sequence(manifest), tmp_path) is not None


def test_a_second_fit_of_a_model_with_nothing_left_is_told(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    train, model = make_sequence(manifest), make_model()
    callback = imggen.Resume(tmp_path, train)
    model.fit(train, epochs=1, callbacks=[callback], verbose=0)
    with pytest.warns(errors.ImggenWarning, match="nothing is left to train"):
        model.fit(train, epochs=1, callbacks=[callback], verbose=0)
    model.fit(train, epochs=3, callbacks=[callback], verbose=0)
    assert find_bits(model, model.history) == fit(make_sequence(manifest), None)


def test_a_run_that_had_ended_says_that_nothing_was_trained(
    manifest: imggen.Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = {"callbacks": lambda: [keras.callbacks.EarlyStopping("loss", patience=0, min_delta=9)]}
    for name, options, said in (
        ("ended", {}, "Training had finished after epoch 3; .* more epochs; to start"),
        ("stopped", stop, "A callback had stopped training after epoch 2; .* To start"),
    ):
        fit(make_sequence(manifest), tmp_path / name, **options)
        assert capsys.readouterr().out == ""
        fit(make_sequence(manifest), tmp_path / name, **options)
        assert re.fullmatch(f"{said} again, delete '.*{name}'\\.\n", capsys.readouterr().out)
    fit(make_sequence(manifest), tmp_path / "ended", epochs=4)
    assert capsys.readouterr().out == ""


def test_a_process_that_is_killed_twice_ends_with_the_same_bits() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.resume_matrix", "--drop-outs", "seeded"],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.stdout.startswith("torch, dropout seeded: 2 kills, equal in hex"), done.stderr
    assert done.returncode == 0
