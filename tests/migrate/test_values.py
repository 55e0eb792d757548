"""imggen migrate follows generators and flows through whatever hands them on."""

import pytest

from imggen.migrate import examine
from tests.migrate.scripts import GENERATOR, read, traps

AUGMENTED = "augmented validation"
HEAD = f"""{GENERATOR}import functools, types
options = dict(seed=1, interpolation="bilinear")
turning = dict(rotation_range=9)
def flow(path, **kwargs):
    return ImageDataGenerator(**kwargs).flow_from_directory(path, **options)
"""
FIT = "m.fit(t, validation_data={})\n"

# Ways in which the flow of an augmenting generator gets to validation_data, and the same for one
# that does not augment.
WAYS = {
    "returned": "v = flow('d', **turning)\n" + FIT.format("v"),
    "tuple": "t, v = flow('d'), flow('d', **turning)\n" + FIT.format("v"),
    "returned tuple": (
        "def both():\n    return flow('d'), flow('d', **turning)\nt, v = both()\n" + FIT.format("v")
    ),
    "item": "both = [flow('d'), flow('d', **turning)]\n" + FIT.format("both[-1]"),
    "dict": "d = {'a': flow('d'), 'b': flow('d', **turning)}\n" + FIT.format("d['b']"),
    "dict later": "d = {}\nd['b'] = flow('d', **turning)\n" + FIT.format("d['b']"),
    "dict comprehension": (
        "d = {k: flow(k, **turning) for k in names}\n" + FIT.format("d['test']")
    ),
    "parameter": (
        "def train(m, v):\n    m.fit(t, validation_data=v)\ntrain(m, flow('d', **turning))\n"
    ),
    "keyword": (
        "def train(m, *, v=None):\n    m.fit(t, validation_data=v)\n"
        "train(m, v=flow('d', **turning))\n"
    ),
    "flag": (
        "def make(augment):\n"
        "    g = ImageDataGenerator(**turning) if augment else ImageDataGenerator()\n"
        "    return g.flow_from_directory('d', **options)\n" + FIT.format("make(AUGMENT)")
    ),
    "branch": (
        "def make(augment):\n"
        "    if augment == 'yes':\n        g = ImageDataGenerator(**turning)\n"
        "    else:\n        g = ImageDataGenerator()\n"
        "    return g.flow_from_directory('d', **options)\n"
        + FIT.format("make('yes' if AUGMENT else 'no')")
    ),
    "zip": (
        "def pairs(a, b):\n    for x, y in zip(a, b):\n        yield x, y\n"
        "p = pairs(flow('d', **turning), flow('d', **turning))\nm.evaluate(p, steps=3)\n"
    ),
    "class": (
        "class A:\n    def __init__(self, p):\n        self.v = flow(p, **turning)\n"
        "    def train(self):\n        m.fit(t, validation_data=self.v)\nA('d').train()\n"
    ),
    "instance": (
        "class A:\n    def __init__(self, v):\n        self.v = v\n"
        "a = A(flow('d', **turning))\n" + FIT.format("a.v")
    ),
    "property of a base": (
        "class A:\n    def make(self, **k):\n        return flow('d', **k)\n"
        "class B(A):\n    def train(self):\n        v = self.make(**turning)\n"
        "        m.fit(t, validation_data=v)\nB().train()\n"
    ),
    "subclass": (
        "class G(ImageDataGenerator):\n    pass\n"
        "v = G(**turning).flow_from_directory('d', **options)\n" + FIT.format("v")
    ),
    "subclass with super": (
        "class G(ImageDataGenerator):\n    def __init__(self, a, **k):\n"
        "        super().__init__(**k)\n"
        "v = G(3, **turning).flow_from_directory('d', **options)\n" + FIT.format("v")
    ),
    "partial": ("make = functools.partial(flow, **turning)\nv = make('d')\n" + FIT.format("v")),
    "namespace": ("s = types.SimpleNamespace(v=flow('d', **turning))\n" + FIT.format("s.v")),
    "dataclass": (
        "class S:\n    t: object\n    v: object\ns = S(t, flow('d', **turning))\n"
        + FIT.format("s.v")
    ),
    "lambda": "make = lambda p: flow(p, **turning)\n" + FIT.format("make('d')"),
    "spread": "k = dict(validation_data=flow('d', **turning))\nm.fit(t, **k)\n",
    "nested": (
        "def outer():\n    def inner():\n        return flow('d', **turning)\n"
        "    return inner()\n" + FIT.format("outer()")
    ),
    "batch": "v = flow('d', **turning)\n" + FIT.format("next(v)"),
    "closure": (
        "v = flow('d', **turning)\ndef pairs():\n    for a, b in v:\n        yield a, b\n"
        "m.evaluate(pairs(), steps=2)\n"
    ),
    "next in a loop": (
        "class A:\n    def __init__(self):\n        self.v = flow('d', **turning)\n"
        "    def pairs(self):\n        while True:\n            yield next(self.v)\n"
        "m.evaluate(A().pairs(), steps=2)\n"
    ),
    "walrus": "m.fit(t, validation_data=(v := flow('d', **turning)))\n",
    "with": "with f:\n    v = flow('d', **turning)\n" + FIT.format("v"),
    "try": "try:\n    v = flow('d', **turning)\nfinally:\n    pass\n" + FIT.format("v"),
    "loop": "for v in [flow('d', **turning)]:\n    m.fit(t, validation_data=v)\n",
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_flow_is_followed(tmp_path, way):
    with_flow = HEAD + WAYS[way].replace("AUGMENT)", "True)").replace("AUGMENT e", "True e")
    without = (
        with_flow.replace("**turning", "rescale=2")
        if "AUGMENT" not in WAYS[way]
        else HEAD + WAYS[way].replace("AUGMENT)", "False)").replace("AUGMENT e", "False e")
    )

    assert [name for _, name in traps(tmp_path, with_flow)] == [AUGMENTED]
    assert traps(tmp_path, without) == []


@pytest.mark.parametrize(
    "body",
    [
        "if a:\n    v = flow('d', **turning)\nelse:\n    v = flow('d')\n" + FIT.format("v"),
        "v = flow('d', **turning) if a else flow('d')\n" + FIT.format("v"),
        "d = {}\nd[a] = flow('d', **turning)\nd.clear()\n" + FIT.format("d['b']"),
        "def f(v):\n    m.fit(t, validation_data=v)\nv = flow('d', **turning)\nf(other(v))\n",
        "def f(v):\n    return f(v)\nm.fit(t, validation_data=f(flow('d', **turning)))\n",
        "class A:\n    pass\na = A()\na.v = flow('d', **turning)\na.v = None\n" + FIT.format("a.v"),
        "turning.pop('rotation_range')\n" + FIT.format("flow('d', **turning)"),
        "del turning['rotation_range']\n" + FIT.format("flow('d', **turning)"),
    ],
)
def test_what_is_not_certain_is_not_said(tmp_path, body):
    assert traps(tmp_path, HEAD + body) == []


def test_a_deep_chain_of_calls_ends(tmp_path):
    body = "".join(f"def f{n}(v):\n    return f{n - 1}(f{n - 1}(v))\n" for n in range(1, 60))

    assert traps(tmp_path, f"{HEAD}def f0(v):\n    return v\n{body}f59(flow('d'))\n") == []


def test_a_script_that_is_too_deep_to_be_followed_is_still_edited(tmp_path):
    deep = "x" + ".a()" * 400
    found = examine(read(tmp_path, f"{GENERATOR}g = ImageDataGenerator()\n{deep}\n"))

    assert len(found.edits) == 1
    assert "nested too deeply" in "".join(found.problems) or found.traps == ()
