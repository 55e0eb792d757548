"""Train a torch model with torch's DataLoader, whose batches imggen makes.

python examples/train_with_torch_dataloader.py DIR [--epochs 6] [--workers 2]

DIR contains one folder per class. Each pass of the loader is the next epoch: newly shuffled and
augmented, and the same in each run with the same seed.
"""

import argparse
import os

import torch
from torch.utils.data import DataLoader

# Without TensorFlow: triton, which torch uses where there is CUDA, crashes in a process with it.
os.environ.setdefault("KERAS_BACKEND", "torch")

import imggen


def main() -> None:
    """Trains a small network, and prints its loss and its accuracy for other images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--workers", type=int, default=0, help="Processes of the DataLoader.")
    args = parser.parse_args()

    train, val = imggen.from_directory(
        args.dir,
        image_size=(args.image_size, args.image_size),
        label_mode="int",
        rescale=1 / 255,
        data_format="channels_first",
        split=(0.8, 0.2),
        augment="light",
        seed=1,
    )
    loader = DataLoader(
        train.to_torch(),
        batch_size=None,  # the items are batches
        num_workers=args.workers,
        persistent_workers=args.workers > 0,
    )
    torch.manual_seed(1)
    layers: list[torch.nn.Module] = []
    for num_channels in (16, 32, 64):
        layers += [torch.nn.LazyConv2d(num_channels, 3, stride=2), torch.nn.ReLU()]
    layers += [torch.nn.Flatten(), torch.nn.LazyLinear(64), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(64, train.num_classes))
    model(torch.from_numpy(train[0][0][:1]))  # makes the weights
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(args.epochs):
        losses = []
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(images), labels.long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}")

    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(val.to_torch(), batch_size=None):
            correct += int((model(images).argmax(dim=1) == labels).sum())
    print(f"validation accuracy {correct / val.samples:.4f}")


if __name__ == "__main__":
    main()
