"""Augmentations of your own, four ways, in one list with imggen's and those of other packages.

python examples/custom_augmentation.py DIR [--seed 7]

DIR holds one folder a class. Writes custom.png: originals, and what five epochs see of them.
"""

import argparse
import dataclasses
from collections.abc import Mapping

import albumentations
import keras
import numpy as np

import imggen


# 1. A function of the image. Nothing in it is random, so it needs no generator.
def without_red(image: np.ndarray) -> np.ndarray:
    """Takes a third of the red away."""
    return (image * np.array([2 / 3, 1, 1])).astype(np.uint8)


# 2. A function that draws. All chance comes from rng: the same sample of the same epoch looks the
#    same in every run, whatever else is going on.
def spots(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Puts a few white spots on the image."""
    height, width = image.shape[:2]
    image = image.copy()
    rows, cols = np.mgrid[:height, :width]
    for _ in range(rng.integers(1, 6)):
        row, col, radius = rng.integers(height), rng.integers(width), rng.integers(3, 12)
        image[(rows - row) ** 2 + (cols - col) ** 2 < radius**2] = 255
    return image


# 3. A class that says what it drew, for previews and explanations; it may move masks as well.
@dataclasses.dataclass(frozen=True)
class Stripes:
    """Darkens stripes of a random width."""

    widest: int = 40

    @property
    def name(self) -> str:
        """What pictures call it."""
        return "Stripes"

    def augment(
        self, sample: imggen.augment.Sample, rng: np.random.Generator
    ) -> tuple[imggen.augment.Sample, Mapping[str, object]]:
        """Returns the striped sample, and the width."""
        width = int(rng.integers(8, self.widest))
        dark = (np.arange(sample.image.shape[1]) // width) % 2 == 1
        image = sample.image.copy()
        image[:, dark] = image[:, dark] // 2
        return dataclasses.replace(sample, image=image), {"width": width}


# 4. An object of some other package, with an adapter: what a plug-in would bring along.
class Tint:
    """Knows nothing of imggen."""

    def __init__(self, color: tuple[int, int, int], strength: float) -> None:
        self.color = color
        self.strength = strength


class TintStep:
    """Makes an augmentation of a Tint."""

    name = "Tint"

    def __init__(self, tint: Tint) -> None:
        self.tint = tint

    def augment(
        self, sample: imggen.augment.Sample, rng: np.random.Generator
    ) -> tuple[imggen.augment.Sample, Mapping[str, object]]:
        """Blends with the colour."""
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
            without_red,
            spots,
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
