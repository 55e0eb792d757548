"""The project as a whole: imports, names, settings."""

import configparser
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import imggen
from tests.conftest import SLOW_FIRST
from tests.helpers.cases import each_case

ROOT = Path(__file__).parents[1]

HEAVY = [
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "albumentations",
    "cv2",
    "sklearn",
    "pandas",
    "datasets",
    "scipy",
]

PUBLIC = """
Boxes Cache ImageDataGenerator ImageSequence ImageSpec Keypoints LogImages Manifest Preprocessing
Resume Splits TableSequence augment augment_directory bench confusion_matrix contact_sheet errors
find_duplicates find_leaks from_arrays from_dataframe from_directory from_files from_hf from_packed
from_tfds group_by hash_files kfold kfold_sequences load_image load_policy oversample pack preset
register_adapter save_policy scan split split_directory statistics survey undo_split unpack verify
zip_sequences
""".split()


def python(code, **env):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_public_names_are_these():
    assert sorted(imggen.__all__) == PUBLIC
    assert dir(imggen) == PUBLIC


@each_case("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(imggen, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        imggen.nothing  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import imggen",
        "import imggen; imggen.scan, imggen.split, imggen.Manifest, imggen.contact_sheet",
        "from imggen.cli import main\nmain(['--help'], standalone_mode=False)",
    ],
    ids=["import", "light names", "help"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    shown = python(f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')")
    assert not set(HEAVY) & set(shown.splitlines())


def test_worker_processes_load_no_keras():
    shown = python("import imggen.loading, imggen.workers, sys\nprint(*sys.modules, sep='\\n')")
    assert not set(HEAVY) & set(shown.splitlines())


def test_the_package_says_that_it_is_typed():
    assert (Path(imggen.__file__).parent / "py.typed").is_file()


def test_slow_test_files_exist():
    assert [name for name in SLOW_FIRST if not (ROOT / "tests" / name).is_file()] == []


def test_setup_cfg_has_exactly_the_sections_that_tools_read():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    # setuptools adds "egg_info" to the copy in an sdist.
    assert set(config.sections()) - {"egg_info"} == {
        "metadata",
        "options",
        "options.packages.find",
        "options.package_data",
        "options.entry_points",
        "options.extras_require",
        "tool:pytest",
        "coverage:run",
        "coverage:report",
        "mypy",
        "mypy-keras.*,albumentations.*,cykooz_resizer.*,datasets.*,grain.*,sklearn.*,pyarrow.*,ray.*,scipy.*,tensorflow_datasets.*,torchvision.*,yaml.*",
        "importlinter",
        "importlinter:contract:layers",
        "importlinter:contract:circles",
        "importlinter:contract:keras",
        "importlinter:contract:backends",
    }


def test_pyproject_leaves_the_tools_to_setup_cfg():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    tables = [line for line in lines if line.startswith("[") and line.endswith("]")]
    assert tables
    build = {"[build-system]", "[tool.setuptools_scm]"}
    assert all(table in build or table.startswith("[tool.ruff") for table in tables)


def test_workflows_use_the_python_versions_of_setup_cfg_and_steps_that_exist():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    stated = re.findall(r"Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    ci = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert yaml.safe_load(ci)["jobs"]["tests"]["strategy"]["matrix"]["python"] == stated
    called = " ".join(re.findall(r"\.ci/run (.+)", ci)).split()
    assert called
    assert set(called) <= set(
        re.findall(r"^(\w+)\(\) \{", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    )


def test_the_fallback_version_is_not_older_than_the_newest_in_the_changelog():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools_scm"]
    fallback = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.dev0", settings["fallback_version"])
    changelog = (ROOT / "CHANGELOG.md").read_text()
    dated = re.findall(r"^## \[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert tuple(map(int, fallback.groups())) >= tuple(map(int, dated[0]))
    assert len(re.findall("^## ", changelog, re.MULTILINE)) == len(dated) + 1  # Unreleased


def test_the_architecture_names_every_room():
    described = (ROOT / "imggen" / "README.md").read_text()
    for room in (ROOT / "imggen").iterdir():
        if (room / "__init__.py").is_file():
            assert f"`{room.name}/`" in described, room.name


def test_the_top_level_holds_these_files_only():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    assert {name.partition("/")[0] for name in done.stdout.splitlines()} == {
        *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md"),
        *("CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "assets", "conftest.py"),
        *("docs", "examples", "imggen", "pyproject.toml", "setup.cfg", "tests"),
    }
