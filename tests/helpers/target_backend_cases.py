"""Targets of several outputs and of several classes under the backend of this process.

See backend_script. Every loss is compared with NumPy's, from the model's own output.
"""

import keras
import numpy as np
import pandas as pd

import imggen
from imggen.errors import OptionError

SIZE = (16, 16)
CLASS_WEIGHT = {0: 0.25, 1: 4.0}


def make_sequence(folder, **options):
    paths = sorted(str(path) for path in folder.rglob("*.png"))[:10]
    # The outputs are named in reverse alphabetical order.
    frame = pd.DataFrame(
        {
            "path": paths,
            "zeta": [f"class {row % 3}" for row in range(10)],
            "alpha": [0.5 * row - 2 for row in range(10)],
            "tags": ["a;b", "", "b", "a", "c"] * 2,
            "weight": [0.5 * row for row in range(10)],
        }
    )
    chosen = {"image_size": SIZE, "batch_size": 5, "rescale": 1 / 255, "seed": 3, "workers": 0}
    return imggen.from_dataframe(frame, **{**chosen, **options})


TARGETS = {"zeta": "categorical", "alpha": "regression"}
LOSSES = {"zeta": "categorical_crossentropy", "alpha": "mse"}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.flat = keras.layers.Flatten()
        self.zeta = keras.layers.Dense(3, "softmax")
        self.alpha = keras.layers.Dense(1)

    def call(self, x):
        x = self.flat(x)
        return {"zeta": self.zeta(x), "alpha": self.alpha(x)}


def make_model(kind):
    keras.utils.set_random_seed(4)
    if kind == "subclass":
        model = Subclassed()
    else:
        inputs = keras.Input((*SIZE, 3))
        flat = keras.layers.Flatten()(inputs)
        zeta = keras.layers.Dense(3, "softmax", name="zeta")(flat)
        alpha = keras.layers.Dense(1, name="alpha")(flat)
        outputs = {"zeta": zeta, "alpha": alpha} if kind == "dict" else [zeta, alpha]
        model = keras.Model(inputs, outputs)
    losses = list(LOSSES.values()) if kind == "list" else LOSSES
    model.compile(keras.optimizers.SGD(0.0), losses, run_eagerly=True)  # compiling takes longer
    return model


def expected_losses(model, sequence):
    """The loss of each output, by NumPy, weighted as the sequence says."""
    sums, count = np.zeros(2), 0
    for batch in sequence:
        x, y = batch[:2]
        y = y if isinstance(y, dict) else dict(zip(TARGETS, y, strict=True))
        weights = batch[2] if len(batch) == 3 else {name: np.ones(len(x)) for name in y}
        if isinstance(weights, tuple):
            weights = dict(zip(TARGETS, weights, strict=True))
        seen = keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))
        seen = seen if isinstance(seen, dict) else dict(zip(TARGETS, seen, strict=True))
        entropy = -(y["zeta"] * np.log(seen["zeta"].clip(1e-7, 1))).sum(axis=1)
        squares = (seen["alpha"][:, 0] - y["alpha"]) ** 2
        sums += [(entropy * weights["zeta"]).sum(), (squares * weights["alpha"]).sum()]
        count += len(x)
    return sums / count


def error_of_two_outputs(folder, kind, **options):
    """The largest difference of the losses that fit and evaluate report from NumPy's."""
    sequence = make_sequence(folder, targets=TARGETS, **options)
    model = make_model(kind)
    fitted = model.fit(sequence, epochs=1, verbose=0).history["loss"][0]
    evaluated = model.evaluate(sequence, verbose=0, return_dict=True)["loss"]
    total = expected_losses(model, sequence).sum()
    return max(abs(fitted - total), abs(evaluated - total)) / total


def refusal(folder, kind, method="fit", **options):
    sequence = make_sequence(folder, targets=TARGETS, **options)
    try:
        getattr(make_model(kind), method)(sequence, verbose=0)
    except OptionError as err:
        return str(err)
    return ""


def several_classes(folder, class_weight):
    """The difference of the loss of fit from NumPy's, and the table of predictions."""
    sequence = make_sequence(folder, y_col="tags", label_mode="multi_label")
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", run_eagerly=True)
    loss = model.fit(sequence, epochs=1, verbose=0, class_weight=class_weight).history["loss"][0]
    sums, count = 0.0, 0
    for x, y in sequence:
        p = keras.ops.convert_to_numpy(model(x)).clip(1e-7, 1 - 1e-7)
        rows = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1)
        by_class = np.array([(class_weight or {}).get(index, 1.0) for index in range(3)])
        weights = [by_class[row > 0].mean() if row.any() else 1.0 for row in y]
        sums, count = sums + (rows * weights).sum(), count + len(x)
    table = sequence.predict(model)
    scores = table[["p_a", "p_b", "p_c"]].to_numpy()
    predicted = [";".join(np.array(["a", "b", "c"])[row >= 0.5]) for row in scores]
    assert table["predicted"].tolist() == predicted
    assert table["true"].tolist() == ["a;b", "", "b", "a", "c"] * 2
    return abs(loss - sums / count) / (sums / count)


def run(folder):
    one_weight = {"weight_col": {"alpha": "weight"}}
    in_order = {"targets_as": "tuple"}
    table = make_sequence(folder, targets=TARGETS).predict(make_model("list"))
    return {
        "errors": {
            "dict": error_of_two_outputs(folder, "dict"),
            "dict, weights of one": error_of_two_outputs(folder, "dict", **one_weight),
            "list": error_of_two_outputs(folder, "list"),
            "list, tuple, weights of one": error_of_two_outputs(
                folder, "list", **in_order, **one_weight
            ),
            "subclass": error_of_two_outputs(folder, "subclass", **one_weight),
            "several classes": several_classes(folder, None),
            "several classes, weighted": several_classes(folder, CLASS_WEIGHT),
        },
        "refused": {
            "tuple for a dict": refusal(folder, "dict", **in_order),
            "tuple for a dict, evaluate": refusal(folder, "dict", "evaluate", **in_order),
            "tuple for a subclass": refusal(folder, "subclass", **in_order),
            "dict of weights for a list": refusal(folder, "list", **one_weight),
        },
        "columns": list(table.columns),
    }
