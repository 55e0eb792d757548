"""TableSequence: one batch per file."""

import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from imggen import TableSequence
from imggen.errors import OptionError, TableError
from tests.helpers.table_readers import read_with_backends


@pytest.fixture
def files(tmp_path):
    """Six CSV files: file k has k + 2 rows, all of them k in columns a and b."""
    paths = []
    for number in range(6):
        frame = pd.DataFrame({"a": [number] * (number + 2), "b": float(number), "y": number % 2})
        paths.append(tmp_path / f"part-{number}.csv")
        frame.to_csv(paths[-1], index=False)
    return paths


def first_values(sequence):
    return [int(batch[0][0, 0]) for batch in sequence]


def test_each_file_is_one_batch_without_the_target(files):
    sequence = TableSequence(files, target="y", shuffle=False)
    assert len(sequence) == 6
    x, y = sequence[3]
    assert x.dtype == np.float32
    assert x.tolist() == [[3, 3]] * 5
    assert (y.dtype, y.tolist()) == (np.float32, [1] * 5)


def test_a_target_with_decimals_only_in_later_files_is_not_truncated(files):
    for file, value in zip(files, [1, 1, 1, 1.9, 1.9, 1.9], strict=True):
        pd.DataFrame({"a": [0.0] * 4, "y": [value] * 4}).to_csv(file, index=False)
    zero = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), zero])
    model.compile("sgd", "mse")
    loss = model.evaluate(TableSequence(files, target="y", shuffle=False), verbose=0)
    assert loss == pytest.approx((1 + 1.9**2) / 2)


def test_whole_targets_serve_a_sparse_loss(files):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.evaluate(TableSequence(files, target="y"), verbose=0))


def test_without_a_target_a_batch_is_the_table(files):
    assert TableSequence(files, target=None, shuffle=False)[1].tolist() == [[1, 1, 1]] * 3


def test_every_epoch_has_its_own_order_without_repeats(files):
    sequence = TableSequence(files, target="y", seed=7)
    epochs = [first_values(sequence) for _ in range(3)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4, 5] for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 3


def test_served_are_the_files_in_serving_order(files):
    sequence = TableSequence(files, target="y", seed=7)
    assert sequence.served(1)[2] == str(files[int(sequence_at(sequence, 1)[2])])


def sequence_at(sequence, epoch):
    sequence.epoch = epoch
    return first_values(sequence)


def test_by_index_each_pass_is_an_epoch_and_served_is_the_last_one(files):
    sequence = TableSequence(files, target="y", seed=7)
    one, other, end = (TableSequence(files, target="y", seed=7).served(epoch) for epoch in range(3))
    assert sequence.served() == one
    for expected in (one, other):
        first = [int(sequence[index][0][0, 0]) for index in range(len(sequence))]
        assert [str(files[number]) for number in first] == sequence.served() == expected
    assert one != other
    sequence.epoch = 2
    assert sequence.served() == end


def test_the_seed_decides_the_orders(files):
    one, same, other = (
        [first_values(sequence) for _ in range(3)]
        for sequence in (TableSequence(files, target="y", seed=seed) for seed in (3, 3, 4))
    )
    assert one == same != other


def test_replace_draws_files_with_replacement(files):
    sequence = TableSequence(files, target="y", replace=True, seed=1)
    epochs = [first_values(sequence) for _ in range(20)]
    assert all(len(epoch) == 6 for epoch in epochs)
    assert any(len(set(epoch)) < 6 for epoch in epochs)
    assert set(np.ravel(epochs)) == set(range(6))


def test_another_reader_reads_another_format(files, tmp_path):
    frame = pd.read_csv(files[0])
    frame.to_parquet(tmp_path / "a.parquet")
    sequence = TableSequence([tmp_path / "a.parquet"], target="y", reader=pd.read_parquet)
    assert sequence[0][0].tolist() == [[0, 0]] * 2


def test_transform_sees_the_table_without_the_target(files):
    sequence = TableSequence(
        files, target="y", transform=lambda frame: frame.assign(c=9)[["c", "a"]], shuffle=False
    )
    assert sequence[1][0].tolist() == [[9, 1]] * 3


def test_transform_may_return_an_array_of_any_shape(files):
    sequence = TableSequence(
        files, target="y", transform=lambda frame: frame.to_numpy()[:, :, None], shuffle=False
    )
    assert sequence[1][0].shape == (3, 2, 1)


def test_columns_in_another_order_are_put_in_order(files):
    pd.DataFrame({"y": [1], "b": [8], "a": [7]}).to_csv(files[1], index=False)
    assert TableSequence(files, target="y", shuffle=False)[1][0].tolist() == [[7, 8]]


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"workers": 4}, {"workers": 1, "use_multiprocessing": True}]
)
def test_batches_do_not_depend_on_the_workers(files, options):
    expected = TableSequence(files, target="y", seed=5, workers=1)
    got = TableSequence(files, target="y", seed=5, **options)
    for (x, y), (x_got, y_got) in zip(expected, got, strict=True):
        assert np.array_equal(x, x_got)
        assert np.array_equal(y, y_got)


def test_fit_trains_on_tables(files):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    sequence = TableSequence(files, target="y")
    history = model.fit(sequence, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert sequence.epoch == 2


def test_a_missing_target_is_named_immediately(files):
    with pytest.raises(TableError, match=r"part-0\.csv' has no target column 'z'.*'a', 'b', 'y'"):
        TableSequence(files, target="z")


def test_a_column_missing_in_a_later_file_is_named_with_the_file(files):
    pd.DataFrame({"a": [1], "y": [0]}).to_csv(files[4], index=False)
    with pytest.raises(
        TableError, match=re.escape("part-4.csv' does not have the same columns as")
    ) as caught:
        TableSequence(files, target="y", shuffle=False)[4]
    assert "missing ['b']" in str(caught.value)


def test_a_column_without_numbers_is_named_with_the_file(files):
    pd.DataFrame({"a": ["x"], "b": [1], "y": [0]}).to_csv(files[2], index=False)
    with pytest.raises(TableError, match=r"column 'a' of .*part-2\.csv' holds .*not numbers"):
        TableSequence(files, target="y", shuffle=False)[2]


@pytest.mark.parametrize("column", ["a", "y"])
def test_a_missing_value_is_named_with_file_and_column(files, column):
    frame = pd.read_csv(files[2]).astype(float)
    frame.loc[1, column] = np.nan
    frame.to_csv(files[2], index=False)
    with pytest.raises(TableError, match=rf"column '{column}' of .*part-2.* no value in 1 of 4"):
        TableSequence(files, target="y", shuffle=False)[2]


def test_a_file_without_rows_is_named(files):
    files[1].write_text("a,b,y\n")
    with pytest.raises(TableError, match=r"part-1\.csv' has no rows"):
        TableSequence(files, target="y", shuffle=False)[1]


def test_duplicate_columns_are_refused(files):
    def read(file):
        return pd.concat([pd.read_csv(file), pd.read_csv(file)], axis=1)

    with pytest.raises(TableError, match=r"part-0\.csv' has duplicate columns"):
        TableSequence(files, target="y", reader=read)


def test_a_target_without_numbers_is_named(files):
    pd.DataFrame({"a": [1], "b": [1], "y": ["yes"]}).to_csv(files[0], index=False)
    with pytest.raises(TableError, match=r"column 'y' of .*part-0\.csv'"):
        TableSequence(files, target="y", shuffle=False)[0]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n4\n"])
def test_a_file_that_cannot_be_read_is_named(files, content):
    files[3].write_bytes(content)
    with pytest.raises(TableError, match=r"part-3\.csv"):
        TableSequence(files, target="y", shuffle=False)[3]


def test_a_missing_first_file_is_named_immediately(tmp_path):
    with pytest.raises(TableError, match=r"Cannot read .*none\.csv': FileNotFoundError"):
        TableSequence([tmp_path / "none.csv"], target="y")


def test_a_reader_that_does_not_return_a_table_is_named(files):
    with pytest.raises(TableError, match="reader returned a str"):
        TableSequence(files, target="y", reader=str)


def test_a_transform_that_loses_rows_is_named(files):
    sequence = TableSequence(files, target="y", transform=lambda frame: frame[1:], shuffle=False)
    with pytest.raises(TableError, match=r"returned shape \(1, 2\) for the 2 rows of .*part-0"):
        sequence[0]


@pytest.mark.parametrize("value", ["x", None, np.nan])
def test_a_transform_that_does_not_return_numbers_is_named(files, value):
    def spoil(frame):
        return np.full((len(frame), 1), value)

    with pytest.raises(TableError, match=r"returned (object|<U1|float64) for .*part-0"):
        TableSequence(files, target="y", transform=spoil, shuffle=False)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"files": []}, "files is empty"),
        ({"files": "part.csv"}, "expected a list of paths.* pass"),
        ({"replace": True, "shuffle": False}, "needs shuffle=True"),
        ({"seed": -2}, "seed=-2"),
        ({"dtype": "uint8"}, "dtype='uint8' is not one of"),
    ],
)
def test_arguments_outside_their_legal_set_are_refused(files, arguments, message):
    with pytest.raises(OptionError, match=message):
        TableSequence(**{"files": files, "target": "y", **arguments})


def test_repr_shows_files_and_target(files):
    assert "6 files" in repr(TableSequence(files, target="y"))


def test_a_list_of_targets_has_one_column_each(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a,u,b,v\n1,2,3,4\n5,6,7,8\n")
    for target in (["v", "u"], ("v", "u"), np.array(["v", "u"])):
        x, y = TableSequence([file], target=target)[0]
        assert x.tolist() == [[1, 3], [5, 7]]
        assert y.tolist() == [[4, 2], [8, 6]]
        assert y.dtype == np.float32
    assert TableSequence([file], target=["v"])[0][1].tolist() == [[4], [8]]
    assert TableSequence([file], target="v")[0][1].tolist() == [4, 8]


def test_a_list_of_targets_is_checked(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a,u\n1,2\n")
    for target, error, message in [
        ([], OptionError, r"^target=\[\] must be"),
        (["u", "u"], OptionError, "names a column twice"),
        ([None], OptionError, r"^target=\[None\]"),
        (["u", "w"], TableError, "no target column 'w'"),
    ]:
        with pytest.raises(error, match=message):
            TableSequence([file], target=target)


def test_functions_that_fail_are_named(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a,u\n1,2\n")

    def fail(value):
        raise KeyError("column")

    with pytest.raises(TableError, match=r"a\.csv': reader= raised KeyError: 'column'"):
        TableSequence([file], target="u", reader=fail)
    with pytest.raises(TableError, match=r"transform= raised KeyError for .*a\.csv': 'column'"):
        TableSequence([file], target="u", transform=fail)[0]


def test_worker_processes_import_neither_keras_nor_a_backend(tmp_path):
    files = [tmp_path / f"{number}.csv" for number in range(2)]
    for file in files:
        file.write_text("a,y\n1,0\n")
    with TableSequence(
        files, "y", reader=read_with_backends, workers=1, use_multiprocessing=True, shuffle=False
    ) as sequence:
        assert sequence[1][0].tolist() == [[1.0]]
    records = [Path(f"{file}.imports").read_text() for file in files]
    assert "keras" in records[0]  # this process, which has read the first file
    assert records[1] == ""
