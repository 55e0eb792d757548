"""What imggen migrate sees in scripts: uses under every import style, edits, and traps."""

import re
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imggen.migrate import changed_cells, examine, read_script, write_script
from tests.migrate.scripts import read

KERAS = "from keras.preprocessing.image import"
LEGACY = "from imggen.legacy import"


def uses(folder, source):
    return [(use.line, use.name) for use in examine(read(folder, source)).uses]


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
