"""Copy a folder of classes into train/, val/ and test/, 70/15/15 in every class.

python examples/split_folders.py DIR TARGET
"""

import argparse

import imggen


def main() -> None:
    """Splits and says what went where."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("target")
    args = parser.parse_args()

    parts = imggen.split_directory(args.directory, args.target, (0.7, 0.15, 0.15), seed=7)
    for name, part in parts.as_dict().items():
        print(name, part.class_counts)

    # What was copied reads back with the very split that is on disk.
    train, val, test = imggen.from_directory(args.target, split="folders", image_size=(64, 64))
    print(f"read back: {train.samples} train, {val.samples} val, {test.samples} test")


if __name__ == "__main__":
    main()
