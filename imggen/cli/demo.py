"""``imggen demo``: from folders to a trained model, on images that come with scikit-learn."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imggen.cli.console import Console
from imggen.cli.options import PATH
from imggen.cli.values import WholeNumber
from imggen.cli.verb import Verb

if TYPE_CHECKING:
    import keras

_SEED = 7


@click.command(cls=Verb, reports=True)
@click.argument("target", type=PATH, required=False, metavar="[DST]")
@click.option("--output", type=PATH, hidden=True)
@click.option(
    "--epochs",
    type=WholeNumber(1),
    default=16,
    show_default=True,
    metavar="N",
    help="Number of training epochs.",
)
def demo(target: Path | None, output: Path | None, epochs: int) -> None:
    """Train a small network on handwritten digits, offline.

    Write class folders, split them, draw augmented images, train, and evaluate the network on the
    test split. All files are written to DST: a new or empty folder, or that of an earlier demo.
    [default: imggen-demo]
    """
    from imggen.cli.tensorflow_log import hide_tensorflow_log
    from imggen.core import check_output_folder, mark_folder, mark_name
    from imggen.errors import ExportError, ImggenError

    output = target or output or Path("imggen-demo")
    check_output_folder(output)
    if os.path.isdir(output) and os.listdir(output) and not (output / mark_name("demo")).exists():
        raise ExportError(f"{str(output)!r} is not empty. Choose a new folder.")
    hide_tensorflow_log()
    _check_packages()
    try:
        output.mkdir(parents=True, exist_ok=True)
        mark_folder(output, "demo")
        _run(output, epochs)
    except ImggenError:
        raise
    except OSError as err:
        raise ExportError(f"Cannot write {str(output)!r}: {err}.") from err


def _check_packages() -> None:
    """Imports what the demo needs beyond the core, so that nothing is written without it."""
    from imggen.core import explain_keras_import
    from imggen.errors import MissingExtraError

    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError as err:
        raise MissingExtraError.of("scikit-learn", "demo", "imggen demo") from err
    with explain_keras_import():
        import keras  # noqa: F401


def _run(output: Path, epochs: int) -> None:
    import keras

    import imggen
    from imggen.core import pluralize
    from imggen.preview import save_picture

    console = Console.current()
    photos = _write_photos(output / "photos")
    digits = _write_digits(output / "digits")
    console.say(f"1. {digits}: {imggen.scan(digits).num_samples} images, one folder per digit")

    train, val, test = imggen.from_directory(
        digits,
        image_size=(16, 16),
        color_mode="grayscale",
        rescale=1 / 255,
        split=(0.7, 0.15, 0.15),
        augment=_digit_augmentation(),
        cache="ram",
        seed=_SEED,
    )
    console.say(f"2. split: {train.samples} train, {val.samples} val, {test.samples} test")

    for name, sheet in {
        "augmentations-photos.png": imggen.contact_sheet(
            imggen.ImageSequence(
                imggen.scan(photos),
                image_size=(427, 640),
                augment=_photo_augmentation(),
                seed=_SEED,
            ),
            variants=4,
            cell=224,
        ),
        "augmentations-digits.png": imggen.contact_sheet(train, variants=6, cell=112),
    }.items():
        save_picture(sheet, output / name, overwrite=True)
    console.say(f"3. augmented photos: {output / 'augmentations-photos.png'}")
    console.say(f"3. augmented digits: {output / 'augmentations-digits.png'}")

    keras.utils.set_random_seed(_SEED)
    model = _small_network(train.num_classes, steps=epochs * len(train))
    started = time.perf_counter()
    model.fit(train, validation_data=val, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - started
    console.say(
        f"4. trained {pluralize(epochs, 'epoch')} in {seconds:.0f} s: "
        f"{epochs * train.samples / seconds:.0f} images/s with the model, "
        f"{_images_per_second(train):.0f} images/s loading only"
    )

    table = test.predict(model)
    table.to_csv(output / "predictions.csv", index=False)
    console.say(f"5. predictions: {output / 'predictions.csv'}")
    for noun, name, picture in (
        ("confusion matrix", "confusion-matrix.png", imggen.confusion_matrix(table)),
        ("worst mistakes", "mistakes.png", test.show_mistakes(table)),
    ):
        save_picture(picture, output / name, overwrite=True)
        console.say(f"   {noun}: {output / name}")
    accuracy = float((table["true"] == table["predicted"]).mean())
    console.show(f"test accuracy {accuracy:.4f}")
    console.wrote("images, pictures and predictions", output)
    console.report({"target": output, "epochs": epochs, "test_accuracy": accuracy})


def _write_digits(folder: Path) -> Path:
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    for number, (pixels, digit) in enumerate(zip(bunch.images, bunch.target, strict=True)):
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
        # The scans have 16 gray levels; scale them to 0 to 255.
        image = Image.fromarray((pixels * (255 / 16)).round().astype("uint8"))
        image.save(folder / str(digit) / f"{number:04d}.png")
    return folder


def _write_photos(folder: Path) -> Path:
    from sklearn.datasets import load_sample_images

    for name in load_sample_images().filenames:
        photo = Path(name)
        (folder / photo.stem).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photo, folder / photo.stem / photo.name)
    return folder


def _digit_augmentation() -> list[Any]:
    from imggen.augment import RandomRotation, RandomTranslation, RandomZoom

    return [RandomRotation(12), RandomZoom((0.9, 1.1)), RandomTranslation(0.08, 0.08)]


def _photo_augmentation() -> list[Any]:
    from imggen.augment import (
        RandomBrightness,
        RandomFlip,
        RandomHue,
        RandomRotation,
        RandomSaturation,
        RandomZoom,
    )

    return [
        RandomFlip(),
        RandomRotation(15),
        RandomZoom((1.0, 1.4)),
        RandomBrightness((0.75, 1.2)),
        RandomSaturation((0.6, 1.4)),
        RandomHue(15),
    ]


def _small_network(num_classes: int, steps: int) -> keras.Model:
    import keras

    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate), loss="categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _images_per_second(sequence: Any) -> float:
    started = time.perf_counter()
    served = sum(len(x) for x, _ in sequence)
    return served / (time.perf_counter() - started)
