"""Four kinds of custom augmentations, combined with those of imggen and other packages.

python examples/custom_augmentation.py DIR [--seed 7]

DIR contains one folder per class. Writes custom.png: originals and their variants of five epochs.
"""

import argparse
import dataclasses
from collections.abc import Mapping

import albumentations
import keras
import numpy as np

import imggen


# 1. A function of the image. It is not random, so it needs no generator.
def reduce_red(image: np.ndarray) -> np.ndarray:
    """Reduces red by a third."""
    return (image * np.array([2 / 3, 1, 1])).astype(np.uint8)


# 2. A random function. All random numbers come from rng, so that the same sample of the same epoch
#    looks the same in every run.
def add_spots(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a few white spots."""
    height, width = image.shape[:2]
    image = image.copy()
    rows, cols = np.mgrid[:height, :width]
    for _ in range(rng.integers(1, 6)):
        row, col, radius = rng.integers(height), rng.integers(width), rng.integers(3, 12)
        image[(rows - row) ** 2 + (cols - col) ** 2 < radius**2] = 255
    return image


# 3. A class that reports its random parameters, for previews; it could also transform masks.
@dataclasses.dataclass(frozen=True)
class Stripes:
    """Darkens stripes of a random width."""

    max_width: int = 40

    @property
    def name(self) -> str:
        """The name in previews."""
        return "Stripes"

    def augment(
        self, sample: imggen.augment.Sample, rng: np.random.Generator
    ) -> tuple[imggen.augment.Sample, Mapping[str, object]]:
        """Returns the striped sample and the width of the stripes in pixels."""
        width = int(rng.integers(8, self.max_width))
        dark = (np.arange(sample.image.shape[1]) // width) % 2 == 1
        image = sample.image.copy()
        image[:, dark] = image[:, dark] // 2
        return dataclasses.replace(sample, image=image), {"width": width}


# 4. An object of another package with an adapter, as a plugin would provide it.
class Tint:
    """A color filter that does not depend on imggen."""

    def __init__(self, color: tuple[int, int, int], strength: float) -> None:
        self.color = color
        self.strength = strength


class TintStep:
    """Adapts a Tint to imggen."""

    name = "Tint"

    def __init__(self, tint: Tint) -> None:
        self.tint = tint

    def augment(
        self, sample: imggen.augment.Sample, rng: np.random.Generator
    ) -> tuple[imggen.augment.Sample, Mapping[str, object]]:
        """Blends the image with the color."""
        share = rng.uniform(0, self.tint.strength)
        blend = (1 - share) * sample.image + share * np.array(self.tint.color)
        return dataclasses.replace(sample, image=blend.astype(np.uint8)), {"share": share}


imggen.register_adapter(lambda value: isinstance(value, Tint), TintStep)


def main() -> None:
    """Draws a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    train = imggen.ImageSequence(
        imggen.scan(args.directory),
        image_size=(args.image_size, args.image_size),
        augment=[
            imggen.augment.RandomFlip(),
            reduce_red,
            add_spots,
            Stripes(),
            Tint((40, 90, 200), strength=0.5),
            albumentations.MotionBlur(p=0.3),
            keras.layers.RandomRotation(0.03),
        ],
        seed=args.seed,
    )
    imggen.contact_sheet(train, variants=5).save("custom.png")
    print("written: custom.png")
    print(train.explain(epoch=0, index=0))


if __name__ == "__main__":
    main()
