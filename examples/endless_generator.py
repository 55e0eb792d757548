"""Train from endless Python generators with ``steps_per_epoch``.

python examples/endless_generator.py DIR [--epochs 8]

As in older scripts: ``fit(generator, steps_per_epoch=...)``. Each pass of the generator serves
every image once, in a new order, whatever ``steps_per_epoch`` is.
"""

import argparse

import keras

import imggen


def main() -> None:
    """Trains, evaluates and predicts from generators."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()

    train, val, test = imggen.from_directory(
        args.directory,
        image_size=(32, 32),
        batch_size=16,
        rescale=1 / 255,
        split=(0.6, 0.2, 0.2),
        seed=7,
    )
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(train.num_classes, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        train.generator(),
        steps_per_epoch=len(train),
        validation_data=val.generator(),
        validation_steps=len(val),
        epochs=args.epochs,
        shuffle=False,  # which Keras cannot do with a generator; this one shuffles
        verbose=2,
    )
    loss, accuracy = model.evaluate(test.generator(), steps=len(test), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    scores = model.predict(test.generator(), steps=len(test), verbose=0)
    print(f"predictions {scores.shape}, in the order of test.filepaths")


if __name__ == "__main__":
    main()
