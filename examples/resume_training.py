"""Training that goes on where it was killed, with the same bits.

python examples/resume_training.py DIR [--epochs 10] [--image-size 48] [--folder saves]

Stop it with Ctrl-C, or kill it, at any moment, and run the same command again.
"""

import argparse
import zlib

import keras
import numpy as np

import imggen


def main() -> None:
    """Trains, or goes on training, and prints a checksum of the weights."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--folder", default="saves", help="folder of the saves")
    args = parser.parse_args()

    train, val = imggen.from_directory(
        args.directory,
        image_size=args.image_size,
        rescale=1 / 255,
        split=(0.8, 0.2),
        augment="light",
        seed=7,
    )
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((args.image_size, args.image_size, 3))])
    for filters in (16, 32, 64):
        model.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dropout(0.2, seed=7))
    model.add(keras.layers.Dense(train.num_classes, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        train,
        validation_data=val,
        epochs=args.epochs,
        callbacks=[imggen.Resume(args.folder, train, save_freq=10)],  # batches
        verbose=2,
    )
    print(f"validation accuracy {history.history['val_accuracy'][-1]:.4f}")
    weights = np.concatenate([np.ravel(weight) for weight in model.get_weights()])
    print(f"checksum of the weights {zlib.crc32(weights.tobytes()):08x}")


if __name__ == "__main__":
    main()
