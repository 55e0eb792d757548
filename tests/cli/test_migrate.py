"""imggen migrate as a command: what is read, told, written and returned; and whether it is true."""

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
from click.testing import CliRunner

from imggen.cli import main
from tests.helpers.images import write_images

OLD = "from keras.preprocessing.image import ImageDataGenerator\n"
NEW = "from imggen import ImageDataGenerator\n"
KERAS_2 = (
    " uses tf_keras (Keras 2), whose models cannot read from imggen's iterators; "
    "its imports are left as they are\n"
)


def migrate(*arguments):
    result = CliRunner().invoke(main, ["migrate", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def program(*arguments, **options):
    command = [sys.executable, "-m", "imggen", "migrate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def notebook(*sources, **more):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["ImageDataGenerator ✓\n"]}]
    for source in sources:
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        cells.append({**cell, "source": source})
    return {"cells": cells, "metadata": {"ö": 1.5}, "nbformat": 4, "nbformat_minor": 4, **more}


def write_notebook(path, *sources):
    path.write_text(json.dumps(notebook(*sources), indent=1))
    return path


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
    assert told.stdout.endswith("\n1 scripts read, 1 to change; --write does it.\n")
    assert written.stdout.endswith("\n1 scripts read, 1 changed.\n")
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
        "2 scripts read, 2 to change; --write does it.",
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
    assert f"{len(files)} scripts read, {OLD in files.values():d} to change" in told.stdout
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
def test_what_cannot_be_read_is_named_with_the_reason_and_passed_over(
    tmp_path, name, content, reason
):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "z.py").write_text(OLD)
    told = migrate(tmp_path / name, tmp_path / "z.py", "--write")

    assert told.exit_code == 2
    assert re.search(reason, told.stderr)
    assert told.stderr.count("\n") == 1
    assert (tmp_path / "z.py").read_text() == NEW


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


def test_what_cannot_be_written_is_told_and_the_others_are_done(tmp_path):
    long = tmp_path / f"{'a' * 250}.py"  # beside it there is no room for a longer name
    long.write_text(OLD)
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
def test_what_only_ipython_understands_is_passed_over(tmp_path, cell):
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


VALIDATION = ".flow_from_directory('d', seed=1, interpolation='bilinear', subset='validation')"


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        (f"A = dict(zoom_range=9)\nImageDataGenerator(**A){VALIDATION}", True),
        (f"A = dict(zoom_range=9)\nA['rescale'] = 2\nImageDataGenerator(**A){VALIDATION}", True),
        (f"A = dict(zoom_range=9)\nA.clear()\nImageDataGenerator(**A){VALIDATION}", False),
        (f"A = dict(zoom_range=9)\ndef f(A):\n    ImageDataGenerator(**A){VALIDATION}", False),
        (f"A = dict(zoom_range=9)\ndef f():\n    A = 1\nImageDataGenerator(**A){VALIDATION}", True),
    ],
)
def test_a_dict_is_followed_as_long_as_it_is_what_it_was(tmp_path, body, is_told):
    (tmp_path / "a.py").write_text(
        f"from keras.preprocessing.image import ImageDataGenerator\n{body}\n"
    )
    assert ("augmented validation" in migrate(tmp_path / "a.py").stdout) == is_told
