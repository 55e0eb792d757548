"""Train on a folder of class folders, and evaluate on a held-out test split.

python examples/train_from_folder.py DIR [--epochs 12] [--image-size 64]

DIR contains one folder per class. Prints the test accuracy twice, from ``evaluate`` and from the
prediction table, and writes the table to predictions.csv.
"""

import argparse
import time

import albumentations
import keras

import imggen


def build_model(image_size: int, num_classes: int) -> keras.Model:
    """Builds a small convolutional network, fast enough for a laptop."""
    model = keras.Sequential([keras.Input((image_size, image_size, 3))])
    for filters in (32, 64, 96, 128):
        model.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(128, activation="relu"))
    model.add(keras.layers.Dropout(0.3))
    model.add(keras.layers.Dense(num_classes, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Splits the images, trains, and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", default="predictions.csv")
    args = parser.parse_args()

    train, val, test = imggen.from_directory(
        args.directory,
        image_size=(args.image_size, args.image_size),
        rescale=1 / 255,
        split=(0.7, 0.15, 0.15),
        augment=albumentations.Affine(
            rotate=(-15, 15), scale=(0.9, 1.1), translate_percent=(-0.08, 0.08)
        ),
        seed=args.seed,
    )
    print(train)

    keras.utils.set_random_seed(args.seed)
    model = build_model(args.image_size, train.num_classes)
    started = time.perf_counter()
    model.fit(train, validation_data=val, epochs=args.epochs, verbose=2)
    print(f"trained in {time.perf_counter() - started:.0f} s")

    _, accuracy = model.evaluate(test, verbose=0)
    table = test.predict(model)
    table.to_csv(args.table, index=False)
    print(f"accuracy of {args.table} {(table['true'] == table['predicted']).mean():.4f}")
    print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
