"""``to_torch``: the batches of a sequence as a map-style dataset for a ``DataLoader``."""

import copy
import itertools
import os
import pickle
import sys

import numpy as np
import pytest

from imggen.errors import (
    ImageError,
    ImggenWarning,
    MissingExtraError,
    OptionError,
    WorkerError,
)
from tests.helpers.bridged import (
    KINDS,
    assert_becomes_true,
    assert_same,
    assert_same_epoch,
    make,
    take_epochs,
    write_files,
)

torch = pytest.importorskip("torch")
data = torch.utils.data

FORK = {"num_workers": 2, "multiprocessing_context": "fork", "prefetch_factor": 2}
KEPT = {**FORK, "persistent_workers": True}
# TensorFlow and JAX have threads in the process of the tests.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*fork.*:DeprecationWarning", "ignore:.*os.fork.*:RuntimeWarning"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("bridged"))


def load(dataset, **options):
    return data.DataLoader(dataset, batch_size=None, **options)


def fails_at_two(path):
    if path.endswith("2.png"):
        raise OSError("broken")
    return np.zeros((8, 8, 3), np.uint8)


def test_two_passes_are_the_epochs_of_the_sequence_for_each_kind_of_batch(folder):
    for kind, make_kind in KINDS.items():
        sequence = make_kind(folder)
        dataset = sequence.to_torch()
        first, second = take_epochs(sequence, 0, 1)
        loader = load(dataset)

        assert len(loader) == len(sequence), kind
        for expected in (first, second):
            batches = list(loader)
            assert_same_epoch(batches, expected)
            assert all(isinstance(x, torch.Tensor) for x in _flat(batches)), kind


def _flat(parts):
    if isinstance(parts, dict):
        parts = list(parts.values())
    return [x for part in parts for x in _flat(part)] if isinstance(parts, list) else [parts]


@pytest.mark.parametrize("options", [{}, FORK, KEPT], ids=["none", "forked", "persistent"])
def test_each_pass_is_one_epoch_whatever_breaks_off(folder, options):
    sequence = make(folder, y_col="kind", batch_size=1)
    first, second, third, fourth = take_epochs(sequence, 0, 1, 2, 3)
    dataset = sequence.to_torch()
    loader = load(dataset, **options)

    next(iter(loader))  # a look
    for _ in itertools.islice(loader, len(loader) - 1):
        pass
    assert_same_epoch(list(loader), first)
    # As Keras does: it never asks for what follows the last batch.
    assert_same_epoch(list(itertools.islice(loader, len(loader))), second)
    shuffled = list(load(dataset, shuffle=True, **options))
    order = [_position(batch, third) for batch in shuffled]
    assert sorted(order) == list(range(7))
    dataset.set_epoch(1)
    assert_same_epoch(list(loader), second)
    assert_same_epoch(list(loader), third)
    under_way = iter(load(dataset, **options))
    next(under_way)
    assert_same_epoch(list(loader), fourth)  # at the same time
    assert_same_epoch(list(under_way), fourth[1:])
    assert_same_epoch(list(loader), *take_epochs(sequence, 4))


def _position(batch, epoch):
    return next(
        position for position, (x, _) in enumerate(epoch) if np.array_equal(batch[0].numpy(), x)
    )


def test_a_sampler_or_a_subset_of_the_users_has_epochs_too(folder):
    sequence = make(folder, y_col="kind", batch_size=1)
    first, second = take_epochs(sequence, 0, 1)
    for options in ({}, KEPT):
        for choose in (
            lambda dataset: {"dataset": data.Subset(dataset, [4, 2])},
            lambda dataset: {"dataset": dataset, "sampler": [4, 2]},
        ):
            loader = data.DataLoader(batch_size=None, **choose(sequence.to_torch()), **options)
            assert_same_epoch(list(loader), [first[4], first[2]])
            assert_same_epoch(list(loader), [second[4], second[2]])


def test_a_loader_that_would_group_batches_is_refused(folder):
    dataset = make(folder, y_col="kind").to_torch()
    for grouped in (data.DataLoader(dataset), data.DataLoader(data.Subset(dataset, [0]), 2)):
        with pytest.raises(OptionError, match=r"DataLoader\(dataset, batch_size=None\)"):
            list(grouped)


def test_passes_of_another_loader_do_not_count(folder):
    sequence, other = make(folder, y_col="kind"), make(folder, y_col="kind", seed=6)
    dataset, other_dataset = sequence.to_torch(), other.to_torch()
    for _ in range(2):
        list(load(other_dataset, **KEPT))
    list(load(other_dataset, **FORK))

    assert_same_epoch(list(load(dataset, **FORK)), *take_epochs(sequence, 0))
    assert_same_epoch(list(load(other_dataset)), *take_epochs(other, 3))


def test_forked_workers_write_to_a_cache_on_disk(folder, tmp_path):
    sequence = make(folder, y_col="kind", cache=tmp_path / "kept")
    loader = load(sequence.to_torch(), **FORK)
    for expected in take_epochs(make(folder, y_col="kind"), 0, 1):
        assert_same_epoch(list(loader), expected)
    # Workers that were forked before have written all seven images of 8x8x3 bytes.
    (pixels,) = (tmp_path / "kept").glob("*/pixels.bin")
    assert pixels.stat().st_size == 7 * 8 * 8 * 3


def test_spawned_workers_do_not_import_keras(folder):
    sequence = make(folder, y_col="kind")
    loader = load(
        sequence.to_torch(), num_workers=1, persistent_workers=True, multiprocessing_context="spawn"
    )

    assert_same_epoch(list(loader), *take_epochs(sequence, 0))
    assert_same_epoch(list(loader), *take_epochs(sequence, 1))
    (worker,) = loader._iterator._workers
    if sys.platform == "linux":
        with open(f"/proc/{worker.pid}/maps", encoding="utf-8") as maps:
            assert "tensorflow" not in maps.read()


def test_a_loader_that_spawned_workers_cannot_have_is_named(folder):
    dataset = make(folder, y_col="kind", preprocess=lambda x: x).to_torch()
    with pytest.raises(WorkerError, match=r"cannot be pickled: .*lambda.*or num_workers=0\."):
        iter(load(dataset, num_workers=1, multiprocessing_context="spawn"))


def test_a_loop_by_index_goes_on_to_the_next_epoch(folder):
    sequence = make(folder, y_col="kind")
    dataset = sequence.to_torch()

    for expected in take_epochs(sequence, 0, 1):
        assert_same_epoch([dataset[index] for index in range(len(dataset))], expected)
    assert_same_epoch(list(dataset), *take_epochs(sequence, 2))
    assert_same(dataset[-1], take_epochs(sequence, 2)[0][-1])  # a look back
    with pytest.raises(IndexError, match="batch 3 of a dataset with 3 batches"):
        dataset[3]


def test_copies_are_datasets_of_their_own(folder):
    sequence = make(folder, y_col="kind")
    sequence.epoch = 1
    dataset = sequence.to_torch()
    for other in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert other.class_names == sequence.class_names
        assert_same_epoch(list(load(other)), *take_epochs(sequence, 1))
    assert_same_epoch(list(load(dataset, **FORK)), *take_epochs(sequence, 1))
    assert sequence.epoch == 1


def test_an_overridden_getitem_makes_the_batches(folder):
    sequence = make(folder, y_col="kind", rescale=1 / 255)

    class Negative(type(sequence)):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return 1 - x, y

    sequence.__class__ = Negative
    expected = take_epochs(sequence, 0)[0]
    for options in ({}, FORK):
        assert_same_epoch(list(load(sequence.to_torch(), **options)), expected)


def test_an_unreadable_file_is_named_or_replaced(folder):
    broken = {"y_col": "kind", "loader": fails_at_two, "image_size": None}
    for options in ({}, FORK):
        with pytest.raises(ImageError, match=r"Cannot read '.*2\.png'"):
            list(load(make(folder, **broken).to_torch(), **options))

    sequence = make(folder, on_error="substitute", **broken)
    with pytest.warns(ImggenWarning, match="Epoch 0: 1 of 7 images"):
        assert len(list(load(sequence.to_torch()))) == 3
    assert sum(sequence.failures.values()) == 1
    with pytest.raises(ImggenWarning, match=r"2\.png' could not be read and was skipped or subst"):
        list(load(make(folder, on_error="skip", **broken).to_torch(), **FORK))


def test_without_workers_of_the_loader_those_of_the_sequence_read_ahead_and_nothing_is_copied(
    folder,
):
    sequence = make(folder, y_col="kind", workers=1, batch_size=1, augment=None)
    made = []
    pool = sequence.batch_maker.buffers
    empty = pool.empty

    def note(shape, dtype):
        made.append(empty(shape, dtype))
        return made[-1]

    pool.empty = note
    served = iter(load(sequence.to_torch()))
    for expected in (0, 1):
        x, _ = next(served)
        assert x.data_ptr() == made[expected].ctypes.data
    assert_becomes_true(lambda: len(made) > 2)


def test_images_that_are_targets_too_have_memory_of_their_own(folder):
    x, y = make(folder, y_col=None, label_mode="input").to_torch()[0]
    x += 1

    assert (x == y + 1).all()


def test_a_pass_is_not_kept_when_its_iterator_is_gone(folder):
    dataset = make(folder, y_col="kind", batch_size=1).to_torch()
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(4):
        next(iter(load(dataset, **FORK)))
    after = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    assert len(dataset._passes._by_iterator) == 0
    assert after - before < 10


def test_bad_epochs_and_libraries(folder, monkeypatch):
    sequence = make(folder, y_col="kind")
    with pytest.raises(OptionError, match="epoch=-1"):
        sequence.to_torch().set_epoch(-1)
    monkeypatch.setattr(torch, "__version__", "1.13.1+cpu")
    with pytest.raises(MissingExtraError, match=r"2\.5 or newer, and 1\.13\.1.*'imggen\[torch\]'"):
        sequence.to_torch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[torch\]'"):
        sequence.to_torch()
