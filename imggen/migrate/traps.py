"""Traps: behavior of scripts with Keras's loaders that is probably not intended."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from imggen.migrate.unencoded_targets import EFFECT, FIX, UNENCODED, native_call
from imggen.migrate.values import (
    Arguments,
    Constant,
    Flow,
    Generator,
    Items,
    Iterated,
    Scaled,
    Sorted,
    Text,
    Value,
    alternatives,
    flows_in,
)


class Trap(NamedTuple):
    """Behavior of a script that is probably not intended.

    Attributes:
        cell: The cell that it is in, from 0.
        line: The line, from 1.
        name: The kind of trap.
        detail: What it is about on this line, and what to write; may be empty.
        effect: What the script does.
        fix: The recommended change.
    """

    cell: int
    line: int
    name: str
    detail: str
    effect: str
    fix: str


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
_FITTED = ("featurewise_center", "featurewise_std_normalization", "zca_whitening")

# Models of keras.applications that expect values from 0 to 255 and scale them by themselves.
_SCALING_MODEL = re.compile(
    r"(EfficientNet(V2)?[BSML]\d?|MobileNetV3|ConvNeXt|RegNet|ResNetRS)\w*$"
)

FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")
FIT = {"fit", "fit_generator"}
EVALUATE = {"evaluate", "evaluate_generator"}
PREDICT = {"predict", "predict_generator"}

# The keywords of flow_from_dataframe; it ignores all others.
DATAFRAME_KEYWORDS = {
    *("dataframe", "directory", "x_col", "y_col", "weight_col", "target_size", "color_mode"),
    *("classes", "class_mode", "batch_size", "shuffle", "seed", "save_to_dir", "save_prefix"),
    *("save_format", "subset", "interpolation", "validate_filenames"),
    *("workers", "use_multiprocessing", "cache", "on_error"),  # of imggen's own
}


@dataclass
class Traps:
    """The traps found in a script so far."""

    found: list[Trap] = field(default_factory=list)
    _generators: list[Generator] = field(default_factory=list)
    _scales_itself: str | None = None
    _is_seeded: bool = False

    def see_generator(self, cell: int, call: ast.Call, given: Arguments) -> Generator:
        """Records ``ImageDataGenerator(...)``."""
        given = given.named("ImageDataGenerator")
        generator = Generator(cell, call.lineno, given)
        self._generators.append(generator)
        shifts = ("height_shift_range", "width_shift_range")
        if any(map(given.has, shifts)) and given.code(shifts[0]) != given.code(shifts[1]):
            self._add(
                cell,
                call,
                "exchanged shifts",
                "Keras shifts images sideways for height_shift_range, and up and down for "
                "width_shift_range. imggen does the same, so that the batches are equal.",
                "Exchange the two values if the names are what you meant.",
            )
        if given.has("rescale") and given.has("preprocessing_function"):
            self._add(
                cell,
                call,
                "scaled twice",
                "rescale is applied after preprocessing_function. If that is the preprocess_input "
                "of a model, or scales the values in another way, they are scaled twice.",
                "Pass one of the two, unless the function keeps the range of the values.",
            )
        return generator

    def see_flow(
        self, cell: int, call: ast.Call, method: str, generator: Generator, given: Arguments
    ) -> Flow:
        """Records ``generator.flow_from_directory(...)`` and similar calls."""
        given = given.named(method)
        generator.is_used = True
        flow = Flow(generator, _shuffles(given))
        if method != "flow" and given.lacks("interpolation"):
            self._add(
                cell,
                call,
                "nearest interpolation",
                "Images are resized to the nearest pixel, the default of Keras here, which makes "
                "edges in photographs jagged.",
                'Pass interpolation="bilinear" for smooth edges. This changes the pixels, so train '
                "the model again.",
            )
        subset = given.values.get("subset")
        if subset == Text("validation", is_whole=True) and augments(generator):
            flow.is_reported = True
            self._add_augmented(cell, call, 'subset="validation"')
        if flow.is_shuffled and given.lacks("seed"):
            self._add(
                cell,
                call,
                "unrepeatable",
                "Without seed= the order and the augmentations differ from run to run.",
                "Pass seed=, and call keras.utils.set_random_seed first.",
            )
        self._check_subset(cell, call, generator, given)
        self._check_dataframe(cell, call, method, given)
        classes, mode = given.value("classes"), given.value("class_mode")
        num_classes = len(classes.items) if isinstance(classes, Items) else 0
        is_binary = mode == Text("binary", is_whole=True)
        if method == "flow_from_directory" and is_binary and num_classes > 2:
            self._add(
                cell,
                call,
                "binary labels for many classes",
                'class_mode="binary" gives the number of the class as label: 0, 1, 2 and so on. '
                "A sigmoid and binary_crossentropy then train towards values above 1.",
                'Pass class_mode="categorical" or "sparse" with more than two classes.',
            )
        if generator.arguments.has("brightness_range") and isinstance(given.value("x"), Scaled):
            self._add(
                cell,
                call,
                "brightness of small values",
                "brightness_range rounds values down to whole numbers of 0 to 255 first. Images "
                "between 0 and 1 come out black.",
                "Pass images of 0 to 255, and rescale=1/255 to the generator.",
            )
        return flow

    def see_dataset(self, given: Arguments) -> Flow:
        """Records ``image_dataset_from_directory(...)``."""
        return Flow(None, _shuffles(given))

    def see_model_call(
        self, cell: int, call: ast.Call, method: str, used: Mapping[str, Value | None]
    ) -> None:
        """Records a call of a model's method; ``used`` has ``x`` and ``validation_data``."""
        if method in FIT:
            validation = used.get("validation_data")
            self._check_augmented(cell, call, validation, "validation_data")
            if _is_generator(validation):
                self._add(
                    cell,
                    call,
                    "validation of other batches",
                    "Keras takes the batches of a Python generator where the last epoch has left "
                    "it: from the second epoch on, validation runs over other batches than in the "
                    "first, and scores of epochs cannot be compared.",
                    "Pass a source that can be indexed, such as the iterator of "
                    "flow_from_directory, an imggen sequence or a keras.utils.PyDataset.",
                )
            return
        source = used.get("x")
        flows = flows_in(source)
        if method in EVALUATE | PREDICT:
            self._check_augmented(cell, call, source, f"the data of {method}")
        if method in PREDICT and flows and all(flow.is_shuffled for flow in flows):
            self._add(
                cell,
                call,
                "unsorted predictions",
                "The source is shuffled, so row i of the predictions is not file i: compared with "
                ".classes, .filenames or labels that are read separately, they are wrong.",
                "Pass shuffle=False to the source of predict. With imggen, row i is always the "
                "file filepaths[served_indices[i]] of the iterator.",
            )

    def see_seed(self, given: Arguments) -> None:
        """Records a call that seeds ``np.random``, from which iterators without a seed draw."""
        if given.nodes and given.value(0, "seed") != Constant(None):
            self._is_seeded = True

    def see_other_call(self, path: str, given: Arguments) -> None:
        """Records the call of anything else from Keras, by its dotted path."""
        name = path.rpartition(".")[2]
        if given.value("include_preprocessing") == Constant(False):
            return
        if name == "Rescaling" or (".applications." in path and _SCALING_MODEL.match(name)):
            self._scales_itself = name

    def finish(self) -> list[Trap]:
        """Returns all traps in order, after all code was followed."""
        for generator in self._generators:
            if self._scales_itself is not None and generator.arguments.has("rescale"):
                self._add_at(
                    generator,
                    "scaled twice",
                    f"rescale divides the values, and this script uses {self._scales_itself}, "
                    "which expects 0 to 255 and divides by itself. It then sees images that are "
                    "nearly black.",
                    "Leave out rescale in the generator that feeds it.",
                )
            needs_fit = any(map(generator.arguments.has, _FITTED))
            if needs_fit and generator.is_used and not generator.is_fitted:
                self._add_at(
                    generator,
                    "statistics without fit",
                    "featurewise_center, featurewise_std_normalization and zca_whitening do "
                    "nothing but warn until generator.fit(images) has measured the images.",
                    "Call generator.fit(images) with training images before the first batch.",
                )
        if self._is_seeded:
            self.found = [trap for trap in self.found if trap.name != "unrepeatable"]
        return sorted(dict.fromkeys(self.found), key=lambda trap: (trap.cell, trap.line))

    def _check_subset(
        self, cell: int, call: ast.Call, generator: Generator, given: Arguments
    ) -> None:
        subset = given.value("subset")
        if not isinstance(subset, Text) or not subset.end:
            return
        if not generator.arguments.has("validation_split") and generator.arguments.is_complete:
            self._add(
                cell,
                call,
                "subset without validation_split",
                'Without validation_split=, subset="training" is every image and '
                'subset="validation" is none.',
                "Pass validation_split= to ImageDataGenerator.",
            )
        if isinstance(given.value("dataframe"), Sorted):
            self._add(
                cell,
                call,
                "split of a sorted table",
                "subset= takes the first rows of the table for validation. In a sorted table these "
                "are one class, which training then never sees.",
                "Shuffle the table first: frame.sample(frac=1, random_state=0). Or use "
                "imggen.from_dataframe(split=...), which splits every class.",
            )

    def _check_dataframe(self, cell: int, call: ast.Call, method: str, given: Arguments) -> None:
        if method != "flow_from_dataframe":
            return
        native = native_call(given)
        if native is not None:
            detail = f"with imggen:\nimport imggen\ndata = {native}"
            self._add(cell, call, UNENCODED, EFFECT, FIX, detail)
        ignored = [name for name in given.keywords() if name not in DATAFRAME_KEYWORDS]
        if ignored:
            self._add(
                cell,
                call,
                "ignored keywords",
                "flow_from_dataframe accepts any keyword, and ignores those that it does not know.",
                "Correct or remove them. Augmentations belong to ImageDataGenerator.",
                ", ".join(f"{name}=" for name in ignored),
            )

    def _check_augmented(self, cell: int, call: ast.Call, source: Value | None, what: str) -> None:
        """Reports a source that augments, whichever of its possible values it has."""
        for one in alternatives(source):
            flows = flows_in(one)
            if not any(
                flow.generator is not None and augments(flow.generator) for flow in flows
            ) or any(flow.is_reported for flow in flows):
                return
        for flow in flows_in(source):
            flow.is_reported = True
        self._add_augmented(cell, call, what)

    def _add_augmented(self, cell: int, call: ast.Call, what: str) -> None:
        self._add(
            cell,
            call,
            "augmented validation",
            f"{what} comes from a generator that augments: scores are those of rotated, shifted or "
            "otherwise changed images.",
            "Take it from a second ImageDataGenerator with the same validation_split and rescale "
            "but no augmentation, or use imggen.from_directory(split=..., augment=...), which "
            "augments train only.",
        )

    def _add_at(self, generator: Generator, name: str, effect: str, fix: str) -> None:
        self.found.append(Trap(generator.cell, generator.line, name, "", effect, fix))

    def _add(
        self, cell: int, call: ast.Call, name: str, effect: str, fix: str, detail: str = ""
    ) -> None:
        self.found.append(Trap(cell, call.lineno, name, detail, effect, fix))


def augments(generator: Generator) -> bool:
    """Whether a generator changes images at random."""
    return any(generator.arguments.has(name) for name in _AUGMENTING)


def _is_generator(value: Value | None) -> bool:
    return all(isinstance(one, Iterated) and one.kind == "generator" for one in alternatives(value))


def _shuffles(given: Arguments) -> bool:
    """Whether the order certainly changes, which is the default."""
    if "shuffle" not in given.nodes:
        return given.is_complete
    value = given.constant("shuffle")
    return value is not None and bool(value.value)
