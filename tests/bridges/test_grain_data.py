"""``to_grain``: the batches of a sequence as a ``grain.MapDataset``."""

import pickle
import sys
import time

import pandas as pd
import pytest

import imggen
from imggen.errors import ImageError, MissingExtraError
from imggen.workers import usable_cores
from tests.helpers.bridged import (
    KINDS,
    SIZE,
    assert_same,
    assert_same_epoch,
    make,
    take_epochs,
    write_files,
)

grain = pytest.importorskip("grain")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("bridged"))


def test_repetitions_are_the_epochs_of_the_sequence_for_each_kind_of_batch(folder):
    for kind, make_kind in KINDS.items():
        sequence = make_kind(folder)
        dataset = sequence.to_grain()
        first, second = take_epochs(sequence, 0, 1)

        assert len(dataset) == len(sequence), kind
        assert_same_epoch(list(dataset.repeat(2)), first + second)


def test_a_negative_index_counts_from_the_end_of_the_first_epoch(folder):
    dataset = KINDS["categorical"](folder).to_grain()
    for index in (1, len(dataset)):
        assert_same(dataset[-index], dataset[len(dataset) - index])


def test_threads_of_grain_and_copies_serve_the_same(folder):
    sequence = make(folder, y_col="kind")
    sequence.epoch = 3
    repeated = sequence.to_grain().repeat(2)
    fourth, fifth = take_epochs(sequence, 3, 4)
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=3)

    assert_same_epoch(list(repeated.to_iter_dataset(options)), fourth + fifth)
    assert_same_epoch(list(pickle.loads(pickle.dumps(repeated))), fourth + fifth)
    assert_same(repeated[1:3][1], fourth[2])
    assert sequence.epoch == 3


def test_iterating_prefetches_few_batches(folder):
    loaded = []

    def note(image):
        loaded.append(None)
        return image

    frame = pd.DataFrame({"path": ["0.png"] * 600})
    options = {"x_col": "path", "y_col": None, "image_size": SIZE, "batch_size": 1}
    sequence = imggen.from_dataframe(frame, root=folder, augment=note, **options)
    next(iter(sequence.to_grain()))
    time.sleep(0.2)
    assert len(loaded) < min(4 * usable_cores() + 2, 500)


def test_an_unreadable_file_is_named(tmp_path):
    folder = write_files(tmp_path)
    (folder / "2.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"Cannot read '.*2\.png'"):
        list(make(folder, y_col="kind").to_grain())


def test_a_missing_grain_is_named_with_the_pip_command(folder, monkeypatch):
    sequence = make(folder, y_col="kind")
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[grain\]'"):
        sequence.to_grain()
