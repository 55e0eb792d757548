"""Train on CSV files that do not fit into memory together: each file is one batch.

python examples/table_files.py [--epochs 20]

The data is synthetic: y = 3a - 2b + 1, in twelve files of two hundred rows.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import imggen


def write_tables(folder: Path) -> list[Path]:
    """Writes the files."""
    rng = np.random.default_rng(7)
    files = []
    for number in range(12):
        frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
        frame["y"] = 3 * frame["a"] - 2 * frame["b"] + 1
        files.append(folder / f"table-{number:02d}.csv")
        frame.to_csv(files[-1], index=False)
    return files


def main() -> None:
    """Writes tables, trains on ten of them, and evaluates on two."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        files = write_tables(Path(name))
        train = imggen.TableSequence(files[:10], target="y", seed=7)
        test = imggen.TableSequence(files[10:], target="y", shuffle=False)
        print(train)

        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        model.fit(train, epochs=args.epochs, verbose=0)
        print(f"test mean squared error {model.evaluate(test, verbose=0):.6f}")


if __name__ == "__main__":
    main()
