"""Prints what fastai does with a folder of 20 cats and 20 dogs, as JSON.

A program of its own: fastai adds methods to classes of Python and torch when it is imported.
"""

import json
import sys
from pathlib import Path

import torch
from fastai.vision.all import ImageDataLoaders, RandomResizedCrop, aug_transforms, set_seed


def load(folder, seed=0, num_workers=0):
    return ImageDataLoaders.from_folder(
        folder,
        valid_pct=0.3,
        seed=seed,
        item_tfms=RandomResizedCrop(8),
        batch_tfms=aug_transforms(),
        bs=4,
        num_workers=num_workers,
    )


def train_images(folder, num_workers):
    loaders = load(folder, num_workers=num_workers)
    set_seed(0)
    loaders.rng.seed(0)
    return torch.cat([x for x, _ in loaders.train])


def val_images(loaders):
    return torch.cat([x for x, _ in loaders.valid])


def find_error(folder, content):
    """Returns the message of the error that a file with this content leads to."""
    (folder / "cat" / "000.png").write_bytes(content)
    try:
        loaders = load(folder)  # which reads the first image
        for _ in (*loaders.train, *loaders.valid):
            pass
    except Exception as error:  # noqa: BLE001 - its message is the result
        return str(error)
    return None


def main() -> None:
    folder = Path(sys.argv[1])
    splits = [load(folder, seed) for seed in range(3)]
    alone = train_images(folder, 0)
    facts = {
        "splits": [[list(map(str, loader.items)) for loader in loaders] for loaders in splits],
        "val_is_augmented": not torch.equal(val_images(splits[0]), val_images(splits[0])),
        "repeats_itself": torch.equal(alone, train_images(folder, 0)),
        "is_same_with_workers": torch.equal(alone, train_images(folder, 2)),
    }
    content = (folder / "cat" / "000.png").read_bytes()
    facts["of_no_image"] = find_error(folder, b"not an image")
    facts["of_half_an_image"] = find_error(folder, content[: len(content) // 2])
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
