"""Train and evaluate one model per fold of a cross-validation.

python examples/cross_validation.py DIR [--folds 5] [--epochs 6] [--image-size 48]

DIR contains one folder per class, or the folds that ``imggen split DIR OUT --kfold 5`` wrote.
"""

import argparse
import statistics

import keras

import imggen


def build_model(image_size: int, num_classes: int) -> keras.Model:
    """Builds a small convolutional network."""
    model = keras.Sequential([keras.Input((image_size, image_size, 3))])
    for filters in (16, 32, 64):
        model.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dense(num_classes, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Trains on all folds but one, and evaluates on that one, for each fold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--folds", type=int)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--image-size", type=int, default=48)
    args = parser.parse_args()

    folds = imggen.kfold_sequences(
        args.directory,
        args.folds,
        image_size=(args.image_size, args.image_size),
        rescale=1 / 255,
        augment="light",
        seed=7,
    )
    accuracies = []
    for number, (train, val) in enumerate(folds):
        keras.utils.set_random_seed(7)
        model = build_model(args.image_size, train.num_classes)
        model.fit(train, epochs=args.epochs, verbose=0)
        accuracies.append(model.evaluate(val, verbose=0)[1])
        print(
            f"fold {number}: {train.samples} train, {val.samples} val, "
            f"accuracy {accuracies[-1]:.4f}"
        )
    print(f"mean accuracy {statistics.mean(accuracies):.4f}")


if __name__ == "__main__":
    main()
