"""imggen migrate as a command: what is read, told, written and returned; and whether it is true."""

import errno
import inspect
import json
import os
import re
import stat
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from imggen import core
from imggen.core import pluralize
from tests.helpers.images import write_images
from tests.helpers.migration import (
    NEW,
    OLD,
    UNRELATED,
    migrate,
    notebook,
    program,
    write_notebook,
)


def patched(before: str, printed: str) -> str:
    """A text with the one diff that was printed applied to it."""
    lines, at = before.splitlines(), 0
    after = []
    old = new = 0  # how many lines of each the hunk still has, as its head says
    for line in printed.partition("+++ ")[2].splitlines()[1:]:
        if old == new == 0:
            hunk = re.fullmatch(r"@@ -(\d+),(\d+) \+\d+,(\d+) @@", line)
            if hunk is None:
                break
            start, old, new = map(int, hunk.groups())
            after += lines[at : start - 1]
            at = start - 1
        elif line[0] == "+":
            after.append(line[1:])
            new -= 1
        else:
            assert lines[at] == line[1:]
            after += [lines[at]] if line[0] == " " else []
            at, old, new = at + 1, old - 1, new - (line[0] == " ")
    return "\n".join(after + lines[at:]) + "\n"


SCRIPT = (
    "import os\nimport keras\n\n"
    + "x = 1\n" * 20
    + f"def große():\n    {OLD}    return keras.preprocessing.image.random_zoom\n"
    + "y = 2\n" * 20
    + "from keras.preprocessing.image import load_img, ImageDataGenerator as G\n"
)


def test_the_diff_that_is_printed_is_what_write_does(tmp_path):
    path = tmp_path / "my train.py"
    path.write_text(SCRIPT)
    told = migrate(path)
    assert path.read_text() == SCRIPT
    written = migrate(path, "--write")

    assert (told.exit_code, written.exit_code) == (1, 0)
    assert path.read_text() == patched(SCRIPT, told.stdout) == patched(SCRIPT, written.stdout)
    assert told.stdout.endswith("\n1 script read, 1 to change; rerun with --write.\n")
    assert written.stdout.endswith("\n1 script read, 1 changed.\n")
    assert told.stderr == written.stderr == ""


def test_a_second_write_changes_nothing(tmp_path):
    (tmp_path / "a.py").write_text(SCRIPT)
    write_notebook(tmp_path / "b.ipynb", OLD)
    migrate(tmp_path, "--write")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    again = migrate(tmp_path, "--write")

    assert (again.exit_code, again.stdout) == (0, "2 scripts read, 0 to change.\n")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_each_file_is_told_with_its_places_and_what_they_mean_is_told_once(tmp_path):
    flow = "ImageDataGenerator().flow(x)"
    kept = f"from keras.utils import image_dataset_from_directory\n{flow}; {flow}\n{flow}\n"
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in files:
        path.write_text(OLD + kept)
    told = migrate(tmp_path).stdout
    changes = f"@@ -1,4 +1,4 @@\n-{OLD}+{NEW}" + textwrap.indent(kept, " ")
    places = (
        "  line 1: uses ImageDataGenerator\n  line 2: uses image_dataset_from_directory\n"
        "  line 3: trap: unrepeatable\n  line 3: uses ImageDataGenerator\n"
        "  line 4: trap: unrepeatable\n  line 4: uses ImageDataGenerator\n\n"
    )
    head = "".join(f"{path}\n--- {path}\n+++ {path}\n{changes}{places}" for path in files)
    end = told.removeprefix(head)

    assert told == head + end
    assert re.findall(r"^\S.*", end, re.MULTILINE) == [
        "trap: unrepeatable",
        "ImageDataGenerator with imggen",
        "image_dataset_from_directory with imggen",
        "2 scripts read, 2 to change; rerun with --write.",
    ]
    assert end.count("\n    effect: ") == end.count("\n    fix: ") == 1
    assert "imggen.from_directory(" in end


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from keras.utils import image_dataset_from_directory as load\nload('d')\n", 2),
        ("from keras.preprocessing import image_dataset_from_directory\n", 1),
        ("import tensorflow as tf\n\nd = tf.keras.utils.image_dataset_from_directory('d')\n", 3),
        ("from keras.preprocessing.image_dataset import image_dataset_from_directory\n", 1),
    ],
)
def test_image_dataset_from_directory_is_told_and_left_as_it_is(tmp_path, source, line):
    (tmp_path / "a.py").write_text(source)
    told = migrate(tmp_path, "--write")

    assert told.exit_code == 0
    assert f"  line {line}: uses image_dataset_from_directory\n\n" in told.stdout
    assert re.findall(r"(.*) with imggen\n", told.stdout) == ["image_dataset_from_directory"]
    assert (tmp_path / "a.py").read_text() == source


@pytest.mark.parametrize(
    "option",
    [
        *(f"{name}_range=9 0.0" for name in ("rotation", "shear", "zoom", "channel_shift")),
        *("brightness_range=(1,2) None", "horizontal_flip=True False", "vertical_flip=flip False"),
    ],
)
def test_every_augmentation_counts_if_it_does_something(tmp_path, option):
    def told(given):
        body = f"ImageDataGenerator({given}).flow_from_directory('d', subset='validation')\n"
        (tmp_path / "a.py").write_text(OLD + body)
        return migrate(tmp_path).stdout

    something, nothing = option.split()
    assert "  line 2: trap: augmented validation\n" in told(something)
    assert "augmented" not in told(f"{option.partition('=')[0]}={nothing}")


@pytest.mark.parametrize(
    ("files", "status", "written"),
    [
        ({}, 0, 0),
        ({"a.py": "x = 1\n"}, 0, 0),
        ({"a.py": "from keras.utils import image_dataset_from_directory\n"}, 0, 0),
        ({"a.py": OLD}, 1, 0),
        ({"a.py": OLD, "b.py": NEW}, 1, 0),
        ({"a.py": OLD, "b.py": "x ="}, 2, 2),
        ({"a.py": "x =", "b.py": OLD}, 2, 2),
        ({"a.py": b"\xff\xfe\x00", "b.py": OLD}, 2, 2),
        ({"a.ipynb": "", "b.py": OLD}, 2, 2),
    ],
)
def test_the_exit_status_says_what_is_left(tmp_path, files, status, written):
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    told = migrate(tmp_path)
    done = migrate(tmp_path, "--write")

    assert (told.exit_code, done.exit_code) == (status, written)
    assert (told.stderr == "") == (status < 2)
    counts = f"{pluralize(len(files), 'script')} read, {OLD in files.values():d} to change"
    assert counts in told.stdout
    for name, text in files.items():
        if text == OLD:
            assert (tmp_path / name).read_text() == NEW


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", "x = 1\nx ==== 2\n", r"skipped: .*a\.py, line 2 is not Python that can be"),
        ("a.py", "# coding: klingon\n", r"skipped: .*a\.py' cannot be read: .*klingon"),
        ("a.py", b"x = '\xff'\n", r"skipped: .*a\.py' cannot be read: .*encoding"),
        ("a.py", "(" * 300 + ")" * 300, r"skipped: .*a\.py, line 1 is not Python"),
        ("a.py", "x = " + "1 + " * 5000 + "1", r"skipped: .*a\.py is nested too"),
        ("a.ipynb", "{", r"skipped: .*a\.ipynb' cannot be read: it is not a notebook \("),
        ("a.ipynb", "[]", r"cannot be read: it is not a notebook of format 4"),
        ("a.ipynb", '{"worksheets": [], "nbformat": 3}', r"it is not a notebook of format 4"),
        ("a.ipynb", '{"cells": [{"cell_type": "code"}]}', r"it is not a notebook of format 4"),
        ("a.ipynb", '{"cells": [{"cell_type": "code", "source": 5}]}', r"notebook of format 4"),
        ("a.py", "x = 1\0", r"a\.py is not Python"),
        ("a.py", "x = " + "1 + " * 900 + "1", r"skipped: "),
        ("a.py", "x = " + "-" * 100000 + "1", r"skipped: "),
        ("a.ipynb", "[" * 100000, r"skipped: "),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_the_reason_and_skipped(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "z.py").write_text(OLD)
    told = migrate(tmp_path / name, "--write")
    together = migrate(tmp_path, "--write")

    assert told.exit_code == together.exit_code == 2
    assert re.search(reason, told.stderr)
    assert told.stderr.count("\n") == 1
    assert together.stderr == UNRELATED.format("1 unreadable file")
    assert (tmp_path / "z.py").read_text() == NEW


def test_files_that_name_no_loader_are_counted_in_one_line(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.py").write_text("print 'x'\n")
    cell = {"cell_type": "code", "source": "print 'x'"}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell, cell]}))
    assert migrate(tmp_path).stderr == UNRELATED.format("4 unreadable files")
    (tmp_path / "1.py").write_text(f"{OLD}print 'x'\n")
    write_notebook(tmp_path / "a.ipynb", OLD, "print 'x'", "%%bash\nx", "print 'y'")
    told = migrate(tmp_path).stderr.splitlines(keepends=True)

    assert [line.split(" is not Python")[0] for line in told[:2]] == [
        f"skipped: {tmp_path / '1.py'}, line 2",
        f"skipped: {tmp_path / 'a.ipynb'} (cell 3), line 1",
    ]
    assert told[1].endswith(" (and 1 more cells)\n")
    assert told[2:] == [UNRELATED.format("2 unreadable files")]


def test_the_detail_of_a_trap_is_on_its_line_and_code_below(tmp_path):
    sequence = "class A(Sequence):\n    def __getitem__(self, i):\n        return cv2.imread(i)\n"
    source = f"import cv2\nfrom keras.utils import Sequence\n{sequence}m.fit_generator(A())\n"
    (tmp_path / "a.py").write_text(source)
    told = migrate(tmp_path).stdout

    assert "  line 3: trap: custom Sequence: A reads images with cv2.imread; " in told
    assert "\n      import imggen\n" in told
    assert "\n  line 6: trap: removed in Keras 3: .fit_generator; write fit and " in told


def test_paths_that_are_none_are_errors_and_the_others_are_done(tmp_path):
    (tmp_path / "a.txt").write_text(OLD)
    (tmp_path / "b.PY").write_text(OLD)
    told = migrate(tmp_path / "no", tmp_path / "a.txt", tmp_path / "b.PY", "--write")

    assert told.exit_code == 2
    assert re.fullmatch(
        r"error: .*no' does not exist; expected .*\nerror: .*a\.txt' is neither .*\n", told.stderr
    )
    assert (tmp_path / "b.PY").read_text() == NEW
    assert migrate().exit_code == migrate("y" * 300 + ".py").exit_code == 2


def test_a_name_that_is_no_text_is_told_somehow(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.py", "w") as file:
        file.write(OLD)
    told = program(tmp_path, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})

    assert (told.returncode, told.stderr) == (1, "")


def test_what_cannot_be_written_is_told_and_the_others_are_done(tmp_path, monkeypatch):
    long = tmp_path / f"{'a' * 250}.py"
    long.write_text(OLD)

    def replace_files(writers):
        if long in writers:
            raise OSError(errno.ENOSPC, "No space left on device")
        core.replace_files(writers)

    monkeypatch.setattr("imggen.migrate.scripts.replace_files", replace_files)
    (tmp_path / "b.py").write_text(OLD)
    told = migrate(tmp_path, "--write")

    assert told.exit_code == 2
    assert re.fullmatch(r"skipped: '.*' cannot be written: .*\n", told.stderr)
    assert told.stdout.endswith("2 scripts read, 1 changed.\n")
    assert (long.read_text(), (tmp_path / "b.py").read_text()) == (OLD, NEW)
    assert sorted(os.listdir(tmp_path)) == sorted([long.name, "b.py"])


def test_folders_are_read_in_order_without_what_is_hidden_or_installed(tmp_path):
    kept = ["A.py", "a b/x.ipynb", "a/z.py", "env.py", "z.py"]
    left = [".h.py", ".git/a.py", "a/.ipynb_checkpoints/x-checkpoint.ipynb", "my/lib/a.py"]
    left += ["site-packages/a.py", "node_modules/a.py", "__pycache__/a.py", "a/notes.txt"]
    for name in kept + left:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(notebook(OLD)) if name.endswith(".ipynb") else OLD
        (tmp_path / name).write_text(text)
    (tmp_path / "my" / "pyvenv.cfg").write_text("home = /usr\n")
    told = migrate(tmp_path).stdout
    heads = re.findall(rf"^{re.escape(str(tmp_path))}/(.*)$", told, flags=re.MULTILINE)

    assert sorted(heads) == sorted(kept)
    assert heads == [str(path) for path in sorted(type(tmp_path)(name) for name in kept)]
    assert migrate(tmp_path / ".h.py").exit_code == 1


def test_links_stay_links_and_modes_stay(tmp_path):
    target = tmp_path / "deep" / "real.py"
    target.parent.mkdir()
    target.write_text(OLD)
    target.chmod(0o751)
    (tmp_path / "link.py").symlink_to(target)
    migrate(tmp_path / "link.py", "--write")

    assert (tmp_path / "link.py").is_symlink()
    assert target.read_text() == NEW
    assert stat.S_IMODE(target.stat().st_mode) == 0o751
    assert os.listdir(target.parent) == ["real.py"]


RUN = [
    OLD,
    "if 1: from tensorflow.keras.preprocessing.image import load_img, ImageDataGenerator\n",
    "import keras\nImageDataGenerator = keras.preprocessing.image.ImageDataGenerator\n",
    "from keras.preprocessing.image import *\n",
    "import keras.preprocessing.image as i\nclass ImageDataGenerator(i.ImageDataGenerator): 0\n",
    f"{OLD.strip()}, BatchFromFilesMixin as B, Iterator\nclass A(B, Iterator): 0\n",
]


def test_scripts_run_with_imggen_afterwards(tmp_path):
    write_images(tmp_path / "photos", {"cat": 2, "dog": 2})
    for number, head in enumerate(RUN):
        (tmp_path / f"s{number}.py").write_text(
            f"{head}g = ImageDataGenerator(rescale=1 / 255)\n"
            "f = g.flow_from_directory('photos', (8, 8), batch_size=3, seed=1)\n"
            "print(ImageDataGenerator.__mro__[-2].__module__, next(f)[0].shape)\n"
        )
    assert migrate(tmp_path, "--write").exit_code == 0
    code = f"import runpy\nfor i in range({len(RUN)}): runpy.run_path(f's{{i}}.py')"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "numpy"},  # starts soonest
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout.count("(3, 8, 8, 3)") == told.stdout.count("imggen.") == len(RUN)


def test_the_program_reads_without_loading_keras_or_running_anything(tmp_path):
    (tmp_path / "a.py").write_text(f"{OLD}open('ran', 'w')\nraise SystemExit(7)\n")
    told = program(".", "--write", cwd=tmp_path)

    assert (told.returncode, told.stderr) == (0, "")
    assert os.listdir(tmp_path) == ["a.py"]
    code = (
        f"import sys; sys.argv[1:] = ['migrate', {str(tmp_path)!r}]\nfrom imggen.cli import main\n"
    )
    code += "try: main()\nfinally: print('keras' in sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.endswith("False\n")


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
def test_keras_moves_pixels_across_for_height_and_shuffles_and_takes_nearest_pixels():
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    image = np.zeros((9, 9, 1))
    image[4, 4] = 1
    moved = ImageDataGenerator().apply_transform(image, {"ty": 0, "tx": 2})
    options = inspect.signature(ImageDataGenerator.flow_from_directory).parameters
    drawn = ImageDataGenerator(height_shift_range=[2]).get_random_transform(image.shape, seed=0)

    assert np.argwhere(moved[..., 0] > 0.5).tolist() == [[4, 2]]
    assert (abs(drawn["tx"]), drawn["ty"]) == (2, 0)
    assert (options["interpolation"].default, options["shuffle"].default) == ("nearest", True)


def test_the_models_that_scale_by_themselves_are_those_with_a_layer_for_it(tmp_path):
    import keras

    source = f"{OLD}import keras\nImageDataGenerator(rescale=2)\nkeras.applications."
    models = dict(inspect.getmembers(keras.applications, inspect.isfunction))
    layer = re.compile(r"layers\.(Rescaling|Normalization)\(")
    scaling = {
        name
        for name, model in models.items()
        if layer.search(inspect.getsource(inspect.getmodule(model)))
    }
    told = set()
    for name in models:
        (tmp_path / "a.py").write_text(f"{source}{name}()\n")
        if "trap: scaled twice" in migrate(tmp_path).stdout:
            told.add(name)
            meant = " ".join(migrate(tmp_path).stdout.split())
            assert f"this script uses {name}, which expects 0 to 255" in meant

    assert told == scaling
    assert {"EfficientNetB0", "MobileNetV3Small", "ConvNeXtTiny"} < scaling < set(models)
