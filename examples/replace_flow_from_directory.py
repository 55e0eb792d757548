"""A script for Keras's ImageDataGenerator with one import changed, and a comparison of both.

python examples/replace_flow_from_directory.py DIR [--epochs 15] [--image-size 64]

DIR contains one folder per class. First compares the batches with those of Keras's class on your
images, and times both in turn; then trains as such scripts do.
"""

import argparse
import statistics
import time
from typing import Any

import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator

from imggen import ImageDataGenerator  # was: from tensorflow.keras.preprocessing.image import ...

AUGMENTATION: dict[str, Any] = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}


def compare(flow: dict[str, Any], rounds: int = 3, num_batches: int = 8) -> None:
    """Serves the same batches from both classes, and prints how they differ."""
    makers = {
        "keras": lambda: KerasImageDataGenerator(**AUGMENTATION),
        "imggen": lambda: ImageDataGenerator(**AUGMENTATION),
        "imggen, exact=True": lambda: ImageDataGenerator(**AUGMENTATION, exact=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    batches: dict[str, np.ndarray] = {}
    for round_number in range(rounds + 1):
        for name, make in makers.items():
            served = make().flow_from_directory(**flow, class_mode=None, seed=7)
            started = time.perf_counter()
            batches[name] = np.concatenate([next(served) for _ in range(num_batches)])
            if round_number > 0:  # the first round loads libraries, and is not counted
                seconds[name].append(time.perf_counter() - started)
    by_keras = statistics.median(seconds["keras"])
    for name in list(makers)[1:]:
        difference = np.abs(batches[name] - batches["keras"])
        print(
            f"{name}: {(difference <= 0.02).mean():.2%} of values within 0.02 gray levels, "
            f"largest difference {difference.max():.4f}, "
            f"{by_keras / statistics.median(seconds[name]):.1f} times as fast"
        )


def main() -> None:
    """Compares both classes, then trains."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--image-size", type=int, default=64)
    args = parser.parse_args()
    size = (args.image_size, args.image_size)

    compare({"directory": args.directory, "target_size": size})

    # The rest is an ordinary script for Keras, except for the second generator, which does not
    # augment: imggen warns if a script validates on augmented images.
    keras.utils.set_random_seed(7)
    augmenting = ImageDataGenerator(rescale=1 / 255, validation_split=0.2, **AUGMENTATION)
    plain = ImageDataGenerator(rescale=1 / 255, validation_split=0.2)
    flow = {"directory": args.directory, "target_size": size, "seed": 7}
    train = augmenting.flow_from_directory(**flow, subset="training")
    validation = plain.flow_from_directory(**flow, subset="validation", shuffle=False)

    model = keras.Sequential([keras.Input((*size, 3))])
    for filters in (16, 32, 64):
        model.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dense(train.num_classes, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=validation, epochs=args.epochs, verbose=2)
    predicted = model.predict(validation, verbose=0).argmax(axis=1)
    print(f"validation accuracy {(predicted == validation.classes).mean():.4f}")


if __name__ == "__main__":
    main()
