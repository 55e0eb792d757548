"""Sequences of every kind of batch, to compare bridges with."""

import time

import numpy as np
import pandas as pd
from PIL import Image

import imggen

NUM, SIZE = 7, (8, 8)
TARGETS = {"kind": "categorical", "age": "regression", "seg": "mask"}


def write_files(folder):
    """Writes small noisy images, masks, and a table, whose batches differ in every epoch."""
    for row in range(NUM):
        pixels = np.random.default_rng(row).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{row}.png")
        Image.fromarray(np.full(SIZE, row % 2, np.uint8)).save(folder / f"mask{row}.png")
        frame = pd.DataFrame({"a": [row, row + 1], "y": [row, 0]})
        frame.to_csv(folder / f"{row}.csv", index=False)
    return folder


def make(folder, **options):
    """Makes a sequence of three batches, the last one smaller."""
    frame = pd.DataFrame(
        {
            "path": [f"{row}.png" for row in range(NUM)],
            "kind": ["cat", "dog", "cat", "dog", "cat", "dog", "cat"],
            "tags": ["a;b", "", "b", "a", "b", "a;b", ""],
            "age": [0.5 * row for row in range(NUM)],
            "seg": [f"mask{row}.png" for row in range(NUM)],
            "weight": [1.0 + row for row in range(NUM)],
            "boxes": [[[1, 2, 5, 6]] * (row % 3) for row in range(NUM)],
            "points": [[[1, 2], [3, 4]]] * NUM,
        }
    )
    chosen = {"root": folder, "image_size": SIZE, "batch_size": 3, "seed": 5, "workers": 0}
    return imggen.from_dataframe(frame, **{**chosen, "augment": "light", **options})


def make_zipped(folder):
    return imggen.zip_sequences(
        make(folder, y_col=None, label_mode=None),
        make(folder, y_col=None, label_mode=None, color_mode="grayscale"),
    )


def make_tables(folder):
    return imggen.TableSequence(sorted(folder.glob("*.csv")), "y", seed=2, workers=0)


def _of(**options):
    return lambda folder: make(folder, **options)


KINDS = {
    "categorical": _of(y_col="kind"),
    "int, uint8": _of(y_col="kind", label_mode="int", dtype="uint8"),
    "channels first": _of(y_col="kind", data_format="channels_first", rescale=1 / 255),
    "weights": _of(y_col="kind", label_mode="binary", weight_col="weight"),
    "regression": _of(y_col=["age", "weight"], label_mode="regression"),
    "multi_label": _of(y_col="tags", label_mode="multi_label"),
    "mask": _of(y_col=None, mask_col="seg", label_mode="mask"),
    "boxes": _of(y_col=None, boxes=imggen.Boxes(col="boxes", format="pascal_voc")),
    "keypoints": _of(y_col=None, keypoints=imggen.Keypoints(col="points")),
    "several outputs": _of(targets=TARGETS),
    "a tuple of outputs": _of(
        targets={name: TARGETS[name] for name in ("age", "kind")}, targets_as="tuple"
    ),
    "input": _of(y_col=None, label_mode="input"),
    "no targets": _of(y_col=None, label_mode=None, dtype="float16"),
    "a pair": make_zipped,
    "tables": make_tables,
}


def assert_becomes_true(condition, seconds=10):
    """Waits for another thread to make a condition true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def take_epochs(sequence, *epochs):
    """Returns the batches of each epoch as the sequence serves them; it stays in its epoch."""
    taken, current = [], sequence.epoch
    for epoch in epochs:
        sequence.epoch = epoch
        taken.append(list(sequence))
    sequence.epoch = current
    return taken


def assert_same(batch, expected):
    """Compares structure, dtypes and bits; lists and tuples are the same to a ``DataLoader``."""
    if isinstance(expected, dict):
        assert isinstance(batch, dict)
        assert batch.keys() == expected.keys()
        for name, array in expected.items():
            assert_same(batch[name], array)
    elif isinstance(expected, tuple):
        assert isinstance(batch, tuple | list)
        assert len(batch) == len(expected)
        for part, array in zip(batch, expected, strict=True):
            assert_same(part, array)
    else:
        array = np.asarray(batch)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def assert_same_epoch(batches, expected):
    assert len(batches) == len(expected)
    for batch, wanted in zip(batches, expected, strict=True):
        assert_same(batch, wanted)
