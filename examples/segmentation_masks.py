"""Train a segmentation network on images and their masks.

python examples/segmentation_masks.py [IMAGES MASKS] [--epochs 12]

images/1.jpg and masks/1.png are a pair; a mask contains the class of each pixel: 0, 1, 2, ...
Without folders, synthetic images are used: warm discs and cold squares on noise. Writes masks.png:
augmented images with their masks, which are transformed by the same parameters.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageDraw

import imggen


def make_images(folder: Path, count: int = 120) -> tuple[Path, Path]:
    """Writes images of discs (class 1) and squares (class 2), and their masks."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir()
    masks.mkdir()
    rng = np.random.default_rng(7)
    for number in range(count):
        noise = rng.integers(0, 90, (96, 96, 3), dtype=np.uint8)
        image, mask = Image.fromarray(noise), Image.new("L", (96, 96))
        for kind in (1, 2):
            left, top, side = rng.integers(4, 60), rng.integers(4, 60), rng.integers(18, 32)
            box = (int(left), int(top), int(left + side), int(top + side))
            warm = rng.integers((180, 60, 0), (256, 200, 90))
            color = tuple((warm if kind == 1 else warm[::-1]).tolist())
            for canvas, paint in ((image, color), (mask, kind)):
                draw = ImageDraw.Draw(canvas)
                (draw.ellipse if kind == 1 else draw.rectangle)(box, fill=paint)
        image.save(images / f"{number}.jpg", quality=95)
        mask.save(masks / f"{number}.png")
    return images, masks


def build_model(image_size: int, num_classes: int) -> keras.Model:
    """Builds a small U-Net."""
    inputs = keras.Input((image_size, image_size, 3))
    x, skipped = inputs, []
    for filters in (16, 32):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skipped.append(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    for filters, skip in zip((32, 16), reversed(skipped), strict=True):
        x = keras.layers.Concatenate()([keras.layers.UpSampling2D()(x), skip])
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    outputs = keras.layers.Conv2D(num_classes, 1, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


def main() -> None:
    """Trains on the pairs, and measures the intersection over union."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", help="folder of images and folder of masks")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        images, masks = args.folders or make_images(Path(scratch))
        train, val = imggen.from_directory(
            images,
            labels=None,
            mask_dir=masks,
            split=(0.8, 0.2),
            image_size=(args.image_size, args.image_size),
            batch_size=8,
            rescale=1 / 255,
            augment=[
                imggen.augment.RandomFlip("horizontal_and_vertical"),
                imggen.augment.RandomRotation((-30, 30)),
                imggen.augment.RandomZoom((0.8, 1.25)),
                imggen.augment.RandomBrightness((0.8, 1.2)),
            ],
            seed=args.seed,
        )
        train.show_batch(num_images=12, cell=160).save("masks.png")
        print("written: masks.png")

        num_classes = 1 + max(int(y.max()) for _, y in val)
        keras.utils.set_random_seed(args.seed)
        model = build_model(args.image_size, num_classes)
        model.fit(train, validation_data=val, epochs=args.epochs, verbose=2)

        found = model.predict(val, verbose=0).argmax(axis=-1)
        true = np.concatenate([y for _, y in val])[..., 0]
        for kind in range(num_classes):
            both = ((found == kind) & (true == kind)).sum()
            either = ((found == kind) | (true == kind)).sum()
            print(f"class {kind}: intersection over union {both / max(either, 1):.3f}")


if __name__ == "__main__":
    main()
