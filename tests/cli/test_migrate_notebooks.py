"""imggen migrate on notebooks, and on scripts for Keras 2."""

import json
import re

import pytest

from tests.helpers.migration import (
    KERAS_2,
    NEW,
    OLD,
    migrate,
    notebook,
    write_notebook,
)


@pytest.mark.parametrize(
    ("head", "is_for_keras_2"),
    [
        ("from tf_keras.layers import Dense\n", True),
        ("try:\n    import tf_keras.backend as K\nexcept ImportError: 0\n", True),
        ("import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n", True),
        ("import tf_keras_vis\n", False),
        ("import tensorflow.keras as tf_keras\nfrom tensorflow import keras as tf_keras\n", False),
        ("import os\nos.environ['MY_TF_USE_LEGACY_KERAS'] = '1'\n", False),
    ],
)
def test_scripts_for_keras_2_are_told_and_left_as_they_are(tmp_path, head, is_for_keras_2):
    old, other = tmp_path / "a.py", tmp_path / "b.py"
    old.write_text(head + OLD)
    other.write_text(OLD)
    place = f"  line {head.count(chr(10)) + 1}: uses ImageDataGenerator\n\n{other}\n--- {other}\n"
    runs = migrate(tmp_path), migrate(tmp_path, "--write")
    for told in runs:
        assert told.stdout.startswith(f"{old}\n{place}") == is_for_keras_2
        assert place in told.stdout
        assert f"\n2 scripts read, {2 - is_for_keras_2} " in told.stdout
        assert told.stderr == (f"skipped: {old}{KERAS_2}" if is_for_keras_2 else "")
    assert [told.exit_code for told in runs] == ([2, 2] if is_for_keras_2 else [1, 0])
    assert (old.read_text(), other.read_text()) == (head + (OLD if is_for_keras_2 else NEW), NEW)


def test_one_cell_for_keras_2_makes_the_whole_notebook_one(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", OLD, OLD.replace("keras", "tf_keras"))
    before, place = path.read_bytes(), ", line 1: uses ImageDataGenerator\n"
    told = migrate(path, "--write")

    assert (told.exit_code, told.stderr) == (2, f"skipped: {path}{KERAS_2}")
    assert told.stdout.startswith(f"{path}\n  cell 2{place}  cell 3{place}\n")
    assert path.read_bytes() == before


LAYOUT = notebook(["x = '✓'\n", OLD], f"{OLD}y = 1")
KEPT = json.dumps(LAYOUT, indent=1, ensure_ascii=False)


@pytest.mark.parametrize(
    "content",
    [
        *(
            json.dumps(LAYOUT, indent=indent, ensure_ascii=escaped).encode() + end
            for indent in (1, 2, 4, None)
            for escaped in (True, False)
            for end in (b"", b"\n")
        ),
        f"{KEPT}\n".replace("\n", "\r\n").encode(),
        *(KEPT.replace("✓\\n", "✓\\u003ca").encode(), KEPT.replace("1.5", "1.50").encode()),
        *(json.dumps(LAYOUT, **kind).encode() for kind in ({"separators": ",:"}, {"indent": "\t"})),
        KEPT.encode("utf-8-sig"),
    ],
)
def test_a_notebook_keeps_every_byte_but_those_of_the_import(tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    told = migrate(path, "--write")
    old, new = OLD.strip().encode(), NEW.strip().encode()

    assert told.exit_code == 0
    assert content.count(old) == 2
    assert path.read_bytes() == content.replace(old, new)
    assert "\n  cell 2, line 2: uses ImageDataGenerator\n" in told.stdout
    assert "\n  cell 3, line 1: uses ImageDataGenerator\n" in told.stdout


@pytest.mark.parametrize(
    "cell",
    [
        *("%matplotlib inline\nimport os\n", "!pip install keras\n  \nx = !ls *.py\na, b = !ls\n"),
        *("%%time\nx = 1\n", "%%capture out\nx = 1\n", "%%bash\nfor x in *; do echo $x; done\n"),
        *("%%html\n<b>ImageDataGenerator</b>\n", "%%writefile train.py\nprint 'x'\n"),
        *("?print\nprint?\nos.path??\n", "if x:\n    %cd photos\n    !ls\n"),
        *("await f()\nasync with a as b:\n    pass\n", "x = %timeit -o f()\r\n%time f()\r\n"),
        'print("%d"\n      % 5)\nx = """\n!Ready?"""\n',
        *("!wget a \\\n    b \\\n    -O c\nx = 1\n", "  !ls\n", "x[0] = !ls\n"),
    ],
)
def test_what_only_ipython_understands_is_skipped(tmp_path, cell):
    path = write_notebook(tmp_path / "a.ipynb", cell, f"%cd x\n{OLD}!ls", "ImageDataGenerator(")
    before = json.loads(path.read_text())
    told = migrate(path, "--write")
    after = json.loads(path.read_text())

    assert told.stderr == (
        f"skipped: {path} (cell 4), line 1 is not Python that can be parsed: '(' was never closed\n"
    )
    assert told.exit_code == 2
    assert after["cells"][2].pop("source") == f"%cd x\n{NEW}!ls"
    assert before["cells"][2].pop("source") == f"%cd x\n{OLD}!ls"
    assert after == before


@pytest.mark.parametrize(
    ("magic", "status"),
    [("%%time", 1), ("%%capture out", 1), ("%%timeit -n 1", 1), ("%%bash", 0), ("%%html", 0)],
)
def test_magics_that_run_python_are_read_on(tmp_path, magic, status):
    assert migrate(write_notebook(tmp_path / "a.ipynb", f"{magic}\n{OLD}")).exit_code == status


@pytest.mark.parametrize(
    ("line", "is_old"),
    [
        ("import os, tf_keras", True),
        ("import os; import tf_keras as keras", True),
        ("from tf_keras import layers", True),
        ("os.environ['TF_USE_LEGACY_KERAS'] = '1'", True),
        ("'import tf_keras'", False),
        ("import tf_keras_vis", False),
    ],
)
def test_scripts_for_keras_2_are_told_by_what_they_import(tmp_path, line, is_old):
    (tmp_path / "a.py").write_text(f"{line}\n{OLD}")
    assert (migrate(tmp_path / "a.py", "--write").exit_code == 2) == is_old
    assert ("imggen" not in (tmp_path / "a.py").read_text()) == is_old


def test_traps_are_told_in_the_cell_where_they_are(tmp_path):
    cells = [
        f"{OLD}import keras\noptions = dict(steps_per_epoch=4 / 2)\n",
        "class A:\n    def make(self):\n        return keras.optimizers.Adam(lr=1)\n",
        (
            "def make(path):\n\n    g = ImageDataGenerator(zca_whitening=True)\n"
            "    return g.flow_from_directory(path, seed=1)\n"
        ),
        "flow = make('d')\nA().make()\n\nm.fit(flow, **options)\n",
    ]
    told = migrate(write_notebook(tmp_path / "a.ipynb", *cells)).stdout

    assert re.findall(r"  (cell \d, line \d): trap: ([\w -]+\w)", told) == [
        ("cell 3, line 3", "removed in Keras 3"),
        ("cell 4, line 3", "statistics without fit"),
        ("cell 4, line 4", "nearest interpolation"),
        ("cell 5, line 4", "fractional steps"),
    ]
