"""Installation: what works with the core alone, and the extras that errors and README.md name."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from imggen.bridges import grain_data, tf_data, torch_data
from imggen.core import explain_keras_import
from imggen.data import dataset_columns
from imggen.errors import MissingExtraError
from imggen.sequences import image_logging, tfds_factory
from imggen.workers import ray_connection

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def options() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_without_a_backend_only_training_fails_and_says_what_to_install(tmp_path):
    script = ROOT / "tests" / "helpers" / "no_backend_script.py"
    env = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, script, "--block"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_keras_that_is_too_old_is_named_with_the_version_of_setup_cfg(options, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.7.0")
    needed = next(line for line in lines(options["options"]["install_requires"]) if "keras" in line)
    message = rf"Keras 3\.7\.0 is installed, .*pip install '{re.escape(needed)}'"
    with pytest.raises(MissingExtraError, match=message), explain_keras_import():
        pass
    for version in ("3.8.0", "3.15.1", "4.0.dev1"):
        monkeypatch.setattr(keras, "__version__", version)
        with explain_keras_import():
            pass


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'h5py'", name="h5py"),
        ModuleNotFoundError("No module named 'keras.new'", name="keras.new"),
        ImportError("libcuda.so.1: cannot open shared object file"),
        ValueError("not about the setting"),
    ],
    ids=lambda error: type(error).__name__ + str(error).split()[-1],
)
def test_other_errors_of_an_import_are_left_alone(error):
    with pytest.raises(type(error)) as caught, explain_keras_import():
        raise error
    assert caught.value is error


def test_every_extra_that_is_named_exists(options):
    extras = options["options.extras_require"]
    files = [*(ROOT / "imggen").rglob("*.py"), *ROOT.glob("*.md"), ROOT / "setup.cfg"]
    text = "\n".join(file.read_text() for file in files)
    named = re.findall(r"\bimggen\[([\w,]+)\]", text) + re.findall(r'"\.\[([\w,]+)\]"', text)
    named += re.findall(r'MissingExtraError\.of\(\s*[^,]+,\s*"(\w+)"', text)
    assert len(named) > 10
    assert {name for names in named for name in names.split(",")} <= set(extras)


def test_versions_that_are_checked_are_those_of_setup_cfg(options):
    listed = "\n".join(options["options.extras_require"].values())
    stated = {
        "datasets": dataset_columns._OLDEST,
        "grain": grain_data._OLDEST,
        "ray": ray_connection._OLDEST,
        "tensorflow": tf_data._OLDEST,
        "tensorflow-datasets": tfds_factory._OLDEST,
        "torch": torch_data._OLDEST,
    }
    for package, oldest in (*stated.items(), *image_logging._OLDEST.items()):
        assert f"{package}>={oldest}" in lines(listed)


def test_all_is_what_the_readme_uses(options):
    extras = options["options.extras_require"]

    def packages(name: str) -> set[str]:
        found = set()
        for line in lines(extras[name]):
            inner = re.fullmatch(r"imggen\[(.+)\]", line)
            if inner is None:
                found.add(re.split(r"[<>=; ]", line)[0])
            else:
                found |= {each for part in inner[1].split(",") for each in packages(part)}
        return found

    assert {"tensorflow", "albumentations", "scikit-learn", "pyarrow", "nicegui"} <= packages("all")
    assert packages("all") <= packages("test")
    assert {"tensorflow", "jax", "torch"} <= packages("test")
