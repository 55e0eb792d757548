"""Keras's ImageDataGenerator as the oracle of imggen's: files, comparisons, and both run alike."""
# ruff: noqa: NPY002  Keras draws from NumPy's global state.

import contextlib
import io
import random
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.errors import ImggenWarning

keras_image = pytest.importorskip("keras.src.legacy.preprocessing.image")

FORMATS = {
    "png": ["RGB", "L", "LA", "P", "RGBA", "1", "I;16"],
    "jpg": ["RGB", "L", "CMYK", "1"],
    "bmp": ["RGB", "L", "P", "RGBA", "1"],
    "ppm": ["RGB", "L", "I;16"],
    "tif": ["RGB", "L", "LA", "P", "RGBA", "CMYK", "1", "I;16"],
}


def picture(mode: str, number: int) -> Image.Image:
    """Noise of 8 to 40 pixels per side, never square."""
    rng = np.random.default_rng(number)
    height, width = (int(side) for side in rng.choice(np.arange(8, 41), 2, replace=False))
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width)).astype(np.uint16))
    noise = Image.fromarray(rng.integers(0, 256, (height, width, 4), dtype=np.uint8))
    return noise if mode == "RGBA" else noise.convert("RGB" if mode != "LA" else "LA").convert(mode)


def make_pictures(folder: Path) -> Path:
    """Writes images of every format and mode into three classes, nested and hidden folders."""
    # Sorted as strings, "a!" comes between "a" and "a/x"; a walk never goes that way.
    places = ["cat", "cat/.hidden", "dog", "dog/a!", "dog/a", "dog/a/x", "emu", "emu/deep/er"]
    for place in places:
        (folder / place).mkdir(parents=True)
    kinds = [(suffix, mode) for suffix, modes in FORMATS.items() for mode in modes]
    for number, (suffix, mode) in enumerate(kinds):
        path = folder / places[number % len(places)] / f"{number:02d}.{suffix}"
        picture(mode, number).save(path)
    for orientation in (3, 6, 8):
        turned = picture("RGB", 100 + orientation)
        exif = turned.getexif()
        exif[274] = orientation
        turned.save(folder / "dog" / f"turned{orientation}.JPG", exif=exif)
    picture("P", 200).save(folder / "emu" / "clear.png", transparency=bytes(range(256)))
    picture("L", 201).save(folder / "cat" / ".dotted.jpeg")
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / "loose.txt").write_text("in no class")
    return folder


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def same(one: Any, other: Any) -> bool:
    """Whether two nested batches are the same bit for bit, types included."""
    if isinstance(one, tuple | list):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    if not isinstance(one, np.ndarray):
        if hasattr(one, "equals"):  # pandas has arrays of its own
            return type(one) is type(other) and one.equals(other)
        return type(one) is type(other) and one == other
    if not isinstance(other, np.ndarray) or (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if one.dtype == object:
        return one.tolist() == other.tolist()
    return one.tobytes() == other.tobytes()


def close(one: Any, other: Any, scale: float = 1) -> bool:
    """Whether 99.9 % of the values of each array are within 0.02 gray levels of ``scale`` each."""
    if isinstance(one, tuple | list):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(close(a, b, scale) for a, b in zip(one, other, strict=True))
        )
    if not isinstance(one, np.ndarray) or one.dtype.kind != "f":
        return same(one, other)
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    near = np.isclose(one.astype(float), other.astype(float), 1e-6, 0.02 * scale, equal_nan=True)
    return not one.size or near.mean() >= 0.999


class Preprocessing:
    """One of several preprocessing functions, with the calls counted; make one for each run."""

    kinds = ("copies", "in place", "draws", "draws each third", "reseeds", "random", "wide", "cast")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.calls = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        match self.kind:
            case "copies":
                return x - 3
            case "in place":
                x -= 3
                return x
            case "draws":
                return x + np.random.normal(0, 3, x.shape).astype(x.dtype)
            case "draws each third":
                return x if self.calls % 3 else x + np.float32(np.random.rand())
            case "reseeds":
                np.random.seed(self.calls % 2)
                return x
            case "random":
                return x + np.float32(random.random())
            case "wide":
                return x.astype("float64") + self.calls
        return x.astype("int32").astype("float32")


@dataclass
class Case:
    """A generator to build, and the calls to make."""

    number: int
    constructor: dict[str, Any] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    script: list[Any] = field(default_factory=lambda: [0, "next", "next"])
    preprocessing: str | None = None
    fit: dict[str, Any] | None = None
    save: bool = False
    gray_level: float = 1  # of the images given


@dataclass
class Outcome:
    """The result of a case."""

    served: list[Any] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    warned: Counter = field(default_factory=Counter)
    printed: str = ""
    error: Exception | None = None
    moved_global_state: bool = False
    global_state: Any = None
    scale: float = 1


FACTS = (
    "n samples num_classes class_indices classes labels filenames filepaths sample_weight"
    " image_shape class_mode color_mode target_size batch_size seed shuffle data_format dtype"
    " split subset directory interpolation keep_aspect_ratio x x_misc y"
).split()


def run(library: str, method: str, args: list[Any], case: Case, folder: Path, **own: Any):
    """Runs a case with "keras" or "imggen"; ``own`` is for imggen's generator or iterator."""
    outcome = Outcome()
    np.random.seed(case.number)
    random.seed(case.number)
    constructor, flow = dict(case.constructor), dict(case.flow)
    if case.preprocessing:
        constructor["preprocessing_function"] = Preprocessing(case.preprocessing)
    if "exact" in own:
        constructor["exact"] = own.pop("exact")
    if case.save:
        folder.mkdir(parents=True)
        flow["save_to_dir"] = folder
    module = keras_image if library == "keras" else imggen
    printed = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            generator = module.ImageDataGenerator(**constructor)
            if case.fit is not None:
                generator.fit(noise(case.fit["shape"]), **case.fit["options"])
                np.random.seed(case.number)  # Keras seeds the global state in fit, imggen does not
            before = global_state()
            iterator = getattr(generator, method)(*args, **flow, **own)
            outcome.scale = case.gray_level * gray_level(generator)
            outcome.served.append(fitted(generator))
            outcome.metadata = {
                name: getattr(iterator, name) for name in FACTS if hasattr(iterator, name)
            }
            for step in case.script:
                outcome.served.append(take(iterator, step))
        except Exception as err:  # noqa: BLE001  Keras raises whatever Pillow and SciPy raise
            outcome.error = err
            return outcome
        finally:
            outcome.printed = printed.getvalue()
            outcome.warned = Counter(filter(None, map(kind_of_warning, caught)))
    outcome.files = {path.name: path.read_bytes() for path in folder.glob("*")}
    outcome.global_state = global_state()
    outcome.moved_global_state = outcome.global_state != before
    return outcome


def take(iterator: Any, step: Any) -> list[Any]:
    """Runs one step of a script: a number is an index, modulo the length; anything else a call."""
    got = None
    match step:
        case int():
            got = iterator[step % len(iterator) if step > 0 and len(iterator) else step]
        case "next":
            got = next(iterator)
        case "indices":
            got = np.array(next(iterator.index_generator))
        case "epoch":
            iterator.on_epoch_end()
        case "reset":
            iterator.reset()
    state = (iterator.batch_index, iterator.total_batches_seen, len(iterator))
    order = iterator.index_array
    return [got, None if order is None else order.copy(), list(map(int, state))]


def fitted(generator: Any) -> list[Any]:
    return [generator.mean, generator.std, generator.zca_whitening_matrix]


def gray_level(generator: Any) -> float:
    """The value of one gray level in a batch."""
    scale = abs(generator.rescale or 1)
    if generator.featurewise_std_normalization and generator.std is not None:
        scale /= generator.std.min() + 1e-6
    return scale


def global_state() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state()
    return name, key.tobytes(), *rest


def kind_of_warning(warning: warnings.WarningMessage) -> Any:
    """The category and the named options; None if only one of the two would warn.

    Keras calls SciPy by a name that is deprecated; Pillow warns whenever a file is read, and a
    cache reads it once; imggen warns of traps, among them options without fit, of which Keras warns
    per image; what some error left open is closed whenever memory is collected.
    """
    text = str(warning.message)
    for others in ("scipy.ndimage.interpolation", "Palette images with Transparency", "been fit"):
        if others in text:
            return None
    if issubclass(warning.category, ImggenWarning | ResourceWarning):
        return None
    return warning.category.__name__, tuple(sorted(set(re.findall(r"`(\w+)`", text))))


def differences(reference: Outcome, got: Outcome, *, exact: bool, has_seed: bool) -> str:
    """The differences between ``got`` and ``reference``; empty if there are none."""
    found = []
    if reference.error is not None or got.error is not None:
        if reference.error is None or not isinstance(got.error, type(reference.error)):
            return f"Keras raised {reference.error!r}, imggen {got.error!r}"
    else:
        if reference.files.keys() != got.files.keys():
            found.append(f"files: {sorted(reference.files)} against {sorted(got.files)}")
        if exact and reference.files != got.files:
            found.append("bytes of files")
        if reference.warned != got.warned:
            found.append(f"warnings: {reference.warned} against {got.warned}")
        if reference.printed != got.printed:
            found.append(f"printed: {reference.printed!r} against {got.printed!r}")
        if not has_seed and reference.global_state != got.global_state:
            found.append("state of np.random afterwards")
        found += [
            f"{name}: {value!r} against {got.metadata.get(name)!r}"
            for name, value in reference.metadata.items()
            if not same(value, got.metadata.get(name))
        ]
        if len(reference.served) != len(got.served):
            found.append("number of steps")
    agree = same if exact else lambda a, b: close(a, b, reference.scale)
    # After an error, only the batches that both made are compared.
    for step, (wanted, served) in enumerate(zip(reference.served, got.served, strict=False)):
        if not agree(wanted, served):
            found.append(f"step {step} of the script: {brief(wanted)} against {brief(served)}")
            break
    return "; ".join(found)


def brief(nested: Any) -> str:
    if isinstance(nested, tuple | list):
        return f"[{', '.join(map(brief, nested))}]"
    if isinstance(nested, np.ndarray) and nested.size > 12:
        return f"{nested.dtype}{nested.shape} {nested.ravel()[:4].tolist()}..."
    return repr(nested)


def check(
    method: str, args: list[Any], case: Case, folder: Path, *, cached: bool = True, **own_too: Any
) -> str:
    """Runs a case with Keras and both ways with imggen; returns the result of Keras."""
    rng = random.Random(case.number)
    reference = run("keras", method, args, case, folder / f"{case.number}-keras")
    for exact in (True, False):
        own: dict[str, Any] = {"exact": exact, "workers": rng.choice([0, 3])}
        if cached:
            own["cache"] = rng.choice([None, None, "ram"])
            own["on_error"] = rng.choice(["raise", "raise", "skip", "substitute"])
            if reference.error is not None:
                own["on_error"] = "raise"  # to the others every file is a broken one
        own |= own_too
        told = f"{case!r} with {own}"
        got = run("imggen", method, args, case, folder / f"{case.number}-{exact}", **own)
        has_seed = case.flow.get("seed") is not None
        found = differences(reference, got, exact=exact, has_seed=has_seed)
        assert not found, f"{found}\nin {told}"
        if has_seed and got.error is None and case.script[0] != "epoch":
            assert not got.moved_global_state, f"the global state moved in {told}"
    return "served" if reference.error is None else type(reference.error).__name__


def draw_constructor(rng: random.Random) -> dict[str, Any]:
    """Legal arguments of ImageDataGenerator, each usually left out."""
    choices = {
        "featurewise_center": (0.1, [True]),
        "samplewise_center": (0.15, [True]),
        "featurewise_std_normalization": (0.1, [True]),
        "samplewise_std_normalization": (0.1, [True]),
        "zca_whitening": (0.05, [True]),
        "zca_epsilon": (0.1, [1e-3]),
        "rotation_range": (0.5, [10, 90, 33.3]),
        "width_shift_range": (0.4, [0.2, 3, [1, 2, -4], 2.5, 1.0, -0.1, (0.1, 0.3), 1]),
        "height_shift_range": (0.4, [0.2, 3, [1, 2, -4], 2.5, 1.0, -0.1, (0.1, 0.3), 1]),
        "brightness_range": (0.15, [(0.5, 1.5), [0, 2]]),
        "shear_range": (0.3, [10, 0.3]),
        "zoom_range": (0.4, [0.2, (0.5, 1.5), [1, 1], 0.9]),
        "channel_shift_range": (0.2, [10, 0.5]),
        "fill_mode": (0.6, ["nearest", "reflect", "wrap", "constant", "mirror", "grid-wrap"]),
        "cval": (0.3, [7.0, 255, -300]),
        "horizontal_flip": (0.5, [True]),
        "vertical_flip": (0.4, [True]),
        "rescale": (0.4, [1 / 255, 2.0, -1]),
        "data_format": (0.3, ["channels_first", "channels_last"]),
        "validation_split": (0.4, [0.2, 0.5, 0.37]),
        "interpolation_order": (0.25, [0, 1, 2, 3, 5]),
        "dtype": (0.2, ["float64", "float16", "uint8", "float32"]),
    }
    return {name: rng.choice(some) for name, (p, some) in choices.items() if rng.random() < p}


ILLEGAL_CONSTRUCTOR = [
    {"rotation_range": 9, "fill_mode": "bogus"},
    {"rotation_range": 9, "interpolation_order": 6},
    {"rotation_range": "much"},
    {"width_shift_range": "far"},
    {"brightness_range": (1,)},
    {"brightness_range": 0.5},
    {"zoom_range": (1, 2, 3)},
    {"zoom_range": "x"},
    {"data_format": "channels_middle"},
    {"validation_split": 1.5},
    {"validation_split": -0.1},
    {"dtype": "bogus"},
]


def draw_script(rng: random.Random) -> list[Any]:
    """Two epochs by index, then ``next`` across ``reset``; now and then in another order."""
    epoch = [0, 1] if rng.random() < 0.7 else [1, 0, -1]
    script = [*epoch, "epoch", *epoch, "epoch", "next", "next", "reset", "next", "indices", "next"]
    if rng.random() < 0.2:
        script.insert(0, "epoch")
    if rng.random() < 0.2:
        script = ["next", "next", 0, "epoch", "next", "reset", 0, "next", 2]
    return script


def draw_fit(rng: random.Random, shape: tuple[int, ...]) -> dict[str, Any]:
    """Arrays to ``fit`` to, for images of a shape."""
    options = {"augment": True, "rounds": 2, "seed": 5} if rng.random() < 0.2 else {}
    return {"shape": (4, *shape), "options": options}
