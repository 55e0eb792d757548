"""The options of from_* functions are those of ImageSequence, and type checkers know them."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import imggen
from imggen.augment import BUILT_INS, RangeBounds, option_constraints
from imggen.loading import ImageBatches
from imggen.sequences.options import SequenceOptions

ROOT = Path(__file__).parents[2]
FACTORIES = [imggen.from_directory, imggen.from_dataframe, imggen.from_files]


def test_the_options_are_the_keywords_of_image_sequence_with_the_same_types():
    parameters = dict(inspect.signature(imggen.ImageSequence).parameters)
    for name in ("manifest", "augment", "seed"):
        del parameters[name]
    annotations = {name: str(parameter.annotation) for name, parameter in parameters.items()}
    options = {
        name: annotation.__forward_arg__
        for name, annotation in SequenceOptions.__annotations__.items()
    }

    assert options == annotations
    assert SequenceOptions.__required_keys__ == frozenset()


def test_batches_without_keras_have_the_same_options_and_defaults():
    ours = inspect.signature(ImageBatches).parameters.values()
    theirs = inspect.signature(imggen.ImageSequence).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
def test_no_option_is_a_parameter_of_the_factory_too(factory):
    parameters = inspect.signature(factory).parameters

    assert not set(parameters) & set(SequenceOptions.__annotations__)
    assert parameters["options"].annotation == "Unpack[SequenceOptions]"


@pytest.mark.parametrize("name", ["augment", "seed"])
@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
def test_parameters_of_the_same_name_have_the_same_default(factory, name):
    default = inspect.signature(imggen.ImageSequence).parameters[name].default

    assert inspect.signature(factory).parameters[name].default == default


def test_an_option_that_is_left_out_has_the_default_of_image_sequence(photos):
    sequence = imggen.from_directory(photos, seed=1)
    expected = imggen.ImageSequence(imggen.scan(photos), seed=1)

    assert repr(sequence) == repr(expected)
    assert sequence.worker_options == expected.worker_options


def ranges_as_numbers_and_lists():
    """Yields a line of code for each range of each augmentation, as the constructor takes it."""
    for name, kind in BUILT_INS.items():
        for option, bounds in option_constraints(kind).items():
            if isinstance(bounds, RangeBounds):
                yield f"augment.{name}({option}=[1, 1])\n"
                if bounds.minimum == -bounds.maximum:
                    yield f"augment.{name}({option}=1)\n"


def test_mypy_accepts_the_options_and_rejects_wrong_names_and_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(
        "import imggen\n"
        'imggen.from_directory("x", batch_size=8, color_mode="rgb", workers=None)\n'
        'imggen.from_directory("x", batchsize=8)\n'
        'imggen.from_files(["x"], batch_size="8")\n'
        'imggen.from_files(["x"], color_mode="bgr")\n'
        "from imggen import augment\n"
        "import numpy as np\n"
        "augment.RandomTranslation(0.05, [0, 1]); augment.RandomShear(5, (1, 2))\n"
        "augment.RandomRotation(degrees=np.array([1, 2]), p=1)\n"
        "low: float = augment.RandomZoom([1, 2], (1, 1)).scale[0]\n"
        "augment.RandomZoom(2)\n"
        'augment.RandomHue("5")\n' + "".join(ranges_as_numbers_and_lists())
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", tmp_path / "script.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    lines = [line for line in checked.stdout.splitlines() if "error:" in line]

    assert [line.split(":")[1] for line in lines] == ["3", "4", "5", "11", "12"], checked.stdout
    assert 'Unexpected keyword argument "batchsize"' in lines[0]
    assert 'Argument "batch_size" to "from_files" has incompatible type "str"' in lines[1]
    assert 'Argument "color_mode"' in lines[2]
    assert 'expected "Sequence[float] |' in lines[3]
    assert 'expected "float | Sequence[float]' in lines[4]
