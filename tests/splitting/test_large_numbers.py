"""Numbers that no data can meet are refused before anything is counted."""

import numpy as np
import pandas as pd
import pytest

import imggen
from imggen.core import StringColumn
from imggen.errors import ImggenWarning, OptionError, SplitError
from imggen.workers import WorkerOptions


def manifest_of(count):
    paths = StringColumn.of(f"{number}.png" for number in range(count))
    return imggen.Manifest(".", paths, np.arange(count) % 2, ("cat", "dog"))


def test_more_folds_or_splits_than_samples_are_refused_at_once():
    for number in (5, 10**9, 10**40):
        with pytest.raises(SplitError, match=rf"would be empty: 4 samples .* num_folds={number}\."):
            imggen.kfold(manifest_of(4), number)
    ratios = {str(number): 1 / 5 for number in range(5)}
    with pytest.raises(SplitError, match="would be empty: 4 samples cannot be split into 5 splits"):
        imggen.split(manifest_of(4), ratios)
    assert len(imggen.kfold(manifest_of(4), 4, stratify=False)) == 4


def test_a_continuous_column_is_not_a_stratum():
    manifest = manifest_of(1000)
    rng = np.random.default_rng(1)
    values = rng.normal(size=1000)
    for strata in (values, values.astype("float32"), list(map(str, values)), values.round(2)):
        with pytest.raises(SplitError, match=r"stratify has \d+ different values.* Bin a column"):
            imggen.split(manifest, stratify=strata)
        with pytest.raises(SplitError, match="different values"):
            imggen.kfold(manifest, 5, stratify=strata)
    for missing in (np.nan, None, pd.NA):
        column = pd.Series(["a", "b"] * 500, dtype=object)
        column[7] = missing
        with pytest.raises(SplitError, match="stratify.* row 7|row 7"):
            imggen.split(manifest, stratify=column.to_numpy())
    for strata in (
        pd.qcut(values, 10, labels=False),
        rng.integers(0, 60, 1000),  # ages
    ):
        assert len(imggen.split(manifest, stratify=strata).train) == 700
    for strata in (values.round(0), [*["many"] * 985, *map(str, range(15))]):  # some are rare
        with pytest.warns(ImggenWarning, match="values of stratify are too small to appear"):
            train = imggen.split(manifest, stratify=strata).train
        assert 700 <= len(train) <= 705


def test_options_have_upper_bounds():
    for options, name in (
        ({"workers": 10**6}, "workers=1000000"),
        ({"workers": 2, "max_queue_size": 10**9}, "max_queue_size=1000000000"),
    ):
        with pytest.raises(OptionError, match=f"{name} is too large: .* Use at most"):
            WorkerOptions(**{"use_multiprocessing": False, "max_queue_size": 10} | options)
    for size in ((10**6, 10**6), (1, 10**9), (10**30, 10**30)):
        with pytest.raises(OptionError, match="image_size=.* is too large"):
            imggen.ImageSpec(size)
    assert imggen.ImageSpec((16384, 16384)).image_size == (16384, 16384)
