"""Odd values for every parameter of every public callable, one parameter at a time.

A call succeeds, or raises an error of imggen's own that names the argument or shows its value.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.augment import AUGMENTATIONS
from imggen.errors import ImggenError
from imggen.sequences.options import SequenceOptions
from tests.helpers.images import write_images


class NoParameters:
    """A class that is called without arguments."""


ODD: list[Any] = [
    None,
    0,
    -1,
    1.5,
    math.nan,
    math.inf,
    True,
    "x",
    "\0",
    b"x",
    [],
    [None],
    [object()],
    (1, 2, 3),
    {1},
    {},
    {"x": object()},
    object(),
    NoParameters,
    lambda: None,
    np.array([1.0, math.nan]),
    np.array(1),
    np.array(["x", "y"]),
    pd.NA,
    pd.NaT,
    Path("nowhere"),
    pd.DataFrame({"x": [1]}),
    pd.Series(["x"]),
]
SIZE = {"image_size": (8, 8), "seed": 1, "workers": 0}
# Errors that are about the content of an argument use its noun.
NOUNS = {
    "class_names": "class names",
    "extensions": "extension",
    "by": "group",
    "frame": "table",
    "directory": "images",
    "group_by": "group names",
    "source": "Cannot read",
    "target": "'/",
    "progress": "holds no split",
    "root": "Cannot read",
    "files": "Cannot read",
    "images": "Cannot read",
}
Call = tuple[str, Callable[..., object], dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore")
def test_an_odd_argument_is_accepted_or_named(folder: Path) -> None:
    wrong, count = [], 0
    for name, function, valid in cases(folder):
        for parameter, value in itertools.product(parameters(name, function, valid), ODD):
            count += 1
            problem = try_call(function, valid, parameter, value)
            if problem:
                wrong.append(f"{name}({parameter}={value!r}): {problem}")

    assert count > 8000
    assert not wrong, "\n".join(wrong)


def try_call(
    function: Callable[..., object], valid: dict[str, Any], parameter: str, value: Any
) -> str | None:
    """Returns what is wrong with the outcome of a call, or None."""
    try:
        serve(function(**{**valid, parameter: value}))
    except ImggenError as err:
        text = str(err)
        noun = "no column" if "_col" in parameter else NOUNS.get(parameter, parameter)
        known = (parameter, noun, *shown(value))
        return None if any(word in text for word in known) else f"not named by {text!r}"
    except Exception as err:  # noqa: BLE001 - which errors there are is the question
        # The drop-in's own checks raise what Keras's raise.
        is_like_keras = isinstance(err, ValueError) and str(err).startswith(f"{parameter}=")
        return None if is_like_keras else f"{type(err).__name__}: {err}"
    return None


def shown(value: object) -> list[str]:
    """Returns how messages show a text, or the texts in a list."""
    is_list = isinstance(value, list | tuple | pd.Series) or getattr(value, "shape", ()) != ()
    items = list(value) if is_list else [value]
    return [repr(str(item)) for item in items if isinstance(item, str | Path)]


def serve(result: object) -> None:
    """Serves the first batch, as some arguments are used only then."""
    for item in result if isinstance(result, imggen.Splits) else [result]:
        if isinstance(item, imggen.ImageSequence | imggen.TableSequence):
            item[0]


def parameters(name: str, function: Callable[..., object], valid: dict[str, Any]) -> list[str]:
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = {
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind not in variable
    }
    options = get_type_hints(SequenceOptions) if name.startswith("from_") else ()
    return sorted({*names, *valid, *options})


def cases(folder: Path) -> Iterator[Call]:
    """Yields the name, the callable and valid arguments of every public callable."""
    photos = write_images(folder / "photos", {"cat": 2, "dog": 2})
    manifest = imggen.scan(photos)
    sequence = imggen.ImageSequence(manifest, **SIZE)
    yield from table_cases(folder, manifest, photos)
    yield from manifest_cases(folder, manifest)
    yield from file_cases(folder, photos)
    yield from array_cases(folder, sequence)
    yield "ImageSequence", imggen.ImageSequence, {"manifest": manifest, **SIZE}
    yield "contact_sheet", imggen.contact_sheet, {"sequence": sequence, "variants": 1, "cell": 16}
    yield "bench", bench, {"sequence": sequence}
    for method, arguments in {
        "served": {"epoch": 0},
        "original": {"index": 0},
        "augmented": {"index": 0, "epoch": 0},
        "explain": {"index": 0, "epoch": 0},
        "show_batch": {"index": 0, "num_images": 1, "columns": 1, "cell": 16},
        "show_mistakes": {
            "table": pd.DataFrame(
                {
                    "path": manifest.filepaths[:1],
                    "true": ["cat"],
                    "predicted": ["dog"],
                    "p_dog": 0.9,
                }
            ),
            "num_images": 1,
            "columns": 1,
            "cell": 16,
        },
        "fill_cache": {"progress": lambda: None},
    }.items():
        cached = imggen.ImageSequence(manifest, cache="ram", **SIZE)
        yield f"ImageSequence.{method}", getattr(cached, method), arguments
    yield "ImageDataGenerator", imggen.ImageDataGenerator, {}
    yield "ImageSpec", imggen.ImageSpec, {}
    yield "Cache", imggen.Cache, {"where": folder / "cache"}
    yield "Boxes", imggen.Boxes, {"col": "box", "format": "coco"}
    yield "Keypoints", imggen.Keypoints, {"col": "points"}
    yield "preset", imggen.preset, {"name": "light"}
    yield "register_adapter", register, {"recognizes": lambda value: False, "make": lambda value: 0}
    for name, kind in AUGMENTATIONS.items():
        yield name, kind, {}
    pixels, rng = np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0)
    for step in (imggen.augment.RandomFlip(), imggen.augment.AugMix()):
        yield f"{step.name}()", step, {"image": pixels, "rng": rng}


def table_cases(folder: Path, manifest: imggen.Manifest, photos: Path) -> Iterator[Call]:
    frame, files = manifest.to_frame(), list(manifest.paths)
    labels = [0, 0, 1, 1]
    scores = {"p_cat": [1.0, 0.0, 0.0, 1.0], "p_dog": [0.0, 1.0, 1.0, 0.0]}
    predictions = frame.rename(columns={"label": "true"}).assign(predicted="cat", **scores)
    table = folder / "table.csv"
    table.write_text("a,b,y\n1,2,0\n3,4,1\n")
    from_frame, from_files = imggen.Manifest.from_frame, imggen.Manifest.from_files
    yield "Manifest.from_frame", from_frame, {"frame": frame, "root": photos}
    yield "Manifest.from_files", from_files, {"files": files, "labels": labels}
    yield "from_dataframe", imggen.from_dataframe, {"frame": frame, "root": photos, **SIZE}
    yield (
        "from_files",
        imggen.from_files,
        {"files": files, "labels": labels, "root": photos, **SIZE},
    )
    yield "TableSequence", imggen.TableSequence, {"files": [table], "target": "y", "workers": 0}
    yield "confusion_matrix", imggen.confusion_matrix, {"table": predictions}


def manifest_cases(folder: Path, manifest: imggen.Manifest) -> Iterator[Call]:
    file = folder / "saved.csv"
    manifest.save(file)
    given = {"manifest": manifest}
    both = {"splits": {"a": manifest, "b": manifest}, "near": False}
    columns = {"paths": manifest.paths, "labels": manifest.labels}
    names = {"root": manifest.root, "class_names": manifest.class_names}
    yield "Manifest", imggen.Manifest, {**names, **columns}
    yield "Manifest.concatenate", imggen.Manifest.concatenate, {"manifests": [manifest]}
    yield "Manifest.load", imggen.Manifest.load, {"file": file}
    yield "Manifest.save", manifest.save, {"file": file}
    yield "Manifest.take", manifest.take, {"indices": [0, 1]}
    yield "Splits", imggen.Splits, {"items": [manifest], "names": ["train"]}
    yield "split", imggen.split, {**given, "ratios": (0.5, 0.5)}
    yield "kfold", imggen.kfold, {**given, "num_folds": 2}
    yield "group_by", imggen.group_by, {**given, "by": "stem"}
    yield "oversample", imggen.oversample, given
    yield "hash_files", imggen.hash_files, {**given, "workers": 0}
    yield "survey", imggen.survey, {**given, "workers": 0}
    yield "find_duplicates", imggen.find_duplicates, {**given, "near": False, "workers": 0}
    yield "find_leaks", imggen.find_leaks, {**both, "workers": 0}


def array_cases(folder: Path, sequence: imggen.ImageSequence) -> Iterator[Call]:
    pixels, labels = np.zeros((4, 8, 8, 3), np.uint8), [0, 0, 1, 1]
    prep = sequence.preprocessing
    prep.save(folder / "prep.json")
    y, modes = {"a": labels, "b": [1.0] * 4}, {"a": "int", "b": "regression"}
    yield "from_arrays", imggen.from_arrays, {"x": pixels, "y": labels, **SIZE}
    yield "outputs of from_arrays", from_outputs, {"x": pixels, "y": y, "targets": modes}
    yield "zip_sequences", imggen.zip_sequences, {"a": sequence, "b": sequence}
    yield "statistics", imggen.statistics, {"sequence": sequence}
    yield "Preprocessing()", prep, {"images": pixels}
    yield "Preprocessing.decode_predictions", prep.decode_predictions, {"scores": [[0.5, 0.5]]}
    yield "Preprocessing.save", prep.save, {"file": folder / "prep.json"}
    yield "Preprocessing.load", imggen.Preprocessing.load, {"file": folder / "prep.json"}


def from_outputs(
    x: Any,
    y: Any,
    targets: Any,
    class_names: Any = None,
    sample_weight: Any = None,
    targets_as: Any = "dict",
) -> object:
    return imggen.from_arrays(
        x, y, targets=targets, class_names=class_names, sample_weight=sample_weight,
        targets_as=targets_as, **SIZE,
    )  # fmt: skip


def file_cases(folder: Path, photos: Path) -> Iterator[Call]:
    policy = folder / "policy.json"
    imggen.save_policy(policy, "light")
    numbers = itertools.count()

    def into_new_folder(function: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: Any) -> object:
            return function(**{"target": folder / f"new{next(numbers)}", **arguments})

        call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return call

    copies = {"source": photos, "augment": "light", "copies": 1, "image_size": (8, 8), "workers": 0}
    halves = {"source": photos, "ratios": (0.5, 0.5)}
    yield "from_directory", imggen.from_directory, {"directory": photos, **SIZE}
    yield "kfold_sequences", imggen.kfold_sequences, {"source": photos, "num_folds": 2, **SIZE}
    yield "scan", imggen.scan, {"directory": photos}
    yield "load_image", imggen.load_image, {"source": photos / "cat/000.png"}
    yield "load_policy", imggen.load_policy, {"file": policy}
    yield "save_policy", imggen.save_policy, {"file": policy, "policy": "light"}
    yield "verify", imggen.verify, {"source": photos, "workers": 0}
    yield "undo_split", imggen.undo_split, {"target": folder / "no split"}
    yield "split_directory", into_new_folder(imggen.split_directory), halves
    yield "augment_directory", into_new_folder(imggen.augment_directory), copies


def bench(sequence: Any, *, model: Any = None, progress: Any = lambda stage: None) -> object:
    """Times for a moment, whatever the other arguments are."""
    return imggen.bench(sequence, model=model, seconds=0.001, progress=progress)


def register(recognizes: Any, make: Any) -> None:
    """Registers an adapter and removes it again."""
    from imggen.augment.adapters import registry

    before = list(registry._registered)
    try:
        imggen.register_adapter(recognizes, make)
    finally:
        registry._registered[:] = before
