"""Preview augmentations on your own images before training, and save them as a policy.

python examples/preview_augmentations.py DIR [--seed 7]

DIR contains one folder per class. Writes preview.png and batch.png, explains one image of an epoch,
and writes policy.yaml, which reproduces the same images, here and on the command line:

imggen preview DIR --augment policy.yaml --html preview.html
"""

import argparse

import numpy as np

import imggen

AUGMENT = [
    imggen.augment.RandomResizedCrop(scale=(0.5, 1.0)),
    imggen.augment.RandomFlip(),
    imggen.augment.RandomRotation((-15, 15)),
    imggen.augment.RandomPerspective((0.0, 0.3), p=0.5),
    imggen.augment.RandomBrightness((0.7, 1.3)),
    imggen.augment.RandomSaturation((0.5, 1.5)),
    imggen.augment.RandomJPEG((30, 90), p=0.3),
    imggen.augment.RandomErasing(p=0.25),
]


def main() -> None:
    """Previews and explains augmentations, and saves and loads them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    manifest = imggen.scan(args.directory)
    size = (args.image_size, args.image_size)
    train = imggen.ImageSequence(manifest, image_size=size, augment=AUGMENT, seed=args.seed)

    imggen.contact_sheet(train, variants=5).save("preview.png")
    train.show_batch().save("batch.png")
    print("written: preview.png, batch.png")

    # Any augmented image can be reproduced from seed, epoch and index.
    explanation = train.explain(epoch=3, index=0)
    print(explanation)

    # A policy file contains the augmentations, to edit, to share and to train with.
    imggen.save_policy("policy.yaml", AUGMENT)
    again = imggen.ImageSequence(manifest, image_size=size, augment="policy.yaml", seed=args.seed)
    same = np.array_equal(again.explain(epoch=3, index=0).image, explanation.image)
    print(f"policy.yaml reproduces the image: {same}")


if __name__ == "__main__":
    main()
