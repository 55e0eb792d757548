"""What imggen migrate sees in scripts: uses under every import style, edits, and traps."""

import inspect
import re
import warnings

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imggen.migrate import changed_cells, examine, read_script, write_script

KERAS = "from keras.preprocessing.image import"
LEGACY = "from imggen.legacy import"


def read(folder, source, name="train.py"):
    path = folder / name
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return read_script(path)


def uses(folder, source):
    return [(use.line, use.name) for use in examine(read(folder, source)).uses]


def traps(folder, source):
    return [(trap.line, trap.name) for trap in examine(read(folder, source)).traps]


def rewritten(folder, source) -> bytes:
    """A script as it is after all edits; it still compiles, and nothing is left to edit."""
    script = read(folder, source)
    assert examine(script).problems == ()
    if changed := changed_cells(script, examine(script).edits):
        write_script(script, changed)
    after = script.path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some scripts hold escapes that Python warns of
        compile(after, "after", "exec")
    assert examine(read_script(script.path)).edits == ()
    return after


MODULES = """
keras keras.legacy keras.src keras.src.legacy tensorflow.keras tensorflow.compat.v1.keras
tensorflow.python.keras keras.api._v2.keras tensorflow._api.v2.keras tensorflow.contrib.keras
"""
BY_ITSELF = ["keras_preprocessing.image", "keras_preprocessing.image.image_data_generator"]


@pytest.mark.parametrize(
    "module", [*(f"{root}.preprocessing.image" for root in MODULES.split()), *BY_ITSELF]
)
def test_keras_is_known_by_all_its_names(tmp_path, module):
    source = f"from {module} import ImageDataGenerator\ng = ImageDataGenerator()\n"
    after = b"from imggen import ImageDataGenerator\ng = ImageDataGenerator()\n"

    assert uses(tmp_path, source) == [(1, "ImageDataGenerator"), (2, "ImageDataGenerator")]
    assert rewritten(tmp_path, source) == after


# Scripts with the change that is expected, as in a diff: kept, removed and added lines.
CHANGES = """
=
-from keras.preprocessing.image import ImageDataGenerator as IDG
+from imggen import ImageDataGenerator as IDG
-from keras.preprocessing.image import(ImageDataGenerator)
+from imggen import(ImageDataGenerator)
-from keras.preprocessing.image import (
+from imggen import (
     ImageDataGenerator,  # augments
 )  # end
-from keras.preprocessing.image import \\
+from imggen import \\
   ImageDataGenerator
-from keras.preprocessing.image import load_img, ImageDataGenerator, img_to_array as a
+from keras.preprocessing.image import load_img, img_to_array as a
+from imggen import ImageDataGenerator
-from keras.preprocessing.image import (
-    ImageDataGenerator,
-    load_img,
-)
+from keras.preprocessing.image import load_img
+from imggen import ImageDataGenerator
-from keras.preprocessing.image import DirectoryIterator, ImageDataGenerator as G
+from imggen.legacy import DirectoryIterator, ImageDataGenerator as G
-from keras.preprocessing.image import random_zoom
+from imggen.legacy import random_zoom
-from keras_preprocessing.image import BatchFromFilesMixin as B, load_img as l, list_pictures
+from keras_preprocessing.image import list_pictures
+from imggen.legacy import BatchFromFilesMixin as B, load_img as l
-from keras_preprocessing.image import load_img, list_pictures
+from keras_preprocessing.image import list_pictures
+from imggen.legacy import load_img
-if x: from keras.preprocessing.image import ImageDataGenerator, load_img
+if x: from keras.preprocessing.image import load_img; from imggen import ImageDataGenerator
-import os; from keras.preprocessing.image import random_zoom, load_img; y
+import os; from keras.preprocessing.image import load_img; from imggen.legacy import random_zoom; y
 def f():
-\tfrom keras.preprocessing.image import ImageDataGenerator, load_img
+\tfrom keras.preprocessing.image import load_img
+\tfrom imggen import ImageDataGenerator
 \treturn ImageDataGenerator
 try:
-    from tensorflow.keras.preprocessing.image import ImageDataGenerator
+    from imggen import ImageDataGenerator
 except ImportError:
-    from keras.preprocessing.image import ImageDataGenerator
+    from imggen import ImageDataGenerator
=
 from keras.preprocessing.image import *
+from imggen import ImageDataGenerator
 g = ImageDataGenerator()
 h = ImageDataGenerator(load_img)
=
 from tensorflow.keras.preprocessing import image
+import imggen
-g = image.ImageDataGenerator()
+g = imggen.ImageDataGenerator()
=
 from tensorflow import keras
+import imggen
-g = keras.preprocessing.image.ImageDataGenerator()
+g = imggen.ImageDataGenerator()
=
-import tensorflow as tf  # 2.4
+import tensorflow as tf; import imggen  # 2.4
-class G(tf.keras.preprocessing.image.ImageDataGenerator): pass
+class G(imggen.ImageDataGenerator): pass
=
 import keras.preprocessing.image
+import imggen
-keras.preprocessing.image.ImageDataGenerator
+imggen.ImageDataGenerator
=
 import keras.preprocessing.image as kpi, os
+import imggen
-kpi.ImageDataGenerator
+imggen.ImageDataGenerator
=
 import imggen
 import keras
-g = (keras.preprocessing
-     .image.ImageDataGenerator)(zoom_range=1)
+g = (imggen.ImageDataGenerator)(zoom_range=1)
=
 import tensorflow as tf
+import imggen
+import imggen.legacy
-ä = "größe ✓ 😀"; tf.keras.preprocessing.image.random_zoom; ß = "é"
-f"ß{tf.keras.preprocessing.image.ImageDataGenerator}ü"
-def f(by: tf.keras.preprocessing.image.Iterator): pass
+ä = "größe ✓ 😀"; imggen.legacy.random_zoom; ß = "é"
+f"ß{imggen.ImageDataGenerator}ü"
+def f(by: imggen.legacy.Iterator): pass
=
 x = 1
 \f
-from keras.preprocessing.image import ImageDataGenerator, load_img
+from keras.preprocessing.image import load_img
+from imggen import ImageDataGenerator
= a comment goes along with its name
 from keras.preprocessing.image import (
-    ImageDataGenerator,  # augments
     load_img,
 )
+from imggen import ImageDataGenerator  # augments
= the mixin goes where the iterators go
 from keras.preprocessing import image
+import imggen.legacy
-class A(image.BatchFromFilesMixin, image.Iterator): pass
+class A(imggen.legacy.BatchFromFilesMixin, imggen.legacy.Iterator): pass
= names of modules are followed through assignments
 import tensorflow as tf
 keras = tf.keras
+import imggen.legacy
-keras.preprocessing.image.random_zoom
+imggen.legacy.random_zoom
= a function's own variable hides the module in the function alone
 from keras.preprocessing import image
+import imggen
 def f(path):
     image = open(path)
     return image
-image.ImageDataGenerator()
+imggen.ImageDataGenerator()
= a comprehension's variable hides the module in it alone
 from keras.preprocessing import image
+import imggen
 x = [image for image in y]
-image.ImageDataGenerator()
+imggen.ImageDataGenerator()
= imggen is imported in every branch that imports the module
 try:
     from tensorflow import keras
+    import imggen
 except ImportError:
     import keras
+    import imggen
-keras.preprocessing.image.ImageDataGenerator()
+imggen.ImageDataGenerator()
= imggen imported under another name is not taken for it
 import imggen as ig
 import keras
+import imggen
-keras.preprocessing.image.ImageDataGenerator()
+imggen.ImageDataGenerator()
= escapes that Python warns of are not for us to say
-from keras.preprocessing.image import ImageDataGenerator
+from imggen import ImageDataGenerator
 p = "C:\\data"
"""


def cases():
    for block in CHANGES.split("\n=")[1:]:
        title, *lines = block.split("\n")
        before, after = (
            "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", sign)) for sign in "-+"
        )
        yield pytest.param(before, after, id=title.strip() or None)


@pytest.mark.parametrize(("before", "after"), list(cases()))
def test_imports_change_and_nothing_else(tmp_path, before, after):
    assert rewritten(tmp_path, before).decode() == after
    assert rewritten(tmp_path, "\ufeff" + before).decode() == "\ufeff" + after
    assert rewritten(tmp_path, before.rstrip()).decode() == after.rstrip()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{KERAS} load_img, random_zoom\n", f"{KERAS} load_img\n{LEGACY} random_zoom\n"),
        (f"x = '''\n'''\n{KERAS} random_zoom", f"x = '''\n'''\n{LEGACY} random_zoom"),
        (f"{KERAS} (\n    random_zoom,\n)\n", f"{LEGACY} (\n    random_zoom,\n)\n"),
    ],
)
def test_lines_keep_the_ending_that_windows_gives_them(tmp_path, before, after):
    expected = after.replace("\n", "\r\n")

    assert rewritten(tmp_path, before.replace("\n", "\r\n")).decode() == expected


def test_a_file_with_bare_carriage_returns_keeps_its_lines(tmp_path):
    after = rewritten(tmp_path, f"{KERAS} ImageDataGenerator, load_img\rx = 1\r").decode()

    assert after == f"{KERAS} load_img\rfrom imggen import ImageDataGenerator\rx = 1\r"


def test_a_file_in_latin_1_stays_in_latin_1(tmp_path):
    source = f"# coding: latin-1\n# größe\n{KERAS} ImageDataGenerator  # ß\n".encode("latin-1")

    assert rewritten(tmp_path, source) == source.replace(b"keras.preprocessing.image", b"imggen")


@pytest.mark.parametrize(
    "source",
    [
        "class ImageDataGenerator: pass\ng = ImageDataGenerator(rotation_range=9)\n",
        "def ImageDataGenerator(): pass\nImageDataGenerator()\n",
        f'"""{KERAS} ImageDataGenerator"""\n# ImageDataGenerator()\nx = "ImageDataGenerator"\n',
        "from .keras.preprocessing.image import ImageDataGenerator\nImageDataGenerator()\n",
        "from . import image\nimage.ImageDataGenerator()\n",
        "from mine.preprocessing.image import ImageDataGenerator\nImageDataGenerator()\n",
        "from mykeras.preprocessing.image import ImageDataGenerator\nImageDataGenerator()\n",
        "from kerastuner import ImageDataGenerator\nImageDataGenerator()\n",
        "from imggen import ImageDataGenerator\nImageDataGenerator(rotation_range=9)\n",
        "import imggen\nimggen.ImageDataGenerator(width_shift_range=9)\n",
        "from torchvision.transforms import RandomRotation\nRandomRotation(9)\n",
        "import albumentations as A\nA.Compose([A.HorizontalFlip()]).image.random_zoom\n",
        f"{KERAS} load_img, img_to_array\nload_img('a.png')\n",
        f"{KERAS} smart_resize\nclass BatchFromFilesMixin: pass\nclass A(BatchFromFilesMixin): 0\n",
        "from keras.preprocessing import image\nimage.load_img('a.png')\nimage.ImageDataGen\n",
        "from keras.preprocessing import image\nimage = open('a')\nimage.ImageDataGenerator()\n",
        "from keras.preprocessing.text import Tokenizer\nfrom keras.utils import Sequence\n",
        f"{KERAS} *\nprint(load_img)\n",
        "x.ImageDataGenerator()\nself.image.ImageDataGenerator()\n",
        "from keras.preprocessing import image\ndef f(image):\n    return image.random_zoom\n",
        f"{KERAS} *\nclass ImageDataGenerator: pass\ng = ImageDataGenerator()\n",
    ],
)
def test_false_friends_are_left_alone(tmp_path, source):
    told = examine(read(tmp_path, source))

    assert (told.uses, told.traps, told.edits, told.problems) == ((), (), (), ())


IMPORTS = [
    "import keras, numpy as np",
    "import tensorflow as tf",
    "from keras.preprocessing import image",
    "from tensorflow.keras.preprocessing.image import load_img, ImageDataGenerator",
    "from tensorflow.keras.preprocessing.image import (ImageDataGenerator,\n    load_img)",
    "from keras.preprocessing.image import *",
]
USES = [
    "keras.preprocessing.image.ImageDataGenerator",
    "(1, 'ß', tf.keras.preprocessing.image.ImageDataGenerator, 'é').index(0)",
    "[image.random_shift, image.ImageDataGenerator]",
    "g = ImageDataGenerator(rescale=1 / 255)",
]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(st.tuples(st.sampled_from(IMPORTS + USES), st.booleans()), max_size=12),
    newline=st.sampled_from(["\n", "\r\n"]),
    indent=st.sampled_from(["", "\t", "    "]),
    ended=st.booleans(),
)
def test_whatever_a_script_is_made_of_it_changes_where_it_must(
    tmp_path, lines, newline, indent, ended
):
    head = newline.join(IMPORTS[:3]) + newline + (f"if größe:{newline}" if indent else "")
    body = []
    for number, (line, alone) in enumerate(lines):
        body += [
            line if alone else f"y{number} = 'ü'; {line}",
            f"x{number} = {number}  # »{number}",
        ]
    body.append("pass")
    source = head + newline.join(indent + line for line in body) + (newline if ended else "")
    after = rewritten(tmp_path, source.encode()).decode()

    kept = [line for line in source.split(newline) if "»" in line]
    assert [line for line in after.split(newline) if "»" in line] == kept
    assert after.endswith("pass" + (newline if ended else ""))
    assert after.count("\r") == (after.count("\n") if newline == "\r\n" else 0)
    assert not re.search(
        r"\w\.preprocessing\.image\.(Image|random)|^from t.*Gen", after, re.MULTILINE
    )


D = '"d", interpolation="bilinear", seed=1'
PLAIN = f"v = ImageDataGenerator(rescale=1 / 255).flow_from_directory({D})\n"
TURNED = f"v = ImageDataGenerator(rotation_range=9).flow_from_directory({D})\n"
SORTED = TURNED.replace("seed=1", "shuffle=False")
AUGMENTED, UNSORTED, TWICE = "augmented validation", "unsorted predictions", "scaled twice"
SHIFTS, NEAREST, UNREPEATABLE = "exchanged shifts", "nearest interpolation", "unrepeatable"
GONE = "removed in Keras 3"
EFFICIENT = "from keras.applications import EfficientNetV2B0 as E\nE({})\nImageDataGenerator({})\n"
LAYER = "from {} import Rescaling\nRescaling(1 / 255)\nImageDataGenerator(rescale=1 / 255)\n"
DATASET = (
    "from keras.utils import image_dataset_from_directory as f\nv = f('d', {})\nm.predict(v)\n"
)
SUBSET = "g = ImageDataGenerator(zoom_range={}, validation_split=0.5)\n"
SUBSET += f"g.flow_from_directory({D}, subset='{{}}')\n"
ON_SELF = (
    f"class A:\n  def f(self):\n    self.{TURNED}    {{}}\n    m.fit(t, validation_data=self.v)\n"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (TURNED + "m.fit(t, validation_data=v)\n", [AUGMENTED]),
        (TURNED + "m.fit_generator(generator=v, validation_data=v)\n", [GONE, AUGMENTED]),
        (TURNED + "m.fit(v)\nm.fit(x=v)\nm.fit_generator(v)\n", [GONE]),
        (PLAIN + "m.fit(t, validation_data=v)\n", []),
        (TURNED + "v = v\nm.fit(t, validation_data=v)\n", [AUGMENTED]),
        (TURNED + "w: object = v\nm.fit(t, validation_data=w)\n", [AUGMENTED]),
        (TURNED + PLAIN + "m.fit(t, validation_data=v)\n", []),
        (TURNED + "v = other(v)\nm.fit(t, validation_data=v)\n", []),
        (TURNED + "m.fit(t, validation_data=(v, v))\n", []),
        (TURNED + "m.evaluate(v)\n", [AUGMENTED]),
        (TURNED + "m.fit(t, validation_data=v)\nm.evaluate(v)\n", [AUGMENTED]),
        (PLAIN + "m.evaluate_generator(v)\n", [GONE]),
        (PLAIN + "m.evaluate(v)\n", []),
        (ON_SELF.format("pass"), [AUGMENTED]),
        (ON_SELF.format("self.v = load()"), []),
        (SUBSET.format(1, "validation"), [AUGMENTED]),
        (SUBSET.format(1, "training"), []),
        (SUBSET.format(0, "validation"), []),
        (PLAIN + "p = m.predict(v)\n", [UNSORTED]),
        (PLAIN + "p = np.argmax(m.predict(x=v), axis=1)\n", [UNSORTED]),
        (PLAIN + "p = m.predict_generator(generator=v)\n", [GONE, UNSORTED]),
        (SORTED + "p = m.predict(x)\n", []),
        (SORTED + "p = m.predict(v)\n", [AUGMENTED]),
        (PLAIN.replace("seed=1", "shuffle=False") + "p = m.predict(v)\n", []),
        (DATASET.format("seed=1"), [UNSORTED]),
        (DATASET.format("shuffle=False"), []),
        ("ImageDataGenerator().flow_from_dataframe(f, seed=1)\n", [NEAREST]),
        ('ImageDataGenerator().flow_from_directory("d", seed=1, interpolation="nearest")\n', []),
        ("ImageDataGenerator().flow(x, y, seed=1)\n", []),
        ("ImageDataGenerator().flow(x, y)\n", [UNREPEATABLE]),
        ("ImageDataGenerator().flow(x, y, shuffle=False)\n", []),
        ("ImageDataGenerator().flow(x, y, 32, False)\n", []),
        (f"o = dict({D[5:]})\nImageDataGenerator().flow_from_directory('d', **o)\n", []),
        (f"t, v = 1, {TURNED[4:]}m.evaluate(v)\n", [AUGMENTED]),
        (TURNED + "def f():\n    v = 3\nm.evaluate(v)\n", [AUGMENTED]),
        ("G = ImageDataGenerator\nG(height_shift_range=9)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.1)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.1, width_shift_range=0.2)\n", [SHIFTS]),
        ("ImageDataGenerator(height_shift_range=0.2, width_shift_range=.2)\n", []),
        ("ImageDataGenerator(height_shift_range=0.0, width_shift_range=0)\n", []),
        ("ImageDataGenerator(rescale=1 / 255, preprocessing_function=f)\n", [TWICE]),
        ("ImageDataGenerator(rescale=None, preprocessing_function=f)\n", []),
        ("ImageDataGenerator(rescale=1 / 255, preprocessing_function=None)\n", []),
        (EFFICIENT.format("", "rescale=1 / 255"), [TWICE]),
        (EFFICIENT.format("include_preprocessing=False", "rescale=1 / 255"), []),
        (EFFICIENT.format("include_preprocessing=True", ""), []),
        (LAYER.format("keras.layers"), [TWICE]),
        (LAYER.format("tensorflow.keras.layers.experimental.preprocessing"), [TWICE, GONE]),
        (LAYER.format("mine"), []),
    ],
)
def test_a_trap_is_told_where_it_is_and_not_where_it_is_not(tmp_path, body, expected):
    found = traps(tmp_path, f"{KERAS} ImageDataGenerator\n{body}")
    assert sorted(name for _, name in found) == sorted(expected)


def test_traps_are_told_of_keras_s_loaders_alone(tmp_path):
    body = "v = mine.ImageDataGenerator(zoom_range=1).flow(x)\nm.predict(v)\n"

    assert traps(tmp_path, body) == []


@pytest.mark.parametrize(
    ("call", "is_gone"),
    [
        ("m.fit_generator(v, 9)", True),
        ("m.predict_generator(v, workers=2)", True),
        ("m.fit(x=v, workers=4, nb_epoch=1)", True),
        ("m.fit(t, validation_data=v, workers=4)", True),
        ("m.evaluate(v, use_multiprocessing=True)", True),
        ("self.m.predict(v, max_queue_size=2)", True),
        ("m.fit(v, epochs=1, steps_per_epoch=9)", False),
        ("m.fit(t, workers=4)", False),
        ("m.fit_generator(t)", True),
        ("fit(v, workers=4)", False),
        ("h.show_generator(v)", False),
        ("pool.map(v, workers=4)", False),
    ],
)
def test_what_keras_3_no_longer_has_is_told_where_a_flow_is_passed(tmp_path, call, is_gone):
    head = f"{KERAS} ImageDataGenerator\nv = ImageDataGenerator().flow(x, shuffle=False)\n"

    assert set(traps(tmp_path, f"{head}{call}\n")) == ({(3, GONE)} if is_gone else set())


@pytest.mark.parametrize("old", ["workers", "use_multiprocessing", "max_queue_size", "nb_epoch"])
def test_what_is_told_to_be_gone_from_keras_3_is_gone(old):
    model = keras.Sequential([keras.layers.Flatten()])
    model.compile(loss="mse")
    for name in ("fit", "evaluate", "predict"):
        assert not hasattr(model, f"{name}_generator")
        with pytest.raises((TypeError, ValueError), match=old):
            getattr(model, name)(np.zeros((2, 1)), **{old: 1})


VALIDATION = f".flow_from_directory({D}, subset='validation')\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "o = dict(rotation_range=9, validation_split=0.2)\nImageDataGenerator(**o)"
            + VALIDATION,
            [(3, AUGMENTED)],
        ),
        (
            "o = {'zoom_range': 9}\nImageDataGenerator(validation_split=0.2, **o)" + VALIDATION,
            [(3, AUGMENTED)],
        ),
        ("o = dict(zoom_range=0, validation_split=2)\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = other(rotation_range=9)\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = {'zoom_range': 9}\no = load()\nImageDataGenerator(**o)" + VALIDATION, []),
        ("o = dict(width_shift_range=9)\nImageDataGenerator(**o)\n", [(3, SHIFTS)]),
        ("o = dict(width_shift_range=9)\nImageDataGenerator(height_shift_range=9, **o)\n", []),
        ("o = dict(rescale=2)\nImageDataGenerator(preprocessing_function=f, **o)\n", [(3, TWICE)]),
        ("o = dict(batch_size=2)\nImageDataGenerator().flow(x, **o)\n", [(3, UNREPEATABLE)]),
        ("o = {'seed': 2}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {key: 2}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {'batch_size': 2, **p}\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = dict(p, batch_size=2)\nImageDataGenerator().flow(x, **o)\n", []),
        ("o = {'batch_size': 2}\nImageDataGenerator().flow(x, **o, **p)\n", []),
    ],
)
def test_options_are_followed_through_dicts_that_are_written_out(tmp_path, body, expected):
    assert traps(tmp_path, f"{KERAS} ImageDataGenerator\n{body}") == expected


def test_what_is_moved_is_in_imggen_and_positions_are_those_of_its_signatures():
    from imggen import legacy
    from imggen.migrate import uses as told_uses
    from imggen.migrate import values

    assert set(legacy.__all__) >= told_uses._DEPRECATED | told_uses._HELPERS
    for function, names in values.POSITIONS.items():
        owner = legacy.ImageDataGenerator
        method = owner.__init__ if function == owner.__name__ else getattr(owner, function)
        assert tuple(inspect.signature(method).parameters)[1 : len(names) + 1] == names
