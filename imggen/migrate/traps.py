"""Traps: behavior of scripts with Keras's loaders that is probably not intended."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Trap(NamedTuple):
    """Behavior of a script that is probably not intended.

    Attributes:
        cell: The cell that it is in, from 0.
        line: The line, from 1.
        name: The kind of trap.
        today: What the script does today.
        remedy: The recommended change.
    """

    cell: int
    line: int
    name: str
    today: str
    remedy: str


_AUGMENTING = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "brightness_range",
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "horizontal_flip",
    "vertical_flip",
)

# Models of keras.applications that expect values from 0 to 255 and scale them by themselves.
_SCALING_MODEL = re.compile(
    r"(EfficientNet(V2)?[BSML]\d?|MobileNetV3|ConvNeXt|RegNet|ResNetRS)\w*$"
)

FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")
_FIT = {"fit", "fit_generator"}
_EVALUATE = {"evaluate", "evaluate_generator"}
_PREDICT = {"predict", "predict_generator"}


# The names of positional arguments, in order.
_POSITIONS = {
    "ImageDataGenerator": (
        *("featurewise_center", "samplewise_center", "featurewise_std_normalization"),
        *("samplewise_std_normalization", "zca_whitening", "zca_epsilon", "rotation_range"),
        *("width_shift_range", "height_shift_range", "brightness_range", "shear_range"),
        *("zoom_range", "channel_shift_range", "fill_mode", "cval", "horizontal_flip"),
        *("vertical_flip", "rescale", "preprocessing_function"),
    ),
    "flow": ("x", "y", "batch_size", "shuffle", "sample_weight", "seed"),
    "flow_from_directory": (
        *("directory", "target_size", "color_mode", "classes", "class_mode", "batch_size"),
        *("shuffle", "seed", "save_to_dir", "save_prefix", "save_format", "follow_links"),
        *("subset", "interpolation"),
    ),
    "flow_from_dataframe": (
        *("dataframe", "directory", "x_col", "y_col", "weight_col", "target_size"),
        *("color_mode", "classes", "class_mode", "batch_size", "shuffle", "seed"),
        *("save_to_dir", "save_prefix", "save_format", "subset", "interpolation"),
    ),
}


# The dicts that a script has created so far, by name: ``AUGMENTATION = dict(rotation_range=20)``.
Known = Mapping[str, dict[str, ast.expr]]


def literal_dict(node: ast.expr) -> dict[str, ast.expr] | None:
    """The items of ``{"a": 1}`` or ``dict(a=1)``; None for anything else."""
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if all(isinstance(key, str) for key in keys):
            return dict(zip(map(str, keys), node.values, strict=True))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "dict"
        and not node.args
        and all(keyword.arg for keyword in node.keywords)
    ):
        return {str(keyword.arg): keyword.value for keyword in node.keywords}
    return None


@dataclass
class Options:
    """The arguments of a call, by name.

    Attributes:
        given: The arguments that are known.
        complete: Whether all are known; with ``*args`` or ``**options`` there may be more.
    """

    given: dict[str, ast.expr]
    complete: bool

    @classmethod
    def of(cls, call: ast.Call, function: str = "", known: Known = {}) -> Options:  # noqa: B006
        """Reads the arguments of a call of ``function``; ``known`` holds dicts by their names."""
        positional = dict(zip(_POSITIONS.get(function, ()), call.args, strict=False))
        named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        complete = not starred
        for keyword in call.keywords:
            if keyword.arg is None:
                spread = known.get(ast.unparse(keyword.value))
                complete = complete and spread is not None
                named |= spread or {}
        return cls(({} if starred else positional) | named, complete)

    def get(self, name: str) -> ast.expr | None:
        """The value of an argument, or None."""
        return self.given.get(name)

    def lacks(self, name: str) -> bool:
        """Whether an argument is certainly missing."""
        return self.complete and name not in self.given


@dataclass
class Generator:
    """An ImageDataGenerator that a script creates.

    Attributes:
        cell: The cell where it is created, from 0.
        line: The line, from 1.
        options: Its arguments.
    """

    cell: int
    line: int
    options: Options

    @property
    def augments(self) -> bool:
        """Whether it changes images at random."""
        return any(_given(self.options.get(name)) for name in _AUGMENTING)


@dataclass
class Flow:
    """A source of batches that a script creates.

    Attributes:
        generator: The generator that it comes from; None for a tf.data.Dataset.
        shuffled: Whether its order changes.
        reported: Whether augmented validation has been reported for it.
    """

    generator: Generator | None
    shuffled: bool
    reported: bool = False


@dataclass
class Traps:
    """The traps found in a script so far."""

    found: list[Trap] = field(default_factory=list)
    _generators: list[Generator] = field(default_factory=list)
    _scales_itself: str | None = None

    def see_generator(self, cell: int, call: ast.Call, known: Known) -> Generator:
        """Records ``ImageDataGenerator(...)``."""
        generator = Generator(cell, call.lineno, Options.of(call, "ImageDataGenerator", known))
        self._generators.append(generator)
        options = generator.options
        high, wide = options.get("height_shift_range"), options.get("width_shift_range")
        if (_given(high) or _given(wide)) and _text(high) != _text(wide):
            self._add(
                cell,
                call,
                "exchanged shifts",
                "Keras moves images sideways for height_shift_range, and up and down for "
                "width_shift_range. imggen repeats that, since it gives the same batches.",
                "Exchange the two values if the names are what you meant.",
            )
        if _given(options.get("rescale")) and _given(options.get("preprocessing_function")):
            self._add(
                cell,
                call,
                "scaled twice",
                "rescale is applied after preprocessing_function, to values that the function has "
                "already scaled if it is the preprocess_input of a model.",
                "Pass one of the two.",
            )
        return generator

    def see_flow(
        self, cell: int, call: ast.Call, method: str, generator: Generator, known: Known
    ) -> Flow:
        """Records ``generator.flow_from_directory(...)`` and similar calls."""
        options = Options.of(call, method, known)
        flow = Flow(generator, _shuffles(options))
        if method != "flow" and options.lacks("interpolation"):
            self._add(
                cell,
                call,
                "nearest interpolation",
                "Images are resized by taking single pixels, Keras's default here, so that "
                "photographs come out jagged.",
                'Pass interpolation="bilinear" to train on smoothly resized ones; it changes the '
                "pixels, so train anew.",
            )
        subset = options.get("subset")
        if isinstance(subset, ast.Constant) and subset.value == "validation" and generator.augments:
            flow.reported = True
            self._add_augmented(cell, call, 'subset="validation"')
        if flow.shuffled and options.lacks("seed"):
            self._add(
                cell,
                call,
                "unrepeatable",
                "Without seed= the order and the augmentations differ from run to run.",
                "Pass seed=, and call keras.utils.set_random_seed before.",
            )
        return flow

    def see_dataset(self, call: ast.Call) -> Flow:
        """Records ``image_dataset_from_directory(...)``."""
        return Flow(None, _shuffles(Options.of(call)))

    def see_model_call(
        self, cell: int, call: ast.Call, method: str, used: Mapping[str, Flow]
    ) -> None:
        """Records a call of a model's method, and which flows it was given, by argument."""
        if used:
            self._check_removed(cell, call, method)
        if method in _FIT:
            flow = used.get("validation_data")
            if flow is not None:
                self._check_augmented(cell, call, flow, "validation_data")
            return
        flow = used.get("x") or used.get("generator")
        if flow is None:
            return
        if method in _EVALUATE | _PREDICT:
            self._check_augmented(cell, call, flow, f"what {method} is given")
        if method in _PREDICT and flow.shuffled:
            self._add(
                cell,
                call,
                "unsorted predictions",
                "The source is shuffled, so that row i of the predictions is not file i: compared "
                "with .classes, .filenames or labels read separately, they are wrong at random.",
                "Pass shuffle=False to what you predict from. With imggen, row i is the file "
                "filepaths[served_indices[i]] of the iterator in any case.",
            )

    def see_other_call(self, call: ast.Call, path: str) -> None:
        """Records the call of anything else from Keras, by its dotted path."""
        name = path.rpartition(".")[2]
        if not path.startswith("keras.") or _is_false(
            Options.of(call).get("include_preprocessing")
        ):
            return
        if name == "Rescaling" or (".applications." in path and _SCALING_MODEL.match(name)):
            self._scales_itself = name

    def finish(self) -> list[Trap]:
        """Returns all traps in order, after all code was visited."""
        if self._scales_itself is not None:
            for generator in self._generators:
                if _given(generator.options.get("rescale")):
                    self.found.append(
                        Trap(
                            generator.cell,
                            generator.line,
                            "scaled twice",
                            "rescale divides the values, and this script uses "
                            f"{self._scales_itself}, which expects 0 to 255 and divides by itself. "
                            "Fed by this generator, it sees images that are nearly black.",
                            "Leave rescale out of what feeds it.",
                        )
                    )
        return sorted(self.found, key=lambda trap: (trap.cell, trap.line))

    def _check_removed(self, cell: int, call: ast.Call, method: str) -> None:
        """Reports methods and arguments that Keras 3 has removed."""
        old = [
            keyword.arg
            for keyword in call.keywords
            if keyword.arg in {"workers", "use_multiprocessing", "max_queue_size", "nb_epoch"}
        ]
        if method in _FIT | _EVALUATE | _PREDICT and (method.endswith("_generator") or old):
            self._add(
                cell,
                call,
                "gone from Keras 3",
                "fit_generator and its like, and workers= and use_multiprocessing= of fit, are of "
                "Keras 2; Keras 3, which imggen needs, raises an error.",
                "Call fit, evaluate or predict without; pass workers= to flow_from_directory.",
            )

    def _check_augmented(self, cell: int, call: ast.Call, flow: Flow, what: str) -> None:
        if flow.generator is not None and flow.generator.augments and not flow.reported:
            flow.reported = True
            self._add_augmented(cell, call, what)

    def _add_augmented(self, cell: int, call: ast.Call, what: str) -> None:
        self._add(
            cell,
            call,
            "augmented validation",
            f"{what} comes from a generator that augments, so that scores are those of rotated, "
            "shifted or otherwise changed images.",
            "Take it from a second ImageDataGenerator with the same validation_split and rescale, "
            "and no augmentation; or use imggen.from_directory(split=..., augment=...), which "
            "augments train alone.",
        )

    def _add(self, cell: int, call: ast.Call, name: str, today: str, remedy: str) -> None:
        self.found.append(Trap(cell, call.lineno, name, today, remedy))


def _given(value: ast.expr | None) -> bool:
    """Whether an argument is given and not None, 0 or False."""
    if value is None:
        return False
    return not (isinstance(value, ast.Constant) and not value.value)


def _shuffles(options: Options) -> bool:
    """Whether the order certainly changes, which is the default."""
    value = options.get("shuffle")
    if value is None:
        return options.complete
    return isinstance(value, ast.Constant) and bool(value.value)


def _is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _text(value: ast.expr | None) -> str:
    return ast.unparse(value) if value is not None else "0"
