"""Split a folder of classes into train/, val/ and test/ without leaks, and prove it.

python examples/split_dataset.py DIR TARGET [--group-by EXPRESSION]
"""

import argparse

import imggen


def main() -> None:
    """Looks at the files, splits them, and looks for leaks in the outcome."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("target")
    parser.add_argument(
        "--group-by", help="what stays together: parent, stem, or an expression in the path"
    )
    args = parser.parse_args()

    # Files that cannot be trained on are better known before than met in epoch 12.
    report = imggen.verify(args.directory)
    print(f"{report.num_files} files, {len(report.faults)} cannot be trained on")

    # Pictures that are there twice stay in one part, and so does what --group-by names.
    parts = imggen.split_directory(
        args.directory,
        args.target,
        (0.7, 0.15, 0.15),
        seed=7,
        group_by=args.group_by,
        near_duplicates=True,
    )
    for name, part in parts.as_dict().items():
        print(name, part.class_counts)

    leaks = imggen.find_leaks(parts.as_dict())
    print(f"{len(leaks.leaks)} pictures in more than one part")

    # What was copied reads back with the very split that is on disk.
    train, val, test = imggen.from_directory(args.target, split="folders", image_size=(64, 64))
    print(f"read back: {train.samples} train, {val.samples} val, {test.samples} test")


if __name__ == "__main__":
    main()
