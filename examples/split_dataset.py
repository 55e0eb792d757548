"""Split a folder of classes into train/, val/ and test/ without leaks, and check the result.

python examples/split_dataset.py DIR TARGET [--group-by parent|stem|REGEX]
"""

import argparse

import imggen


def main() -> None:
    """Verifies the files, splits them, and searches the splits for leaks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("target")
    parser.add_argument(
        "--group-by", help="keep groups in one split: parent, stem, or a regular expression"
    )
    args = parser.parse_args()

    # Find broken files before training rather than in epoch 12.
    report = imggen.verify(args.directory)
    print(f"{report.num_files} files, {len(report.faults)} cannot be used for training")

    # Duplicates are kept in one split, and so are the groups of --group-by.
    splits = imggen.split_directory(
        args.directory,
        args.target,
        (0.7, 0.15, 0.15),
        seed=7,
        group_by=args.group_by,
        near_duplicates=True,
    )
    for name, manifest in splits.as_dict().items():
        print(name, manifest.class_counts)

    leaks = imggen.find_leaks(splits.as_dict())
    print(f"{len(leaks.leaks)} images in more than one split")

    # Load the split from disk.
    train, val, test = imggen.from_directory(args.target, split="folders", image_size=(64, 64))
    print(f"loaded: {train.samples} train, {val.samples} val, {test.samples} test")


if __name__ == "__main__":
    main()
