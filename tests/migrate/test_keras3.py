"""imggen migrate names what Keras 3 refuses: each line named fails there, and its repair runs."""

import warnings

import pytest

from tests.migrate.scripts import GENERATOR, details, run, traps

HEAD = f"""\
import itertools, math, keras, numpy as np
from keras import backend as K
{GENERATOR}\
m = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
m.compile("sgd", "mse", metrics=["accuracy"], run_eagerly=True)
x, y = np.zeros((4, 8, 8, 3)), np.zeros((4, 1))
flow = ImageDataGenerator().flow(x, y, batch_size=2, shuffle=False)
def lists():
    while True:
        yield [x, y]
def tuples():
    while True:
        yield x, y
class Batches:
    def __iter__(self):
        return self
    def __next__(self):
        return x, y
def safe(f):
    def made(*args):
        f(*args)
        return Batches()
    return made
@safe
def decorated(a):
    yield a, y
w = np.zeros(2)
"""
NUM_LINES = HEAD.count("\n")
REMOVED, NAMES, STEPS = "removed in Keras 3", "file name refused by Keras 3", "fractional steps"
SOURCE, WEIGHTS = "source refused by Keras 3", "class weights refused by Keras 3"

# What is named, a line that Keras 3 refuses, and the line that is advised.
REFUSED = [
    (REMOVED, "keras.optimizers.Adam(lr=0.1)", "keras.optimizers.Adam(learning_rate=0.1)"),
    (REMOVED, "keras.optimizers.legacy.SGD()", "keras.optimizers.SGD()"),
    (REMOVED, "from keras.utils import np_utils", "from keras import utils"),
    (REMOVED, "from keras.layers.core import Dense", "from keras.layers import Dense"),
    (REMOVED, "import keras.engine.topology", "import keras.layers"),
    (REMOVED, "from keras.layers import CuDNNLSTM", "from keras.layers import LSTM"),
    (REMOVED, "K.flatten(x)", "keras.ops.ravel(x)"),
    (REMOVED, "K.set_image_dim_ordering('tf')", "K.image_data_format()"),
    (REMOVED, "keras.layers.Conv2D(2, 3, border_mode='same')", "keras.layers.Conv2D(2, 3)"),
    (REMOVED, "keras.layers.Dense(2, init='uniform')", "keras.layers.Dense(2)"),
    (REMOVED, "keras.layers.MaxPooling2D(dim_ordering='tf')", "keras.layers.MaxPooling2D()"),
    (
        REMOVED,
        "keras.Model(input=m.inputs, output=m.outputs)",
        "keras.Model(inputs=m.inputs, outputs=m.outputs)",
    ),
    (REMOVED, "keras.utils.to_categorical([1], nb_classes=2)", "keras.utils.to_categorical([1])"),
    (REMOVED, "keras.callbacks.TensorBoard(write_grads=True)", "keras.callbacks.TensorBoard()"),
    (
        REMOVED,
        "keras.callbacks.ModelCheckpoint('a.keras', period=2)",
        "keras.callbacks.ModelCheckpoint('a.keras', save_freq='epoch')",
    ),
    (REMOVED, "m.fit_generator(flow, 2)", "m.fit(flow, steps_per_epoch=2)"),
    (REMOVED, "train = m.fit_generator", "train = m.fit"),
    (REMOVED, "getattr(m, 'predict_generator')(flow)", "m.predict(flow)"),
    (REMOVED, "keras.Model.fit_generator(m, flow)", "keras.Model.fit(m, flow)"),
    (
        REMOVED,
        "import operator; operator.methodcaller('fit_generator', flow)(m)",
        "import operator; operator.methodcaller('fit', flow)(m)",
    ),
    (REMOVED, "keras.optimizers.adam()", "keras.optimizers.Adam()"),
    (REMOVED, "m.fit(flow, nb_epoch=1)", "m.fit(flow, epochs=1)"),
    (REMOVED, "m.fit(flow, samples_per_epoch=4)", "m.fit(flow, steps_per_epoch=2)"),
    (REMOVED, "m.fit(x, y, **dict(nb_epoch=1))", "m.fit(x, y, **dict(epochs=1))"),
    (REMOVED, "m.evaluate(flow, workers=2)", "m.evaluate(flow)"),
    (REMOVED, "m.predict_classes(x)", "m.predict(x)"),
    (REMOVED, "float(m.optimizer.lr)", "float(m.optimizer.learning_rate)"),
    (REMOVED, "flow.nb_sample", "flow.n"),
    (REMOVED, "m.save('a', save_format='tf')", "m.save('a.keras')"),
    (NAMES, "m.save_weights('a.h5')", "m.save_weights('a.weights.h5')"),
    (NAMES, "m.save_weights('%d' % 2 + '.hdf5')", "m.save_weights('%d.weights.h5' % 2)"),
    (
        NAMES,
        "def save(m, path='a.h5'): m.save_weights(path)\nsave(m)",
        "def save(m, path='a.weights.h5'): m.save_weights(path)\nsave(m)",
    ),
    (NAMES, "m.save('folder')", "m.save('folder.keras')"),
    (NAMES, "m.load_weights(f'{w}.ckpt')", "m.load_weights"),
    (NAMES, "keras.models.load_model('folder')", "keras.models.load_model"),
    (
        NAMES,
        "keras.callbacks.ModelCheckpoint('a.hdf5')",
        "keras.callbacks.ModelCheckpoint('a.h5')",
    ),
    (
        NAMES,
        "keras.callbacks.ModelCheckpoint('{epoch}.h5', save_weights_only=True)",
        "keras.callbacks.ModelCheckpoint('{epoch}.weights.h5', save_weights_only=True)",
    ),
    (STEPS, "m.fit(flow, steps_per_epoch=4 / 2)", "m.fit(flow, steps_per_epoch=4 // 2)"),
    (
        STEPS,
        "n = np.ceil(3 / 2); m.evaluate(flow, steps=n)",
        "n = math.ceil(3 / 2); m.evaluate(flow, steps=n)",
    ),
    (
        STEPS,
        "m.fit(x, y, validation_data=flow, validation_steps=len(x) / 2)",
        "m.fit(x, y, validation_data=flow, validation_steps=int(len(x) / 2))",
    ),
    (
        STEPS,
        "n = 4 / 2 if len(x) % 2 == 0 else 3; m.fit(flow, steps_per_epoch=n)",
        "n = 4 // 2 if len(x) % 2 == 0 else 3; m.fit(flow, steps_per_epoch=n)",
    ),
    (STEPS, "m.fit(flow, epochs=1.0)", "m.fit(flow, epochs=1)"),
    (STEPS, "m.fit(flow, **{'steps_per_epoch': 2 * 1.5})", "m.fit(flow, **{'epochs': 1})"),
    (
        SOURCE,
        "m.fit(zip(flow, flow), steps_per_epoch=1)",
        "m.fit(((a[0], b[1]) for a, b in zip(flow, flow)), steps_per_epoch=1)",
    ),
    (SOURCE, "m.fit(map(tuple, flow), steps_per_epoch=1)", "m.fit(iter(flow))"),
    (SOURCE, "m.evaluate(itertools.islice(flow, 1))", "m.evaluate(tuples(), steps=1)"),
    (SOURCE, "m.fit(Batches(), steps_per_epoch=1)", "m.fit(tuples(), steps_per_epoch=1)"),
    (SOURCE, "m.fit(decorated(x), steps_per_epoch=1)", "m.fit(tuples(), steps_per_epoch=1)"),
    (SOURCE, "m.fit(lists(), steps_per_epoch=1)", "m.fit(tuples(), steps_per_epoch=1)"),
    (
        SOURCE,
        "m.predict((np.zeros((1, 8, 8, 3)) for _ in 'ab'))",
        "m.predict(((np.zeros((1, 8, 8, 3)),) for _ in 'ab'))",
    ),
    (WEIGHTS, "m.fit(flow, class_weight=[1, 2])", "m.fit(flow, class_weight={0: 1.0, 1: 2.0})"),
    (WEIGHTS, "m.fit(flow, class_weight='auto')", "m.fit(flow, class_weight={0: 1.0})"),
    (
        WEIGHTS,
        "m.fit(tuples(), steps_per_epoch=1, class_weight={0: 1.0})",
        "m.fit(tuples(), steps_per_epoch=1)",
    ),
    (
        "metric of another name",
        "h = m.fit(flow); h.history['acc']",
        "h = m.fit(flow); h.history['accuracy']",
    ),
    (
        "metric of another name",
        "m.fit(x, y, callbacks=[keras.callbacks.EarlyStopping(monitor='acc')])",
        "m.fit(x, y, callbacks=[keras.callbacks.EarlyStopping(monitor='accuracy')])",
    ),
    (
        "metric of another name",
        "m.fit(x, y, callbacks=[keras.callbacks.ModelCheckpoint('{acc}.keras')])",
        "m.fit(x, y, callbacks=[keras.callbacks.ModelCheckpoint('{accuracy}.keras')])",
    ),
]


@pytest.mark.usefixtures("quiet_keras")
def test_every_line_that_is_named_fails_in_keras_3_and_its_repair_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, broken, repaired in REFUSED:
        assert (NUM_LINES + 1, name) in traps(tmp_path, HEAD + broken), broken
        assert traps(tmp_path, HEAD + repaired) == [], repaired
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as those of class weights or HDF5
            run(tmp_path, HEAD + repaired)
            with pytest.raises((ImportError, AttributeError, TypeError, ValueError, KeyError)):
                run(tmp_path, HEAD + broken)


@pytest.mark.filterwarnings("ignore:Argument `decay`")
def test_what_keras_3_ignores_is_named_and_ignored(tmp_path):
    lines = [
        "o = keras.optimizers.SGD(decay=0.5)",
        "c = keras.callbacks.ReduceLROnPlateau(epsilon=0.5)",
        "m.optimizer.lr = 0.5",
        "p = keras.callbacks.ModelCheckpoint('a.keras', 'loss', 0, False, False, 'min', 5)",
    ]
    found = traps(tmp_path, HEAD + "\n".join(lines))
    names = run(tmp_path, HEAD + "\n".join(lines))

    ignored = [(NUM_LINES + line, "ignored by Keras 3") for line in (1, 2, 3)]
    assert found == [*ignored, (NUM_LINES + 4, "period is in batches")]
    assert "decay" not in names["o"].get_config()
    assert names["c"].min_delta != 0.5
    assert float(names["m"].optimizer.learning_rate) != 0.5
    assert names["p"].save_freq == 5


def test_the_size_of_a_kernel_is_not_taken_for_strides(tmp_path):
    lines = ["c = keras.layers.Conv2D(2, 5, 5)", "d = keras.layers.Conv2D(2, 3, 2)"]
    names = run(tmp_path, HEAD + "\n".join(lines))

    assert traps(tmp_path, HEAD + "\n".join(lines)) == [(NUM_LINES + 1, "arguments of Keras 1")]
    assert names["c"].strides == (5, 5)
    details_1 = details(tmp_path, HEAD + lines[0], "arguments of Keras 1")
    assert details_1 == ["Conv2D(..., 5, 5); write (5, 5)"]


@pytest.mark.usefixtures("quiet_keras")
def test_validation_by_a_python_generator_goes_on_where_it_has_stopped(tmp_path):
    body = """
seen = []
def batches():
    for number in range(99):
        seen.append(number)
        yield x, y
m.fit(flow, validation_data=batches(), validation_steps=3, epochs=2)
m.fit(flow, validation_data=flow, validation_steps=1, epochs=2)
"""
    line = NUM_LINES + 7

    assert traps(tmp_path, HEAD + body) == [(line, "validation of other batches")]
    assert run(tmp_path, HEAD + body)["seen"][-1] > 2  # batch 3 and more in the second epoch


@pytest.mark.parametrize(
    "line",
    [
        "os.save('a')",
        "image.save('a.png')",
        "m.save(path)",
        "m.save_weights(path + name)",
        "m.save_weights(f'{path}weights.h5')",
        "m.save_weights('{}.weights.{}'.format(1, 'h5'))",
        "m.load_weights('a.h5')",
        "pool.map(f, flow, workers=3)",
        "forest.fit(x, y, workers=3)",
        "forest.predict_proba(x)",
        "plt.hist(acc)['acc']",
        "table['acc']",
        "scheduler.lr = 3",
        "group['lr']",
        "torch.optim.Adam(lr=3)",
        "keras.optimizers.Adam(**options)",
        "keras.layers.Dense(2, input_shape=(3,), name='a')",
        "keras.layers.LeakyReLU(alpha=0.1)",
        "keras.callbacks.LambdaCallback(on_train_end=f)",
        "m.fit(flow, steps_per_epoch=n)",
        "m.fit(flow, steps_per_epoch=round(n / 2))",
        "m.fit(flow, steps_per_epoch=-(-n // 2))",
        "m.compile('sgd', metrics=['accuracy', acc]); history['acc']",
        "m.save_weights('w.%s' % kind)",
        "class A(keras.callbacks.Callback, Mixin): pass\nA(size=3)",
        "from keras.src.layers.core.dense import Dense; Dense.from_nowhere",
        "import tensorflow as tf; tf.losses.mse; tf.metrics.Mean; tf.optimizers.Adam",
        "for a, b in zip(flow, flow): pass",
        "try:\n    from keras.utils import np_utils\nexcept ImportError: pass",
        "try:\n    import keras.engine\nexcept ImportError:\n    from keras import Layer",
        "class Mine:\n    def fit_generator(self): pass\nMine().fit_generator()",
        "classifier.fit_generator(flow, nb_epochs=3)",
        "(keras.optimizers.Adam if x else f)(lr=3)",
        "K.epsilon(); K.image_data_format(); keras.backend.clear_session()",
        "from keras.src.layers import Dense",
    ],
)
def test_what_runs_or_is_not_certain_is_not_named(tmp_path, line):
    assert traps(tmp_path, HEAD + line) == []


def test_names_of_keras_are_found_under_tensorflow_and_star_imports(tmp_path):
    source = """
import tensorflow as tf
from keras.optimizers import *
from keras.models import *
keras = tf.keras
keras.utils.Sequence; keras.backend.get_value; keras.backend.int_shape; keras.utils.np_utils
Model(input=1, output=2)
RMSprop(lr=2)
from tensorflow.python.keras.layers import Dense
def f():
    from tensorflow.keras.layers.experimental import preprocessing
tf.keras.preprocessing.image.ImageDataGenerator()
"""
    found = [(6, REMOVED), (7, REMOVED), (8, REMOVED), (9, "Keras 2 inside TensorFlow")]

    assert traps(tmp_path, source) == [*found, (11, REMOVED)]
    told = details(tmp_path, source, REMOVED)
    assert told[0] == "tensorflow.keras.utils.np_utils; write keras.utils"
    assert told[1:3] == [
        "Model(input=, output=); write inputs=, outputs=",
        "RMSprop(lr=...); write learning_rate=",
    ]


def test_a_zip_of_flows_for_other_scripts_is_named(tmp_path):
    body = "def pairs(x):\n    return zip(flow, flow)\n"
    line = NUM_LINES + 2

    assert traps(tmp_path, HEAD + body) == [(line, SOURCE)]
    assert traps(tmp_path, f"{HEAD}{body}for a, b in pairs(x): pass\n") == []
    assert traps(tmp_path, HEAD + body.replace("flow, flow", "x, x")) == []


def test_names_of_tensorflow_1_are_named(tmp_path):
    tf = pytest.importorskip("tensorflow")
    old = ["Session", "ConfigProto", "placeholder", "to_int32", "train.AdamOptimizer", "contrib.a"]
    new = ["Variable", "train.Checkpoint", "compat.v1.Session", "random.set_seed", "__version__"]
    source = f"import tensorflow as tf\n{GENERATOR}ImageDataGenerator()\n"

    for path in old:
        assert traps(tmp_path, f"{source}tf.{path}\n") == [(4, "TensorFlow 1")]
        with pytest.raises(AttributeError):
            eval(f"tf.{path}", {"tf": tf})
    for path in new:
        assert traps(tmp_path, f"{source}tf.{path}\n") == []
        eval(f"tf.{path}", {"tf": tf})


def test_nothing_is_named_in_scripts_that_have_nothing_to_do_with_loaders(tmp_path):
    assert (
        traps(tmp_path, "import keras\nkeras.optimizers.Adam(lr=1)\nm.fit(x, nb_epoch=3)\n") == []
    )
    assert traps(tmp_path, "import keras\nm.fit_generator(x)\nkeras.optimizers.Adam(lr=1)\n") == [
        (2, REMOVED),
        (3, REMOVED),
    ]
